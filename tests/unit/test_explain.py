"""`consentgate explain`: the call that it rehearses is the call that the gate's own dispatcher makes of its events."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from unit.calls import (
    AGENT,
    CALLER,
    ENGLISH,
    GUEST,
    SECOND_AGENT,
    WELSH,
    answered,
    capture_answered,
    inspected,
    line,
    ms,
    objected,
    pressed,
    refused,
)
from unit.switchboard import OUTGOING, RULES, Switchboard

from ari_app import rehearsal
from ari_app.core import evidence as ev
from ari_app.core import orders as o
from ari_app.core.free_space import Level
from ari_app.core.names import ChannelId
from ari_app.core.policy import Keys, Line, Mode, Policy
from ari_app.explaining import CALLER as REHEARSED
from ari_app.explaining import HOUSE, NEXT
from ari_app.rehearsal import Fault, Person
from ari_app.reloading import govern

OPT_OUT = line(
    ENGLISH, mode=Mode.ANNOUNCE_OPT_OUT, keys=Keys(decline="9", repeat="*"), confirmation=(ENGLISH,),
    outgoing_announcements=(OUTGOING,),
)  # fmt: skip
TWO = line(WELSH, ENGLISH, outgoing_announcements=(OUTGOING,))
NOBODY = ChannelId("1800000000.8")
PEOPLE = {REHEARSED: CALLER, HOUSE: AGENT, NEXT: GUEST}
ENDPOINTS = {CALLER: "PJSIP/trunk", AGENT: "PJSIP/2001", SECOND_AGENT: "PJSIP/2002", GUEST: "PJSIP/trunk"}


def rules(**lines: Line) -> Policy:
    return replace(RULES, lines={**RULES.lines, **lines})


@dataclass(frozen=True)
class Outcome:
    """What is said of a call, or came of it: heard, let go how, who was there as what, who was captured, why not."""

    heard: tuple[str, ...]
    outcome: str
    reason: str | None
    present: frozenset[tuple[str, bool]]
    captured: frozenset[str]
    why_not: frozenset[str]


def _outcome(entries: list[ev.Entry], release: o.Release) -> Outcome:
    parties = {one.party: one for one in entries if isinstance(one, ev.PartyEntered)}
    refusals = {one.reason.value for one in entries if isinstance(one, ev.NotRecorded | ev.PermitRevoked)}
    return Outcome(
        tuple(one.announcement for one in entries if isinstance(one, ev.NoticePlayed) and one.party == "p01"),
        release.outcome.value,
        release.reason.value if release.reason else None,
        frozenset((one.endpoint, one.contract) for one in parties.values()),
        frozenset(parties[one.party].endpoint for one in entries if isinstance(one, ev.CaptureStarted)),
        frozenset(refusals),
    )


def rehearsed(case: "Case") -> Outcome:
    """Let `explain` play it."""
    stage = rehearsal.Rehearsal(case.rules, ms(0), case.fault, case.space)
    person, house = Person(REHEARSED, "PJSIP/trunk"), Person(HOUSE, "PJSIP/2001")
    keys = ((500_000, case.key),) if case.key else ()
    call = stage.arrive(person, case.line, called=case.called, keys=keys)
    stage.connect(person, house)
    if case.stranger:
        stage.connect(person, Person(NEXT, "PJSIP/trunk"))
    if case.objects:
        stage.tell(call, lambda at: replace(objected(0), at=at, seen_at=at, channel=person.channel))
    assert call.release
    return _outcome(call.entries, call.release)


def real(case: "Case", board: Switchboard) -> Outcome:
    """Let the gate's own dispatcher play it, on the events that Asterisk would send."""

    async def story() -> None:
        govern(board.dispatcher, case.rules)
        board.dispatcher.opening.space = case.space
        board.arrive(0, case.line, door="party" if case.called else "incoming")
        await _telling(case, board)
        await board.settle()
        if any(isinstance(one, o.StartCapture) for one in board.executor.orders):
            board.ami(20_031, "MixMonitorStart")
            board.hear(capture_answered(20_033, None if case.fault is Fault.RECORDER else "m-1"))  # type: ignore[arg-type]
        board.ari(20_040, "StasisEnd")
        await board.talk(21_000, AGENT)
        for start in [one for one in board.executor.orders if isinstance(one, o.StartCapture) and one.party != "p01"]:
            board.ami(21_100, "MixMonitorStart", uniqueid=start.channel)
            board.hear(replace(capture_answered(21_110), party=start.party, segment=start.segment))
        if case.stranger:
            board.bridge(22_000, AGENT, 1, event="BridgeLeave")
            board.bridge(22_010, GUEST, 2)
        if case.objects:
            board.hear(objected(23_000))
        await board.settle()

    board.journalist.answer = (case.fault is not Fault.JOURNAL, "disk")
    board.run(story)
    releases = [one for one in board.executor.orders if isinstance(one, o.Release)]
    return _outcome(board.journalist.entries(board.recording), releases[0])


