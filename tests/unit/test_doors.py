"""What Asterisk's words say about a capture, as a real Asterisk 22 said them."""

import pytest

from ari_app.core import doors

HEADER = ["MixMonitor ID\tFile\tReceive File\tTransmit File", "=" * 73]


def test_the_list_of_mixmonitors() -> None:
    lines = [
        *HEADER,
        "0x7f9bc00049d0\t/m/auto-1795612452-2001\t\t",
        "0x7f5470024a80\t\t/s/audio/01M/seg-001.p01\t",
        "0x7f5470024a81\t/m/a name\t/m/r\t/m/t\r",
        "0x7f5470024a82\t\t\t",
        "No such channel: 1.1",
    ]
    assert doors.monitors(lines) == {
        "0x7f9bc00049d0": ("/m/auto-1795612452-2001",),
        "0x7f5470024a80": ("/s/audio/01M/seg-001.p01",),
        "0x7f5470024a81": ("/m/a name", "/m/r", "/m/t"),
        "0x7f5470024a82": (),
    }


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ("PJSIP/2001,qr(spied)", "spied"),
        ("PJSIP/2001,r(a(b)c)", "a(b)c"),
        ("PJSIP/trunk,g(r)", None),
        ("PJSIP/2001,q", None),
        ("PJSIP/2001,r", None),
        ("PJSIP/2001", None),
        ("", None),
    ],
)
def test_whether_chanspy_records(data: str, name: str | None) -> None:
    assert doors.spied_into(data) == name


@pytest.mark.parametrize(
    ("data", "recorded", "file", "key"),
    [
        ("/m/rec-900.wav,0,60,q", "/m/rec-900", "/m/rec-900.wav", "#"),
        ("/m/rec-%d.wav,0,60,qx", "/m/rec-0", "/m/rec-0.wav", None),
        ("/m/rec.wav,,,t", "/m/rec", "/m/rec.wav", "*"),
        ("/m/rec:gsm", "/m/rec", "/m/rec.gsm", "#"),
        ("/m.x/rec.ulaw,5", "/m.x/rec", "/m.x/rec.ulaw", "#"),
    ],
)
def test_what_record_was_given(data: str, recorded: str, file: str, key: str | None) -> None:
    assert doors.recorder(data, recorded) == doors.Recorder(file, key)


@pytest.mark.parametrize(
    ("command", "file", "key"),
    [
        ('RECORD FILE /m/agi wav "#" 30000 0', "/m/agi.wav", "#"),
        ('record file "/m/a b" gsm 12# -1', "/m/a b.gsm", "#"),
        ("RECORD FILE /m/agi wav 19 30000", "/m/agi.wav", "1"),
        ('RECORD FILE /m/agi wav "" 30000 0', "/m/agi.wav", None),
        ('RECORD FILE "/m/a\\"b" wav "%" 30000 0', '/m/a"b.wav', None),
    ],
)
def test_what_an_agi_script_records(command: str, file: str, key: str | None) -> None:
    assert doors.agi_recorder(command) == doors.Recorder(file, key)


@pytest.mark.parametrize(
    "command", ["", "RECORD FILE /m/agi wav", "STREAM FILE a b c d", 'VERBOSE "RECORD FILE a b c d"']
)
def test_other_commands_record_nothing(command: str) -> None:
    assert doors.agi_recorder(command) is None


def test_whom_a_snoop_channel_hears() -> None:
    assert doors.spied_channel("Snoop/1795612447.0-00000000") == "1795612447.0"
    assert doors.spied_channel("PJSIP/trunk-00000000") is None


def test_what_ari_records() -> None:
    assert doors.recorded_by_ari("bridge:br1") == ("bridge", "br1")
    assert doors.recorded_by_ari("channel:1795612581.0") == ("channel", "1795612581.0")
