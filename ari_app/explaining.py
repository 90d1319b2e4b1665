"""What would come of a call: who would hear what, who would be recorded from when, and what each failure would cost.

Every answer is a call that is rehearsed (`rehearsal`), so it is the core that decides here as it does at run time. Only
what no rule decides (a server that is away) is said in words of its own.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from .config import Config
from .core import evidence as ev
from .core import facts as f
from .core import fallback, names
from .core.capture import Phase as Capturing
from .core.facts import Standing
from .core.free_space import Level
from .core.names import MICROSECONDS, ChannelId, Instant, RunId
from .core.party import proof
from .core.policy import Announcement, Line, Mode, Policy
from .core.reasons import Reason
from .core.words import WORDS
from .rehearsal import Call, Fault, Person, Rehearsal

CALLER, HOUSE, NEXT, STRANGER = (ChannelId(f"1.{number}") for number in range(1, 5))
PRESSED_AFTER: Final = 500_000
"""Microseconds from an announcement's beginning to a key: somebody who knows it already."""


@dataclass(frozen=True, slots=True)
class Heard:
    """One announcement that somebody hears: when, in seconds after they came to the gate, and in which language."""

    announcement: str
    language: str
    text: str
    begins_seconds: float
    speech_ends_seconds: float
    ends_seconds: float


@dataclass(frozen=True, slots=True)
class Told:
    """Somebody who comes to the gate, and what comes of that. reason: why they are not told; None if they are."""

    hears: tuple[Heard, ...]
    told_after_seconds: float | None
    goes_on_after_seconds: float
    outcome: str
    reason: str | None
    words: str | None


@dataclass(frozen=True, slots=True)
class Present:
    """Somebody in a room: what they count as, and whether they are recorded there."""

    who: str
    counts_as: str
    recorded: bool


@dataclass(frozen=True, slots=True)
class Scene:
    """A moment of the call: who is there, who is recorded from when, and why nobody is."""

    what: str
    present: tuple[Present, ...]
    begins_seconds: float | None
    reason: str | None
    words: str | None


@dataclass(frozen=True, slots=True)
class Choice:
    """A key while somebody is told, and what comes of it."""

    key: str
    means: str
    hears: tuple[str, ...]
    outcome: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class Failure:
    """What does not go as it should; what the people on the line notice; whether they are recorded, or why not."""

    failure: str
    call: str
    recorded: str
    reason: str | None


COUNTS_AS: Final[Mapping[Standing, str]] = {
    Standing.TOLD: "outside, told",
    Standing.UNTOLD: "outside, not told",
    Standing.CONTRACT: "staff, told by contract",
    Standing.OBJECTED: "outside, has objected",
}


def words(reason: Reason | None) -> str | None:
    """Return a reason as people say it."""
    return WORDS.get(reason) if reason else None


