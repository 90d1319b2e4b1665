"""What the guard thinks of a capture, from facts alone."""

import json

import pytest

from ari_app.core import guard as g
from ari_app.core import incident
from ari_app.core.incident import Action, Door, Why
from ari_app.core.names import ChannelId, Instant, PartyId, RecordingId, RunId

NOW = Instant(1_795_612_413_000_000)
RECORDING = RecordingId("01M89EP1ZYXF1YNMXJBPC6YR8E")
RUN, OTHER = RunId("01M89EP1ZYXF1YNMXJBPC6YR8R"), RunId("01M89EP1ZYXF1YNMXJBPC6YR8S")
LIVE = g.Live(RUN, RECORDING, PartyId("p01"), 1, "seg-001.p01.wav")
AUDIO = "/spool/audio/"
OURS = f"{AUDIO}{RECORDING}/seg-001.p01"
THEIRS = "/var/spool/asterisk/monitor/theirs"
RULES = g.Rules(AUDIO, g.Mode.STOP, g.Scope.WHOLE_PBX)


def mixmonitor(*files: str, application: str = "") -> g.Capture:
    return g.Capture(Door.MIXMONITOR, files, application)


def at(milliseconds: int) -> Instant:
    return Instant(NOW + milliseconds * 1000)


def signs(**beats: Instant) -> g.Signs:
    return g.Signs({{"run": RUN, "other": OTHER}[name]: beat for name, beat in beats.items()})


# ---- live/ and heartbeats


def text(**changes: object) -> bytes:
    whole = {"format": 1, "run": RUN, "recording": RECORDING, "party": "p01", "permit": 1, "file": "seg-001.p01.wav"}
    return json.dumps(whole | changes).encode()


def test_what_live_says_is_read() -> None:
    assert g.read_live(text()) == LIVE


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"[]",
        b"7",
        b"{",
        b"\xff",
        text(format=2),
        text(recording="../x"),
        text(permit="many"),
        text(permit=None),
        text(file="../seg-001.p01.wav"),
        b'{"format":1}',
    ],
)
def test_what_is_damaged_names_nothing(damaged: bytes) -> None:
    assert g.read_live(damaged) is None


def test_files_named_like_no_channel_are_passed_over() -> None:
    assert g.channel_of("1795612413.7") == "1795612413.7"
    assert g.channel_of(".1795612413.7.new") is None


def test_folders_named_like_no_recording_are_passed_over() -> None:
    assert g.read_recording(RECORDING) == RECORDING
    assert g.read_recording("lost+found") is None


@pytest.mark.parametrize(
    ("tail", "expected"),
    [
        (b"", None),
        (b'{"written_at":5}', None),
        (b'{"written_at":5}\n', 5),
        (b'{"written_at":5}\n{"written_at":6}\n{"written_', 6),
        (b'ten_at":4}\n{"written_at":5}\n', 5),
        (b'{"written_at":5}\nrubbish\n[]\n{"other":1}\n', 5),
    ],
)
def test_the_last_whole_heartbeat_counts(tail: bytes, expected: int | None) -> None:
    assert g.last_beat(tail) == expected


def test_a_sign_is_fresh_for_its_time_only() -> None:
    assert g.fresh(at(-1500), NOW)
    assert not g.fresh(at(-1501), NOW)
    assert not g.fresh(None, NOW)
    assert g.fresh(at(1500), NOW)
    assert not g.fresh(at(1501), NOW), "a heartbeat from the future is a clock that was set back, not a gate that lives"


# ---- permitted, or not


def test_a_named_capture_of_a_living_gate_is_permitted() -> None:
    assert g.objection(mixmonitor(OURS), [LIVE], signs(run=at(-900)), RULES, NOW) is None


@pytest.mark.parametrize(
    ("known", "why"),
    [
        (signs(), Why.STALE_HEARTBEAT),
        (signs(run=at(-1600)), Why.STALE_HEARTBEAT),
        (signs(run=at(-1600), other=at(-1600)), Why.STALE_HEARTBEAT),
        (signs(run=at(-1600), other=at(-100)), Why.OTHER_RUN),
        (signs(other=at(-100)), Why.OTHER_RUN),
    ],
)
def test_a_named_capture_of_a_silent_gate_is_not(known: g.Signs, why: Why) -> None:
    assert g.objection(mixmonitor(OURS), [LIVE], known, RULES, NOW) is why


@pytest.mark.parametrize(
    "capture",
    [
        mixmonitor(THEIRS),
        mixmonitor(OURS, THEIRS),
        mixmonitor(),
        mixmonitor(OURS.replace("p01", "p02")),
        mixmonitor(f"{OURS}.wav"),
        mixmonitor(OURS.replace(RECORDING, RECORDING[::-1])),
    ],
)
def test_what_is_named_is_that_one_file_and_no_other(capture: g.Capture) -> None:
    assert g.objection(capture, [LIVE], signs(run=NOW), RULES, NOW) is Why.NOT_NAMED_IN_LIVE


