"""ARI's and AMI's events, as recorded from a real Asterisk, become facts with Asterisk's own stamps."""

import pytest
from unit.calls import AGENT, CALLER, ms

from ari_app import settling
from ari_app import translation as t
from ari_app.core import facts as f
from ari_app.core.names import BridgeId, ChannelId, PlaybackId, UnsafeNameError
from ari_app.core.reasons import Reason
from ari_app.core.topology import Kind

NOW = ms(1000)
BRIDGE = BridgeId("bridge-1")
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
            t.Arrived(ms(250), CALLER, "PJSIP/trunk", "01632960001", ("incoming", "advice-line"), str(CHANNEL["name"])),
        ),
        (ari("StasisEnd", channel=CHANNEL), f.LeftStasis(**STAMPED, channel=CALLER)),
        (ari("ChannelHangupRequest", channel=CHANNEL, cause=16), f.HangupRequested(**STAMPED, channel=CALLER)),
        (ari("ChannelHold", channel=CHANNEL), None),
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
        (ari("ChannelUserevent", eventname="consentgate-marker", userevent={"number": "many"}), None),
        (ari("ChannelUserevent", eventname="consentgate-marker", userevent={}), None),
        (ari("ChannelUserevent", eventname="somebody-elses", userevent={}), None),
        (
            ari("ChannelDtmfReceived", channel=CHANNEL, digit="2"),
            f.Pressed(**STAMPED, channel=CALLER, key="2"),
        ),
        (ari("ChannelStateChange", channel=CHANNEL), None),
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


TRUNK = "PJSIP/trunk-0000001a"
BASIC = {"bridgeuniqueid": BRIDGE, "bridgetype": "basic", "bridgenumchannels": "2", "channel": "PJSIP/2001-0000001b"}
HALVES = {"localoneuniqueid": CALLER, "localtwouniqueid": AGENT}
SPY = {"spyeruniqueid": AGENT, "spyerchannel": "PJSIP/2001-0000001b"}
CALLED = {"destchannel": TRUNK, "destuniqueid": AGENT}