@dataclass(slots=True)
class Story:
    """One call over one line: from outside, or of the house to somebody outside (`called`)."""

    config: Config
    rules: Policy
    line: str
    at: Instant
    person: Person
    house: Person
    called: bool = False

    @property
    def rule(self) -> Line | None:
        """The line's rules; None for one that is not known."""
        return self.rules.lines.get(self.line)

    @property
    def reply(self) -> str:
        """What somebody presses who agrees; "" where nobody is asked."""
        return self.rule.keys.consent if self.rule and self.rule.mode is Mode.OPT_IN else ""

    def begin(
        self, fault: Fault | None = None, space: Level = Level.AMPLE, rules: Policy | None = None
    ) -> tuple[Rehearsal, Call]:
        """Rehearse how they come to the gate, and agree if they are asked."""
        stage = Rehearsal(rules or self.rules, self.at, fault, space)
        return stage, stage.arrive(self.person, self.line, called=self.called, reply=self.reply)

    # -- how it goes if all is well

    def told(self) -> Told:
        """Return what they hear, and what comes of it."""
        _, call = self.begin()
        return told(call)

    def scenes(self, other: Person | None = None, other_called: bool = False) -> Iterator[tuple[Scene, Told | None]]:
        """Yield the moments of the call: waiting, in conversation with the house, and with whom it is transferred to.

        other_called: they are called, so they come to the gate before they are connected.
        """
        stage, call = self.begin()
        stage.wait(MICROSECONDS)
        people = {self.person.channel: self.person, self.house.channel: self.house}
        yield (
            _scene("while the caller waits" if not self.called else "before they are connected", stage, [call], people),
            None,
        )
        stage.connect(self.person, self.house)
        yield _scene("in conversation", stage, [call], people), None
        if other is None:
            return
        people[other.channel] = other
        heard = None
        calls = [call]
        if other_called:
            stage.connect(self.person)
            calls.append(stage.arrive(other, self.line, called=True, reply=self.reply))
            heard = told(calls[-1])
        stage.connect(self.person, other)
        del people[self.house.channel]
        yield _scene("after the transfer", stage, calls, people), heard

    # -- what they may press

    def choices(self) -> Iterator[Choice]:
        """Yield each key that means something while they are told, and silence where they are asked."""
        rule = self.rule
        if rule is None or rule.mode is Mode.NEVER:
            return
        keys = rule.keys
        named = [(keys.decline, "no"), (keys.repeat, "hear it again"), (keys.information, "hear more")]
        named += [(key, f"hear it in {language}") for key, language in keys.languages]
        if self.reply:
            yield self._choice("", "silence", ())
            yield self._choice(self.reply, "yes", (), self.reply)
        for key, means in named:
            if key:
                yield self._choice(key, means, ((PRESSED_AFTER, key),), self.reply)

    def _choice(self, key: str, means: str, keys: tuple[tuple[int, str], ...], reply: str = "") -> Choice:
        stage = Rehearsal(self.rules, self.at)
        call = stage.arrive(self.person, self.line, called=self.called, keys=keys, reply=reply)
        found = told(call)
        hears = tuple(one.announcement for one in found.hears)
        confirmed = call.release.confirmation if call.release else None
        if found.outcome == "declined" and confirmed is not None:
            hears = (*hears, confirmed.name)
        return Choice(key, means, hears, found.outcome, found.reason)

    # -- what each failure costs

    def failures(self) -> Iterator[Failure]:
        """Yield what may fail, and what comes of it for this very call."""
        if self.rule is None or self.rule.mode is Mode.NEVER:
            return
        yield self._without_gate()
        for name, fault in ((fault.value, fault) for fault in Fault):
            stage, call = self.begin(fault)
            stage.connect(self.person, self.house)
            yield _failed(name, "goes on", stage, call)
        broken = replace(self.rule, announcements=(), outgoing_announcements=(), unusable="it is missing")
        rules = replace(self.rules, lines={**self.rules.lines, self.line: broken})
        stage, call = self.begin(rules=rules)
        yield _failed("the announcement is missing or cannot be understood", "goes on, nothing is heard", stage, call)
        stage, call = self.begin(space=Level.LOW)
        yield _failed("the disk is nearly full (spool.stop_below_free)", "goes on, nothing is heard", stage, call)
        for name, change in self._later():
            stage, call = self.begin()
            stage.connect(self.person, self.house)
            change(stage, call)
            found = _failed(name, "goes on", stage, call)
            # Once whoever was not told has left again, say.
            stage.connect(self.person, self.house)
            again = ", and again when that is over" if _running(call) else ""
            yield replace(found, recorded=found.recorded + again)
        kept = "yes: it waits in the spool, and nothing is given up"
        yield Failure("S3 is away", "goes on", kept, None)
        yield Failure("PostgreSQL is away", "goes on", kept, None)
        if self.config.guard is not None:
            yield Failure("the guard is dead", "goes on", "yes; captures of others are not ended meanwhile", None)

    def _later(self) -> Iterator[tuple[str, Callable[[Rehearsal, Call], None]]]:
        """Yield what may happen in the conversation."""
        stranger = Person(STRANGER, "")
        yield (
            "the disk is almost full while they talk",
            lambda stage, call: stage.tell(call, lambda at: f.SpaceMeasured(at=at, seen_at=at, level=Level.SCARCE)),
        )
        yield "the gate dies while they talk, and another takes over", _gate_dies
        yield "somebody comes in who was not told", lambda stage, _: stage.connect(self.person, self.house, stranger)
        yield (
            "they object while they talk",
            lambda stage, call: stage.tell(call, lambda at: f.Objected(at=at, seen_at=at, channel=self.person.channel)),
        )

    def _without_gate(self) -> Failure:
        """Return what a script does with the call while no gate lives, by the rules that the script itself asks."""
        name, rule = "the gate is dead", self.rule
        script = fallback.script(rule) if rule and not self.called else ()
        if rule is None or not script:
            return Failure(name, "goes on, nothing is heard", "no", Reason.GATE_AWAY.value)
        heard = tuple(_proved(sound, self.at) for sound in script)
        stay = fallback.Stay(self.at, self.person.channel, self.person.endpoint, "", "")
        run, recording = RunId("rehearsal"), names.RecordingId(names.mint(self.at, bytes(10)))
        found = fallback.account(self.rules, rule, stay, heard, run, recording, self.at)
        call = f"goes on; a script says {', '.join(sound.name for sound in script)}"
        key = fallback.no_key(rule)
        call += f"; {key} is a no" if key else ""
        if isinstance(found, Reason):
            return Failure(name, call, "no", found.value)
        if self.config.guard is None:
            return Failure(name, call, "no: without a guard nobody keeps such a recording", Reason.GATE_AWAY.value)
        return Failure(name, call, "their own voice alone, while the guard lives", None)


