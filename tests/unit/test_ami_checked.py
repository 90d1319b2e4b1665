"""What would forge AMI headers or a MixMonitor command never reaches the library."""

import pytest
from panoramisk.message import Message

from ari_app.adapters.ami import Forgery, checked, forged


@pytest.mark.parametrize("character", ["\r", "\n", "\r\n", "\0"])
@pytest.mark.parametrize("position", ["start", "middle", "end"])
def test_a_value_with_a_line_break_is_refused(character, position):
    value = {"start": f"{character}x", "middle": f"x{character}y", "end": f"x{character}"}[position]
    with pytest.raises(Forgery, match="'Channel' holds a line break"):
        checked({"Action": "Setvar", "Channel": value})


@pytest.mark.parametrize("name", ["Chan\rnel", "Channel\n", "\0", "Channel: x", "a:b"])
def test_a_name_that_would_be_two_headers_is_refused(name):
    with pytest.raises(Forgery):
        checked({"Action": "Setvar", name: "x"})


@pytest.mark.parametrize("name", ["File", "file", "FILE"])
def test_a_comma_in_a_file_is_refused(name):
    with pytest.raises(Forgery, match="holds a comma"):
        checked({"Action": "MixMonitor", name: "/spool/x.wav,b,touch /spool/y"})


def test_what_is_harmless_is_passed_on_as_it_is():
    action = {
        "Action": "MixMonitor",
        "Channel": "1800000000.1",
        "File": "/spool/x.wav",
        "Options": "br(/spool/audio/x.wav)i(CONSENTGATE_MONITOR_ID)",
        "Value": "1,recording,,x: y\tz",
        "Empty": "",
    }
    found = checked(action)
    assert found == action
    assert found is not action


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("Event: Hangup\r\nCallerIDNum: 7\r\nUniqueid: 9.9\r\nUniqueid: 1.1", True),
        ("Event: Hangup\r\nCallerIDNum: 7\r\nEvent: Shutdown\r\nUniqueid: 1.1", True),
        ("Event: Hangup\r\nCallerIDNum: 7\r\nUniqueid: 1.1", False),
        ("Event: Hangup\r\nChanVariable: a=1\r\nChanVariable: b=2\r\nUniqueid: 1.1", False),
        ("Response: Success\r\nOutput: one\r\nOutput: two", False),
    ],
)
def test_an_event_with_a_header_twice_is_somebody_s_forgery(text, verdict):
    assert forged(Message.from_line(text)) is verdict
