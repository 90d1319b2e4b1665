"""ARI's and AMI's events, as recorded from a real Asterisk, become facts with Asterisk's own stamps."""

import pytest
from unit.calls import AGENT, BRIDGE, CALLER, ms

from ari_app import translation as t
from ari_app.core import facts as f
from ari_app.core.names import PlaybackId, UnsafeNameError

NOW = ms(1000)
PLAYBACK = PlaybackId("cg-1800000000.1-1")
STAMPED = {"at": ms(250), "seen_at": NOW}
CHANNEL = {
    "id": CALLER,
    "name": "PJSIP/trunk-0000001a",
    "state": "Up",
    "caller": {"name": "", "number": "01632960001"},
    "connected": {"name": "", "number": ""},
    "dialplan": {"context": "consentgate", "exten": "s", "priority": 12},
}


def ari(kind, **fields):
    return {
        "type": kind,
        "timestamp": "2027-01-15T08:00:00.250+0000",
        "application": "consentgate",
        "asterisk_id": "00:11",
        **fields,
    }


def playback(state, *, target="channel"):
    return {
        "id": PLAYBACK,
        "media_uri": "sound:/spool/announcements/a",
        "target_uri": f"{target}:{CALLER}",
        "language": "en",
        "state": state,
    }


def ami(event, **fields):
    return {"event": event, "privilege": "call,all", "timestamp": "1800000000.250000", "uniqueid": CALLER, **fields}


@pytest.mark.parametrize(
    ("event", "fact"),
    [
        (
            ari("StasisStart", args=["incoming", "advice-line"], channel=CHANNEL),
            t.Arrived(ms(250), CALLER, "PJSIP/trunk", "01632960001", ("incoming", "advice-line")),
        ),
        (ari("StasisEnd", channel=CHANNEL), f.LeftStasis(**STAMPED, channel=CALLER)),
        (ari("ChannelHangupRequest", channel=CHANNEL, cause=16), f.HangupRequested(**STAMPED, channel=CALLER)),
        (ari("ChannelHold", channel=CHANNEL), f.Disturbed(**STAMPED, channel=CALLER, by=f.Disturbance.HELD)),
        (
            ari("PlaybackStarted", playback=playback("playing")),
            f.PlaybackBegan(**STAMPED, channel=CALLER, playback=PLAYBACK),
        ),
        (
            ari("PlaybackFinished", playback=playback("done")),
            f.PlaybackEnded(**STAMPED, channel=CALLER, playback=PLAYBACK, done=True),
        ),
        (
            ari("PlaybackFinished", playback=playback("failed")),
            f.PlaybackEnded(**STAMPED, channel=CALLER, playback=PLAYBACK, done=False),
        ),
        (
            ari("PlaybackFinished", playback=playback("cancelled")),
            f.PlaybackEnded(**STAMPED, channel=CALLER, playback=PLAYBACK, done=False),
        ),
        (
            ari("ChannelUserevent", eventname="consentgate-marker", userevent={"number": "7"}),
            t.Marker(ms(250), 7),
        ),
        (ari("ChannelUserevent", eventname="somebody-elses", userevent={}), None),
        (ari("ChannelDtmfReceived", channel=CHANNEL, digit="2"), None),
        ({"type": "ApplicationReplaced", "application": "consentgate"}, t.Replaced()),
    ],
    ids=lambda value: value["type"] if isinstance(value, dict) else None,
)
def test_an_event_of_ari(event, fact):
    assert t.from_ari(event, NOW) == fact


def test_the_playback_of_a_bridge_is_on_no_channel_of_ours():
    fact = t.from_ari(ari("PlaybackStarted", playback=playback("playing", target="bridge")), NOW)
    assert isinstance(fact, f.PlaybackBegan)
    assert fact.channel == f"bridge:{CALLER}"


@pytest.mark.parametrize("name", ["../../etc/x", "a,b", "a\r\nAction: Logoff", ""])
def test_a_channel_whose_id_is_not_fit_for_a_path_is_refused(name):
    with pytest.raises(UnsafeNameError):
        t.from_ari(ari("StasisStart", args=[], channel={**CHANNEL, "id": name}), NOW)