@pytest.mark.parametrize(
    ("message", "fact"),
    [
        (ami("Hangup", channel="PJSIP/trunk-1", cause="16"), f.HungUp(**STAMPED, channel=CALLER)),
        (ami("Hold", channel=TRUNK), t.HoldChange(ms(250), CALLER, "PJSIP/trunk", False, True)),
        (ami("Unhold", channel=TRUNK), t.HoldChange(ms(250), CALLER, "PJSIP/trunk", False, False)),
        (ami("MusicOnHoldStart", channel=TRUNK), t.HoldChange(ms(250), CALLER, "PJSIP/trunk", True, True)),
        (ami("MusicOnHoldStop", channel=TRUNK), t.HoldChange(ms(250), CALLER, "PJSIP/trunk", True, False)),
        (ami("Newexten", channel=TRUNK, application="VoiceMail"), t.LeavesMessage(ms(250), CALLER, "PJSIP/trunk")),
        (
            ami("Rename", channel=TRUNK, newname="PJSIP/2005-0000001f"),
            t.Renamed(ms(250), CALLER, "PJSIP/2005"),
        ),
        (
            ami("BridgeEnter", **BASIC),
            t.BridgeChange(ms(250), BRIDGE, Kind.CONVERSATION, CALLER, "PJSIP/2001", True, 2),
        ),
        (
            ami("BridgeLeave", **BASIC),
            t.BridgeChange(ms(250), BRIDGE, Kind.CONVERSATION, CALLER, "PJSIP/2001", False, 2),
        ),
        (ami("LocalBridge", **HALVES), t.LocalChange(ms(250), CALLER, AGENT, "LocalBridge")),
        (ami("LocalOptimizationBegin", **HALVES), t.LocalChange(ms(250), CALLER, AGENT, "LocalOptimizationBegin")),
        (ami("LocalOptimizationEnd", **HALVES), t.LocalChange(ms(250), CALLER, AGENT, "LocalOptimizationEnd")),
        (
            ami("ChanSpyStart", **SPY, spyeeuniqueid=CALLER, spyeechannel=TRUNK),
            t.Spied(ms(250), AGENT, "PJSIP/2001", CALLER, "PJSIP/trunk", True),
        ),
        (
            ami("ChanSpyStop", **SPY, spyeeuniqueid=CALLER, spyeechannel=TRUNK),
            t.Spied(ms(250), AGENT, "PJSIP/2001", CALLER, "PJSIP/trunk", False),
        ),
        (ami("ChanSpyStop", **SPY), t.Spied(ms(250), AGENT, "PJSIP/2001", ChannelId(""), "", False)),
        (ami("MixMonitorStart", channel="PJSIP/trunk-1"), t.MonitorChange(ms(250), CALLER, True)),
        (ami("MixMonitorStop", channel="PJSIP/trunk-1"), t.MonitorChange(ms(250), CALLER, False)),
        (
            ami("DialBegin", channel="PJSIP/2001-0000001b", **CALLED, exten="901632960002"),
            t.Dialled(ms(250), CALLER, AGENT, "PJSIP/trunk", "901632960002"),
        ),
        (
            ami("DialBegin", channel="PJSIP/2001-0000001b", **CALLED),
            t.Dialled(ms(250), CALLER, AGENT, "PJSIP/trunk", ""),
        ),
        # Asterisk itself dials (an originate): there is no channel that does.
        (ami("DialBegin", **CALLED), None),
        (ami("UserEvent", userevent="consentgate-marker", number="7"), t.Marker(ms(250), 7)),
        (ami("UserEvent", userevent="consentgate-marker", number="many"), None),
        (ami("UserEvent", userevent="consentgate-marker"), None),
        (ami("UserEvent", userevent="somebody-elses"), None),
        (ami("UserEvent"), None),
        (
            ami("UserEvent", userevent="consentgate-never", line="crisis-line", calleridnum="01632960001"),
            t.PassedBy(ms(250), CALLER, "crisis-line", "01632960001", Reason.LINE_NEVER),
        ),
        (
            ami("UserEvent", userevent="consentgate-machine", line="advice-line", calleridnum="01632960001"),
            t.PassedBy(ms(250), CALLER, "advice-line", "01632960001", Reason.ANSWERING_MACHINE),
        ),
        (
            ami("UserEvent", userevent="consentgate-machine"),
            t.PassedBy(ms(250), CALLER, "", "", Reason.ANSWERING_MACHINE),
        ),
        (ami("UserEvent", userevent="consentgate-objected"), t.Chosen(ms(250), CALLER, "objected")),
        (ami("UserEvent", userevent="consentgate-paused"), t.Chosen(ms(250), CALLER, "paused")),
        (ami("UserEvent", userevent="consentgate-resumed"), t.Chosen(ms(250), CALLER, "resumed")),
        (ami("UserEvent", userevent="consentgate-never", uniqueid="../x"), None),
        (ami("UserEvent", userevent="consentgate-objected", uniqueid=""), None),
        (ami("ParkedCall", parkeeuniqueid=CALLER), None),
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


@pytest.mark.parametrize("kind", ["Hangup", "Hold", "MixMonitorStart", "LocalBridge", "ChanSpyStop"])
@pytest.mark.parametrize("stamp", [None, ""])
def test_an_event_without_a_stamp_is_no_evidence(kind, stamp):
    with pytest.raises(t.UnstampedError, match=kind):
        t.from_ami(ami(kind, timestamp=stamp), NOW)


def test_an_event_that_means_nothing_needs_no_stamp():
    assert t.from_ami({"event": "FullyBooted"}, NOW) is None


@pytest.mark.parametrize(
    ("kind", "maker", "meaning"),
    [
        ("basic", None, Kind.CONVERSATION),
        ("basic", "AgentPool", Kind.CONVERSATION),
        ("base", "ConfBridge", Kind.CONFERENCE),
        ("base", "BridgeWait", Kind.OTHER),
        ("base", None, Kind.OTHER),
        ("holding", "ConfBridge", Kind.OTHER),
        ("parking", None, Kind.PARKING),
        ("stasis", "Stasis", Kind.OTHER),
    ],
)
def test_only_plain_bridges_and_conferences_are_conversations(kind, maker, meaning):
    who = {"bridgecreator": maker} if maker else {}
    seen = t.from_ami(ami("BridgeEnter", **{**BASIC, "bridgetype": kind, **who}), NOW)
    assert isinstance(seen, t.BridgeChange)
    assert seen.kind is meaning


@pytest.mark.parametrize("name", ["channel", "bridgenumchannels", "uniqueid"])
def test_an_event_that_lacks_what_it_is_about_is_the_gates_to_complain_about(name):
    with pytest.raises((LookupError, ValueError)):
        t.from_ami({key: value for key, value in ami("BridgeEnter", **BASIC).items() if key != name}, NOW)


def bridge(kind, creator, *channels):
    return {"id": BRIDGE, "bridge_class": kind, "creator": creator, "technology": "simple_bridge", "channels": channels}


def test_who_is_in_a_bridge_when_the_gate_comes_entered_it_when_it_asked():
    channels = [{"id": CALLER, "name": TRUNK}, {"id": AGENT, "name": "PJSIP/2001-0000001b"}, {"id": "7.7", "name": "x"}]
    assert list(
        settling.found_in([bridge("basic", "", CALLER, AGENT), bridge("base", "ConfBridge")], channels, ms(250))
    ) == [
        t.BridgeChange(ms(250), BRIDGE, Kind.CONVERSATION, CALLER, "PJSIP/trunk", True, 2),
        t.BridgeChange(ms(250), BRIDGE, Kind.CONVERSATION, AGENT, "PJSIP/2001", True, 2),
    ]


def test_who_is_in_a_bridge_and_no_channel_is_left_to_the_events_and_counted_all_the_same():
    (found,) = settling.found_in([bridge("parking", "", CALLER, AGENT)], [{"id": CALLER, "name": TRUNK}], ms(250))
    assert (found.channel, found.count, found.kind) == (CALLER, 2, Kind.PARKING)