def test_nothing_is_named_where_live_says_nothing() -> None:
    assert g.objection(mixmonitor(OURS), [], signs(run=NOW), RULES, NOW) is Why.NOT_NAMED_IN_LIVE
    assert not g.named(mixmonitor(OURS), None, RULES)


def test_live_names_no_other_door() -> None:
    """A Record() into a file of ours is no MixMonitor of ours."""
    record = g.Capture(Door.RECORD_APPLICATION, (OURS,), "Record")
    assert g.objection(record, [LIVE], signs(run=NOW), RULES, NOW) is Why.NOT_ALLOWED
    queue = g.Capture(Door.QUEUE, (THEIRS,), "Queue")
    assert g.objection(queue, [LIVE], signs(run=NOW), RULES, NOW) is Why.NOT_NAMED_IN_LIVE


def test_the_gate_may_change_live_while_we_look() -> None:
    later = g.Live(RUN, RECORDING, PartyId("p01"), 2, "seg-002.p01.wav")
    for lives in ([LIVE, later], [later, LIVE], [LIVE], [LIVE, LIVE]):
        assert g.objection(mixmonitor(OURS), lives, signs(run=NOW), RULES, NOW) is None


# ---- what the site allows


@pytest.mark.parametrize(
    ("path", "file", "covered"),
    [
        ("/v/mail/*", "/v/mail/100/msg0000", True),
        ("/v/mail/*", "/v/mail/100/INBOX/msg0000.wav", True),
        ("/v/mail/*", "/v/mailbox/msg0000", False),
        ("/v/mail/*", "/v/mail/../monitor/x", False),
        ("/v/mail/*.wav", "/v/mail/msg0000", True),
        ("/v/mail/*.wav", "/v/mail/msg0000.wav", True),
        ("/v/mail/one.wav", "/v/mail/one", True),
        ("/v/mail/one.wav", "/v/mail/two", False),
        ("/v/mail/one", "/v/mail/one\n", False),
        ("/v/*/training/*", "/v/2026/training/x", True),
    ],
)
def test_paths_are_allowed_by_pattern(path: str, file: str, covered: bool) -> None:
    assert g.Allowance("because", path=path).covers(mixmonitor(file)) is covered


def test_all_files_of_a_capture_must_be_allowed() -> None:
    allowance = g.Allowance("because", path="/v/mail/*")
    assert not allowance.covers(mixmonitor("/v/mail/x", "/v/monitor/x"))
    assert not allowance.covers(mixmonitor()), "a capture whose file is not known is not in any folder"


def test_applications_are_allowed_by_name() -> None:
    allowance = g.Allowance("because", application="Queue")
    assert allowance.covers(mixmonitor(THEIRS, application="queue"))
    assert not allowance.covers(mixmonitor(THEIRS, application="Dial"))
    both = g.Allowance("because", path="/v/mail/*", application="VoiceMail")
    assert both.covers(mixmonitor("/v/mail/x", application="VoiceMail"))
    assert not both.covers(mixmonitor(THEIRS, application="VoiceMail"))
    assert not both.covers(mixmonitor("/v/mail/x", application="Dial"))


def test_what_is_allowed_may_run_but_never_into_our_spool() -> None:
    rules = g.Rules(AUDIO, g.Mode.STOP, g.Scope.WHOLE_PBX, (g.Allowance("because", path="/*/*"),))
    assert g.objection(mixmonitor(THEIRS), [], signs(), rules, NOW) is None
    assert g.objection(mixmonitor(OURS), [], signs(), rules, NOW) is Why.NOT_NAMED_IN_LIVE
    assert rules.allowance(mixmonitor(THEIRS)) == rules.allowed[0]


def test_paths_without_their_suffix() -> None:
    assert g.base("/a/b.c/d.e.wav") == "/a/b.c/d.e"
    assert g.base("/a/b.c/d") == "/a/b.c/d"
    assert g.base("/a/.wav") == "/a/.wav"
    assert g.base("d.wav") == "d"


# ---- what is done


@pytest.mark.parametrize("mode", g.Mode)
@pytest.mark.parametrize("scope", g.Scope)
@pytest.mark.parametrize("gated", [True, False])
def test_what_writes_into_our_spool_is_stopped_always(mode: g.Mode, scope: g.Scope, gated: bool) -> None:
    assert g.response(mixmonitor(OURS), g.Rules(AUDIO, mode, scope), gated=gated) is Action.STOPPED