def _gate_dies(stage: Rehearsal, call: Call) -> None:
    stage.tell(call, lambda at: f.EventsLost(at=at, seen_at=at, reason=Reason.GATE_RESTARTED))
    stage.later(lambda at: stage.hear(call, f.Recognised(at=at, seen_at=at)))


def _proved(sound: Announcement, at: Instant) -> ev.NoticePlayed:
    found = proof(sound, fallback.CALLER, names.playback_id(CALLER, 1), at, at, sound.packets)
    assert isinstance(found, ev.NoticePlayed)  # noqa: S101 - the packets are those that it asks for
    return found


def told(call: Call) -> Told:
    """Return what somebody heard who came to the gate."""
    began = call.entered_at
    hears = tuple(_heard(entry, began) for entry in call.entries if isinstance(entry, ev.NoticePlayed))
    release, party = call.release, call.room.caller
    reason = release.reason if release else None
    after = None if party.standing is not Standing.TOLD else _seconds(Instant(party.told_at - began))
    goes_on = _seconds(Instant((call.released_at or began) - began))
    outcome = release.outcome.value if release else "not_recorded"
    return Told(hears, after, goes_on, outcome, reason.value if reason else None, words(reason))


def _heard(entry: ev.NoticePlayed, began: Instant) -> Heard:
    begins = Instant(entry.began_at - began)
    return Heard(
        entry.announcement,
        entry.language,
        entry.text or "",
        _seconds(begins),
        _seconds(Instant(begins + entry.spoken_end_ms * 1000)),
        _seconds(Instant(entry.at - began)),
    )


def _scene(what: str, stage: Rehearsal, calls: list[Call], people: Mapping[ChannelId, Person]) -> Scene:
    running = {
        track.channel for call in calls for track in call.room.tracks
        if track.phase is Capturing.RUNNING and track.origin is not None
    }  # fmt: skip
    standings = {call.person.channel: call.room.caller.standing for call in calls}
    for call in calls:
        standings = {one.channel: one.standing for one in (call.around.members if call.around else ())} | standings
    present = tuple(
        Present(_name(people[channel]), COUNTS_AS[standing], channel in running)
        for channel, standing in standings.items()
        if channel in people
    )
    first = calls[0]
    origins = [track.origin for track in first.room.tracks if track.origin is not None and track.channel in running]
    reason = first.room.closed or first.room.caller.failure or first.room.suspended
    begins = _seconds(Instant(min(origins) - stage.began_at)) if origins else None
    return Scene(
        what, present, begins, reason.value if reason and not running else None, words(reason) if not running else None
    )


def _name(person: Person) -> str:
    return person.number or person.endpoint or "somebody"


def _failed(name: str, call_goes: str, stage: Rehearsal, call: Call) -> Failure:
    stage.wait(MICROSECONDS)
    room = call.room
    reason = room.closed or room.caller.failure or room.suspended
    if _running(call) and reason is None:
        return Failure(name, call_goes, "yes", None)
    destroyed = any(isinstance(entry, ev.PartyObjected) and entry.destroys for entry in call.entries)
    before = [entry for entry in call.entries if isinstance(entry, ev.TrackOrigin)]
    recorded = "no" if not before else "no: what came before is destroyed" if destroyed else "up to then"
    return Failure(name, call_goes, recorded, reason.value if reason else None)


def _running(call: Call) -> bool:
    return any(track.phase is Capturing.RUNNING for track in call.room.tracks)


def _seconds(microseconds: Instant) -> float:
    return round(microseconds / MICROSECONDS, 1)
