"""The judge's own view of who could hear whom: tables of what Asterisk says, and what follows from them.

A judge that finds nothing would let everything pass, so each rule is shown to bite.
"""

from system.rooms import Joint, Mouth, Off, Rooms
from system.witness import Seen

CALLER, HOUSE, OTHER = "PJSIP/trunk-00000001", "PJSIP/2101-00000002", "PJSIP/trunk-00000003"
TOLD = 100


def enter(at: int, channel: str, bridge: str = "b1", kind: str = "basic", creator: str = "") -> Seen:
    headers = {"channel": channel, "bridgeuniqueid": bridge, "bridgetype": kind, "bridgecreator": creator}
    return Seen(at, "BridgeEnter", headers)


def leave(at: int, channel: str, bridge: str = "b1") -> Seen:
    return Seen(at, "BridgeLeave", {"channel": channel, "bridgeuniqueid": bridge})


def said(at: int, kind: str, channel: str) -> Seen:
    return Seen(at, kind, {"channel": channel})


CONVERSATION = [enter(200, CALLER), enter(201, HOUSE)]
END = [leave(900, HOUSE), leave(901, CALLER)]


def rooms(
    *events: Seen,
    told_at: int | None = TOLD,
    others: tuple[Mouth, ...] = (),
    offs: tuple[Off, ...] = (),
    joints: tuple[Joint, ...] = (),
    alone_us: int = 0,
) -> Rooms:
    mouths = [Mouth("caller", CALLER, told_at=told_at), Mouth("house", HOUSE, staff=True), *others]
    return Rooms([*CONVERSATION, *events, *END], mouths, offs, joints, alone_us=alone_us)


def test_a_conversation() -> None:
    found = rooms()
    assert found.allowed("caller", "caller") == [(201, 900)]
    assert found.allowed("caller", "house") == [(201, 900)]
    assert found.good("house") == [(201, 900)]


def test_an_untold_caller_may_never_be_stored() -> None:
    assert rooms(told_at=None).allowed("caller", "house") == []


def test_somebody_told_in_the_middle_may_be_stored_from_then_on() -> None:
    assert rooms(told_at=500).allowed("caller", "caller") == [(500, 900)]


def test_hold_and_its_music() -> None:
    for holder in (CALLER, HOUSE):
        found = rooms(said(400, "Hold", holder), said(500, "Unhold", holder))
        assert found.allowed("caller", "house") == [(201, 400), (500, 900)]
        found = rooms(said(400, "MusicOnHoldStart", holder), said(500, "MusicOnHoldStop", holder))
        assert found.allowed("caller", "caller") == [(201, 400), (500, 900)]


def test_a_newcomer() -> None:
    events = enter(400, OTHER), leave(600, OTHER)
    untold = rooms(*events, others=(Mouth("other", OTHER),))
    assert untold.allowed("caller", "house") == [(201, 400), (600, 900)]
    assert untold.allowed("other", "other") == []
    told = rooms(*events, others=(Mouth("other", OTHER, told_at=300),))
    assert told.allowed("caller", "house") == [(201, 900)]
    assert told.allowed("other", "house") == [(400, 600)]
    # Nobody whom the test has introduced.
    assert rooms(*events).allowed("caller", "house") == [(201, 400), (600, 900)]


def test_two_bridges_joined_by_a_local_channel() -> None:
    local = Seen(400, "LocalBridge", {"localonechannel": "Local/x;1", "localtwochannel": "Local/x;2"})
    gone = said(600, "Hangup", "Local/x;1")
    events = enter(390, OTHER, "b2"), local, enter(400, "Local/x;1"), enter(400, "Local/x;2", "b2"), gone
    found = rooms(*events, others=(Mouth("other", OTHER),))
    assert found.allowed("caller", "caller") == [(201, 400), (600, 900)]


def test_parked_and_waiting_alone() -> None:
    parked = leave(400, CALLER), enter(410, CALLER, "lot", "parking"), leave(500, CALLER, "lot"), enter(510, CALLER)
    assert rooms(*parked).allowed("caller", "caller") == [(201, 400), (510, 900)]
    waiting = (
        leave(400, CALLER),
        enter(410, CALLER, "w", "base", "BridgeWait"),
        enter(411, OTHER, "w", "base", "BridgeWait"),
    )
    assert rooms(*waiting, others=(Mouth("other", OTHER, staff=True),)).allowed("caller", "caller") == [(201, 400)]


def test_a_conference_is_a_conversation_unless_one_is_alone() -> None:
    events = (
        leave(400, CALLER),
        enter(410, CALLER, "c", "base", "ConfBridge"),
        enter(500, OTHER, "c", "base", "ConfBridge"),
    )
    found = rooms(*events, leave(700, OTHER, "c"), others=(Mouth("other", OTHER, staff=True),))
    assert found.allowed("caller", "caller") == [(201, 400), (500, 700)]
    # Between two others one is alone for a moment.
    found = rooms(*events, leave(700, OTHER, "c"), others=(Mouth("other", OTHER, staff=True),), alone_us=90)
    assert found.allowed("caller", "caller") == [(200, 400), (410, 700)]


def test_two_open_calls_of_one_telephone_are_one_room() -> None:
    second = "PJSIP/2101-00000004"
    others = (Mouth("second", second, staff=True), Mouth("other", OTHER))
    events = enter(400, second, "b2"), enter(401, OTHER, "b2"), leave(600, second, "b2")
    assert rooms(*events, others=others).allowed("caller", "house") == [(201, 400), (600, 900)]
    told = Mouth("second", second, staff=True), Mouth("other", OTHER, told_at=300)
    assert rooms(*events, others=told).allowed("caller", "caller") == [(201, 900)]
    # But what the telephone says may be anybody's of the three.
    assert rooms(*events, others=told).allowed("caller", "house") == [(201, 400), (600, 900)]
    held = *events, said(300, "Hold", second)
    assert rooms(*held, others=others).allowed("caller", "house") == [(201, 900)]
    # It joins them although one is held, by means of its own.
    joint = Joint("house", "second", 450, 500)
    assert rooms(*held, others=others, joints=(joint,)).allowed("caller", "caller") == [(201, 450), (500, 900)]


def test_the_house_changes_from_one_recording_to_another() -> None:
    other = Mouth("other", OTHER, told_at=300)
    found = rooms(enter(400, OTHER), leave(600, OTHER), others=(other,))
    assert found.good("house") == [(201, 400), (400, 600), (600, 900)]
    assert found.good("caller") == [(201, 900)]


def test_an_objection_and_a_pause() -> None:
    everybody = Off("caller", 400, 500, "paused")
    assert rooms(offs=(everybody,)).allowed("caller", "house") == [(201, 400), (500, 900)]
    alone = Off("house", 400, 500, "objected", everybody=False)
    found = rooms(offs=(alone,))
    assert found.allowed("caller", "house") == [(201, 400), (500, 900)]
    assert found.allowed("caller", "caller") == [(201, 900)]


def test_a_masquerade_leaves_the_name_with_the_telephone() -> None:
    rename = Seen(400, "Rename", {"channel": "Surrogate/" + CALLER, "newname": CALLER})
    events = leave(300, CALLER), enter(310, "Surrogate/" + CALLER), rename
    assert rooms(*events).allowed("caller", "caller") == [(201, 300), (400, 900)]
