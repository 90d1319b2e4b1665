"""What must hold in every state: of one recording, and of everybody who is really together."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from unit.driven import Core
from unit.exploration.call import Call, Key, promise
from unit.exploration.scene import CONFERENCES, STAFF, Scene

from ari_app.core import facts as f
from ari_app.core.names import ChannelId, PartyId, RecordingId
from ari_app.core.reasons import Reason
from ari_app.core.segments import RESTLESS_REVOCATIONS


@dataclass(frozen=True, slots=True)
class Judged:
    """What is judged of a recording: about its owner, about its permit, about what runs.

    `open`: by what the core knows, only the room can be why there is no permit. `able`: it may capture somebody yet.
    """

    recording: RecordingId
    told: bool
    objected: bool
    understands: bool
    paused: bool
    named: frozenset[ChannelId] | None
    bridged_only: bool
    open: bool
    able: bool
    running: tuple[ChannelId, ...]
    waits: bool
    failed: bool
    lit: bool


def judged(core: Core, call: Call) -> Judged:
    """Promise what concerns one recording alone; return the rest."""
    room, truth = call.room, call.truth
    named = truth.named
    armed = {timer for timer, _ in call.timers}
    promise((room.permit is None) == (named is None), "journal and core agree whether there is a permit")
    promise(named is None or not truth.gone, "no permit outlives its owner")
    for key, machine in call.machines:
        permitted = named is not None and key[0] == room.permit.number and key[1] in named
        promise(not machine.runs or machine.waits or permitted, "what is revoked is stopped")
    promise(named is None or f.Timer.MAX_HOURS in armed, "no recording goes on for ever")
    promise(not room.restless or f.Timer.SETTLING in armed, "a room that flapped is followed again")
    promise(truth.begun <= RESTLESS_REVOCATIONS, "a room that flaps is left alone")
    alone = room.around is not None and not room.around.members
    promise(not (named and room.bridged_only and truth.conversed and alone), "nobody is captured alone after a talk")
    over = room.caller.phase is core.party.Phase.OVER
    promise(not over or named is not None or truth.explained, "what is not recorded has its reason in the journal")
    promise(truth.protested == truth.objected or truth.marked, "an objection is written down")
    failed = [track for track in room.tracks if track.failure and track.party == room.caller.party]
    current = room.permit.number if room.permit else None
    promise(all(one.segment != current for one in failed), "no permit outlives the failure of its owner's capture")
    return Judged(
        recording=RecordingId(room.opened.recording),
        told=truth.told,
        objected=truth.objected,
        understands=truth.understands,
        paused=truth.paused,
        named=None if named is None else frozenset(_channel_of(room, party) for party in named),
        bridged_only=room.bridged_only,
        open=over and not room.closed and not room.restless and room.suspended is not Reason.STALE_FACTS,
        able=room.able,
        running=tuple(_channel(room, key) for key, machine in call.machines if machine.runs),
        waits=any(machine.waits for _, machine in call.machines),
        failed=any(track.failure for track in room.tracks),
        lit=bool(truth.lit),
    )


def _channel(room: Any, key: Key) -> ChannelId:
    return next(ChannelId(one.channel) for one in room.tracks if (one.segment, one.party) == key)


def _channel_of(room: Any, party: PartyId) -> ChannelId:
    people = (room.caller, *room.others)
    return next(ChannelId(one.channel) for one in people if one.party == party)


class Together:
    """Everybody in a scene, with the recordings of those who own one."""

    def __init__(self, scene: Scene, calls: Mapping[ChannelId, Judged], *, leave_out: bool) -> None:
        self.scene, self.calls, self.leave_out = scene, calls, leave_out
        self.bodies = dict(scene.bodies)
        self.staff = {one for one, body in scene.bodies if body.endpoint in STAFF}
        # Whoever objects has understood; but not whoever takes their place.
        self.told = self.staff | {one for one, call in calls.items() if call.told or call.understands}
        self.objected = {one for one, call in calls.items() if call.objected}
        self.paused = {one for one, call in calls.items() if call.paused}
        self.running = Counter(one for call in calls.values() for one in call.running)

    def judge(self) -> None:
        """Promise what concerns who is really together."""
        for owner, call in self.calls.items():
            if call.named is None:
                self._unpermitted(owner, call)
            else:
                self._permitted(owner, call.named, self.scene.room(owner))
        if not any(call.waits for call in self.calls.values()):
            promise(set(self.running.values()) <= {1}, "one capture a channel")
            if not any(call.failed for call in self.calls.values()):
                self._captured()
            self._lamps()

    def _quiet(self, owner: ChannelId, members: set[ChannelId]) -> bool:
        # Who waits for a conversation is captured once it begins, whatever they hear meanwhile.
        waits = self.calls[owner].bridged_only and not self.bodies[owner].bridged and members == {owner}
        return not waits and any(self.bodies[one].quiet for one in members)

    def _permitted(self, owner: ChannelId, named: frozenset[ChannelId], members: set[ChannelId]) -> None:
        promise(owner in self.told - self.staff, "staff among themselves are not recorded")
        promise(members <= self.told, "nobody in a permitted room is untold")
        promise(not self._quiet(owner, members), "nobody in a permitted room is on hold")
        alone = members == {owner} and self.bodies[owner].place in CONFERENCES
        promise(not alone, "nobody is captured who is alone in a conference")
        promise(not self.paused & members, "nobody has paused a permitted room")
        promise(self.leave_out or not self.objected & members, "nobody in a permitted room objects")
        promise(named <= members, "nobody is covered who is not in the room")
        promise(not named & self.objected, "nobody is covered who objects")

    def _unpermitted(self, owner: ChannelId, call: Judged) -> None:
        members = self.scene.room(owner)
        hindered = self._quiet(owner, members) or self.scene.doubtful(owner) or owner in self.objected
        paused = self.paused & members
        objected = not self.leave_out and self.objected & members
        good = call.open and len(members) > 1 and members <= self.told and not hindered and not paused and not objected
        promise(not good, "what may be recorded is recorded")

    def _lamps(self) -> None:
        for owner, call in self.calls.items():
            house = any(one in self.staff and self._together(one, owner) for one in self.bodies)
            promise(call.lit == (call.named is not None and bool(call.running) and house), "a lamp shows what is so")

    def _together(self, one: ChannelId, other: ChannelId) -> bool:
        return one in self.scene.room(other, telephones=False)

    def _captured(self) -> None:
        for owner, call in self.calls.items():
            members = self.scene.room(owner)
            if call.named is None:
                continue
            promise(owner not in call.named or self.running[owner], "whom a permit names of outside is captured")
            able = [one.recording for other, one in self.calls.items() if other in members and one.able]
            if call.recording == min(able):
                house = call.named & self.staff
                promise(all(self.running[one] for one in house), "whom a permit names of the house is captured, once")