@pytest.mark.parametrize(
    ("message", "fact"),
    [
        (ami("Hangup", channel="PJSIP/trunk-1", cause="16"), f.HungUp(**STAMPED, channel=CALLER)),
        (ami("Hold", channel="PJSIP/trunk-1"), f.Disturbed(**STAMPED, channel=CALLER, by=f.Disturbance.HELD)),
        (
            ami("MusicOnHoldStart", channel="PJSIP/trunk-1", **{"class": "default"}),
            f.Disturbed(**STAMPED, channel=CALLER, by=f.Disturbance.MUSIC_ON_HOLD),
        ),
        (
            ami("ParkedCall", uniqueid=AGENT, parkeeuniqueid=CALLER, parkinglot="default"),
            f.Disturbed(**STAMPED, channel=CALLER, by=f.Disturbance.PARKED),
        ),
        (
            ami("BlindTransfer", uniqueid=AGENT, transfereruniqueid=AGENT, transfereeuniqueid=CALLER),
            f.Disturbed(**STAMPED, channel=CALLER, by=f.Disturbance.TRANSFERRED),
        ),
        (
            ami("AttendedTransfer", uniqueid=AGENT, transfereeuniqueid=CALLER),
            f.Disturbed(**STAMPED, channel=CALLER, by=f.Disturbance.TRANSFERRED),
        ),
        (
            ami("Pickup", uniqueid=AGENT, targetuniqueid=CALLER),
            f.Disturbed(**STAMPED, channel=CALLER, by=f.Disturbance.PICKED_UP),
        ),
        (
            ami("Rename", channel="PJSIP/trunk-1", newname="PJSIP/x-1"),
            f.Disturbed(**STAMPED, channel=CALLER, by=f.Disturbance.RENAMED),
        ),
        (
            ami(
                "BridgeEnter",
                bridgeuniqueid=BRIDGE,
                bridgetype="basic",
                bridgenumchannels="2",
                channel="PJSIP/2001-0000001b",
            ),
            t.BridgeChange(ms(250), BRIDGE, True, CALLER, "PJSIP/2001", True, 2),
        ),
        (
            ami(
                "BridgeLeave",
                bridgeuniqueid=BRIDGE,
                bridgetype="parking",
                bridgenumchannels="0",
                channel="PJSIP/2001-0000001b",
            ),
            t.BridgeChange(ms(250), BRIDGE, False, CALLER, "PJSIP/2001", False, 0),
        ),
        (ami("MixMonitorStart", channel="PJSIP/trunk-1"), t.MonitorChange(ms(250), CALLER, True)),
        (ami("MixMonitorStop", channel="PJSIP/trunk-1"), t.MonitorChange(ms(250), CALLER, False)),
        (
            ami("DialBegin", channel="PJSIP/2001-0000001b", destchannel="PJSIP/trunk-0000001c", exten="901632960002"),
            t.Dialled(ms(250), CALLER, "PJSIP/2001", "PJSIP/trunk", "901632960002"),
        ),
        # Asterisk itself dials (an originate): there is no channel that does.
        (ami("DialBegin", destchannel="PJSIP/trunk-0000001c"), None),
        (ami("UserEvent", userevent="consentgate-marker", number="7"), t.Marker(ms(250), 7)),
        (ami("UserEvent", userevent="consentgate-marker", number="many"), None),
        (ami("UserEvent", userevent="consentgate-marker"), None),
        (ami("UserEvent", userevent="somebody-elses"), None),
        (
            ami("UserEvent", userevent="consentgate-never", line="crisis-line", calleridnum="01632960001"),
            t.NeverLine(ms(250), CALLER, "crisis-line", "01632960001"),
        ),
        (ami("UserEvent", userevent="consentgate-never", uniqueid="../x"), None),
        (ami("Newexten", application="Dial"), None),
    ],
    ids=lambda value: value["event"] if isinstance(value, dict) else None,
)
def test_an_event_of_ami(message, fact):
    assert t.from_ami(message, NOW) == fact


@pytest.mark.parametrize(
    ("stamp", "at"),
    [
        ("1800000000.250000", 250),
        ("1800000000.25", 250),
        ("1800000000.2500009", 250),
        ("1800000000", 0),
        ("1800000000.", 0),
        ("1800000000.000001", 0.001),
    ],
)
def test_a_stamp_of_ami_is_seconds_and_their_fraction(stamp, at):
    fact = t.from_ami(ami("Hangup", timestamp=stamp), NOW)
    assert isinstance(fact, f.HungUp)
    assert (fact.at, fact.seen_at) == (ms(at), NOW)


@pytest.mark.parametrize("kind", ["Hangup", "Hold", "MixMonitorStart"])
@pytest.mark.parametrize("stamp", [None, ""])
def test_an_event_without_a_stamp_is_no_evidence(kind, stamp):
    with pytest.raises(t.UnstampedError, match=kind):
        t.from_ami(ami(kind, timestamp=stamp), NOW)


def test_an_event_that_means_nothing_needs_no_stamp():
    assert t.from_ami({"event": "FullyBooted"}, NOW) is None