async def _telling(case: "Case", board: Switchboard) -> None:
    sounds = (
        case.rules.lines[case.line].asking(called=case.called, relayed=False).announcements
        if case.line in case.rules.lines
        else ()
    )
    if board.executor.names()[:1] != ["Answer"]:
        return
    board.hear(answered(10, ok=case.fault is not Fault.NO_ANSWER))
    sent, question, at = 0, 1, 12.0
    none, intact = case.fault is Fault.UNCOUNTED, case.fault is not Fault.COPY_CHANGED
    board.hear(inspected(at, question, None if none else 0, intact=intact))
    for number, sound in enumerate(sounds, 1):
        if case.fault is Fault.NO_PLAY:
            board.hear(refused(at + 5, number))
            return
        about = {"id": f"cg-{CALLER}-{number}", "target_uri": f"channel:{CALLER}", "state": "done"}
        board.ari(at + 8, "PlaybackStarted", playback=about)
        if case.key:
            board.hear(pressed(at + 508, case.key))
            board.ari(at + 520, "PlaybackFinished", playback=about)
            about = about | {"id": f"cg-{CALLER}-{number + 1}"}
            board.ari(at + 530, "PlaybackStarted", playback=about)
            board.ari(at + 530 + ENGLISH.duration_ms, "PlaybackFinished", playback=about)
            return
        half = 2 if case.fault is Fault.CUT_SHORT else 1
        at += 8 + sound.duration_ms / half
        board.ari(at, "PlaybackFinished", playback=about)
        sent += sound.packets - (5 if case.fault is Fault.PACKETS_LOST else 0)
        question += 1
        board.hear(inspected(at + 2, question, sent))
        await board.settle()


@dataclass(frozen=True)
class Case:
    name: str
    line: str = "advice-line"
    rules: Policy = RULES
    called: bool = False
    fault: Fault | None = None
    space: Level = Level.AMPLE
    key: str = ""
    stranger: bool = False
    objects: bool = False


CASES = [
    Case("told and recorded"),
    Case("two languages", rules=rules(**{"advice-line": TWO})),
    Case("called by the house", called=True),
    Case("called without an announcement", "quiet-line", called=True),
    Case("never", "crisis-line"),
    Case("a line that nobody knows", "nowhere"),
    Case("nobody is staff", rules=replace(RULES, staff=frozenset())),
    Case("an unusable announcement", rules=rules(**{"advice-line": replace(line(ENGLISH), announcements=())})),
    Case("no room on the disk", space=Level.LOW),
    Case("a no by key", rules=rules(**{"advice-line": OPT_OUT}), key="9"),
    Case("an objection later", rules=rules(**{"advice-line": OPT_OUT}), objects=True),
    Case("transferred to somebody who was not told", stranger=True),
    *(Case(fault.value, fault=fault) for fault in Fault),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_is_explained_is_what_the_gate_does(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said, done = rehearsed(case), real(case, Switchboard(tmp_path, monkeypatch))
    assert said == done


def test_the_cases_differ() -> None:
    assert len({rehearsed(case) for case in CASES}) >= 15
