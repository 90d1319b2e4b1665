"""Orders carried out on a pretended Asterisk: what is sent, what is said of it, and what unknown answers come to."""

import asyncio
from dataclasses import replace
from types import SimpleNamespace

import pytest
from unit.calls import CALLER, ENGLISH, MONITOR, P01, RECORDING
from unit.executors_desk import FILE, NOW, Desk

from ari_app import executor
from ari_app.adapters.ari import Reply
from ari_app.core import facts as f
from ari_app.core import orders as o
from ari_app.core.names import Instant, MonitorId, playback_id
from ari_app.core.reasons import Reason
from ari_app.core.restored import Mark
from ari_app.executor import Phone

OTHER = MonitorId("0x7f0000000009")
PLAYBACK = playback_id(CALLER, 1)
STAMP = {"at": NOW, "seen_at": NOW}


@pytest.fixture
def desk(tmp_path, monkeypatch):
    return Desk(tmp_path, monkeypatch)


# -- telling


@pytest.mark.parametrize(("reply", "ok"), [(Reply.YES, True), (Reply.NO, False), (Reply.UNKNOWN, False)])
def test_only_yes_is_answered(desk, reply, ok):
    desk.ari.reply = reply
    assert desk.carry_out(o.Answer(CALLER)) == [f.Answered(**STAMP, channel=CALLER, ok=ok)]
    assert desk.sent == [("answer", CALLER)]


@pytest.mark.parametrize("reply", Reply)
def test_only_a_no_is_a_refused_play_since_the_unknown_may_play(desk, reply):
    desk.ari.reply = reply
    refused = [f.PlayRefused(**STAMP, channel=CALLER, playback=PLAYBACK)] if reply is Reply.NO else []
    assert desk.carry_out(o.Play(CALLER, PLAYBACK, ENGLISH)) == refused
    assert desk.sent == [("play", CALLER, PLAYBACK, "/spool/announcements/advice-en.wav")]


def test_a_playback_is_stopped_and_nothing_said_of_it(desk):
    assert desk.carry_out(o.StopPlayback(PLAYBACK)) == []
    assert desk.sent == [("stop_playback", PLAYBACK)]


def test_the_lifeline_is_armed_only_on_a_channel_that_is_still_ours(desk):
    assert desk.carry_out(o.ArmLifeline(CALLER, 3500)) == []
    assert desk.sent == [
        (
            "get",
            CALLER,
            (
                'EVAL(${SET(${IF($["${CONTEXT:0:11}|${CONSENTGATE_HERE}" = "consentgate|1"]'
                "?TIMEOUT(absolute):CONSENTGATE_TOO_LATE)}=3.500)})"
            ),
        )
    ]


@pytest.mark.parametrize(
    ("value", "stasis", "packets", "objected"),
    [
        ("consentgate|1||140", True, 140, False),
        ("consentgate|1||0", True, 0, False),
        ("consentgate|1||", True, None, False),
        ("consentgate|1||-1", True, None, False),
        ("consentgate|1|1|140", True, 140, True),
        ("consentgate|1|yes|140", True, 140, True),
        ("consentgate|||140", False, 140, False),
        ("house|1||140", False, 140, False),
        ("from-trunk|||140", False, 140, False),
        ("", False, None, False),
        (None, False, None, False),
    ],
)
def test_an_inspection_says_what_asterisk_says_and_nothing_more(desk, tmp_path, value, stasis, packets, objected):
    desk.ami.value = value
    copy = tmp_path / "a.wav"
    copy.write_bytes(b"x")
    seen = copy.stat()
    whole = replace(ENGLISH, path=str(copy), stat=(seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns))
    inspected = f.Inspected(
        **STAMP,
        channel=CALLER,
        question=2,
        in_stasis=stasis,
        packets_sent=packets,
        copy_intact=True,
        objected=objected,
    )
    assert desk.carry_out(o.Inspect(CALLER, whole, 2)) == [inspected]


def test_an_inspection_notices_that_the_copy_is_gone(desk):
    (fact,) = desk.carry_out(o.Inspect(CALLER, ENGLISH, 1))
    assert isinstance(fact, f.Inspected)
    assert fact.copy_intact is False


@pytest.mark.parametrize(("answer", "holds"), [("0||", False), ("1||", True), ("||", True), ("", True), (None, True)])
def test_a_telephone_that_does_not_say_that_it_does_not_hold_holds(desk, answer, holds):
    desk.ami.value = answer
    assert asyncio.run(desk.executor.phones([CALLER])) == {CALLER: Phone(holds)}
    asked = "EVAL(${CHANNEL(rtp,hold,audio)}|${CONSENTGATE_PAUSED}|${CONSENTGATE_RESUMED})"
    assert desk.ami.log == [("get", CALLER, asked)]


