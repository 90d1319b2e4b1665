"""What may happen to one recording: with its announcement, its captures, its timers, and by people's own choice."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from unit.driven import Core
from unit.exploration.call import Call, Deed, Key, Turn, monitor, promise
from unit.exploration.instants import LATE, LONG_AGO, NOW
from unit.exploration.truth import Machine

from ari_app.core import facts as f
from ari_app.core.facts import Standing
from ari_app.core.names import ChannelId, Instant, PlaybackId, playback_id
from ari_app.core.reasons import Reason

WELL, NO_JOURNAL, NO_CAPTURE = "", "the journal refuses", "Asterisk refuses"
MOODS = (WELL, NO_JOURNAL, NO_CAPTURE)
"""How what is answered at once is answered."""

MOST_STEPS = 60
NOWHERE = PlaybackId("cg-somebody-else-1")


class Deeds:
    """For one recording's owner. `free`: the channels whose captures' answers come in any order."""

    def __init__(self, core: Core, owner: ChannelId, *, free: frozenset[ChannelId], fine: bool) -> None:
        self.core, self.owner, self.free, self.fine = core, owner, free, fine
        self.times: dict[str, Any] = {"at": NOW, "seen_at": NOW, "channel": owner}

    # -- the announcement

    def arrival(self, call: Call, *, adopted: bool, marked: bool) -> Deed:
        """Return what it is to come into our Stasis; the announcement begins at once unless it is followed finely.

        `marked`: somebody objected on the channel while another gate was there.
        """
        caller, phase = call.room.caller, self.core.party.Phase
        entered = f.Entered(**self.times, adopted=adopted)
        here = (("here", True),)
        untold = caller.standing is Standing.UNTOLD and not call.truth.objected
        anew = caller.phase is phase.OVER and untold and not call.room.closed
        if caller.phase is not phase.ARRIVED and not anew:
            return Deed("comes to the gate", (entered,), here)
        truth: tuple[tuple[str, bool], ...] = (*here, ("told", False), ("spoilt", False))
        if marked:
            truth += (("objected", True), ("marked", True))
        if self.fine:
            return Deed("comes to the gate", (entered,), truth)
        question, notice = caller.question + 1, caller.notice + anew
        begins = (
            f.Answered(**self.times, ok=True),
            self._inspected(question, 0, objected=marked),
            f.PlaybackBegan(**self.times, playback=playback_id(self.owner, notice)),
        )
        return Deed("comes to the gate", (entered, *begins), truth, right=bool(caller.script) and not marked)

    def _inspected(
        self, question: int, packets: int | None, *, stays: bool = True, intact: bool = True, objected: bool = False
    ) -> f.Inspected:
        return f.Inspected(
            **self.times,
            question=question,
            in_stasis=stays,
            packets_sent=packets,
            copy_intact=intact,
            objected=objected,
        )

    def _ended(self, caller: Any, *, done: bool = True, late: int = 0) -> f.PlaybackEnded:
        at = Instant(caller.began_at + caller.script[0].duration_ms * 1000 + late)
        times = {**self.times, "at": at, "seen_at": max(at, NOW)}
        return f.PlaybackEnded(**times, playback=caller.playback, done=done)

    def next_of(self, call: Call | Turn) -> Deed | None:
        """Return what happens next if all goes well with the announcement."""
        caller, phase = call.room.caller, self.core.party.Phase
        match caller.phase:
            case phase.ANSWERING:
                return Deed("is answered", (f.Answered(**self.times, ok=True),), right=True)
            case phase.MEASURING:
                marked = call.truth.marked
                return Deed("is counted", (self._inspected(caller.question, 0, objected=marked),), right=not marked)
            case phase.ASKED:
                return Deed("begins to hear", (f.PlaybackBegan(**self.times, playback=caller.playback),), right=True)
            case phase.PLAYING:
                return Deed("hears the end", (self._ended(caller),), right=True)
            case phase.COUNTING:
                packets = caller.packets_before + caller.script[0].packets
                told = len(caller.script) == 1 and not call.truth.spoilt
                return Deed(
                    "was sent all",
                    (self._inspected(caller.question, packets),),
                    (("told", told), ("conversed", False)),
                    right=True,
                )
            case _:
                return None

    def telling(self, call: Call) -> Iterator[Deed]:
        """Yield what may become of the announcement."""
        right = self.next_of(call)
        if right is None or not call.truth.here:
            return
        if self.fine:
            yield right
            yield from self._wrong(call.room.caller)
            return
        caller = call.room.caller
        packets = self._inspected(caller.question + 1, caller.script[0].packets)
        told = (("told", not call.truth.spoilt), ("conversed", False))
        yield Deed("has heard it all", (self._ended(caller), packets), told, right=True)
        yield Deed("has heard it all, of which we hear late", (self._ended(caller), _later(packets)), told)
        yield Deed("has not heard it all", (self._ended(caller, done=False),), (("spoilt", True),))

    def _wrong(self, caller: Any) -> Iterator[Deed]:
        phase, question = self.core.party.Phase, caller.question
        spoilt = (("spoilt", True),)
        other = {**self.times, "playback": NOWHERE}
        yield Deed("another sound ends", (f.PlaybackEnded(**other, done=True),), ignored=True)
        match caller.phase:
            case phase.ANSWERING:
                yield Deed("is not answered", (f.Answered(**self.times, ok=False),), spoilt)
            case phase.MEASURING | phase.COUNTING:
                packets = caller.script[0].packets if caller.phase is phase.COUNTING else 0
                yield Deed("has left", (self._inspected(question, packets, stays=False),), spoilt)
                yield Deed("hears a changed file", (self._inspected(question, packets, intact=False),), spoilt)
                yield Deed("cannot be counted", (self._inspected(question, None),), spoilt)
                yield Deed("was counted before", (self._inspected(question - 1, packets),), ignored=True)
                if caller.phase is phase.COUNTING:
                    yield Deed("was sent less", (self._inspected(question, packets - 1),), spoilt)
                    yield Deed("was sent more", (self._inspected(question, packets + 3),), spoilt)
                    # So late that the end of the announcement is no news any more.
                    yield self.right_late(caller, packets)
            case phase.ASKED:
                yield Deed("is refused", (f.PlayRefused(**self.times, playback=caller.playback),), spoilt)
                yield Deed("another sound is refused", (f.PlayRefused(**other),), ignored=True)
                yield Deed("another sound begins", (f.PlaybackBegan(**other),), ignored=True)
                ended = f.PlaybackEnded(**self.times, playback=caller.playback, done=True)
                yield Deed("hears an end without a beginning", (ended,), spoilt)
            case phase.PLAYING:
                yield Deed("hears half", (self._ended(caller, done=False),), spoilt)
                yield Deed("hears it too fast", (self._ended(caller, late=-30_000),), spoilt)
                yield Deed("hears it too slowly", (self._ended(caller, late=600_000),), spoilt)
            case _:
                pass

    def right_late(self, caller: Any, packets: int) -> Deed:
        """Return the proof of an announcement, long after its end."""
        told = (("told", len(caller.script) == 1), ("conversed", False))
        return Deed("was sent all, long ago", (_later(self._inspected(caller.question, packets)),), told)

    # -- choices, timers, losses

    def chances(self, call: Call, may: frozenset[str]) -> Iterator[Deed]:
        """Yield everything that may happen to a recording as it is."""
        room, truth = call.room, call.truth
        if "object" in may:
            objected = ("objected", True), ("understands", True)
            yield Deed("objects", (f.Objected(**self.times),), objected)
        if "ask to hang up" in may:
            yield Deed("asks to hang up", (f.HangupRequested(**self.times),), (("ending", True), ("spoilt", True)))
        if truth.here and "lifeline" in may:
            left = (("here", False), ("spoilt", True))
            yield Deed("is taken back by the lifeline", (f.LeftStasis(**self.times),), left)
        if room.suspended is Reason.STALE_FACTS:
            yield Deed("has all events", (f.CaughtUp(at=NOW, seen_at=NOW),))
        if "time" in may and _recent(call):
            yield Deed("some time passes", passes=True)
        for timer, token in call.timers:
            # An answer of the executor's has a deadline of its own, long before the closing's.
            early = timer is f.Timer.CLOSING and any(one.asked for _, one in call.machines)
            if not early and (timer is not f.Timer.MAX_HOURS or "hours" in may):
                yield self._rung(timer, token)
        yield from self.telling(call)
        for key, machine in call.machines:
            track = _track(call, key)
            if track.channel in self.free:
                yield from self._free(key, machine, track)

    @staticmethod
    def _rung(timer: f.Timer, token: int) -> Deed:
        woke = f.Woke(at=NOW, seen_at=NOW, timer=timer, token=token)
        spoilt = (("spoilt", True),) if timer in {f.Timer.ANSWER, f.Timer.INSPECTION, f.Timer.ANNOUNCEMENT} else ()
        return Deed(f"timer of the {timer.value} rings", (woke,), spoilt, rings=timer)

    # -- answers of Asterisk and the journal

    def _free(self, key: Key, machine: Machine, track: Any) -> Iterator[Deed]:
        name = f"segment {key[0]} of {key[1]}"
        about = _about(key)
        if machine.attesting:
            for how, ok, at in (("durable", True, NOW), ("not written", False, NOW), ("durable late", True, LATE)):
                fact = f.Attested(at=at, seen_at=NOW, token=track.token, ok=ok)
                yield Deed(f"{name} is {how}", (fact,), machine=(key, replace(machine, attesting=False, durable=ok)))
        if machine.asked == "ordered":
            for how in ("yes", "no", "lost"):
                runs = how != "no"
                after = replace(machine, asked=how, runs=runs, file=runs)
                yield Deed(f"{name} begins: {how}", machine=(key, after))
        elif machine.asked:
            known = monitor(key) if machine.asked == "yes" else None
            answer = f.CaptureAnswered(**about, monitor=known)
            yield Deed(f"{name} is answered", (answer,), machine=(key, replace(machine, asked="")))
        if machine.runs:
            yield Deed(f"{name} is seen to begin", (f.CaptureBegan(**about, ambiguous=False),))
            if not machine.asked and track.phase is self.core.capture.Phase.RUNNING:
                again = f.CaptureAnswered(**about, monitor=monitor(key))
                yield Deed(f"{name} is answered twice", (again,), ignored=True)
        for by_id in sorted(machine.stops):
            after = replace(machine, runs=False, stops=machine.stops - {by_id})
            over = f.CaptureEnded(**about, closed=machine.runs)
            yield Deed(f"{name} is stopped", (over,), machine=(key, after))
        if machine.file and not machine.runs:
            if track.phase is self.core.capture.Phase.ENDED:
                yield Deed(f"{name} is stopped once more", (f.CaptureEnded(**about, closed=True),))
            if not track.closed:
                yield Deed(f"{name} is closed", (f.FileClosed(**about),))

    def answer(self, call: Call | Turn, mood: str = WELL, *, everybody: bool = False) -> tuple[Deed, bool] | None:
        """Return the next answer that comes at once, and whether the mood had a part in it."""
        machines: dict[Key, Machine] = dict(call.machines)
        for track in call.room.tracks:
            key: Key = (track.segment, track.party)
            machine = machines[key]
            if track.channel in self.free and not everybody:
                continue
            if machine.attesting:
                ok = mood != NO_JOURNAL
                fact = f.Attested(at=NOW, seen_at=NOW, token=track.token, ok=ok)
                return Deed("", (fact,), machine=(key, replace(machine, attesting=False, durable=ok))), True
            if machine.asked:
                runs = mood != NO_CAPTURE and machine.asked != "no"
                known = f.CaptureAnswered(**_about(key), monitor=monitor(key) if runs else None)
                began = (f.CaptureBegan(**_about(key), ambiguous=False),) if runs else ()
                after = replace(machine, asked="", runs=runs, file=runs)
                return Deed("", (*began, known), machine=(key, after)), True
            if machine.stops:
                ended = f.CaptureEnded(**_about(key), closed=machine.runs)
                return Deed("", (ended,), machine=(key, replace(machine, stops=frozenset(), runs=False))), False
            if track.phase is self.core.capture.Phase.ENDED and not track.closed and not machine.runs:
                return Deed("", (f.FileClosed(**_about(key)),)), False
        return None

    # -- how it goes on if nothing else happens, whether everything answers or nothing does

    def ends(self, call: Call) -> bool:
        """Promise that the owner is let go, and that a call is sealed once it is over."""
        if call.truth.here and not call.truth.ending:
            for silent in (False, True):
                turn = self._goes_on(call, lambda turn: not turn.truth.here, silent=silent)
                promise(not turn.truth.here, "whoever is here is let go")
        if call.truth.gone:
            # A start has an answer, if only that there is none, long before a call is closed.
            for silent in {False, not any(one.asked for _, one in call.machines)}:
                turn = self._goes_on(call, lambda turn: turn.sealed, silent=silent)
                promise(turn.sealed, "what is over is sealed")
        return True

    def _goes_on(self, call: Call, until: Callable[[Turn], bool], *, silent: bool) -> Turn:
        turn = Turn(self.core, call)
        for _ in range(MOST_STEPS):
            if until(turn):
                break
            answer = None if silent else self.next_of(turn) or (self.answer(turn, everybody=True) or [None])[0]
            if answer is None:
                # Hours are not soon.
                timers = [one for one in turn.timers.items() if one[0] is not f.Timer.MAX_HOURS]
                if not timers:
                    break
                answer = self._rung(*timers[0])
            turn.suffer(answer)
        return turn


def _track(call: Call | Turn, key: Key) -> Any:
    return next(one for one in call.room.tracks if (one.segment, one.party) == key)


def _about(key: Key) -> dict[str, Any]:
    return {"at": NOW, "seen_at": NOW, "segment": key[0], "party": key[1]}


def _later(fact: f.Inspected) -> f.Inspected:
    later = Instant(2 * NOW - LONG_AGO)
    return replace(fact, at=later, seen_at=later)


def _recent(call: Call) -> bool:
    return bool(call.room.revoked) or call.room.changed_at not in {LONG_AGO, 0}