@pytest.mark.parametrize(
    ("mode", "scope", "gated", "action"),
    [
        (g.Mode.STOP, g.Scope.WHOLE_PBX, False, Action.STOPPED),
        (g.Mode.STOP, g.Scope.WHOLE_PBX, True, Action.STOPPED),
        (g.Mode.STOP, g.Scope.GATED_CALLS, True, Action.STOPPED),
        (g.Mode.STOP, g.Scope.GATED_CALLS, False, None),
        (g.Mode.REPORT, g.Scope.WHOLE_PBX, False, Action.REPORTED),
        (g.Mode.REPORT, g.Scope.GATED_CALLS, True, Action.REPORTED),
        (g.Mode.REPORT, g.Scope.GATED_CALLS, False, None),
    ],
)
def test_others_are_stopped_where_the_site_says_so(
    mode: g.Mode, scope: g.Scope, gated: bool, action: Action | None
) -> None:
    assert g.response(mixmonitor(THEIRS), g.Rules(AUDIO, mode, scope), gated=gated) is action


def test_a_first_installation_only_reports() -> None:
    assert (g.Rules(AUDIO).mode, g.Rules(AUDIO).scope) == (g.Mode.REPORT, g.Scope.GATED_CALLS)


def test_no_file_that_a_journal_names_is_taken_away() -> None:
    file, journal = f"{OURS}.wav", b'{"file":"seg-001.p01.wav","kind":"capture_requested"}\n'
    assert not g.to_quarantine(file, RULES, journal)
    assert g.to_quarantine(file, RULES, None)
    assert g.to_quarantine(file, RULES, b'{"file":"seg-001.p02.wav"}\n')
    assert g.to_quarantine(f"{AUDIO}{RECORDING}/1.p01.wav", RULES, journal), "a name is compared whole"
    assert g.to_quarantine(f"{THEIRS}/seg-001.p01.wav", RULES, journal)


# ---- the gate's signs of life


def test_a_gate_is_dead_when_every_sign_is_old() -> None:
    assert g.Signs().gate_dead(NOW)
    assert not signs(run=at(-1200)).gate_dead(NOW)
    assert signs(run=at(-1201)).gate_dead(NOW)
    assert not signs(run=at(-9000), other=at(-100)).gate_dead(NOW)
    assert not g.Signs(alive_at=at(-1000)).gate_dead(NOW)
    assert g.Signs(alive_at=at(-1300)).gate_dead(NOW)


def test_who_has_just_begun_to_listen_calls_nobody_dead() -> None:
    assert not g.Signs(watched_since=at(-1100)).gate_dead(NOW)
    assert g.Signs(watched_since=at(-1300)).gate_dead(NOW)


# ---- counting


def test_the_first_start_after_a_name_is_taken_for_the_named_one() -> None:
    channel, starts = ChannelId("1.1"), g.Starts()
    assert not starts.doubtful(channel, LIVE)
    assert starts.doubtful(channel, LIVE), "a second MixMonitor on a channel that has one of ours"
    later = g.Live(RUN, RECORDING, PartyId("p01"), 2, "seg-002.p01.wav")
    assert not starts.doubtful(channel, later)
    assert starts.doubtful(channel, None)
    assert starts.doubtful(ChannelId("1.2"), None)


def test_what_is_listed_already_begins_no_more() -> None:
    """A guard that has just started has not heard it begin; the next start on that channel is somebody else's."""
    channel, starts = ChannelId("1.1"), g.Starts()
    starts.found(channel, LIVE)
    assert starts.doubtful(channel, LIVE)


def test_channels_that_live_names_no_more_are_forgotten() -> None:
    starts = g.Starts()
    for channel in ("1.1", "1.2"):
        starts.doubtful(ChannelId(channel), LIVE)
    starts.keep({"1.2"})
    assert list(starts.seen) == ["1.2"]


# ---- incidents


def alarm() -> g.Alarm:
    kept = (g.Quarantined("ab" * 32, 44, f"{RECORDING}.1"),)
    return g.Alarm(RECORDING, "pbx1", NOW, Door.MIXMONITOR, Action.STOPPED, Why.NOT_NAMED_IN_LIVE, "1.1", 8, kept)


def test_an_alarm_is_stored_in_the_form_that_ship_reads() -> None:
    text = alarm().to_json()
    assert json.loads(text) == {
        "format": 1,
        "id": RECORDING,
        "node": "pbx1",
        "at": NOW,
        "door": "mixmonitor",
        "action": "stopped",
        "why": "not_named_in_live",
        "channel": "1.1",
        "stopped_after_ms": 8,
        "files": [{"sha256": "ab" * 32, "bytes": 44, "quarantined_as": f"{RECORDING}.1"}],
    }
    assert incident.read(text).content == json.loads(text)


def test_an_alarm_about_nobody_in_particular_is_read_as_well() -> None:
    bare = g.Alarm(RECORDING, "pbx1", NOW, Door.CONFBRIDGE, Action.FAILED, Why.NOT_ALLOWED)
    read = incident.read(bare.to_json())
    assert (read.door, read.action, read.content["channel"]) == (Door.CONFBRIDGE, Action.FAILED, None)