def test_a_telephone_says_which_keys_were_pressed_on_it_and_when(desk):
    desk.ami.value = "0|1800000003|1800000005"
    marks = Mark(1_800_000_003, paused=True), Mark(1_800_000_005, paused=False)
    assert asyncio.run(desk.executor.phones([CALLER])) == {CALLER: Phone(False, marks)}
    desk.ami.value = "0|1800000003:payment|"
    assert asyncio.run(desk.executor.phones([CALLER])) == {CALLER: Phone(False, (replace(marks[0], cause="payment"),))}
    desk.ami.value = "0||1800000005"
    assert asyncio.run(desk.executor.phones([CALLER])) == {CALLER: Phone(False, marks[1:])}


@pytest.mark.parametrize(
    ("answer", "owner"),
    [("|rec", ("rec", False)), ("1|rec", ("rec", True)), ("|", ("", False)), ("", None), (None, None)],
)
def test_a_channel_says_whose_recording_it_owns_and_whether_somebody_objected(desk, answer, owner):
    desk.ami.value = answer
    assert asyncio.run(desk.executor.owner(CALLER)) == owner


# -- starting

START = o.StartCapture(CALLER, 1, P01, FILE, bridged_only=True)


def answered(monitor):
    return f.CaptureAnswered(**STAMP, segment=1, party=P01, monitor=monitor)


@pytest.mark.parametrize(("bridged_only", "option"), [(True, "b"), (False, "")])
def test_a_capture_whose_file_appears_runs(desk, bridged_only, option):
    desk.path.touch()
    assert desk.carry_out(replace(START, bridged_only=bridged_only)) == [answered(MONITOR)]
    assert desk.sent == [("start", CALLER, f"{option}r({desk.path})i(CONSENTGATE_MONITOR_ID)")]


def test_a_capture_whose_file_does_not_appear_is_stopped_and_does_not_run(desk):
    assert desk.carry_out(START) == [answered(None)]
    assert desk.sent[1:] == [("stop", CALLER, MONITOR)]


def test_a_capture_that_asterisk_does_not_name_does_not_run(desk):
    desk.ami.started = None
    desk.path.touch()
    assert desk.carry_out(START) == [answered(None)]
    assert [what for what, *_ in desk.sent] == ["start"]


def test_an_order_to_start_that_was_decided_long_ago_is_not_carried_out(desk):
    desk.path.touch()
    assert desk.carry_out(START, decided_at=Instant(NOW - 500_001)) == [answered(None)]
    assert desk.sent == []


def test_an_order_to_start_of_half_a_second_ago_is_carried_out(desk):
    desk.path.touch()
    assert desk.carry_out(START, decided_at=Instant(NOW - 500_000)) == [answered(MONITOR)]


# -- stopping

STOP = o.StopCapture(CALLER, 1, P01, FILE, MONITOR)


def ended(*, closed):
    return f.CaptureEnded(**STAMP, segment=1, party=P01, closed=closed)


def test_a_capture_is_stopped_by_its_id_and_others_are_left_alone(desk):
    desk.ami.running = {OTHER: ["/elsewhere/x"], MONITOR: [desk.shown]}
    assert desk.carry_out(STOP) == [ended(closed=True)]
    assert desk.sent == [("stop", CALLER, MONITOR)]
    assert desk.ami.running == {OTHER: ["/elsewhere/x"]}


def test_a_capture_whose_id_is_not_known_is_found_by_its_file(desk):
    desk.ami.running = {OTHER: ["/elsewhere/x"], MONITOR: [desk.shown]}
    assert desk.carry_out(replace(STOP, monitor=None)) == [ended(closed=True)]
    assert desk.sent == [("stop", CALLER, MONITOR)]


def test_a_capture_that_is_not_listed_has_ended_without_being_closed_by_us(desk):
    desk.ami.running = {OTHER: ["/elsewhere/x"]}
    assert desk.carry_out(replace(STOP, monitor=None)) == [ended(closed=False)]
    assert desk.sent == []


def test_a_stop_that_is_refused_for_a_monitor_that_is_gone_has_ended_unclosed(desk):
    desk.ami.running, desk.ami.stops = {}, False
    assert desk.carry_out(STOP) == [ended(closed=False)]


@pytest.mark.parametrize("running", [None, "still"])
def test_a_capture_that_cannot_be_seen_stopped_is_tried_five_times_and_not_said_to_have_ended(desk, running):
    desk.ami.stops = None
    desk.ami.running = None if running is None else {MONITOR: [desk.shown]}
    assert desk.carry_out(STOP) == []
    assert desk.sent == [("stop", CALLER, MONITOR)] * 5


def test_a_monitor_of_another_id_that_writes_our_file_is_stopped_too(desk):
    desk.ami.running = {OTHER: [desk.shown]}
    (ended,) = desk.carry_out(STOP)
    assert (type(ended), ended.closed) == (f.CaptureEnded, True)
    assert [one[-1] for one in desk.sent] == [MONITOR, OTHER]
    assert desk.ami.running == {}


