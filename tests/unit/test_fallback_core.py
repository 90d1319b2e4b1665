"""What a script may claim without the gate: each clause of "completely played", and one journal that says it all."""

from dataclasses import replace

import pytest
from unit.calls import CALLER, ENGLISH, NEVER, P01, RECORDING, WELSH, line, ms
from unit.driven import REAL

from ari_app.core import evidence as ev
from ari_app.core.names import RunId
from ari_app.core.policy import Keys, Mode, Policy, to_json
from ari_app.core.reasons import Reason

RUN = RunId("01M89EP1ZYXF1YNMXJBPC6YR8R")
RULES = Policy(site="St Elsewhere", node="pbx1", lines={"advice-line": line(), "crisis-line": NEVER}, sha256="5" * 64)


def played(core=REAL, begin=0, sound=ENGLISH, **changes):
    """Return what was measured of a play on which nothing went wrong."""
    measured = core.fallback.Played(
        began_at=ms(begin),
        ended_at=ms(begin + sound.duration_ms),
        completed=True,
        end_position=sound.samples,
        up=True,
        packets_before=7,
        packets_after=7 + sound.packets,
        intact=True,
    )
    return replace(measured, **changes)


def stay(core=REAL):
    return core.fallback.Stay(ms(0), CALLER, "PJSIP/trunk", "22.10.1", "a script")


def heard(*sounds, core=REAL):
    """Return the proofs of these announcements, one after the other."""
    found, begin = [], 0
    for number, sound in enumerate(sounds, start=1):
        found.append(core.fallback.notice(sound, played(core, begin, sound), CALLER, number))
        begin += sound.duration_ms
    return found


def account(*sounds, rules=RULES, by=None, now=2000, core=REAL):
    """Return the journal of a call on which nothing went wrong."""
    by = by or rules.lines["advice-line"]
    return core.fallback.account(rules, by, stay(core), heard(*(sounds or (ENGLISH,)), core=core), RUN, RECORDING,
                                 ms(now))  # fmt: skip


def test_a_complete_play_is_proved(core):
    (one,) = heard(ENGLISH, core=core)
    assert one == ev.NoticePlayed(
        at=ms(2000),
        party=P01,
        announcement="advice-en",
        language="en",
        text="This call may be recorded.",
        sha256="a" * 64,
        duration_ms=2000,
        spoken_end_ms=1500,
        playback="cg-1800000000.1-1",
        began_at=ms(0),
        packets_expected=100,
        packets_sent=100,
    )


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"intact": False}, Reason.ANNOUNCEMENT_COPY_CHANGED),
        ({"completed": False}, Reason.ANNOUNCEMENT_FAILED),
        ({"up": False}, Reason.ANNOUNCEMENT_FAILED),
        ({"end_position": 15_978}, Reason.ANNOUNCEMENT_CUT_SHORT),
        ({"end_position": 15_999}, Reason.ANNOUNCEMENT_CUT_SHORT),
        ({"end_position": 16_001}, Reason.ANNOUNCEMENT_CUT_SHORT),
        ({"end_position": -1}, Reason.ANNOUNCEMENT_CUT_SHORT),
        ({"ended_at": ms(1979.999)}, Reason.ANNOUNCEMENT_CUT_SHORT),
        ({"ended_at": ms(2500.001)}, Reason.ANNOUNCEMENT_OVERRAN),
        ({"packets_before": None}, Reason.ANNOUNCEMENT_PACKETS_UNPROVABLE),
        ({"packets_after": None}, Reason.ANNOUNCEMENT_PACKETS_UNPROVABLE),
        ({"packets_after": 106}, Reason.ANNOUNCEMENT_PACKETS_MISSING),
        ({"packets_after": 110}, Reason.ANNOUNCEMENT_PACKETS_MISSING),
    ],
)
def test_each_doubt_alone_is_not_told(changes, reason, core):
    assert core.fallback.notice(ENGLISH, played(core, **changes), CALLER, 1) is reason


@pytest.mark.parametrize(
    "changes",
    [
        {"ended_at": ms(1980)},
        {"ended_at": ms(2500)},
        {"packets_after": 109},
    ],
)
def test_what_is_allowed_to_the_last(changes, core):
    assert isinstance(core.fallback.notice(ENGLISH, played(core, **changes), CALLER, 1), ev.NoticePlayed)


@pytest.mark.parametrize(
    ("rules", "sounds"),
    [
        (None, ()),
        (NEVER, ()),
        (replace(NEVER, announcements=(ENGLISH,)), ()),
        (line(unusable="silent"), ()),
        (line(), (ENGLISH,)),
        (line(WELSH, ENGLISH), (WELSH, ENGLISH)),
        (line(WELSH, ENGLISH, mode=Mode.ANNOUNCE_OPT_OUT), (WELSH, ENGLISH)),
        (line(mode=Mode.OPT_IN), ()),
    ],
)
def test_only_where_callers_need_not_answer_something_is_played(rules, sounds, core):
    assert core.fallback.script(rules) == sounds


@pytest.mark.parametrize(
    ("mode", "key"), [(Mode.ANNOUNCE, ""), (Mode.ANNOUNCE_OPT_OUT, "9"), (Mode.OPT_IN, ""), (Mode.NEVER, "")]
)
def test_the_key_for_a_no_is_that_of_lines_on_which_nothing_else_is_asked(mode, key, core):
    assert core.fallback.no_key(line(mode=mode, keys=Keys(decline="9", consent="5"))) == key


def test_the_journal_says_all_up_to_the_order_to_capture(core):
    opened, entered, notice, granted, asked = account(core=core)
    assert opened == ev.Opened(
        at=ms(0),
        recording=RECORDING,
        run=RUN,
        node="pbx1",
        line="advice-line",
        mode="announce",
        capture="conversation",
        direction="incoming",
        channel=CALLER,
        number=None,
        number_hash=None,
        policy_sha256="5" * 64,
        software="a script",
        asterisk="22.10.1",
        attested_by="agi",
    )
    assert entered == ev.PartyEntered(
        at=ms(0), party=P01, side="outside", channel=CALLER, endpoint="PJSIP/trunk", contract=False
    )
    assert notice.at == ms(2000)
    assert granted == ev.PermitGranted(at=ms(2000), permit=1, parties=[P01])
    assert asked == ev.CaptureRequested(
        at=ms(2000), permit=1, segment=1, party=P01, file="seg-001.p01.wav", bridged_only=True
    )


def test_the_journal_is_a_chain_that_reads_back(core):
    entries = account(core=core)
    assert ev.read(core.fallback.journal(entries))[0] == list(entries)
    assert core.fallback.journal(()) == b""


@pytest.mark.parametrize(
    ("sounds", "by", "now", "reason"),
    [
        ((WELSH,), line(), 3000, Reason.NOT_TOLD),
        ((ENGLISH,), line(ENGLISH, WELSH), 2000, Reason.NOT_TOLD),
        ((ENGLISH,), NEVER, 2000, Reason.NOT_TOLD),
        ((ENGLISH,), line(), 3000.001, Reason.STALE_FACTS),
    ],
)
def test_no_permit_no_journal(sounds, by, now, reason, core):
    assert account(*sounds, by=by, now=now, core=core) is reason


def test_nobody_is_told_by_a_line_that_says_nothing(core):
    silent = replace(line(), announcements=())
    found = core.fallback.account(RULES, silent, stay(core), [], RUN, RECORDING, ms(0))
    assert found is Reason.NOT_TOLD


def test_the_policy_that_a_script_reads_names_what_it_plays():
    assert b'"mode":"announce"' in to_json(RULES)