# -- letting go


@pytest.mark.parametrize(
    ("outcome", "reason", "value"),
    [
        (o.Outcome.RECORDING, None, f"1,recording,,{RECORDING}"),
        (o.Outcome.NOT_RECORDED, Reason.EVENTS_LOST, f"1,not_recorded,events_lost,{RECORDING}"),
    ],
)
def test_a_release_sets_the_result_and_then_continues(desk, outcome, reason, value):
    assert desk.carry_out(o.Release(CALLER, outcome, reason)) == []
    names = "ARRAY(CONSENTGATE_PASSED,CONSENTGATE_OUTCOME,CONSENTGATE_REASON,CONSENTGATE_RECORDING)"
    assert desk.sent == [("set", CALLER, names, value), ("continue", CALLER, "")]


def test_who_has_declined_has_it_written_on_their_channel(desk):
    desk.carry_out(o.Release(CALLER, o.Outcome.DECLINED, Reason.OBJECTED))
    assert desk.sent[0][2].endswith("RECORDING,CONSENTGATE_OBJECTED)")
    assert desk.sent[0][3] == f"1,declined,objected,{RECORDING},1"


def test_who_is_let_go_carries_along_what_they_hear_if_they_object_later(desk):
    words = replace(ENGLISH, path="/spool/announcements/d.wav")
    desk.carry_out(o.Release(CALLER, o.Outcome.RECORDING, None, confirmation=words))
    assert desk.sent[0][2].endswith("RECORDING,CONSENTGATE_CONFIRMATION)")
    assert desk.sent[0][3] == f"1,recording,,{RECORDING},/spool/announcements/d"


def test_a_called_leg_is_told_where_to_go_on_because_it_would_come_back_to_us(desk):
    desk.carry_out(o.Release(CALLER, o.Outcome.RECORDING, None, called=True))
    assert desk.sent[-1] == ("continue", CALLER, "back")


@pytest.mark.parametrize(("lit", "state"), [(True, "INUSE"), (False, "NOT_INUSE")])
def test_a_lamp_is_the_device_state_of_the_telephones_extension(desk, lit, state):
    assert desk.carry_out(o.Lamp("PJSIP/2001", lit=lit)) == []
    assert desk.sent == [("set", None, "DEVICE_STATE(Custom:consentgate-2001)", state)]


def test_orders_of_one_step_are_carried_out_in_their_order(desk):
    desk.carry_out(o.StopPlayback(PLAYBACK), o.Release(CALLER, o.Outcome.NOT_RECORDED, None), STOP)
    assert [what for what, *_ in desk.sent] == ["stop_playback", "set", "continue", "stop"]


def test_an_order_that_is_the_dispatchers_own_is_an_error_of_ours_and_hurts_nobody(desk, monkeypatch):
    said = []
    monkeypatch.setattr(executor, "_log", SimpleNamespace(error=lambda action, **more: said.append((action, more))))
    assert desk.carry_out(o.Report("x"), o.Answer(CALLER)) == []
    assert desk.sent == []
    ((action, told),) = said
    assert action == "order.failed"
    # Not its text: that of another error would quote what it stumbled over.
    assert told["why"].startswith("TypeError at executor.py:")
    assert len(desk.carry_out(o.Answer(CALLER))) == 1


def test_waiting_for_what_was_ordered_has_an_end(desk, monkeypatch):
    async def hang(_):
        await asyncio.sleep(30)

    monkeypatch.setattr(desk.ari, "answer", hang)

    async def work():
        loop = asyncio.get_running_loop()
        began = loop.time()
        desk.executor.carry_out(RECORDING, [o.Answer(CALLER)])
        await desk.executor.finish(0.01)
        return loop.time() - began

    assert asyncio.run(work()) < 1
    assert desk.facts == []


# -- what a dead gate left


def test_strangers_in_our_spool_are_stopped_and_nobody_elses(desk):
    kept = desk.layout.audio_of(RECORDING) / "seg-001.p02.wav"
    desk.ami.running = {
        MONITOR: [desk.shown],
        MonitorId("0x2"): [str(kept).removesuffix(".wav")],
        MonitorId("0x3"): ["/var/spool/asterisk/monitor/x"],
        MonitorId("0x4"): [f"{desk.layout.audio}-elsewhere/x"],
        MonitorId("0x5"): [],
    }
    assert asyncio.run(desk.executor.stop_strangers(CALLER, {kept})) == 1
    assert desk.sent == [("stop", CALLER, MONITOR)]


def test_a_list_that_does_not_come_stops_nobody(desk):
    desk.ami.running = None
    assert asyncio.run(desk.executor.stop_strangers(CALLER, set())) == 0
    assert desk.sent == []
