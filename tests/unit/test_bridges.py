"""Who is in which bridge, as AMI tells it: one change after the other."""

from unit.calls import AGENT, BRIDGE, CALLER, STRANGER, ms

from ari_app.bridges import Bridges
from ari_app.core import facts as f
from ari_app.core.names import BridgeId
from ari_app.translation import BridgeChange

STAFF = frozenset({"PJSIP/2001"})
NOW = ms(9000)
AGENT_IN = f.Member(AGENT, "PJSIP/2001", staff=True, joined_at=ms(0))
CALLER_IN = f.Member(CALLER, "PJSIP/trunk", staff=False, joined_at=ms(1))


def change(at, channel, endpoint, count, *, entered=True, plain=True, bridge=BRIDGE):
    return BridgeChange(ms(at), bridge, plain, channel, endpoint, entered, count)


def seen(at, *members, plain=True, bridge=BRIDGE):
    return f.Bridged(at=ms(at), seen_at=NOW, bridge=bridge, plain=plain, members=members)


def conversation():
    """Return bridges in which the caller is with 2001, who entered first."""
    bridges = Bridges(STAFF)
    bridges.change(change(0, AGENT, "PJSIP/2001", 1), NOW)
    bridges.change(change(1, CALLER, "PJSIP/trunk", 2), NOW)
    return bridges


def test_each_newcomer_is_told_of_with_everybody_who_is_there():
    bridges = Bridges(STAFF)
    assert bridges.change(change(0, AGENT, "PJSIP/2001", 1), NOW) == seen(0, AGENT_IN)
    assert bridges.change(change(1, CALLER, "PJSIP/trunk", 2), NOW) == seen(1, AGENT_IN, CALLER_IN)


def test_staff_are_known_by_their_exact_name():
    bridges = Bridges(STAFF)
    for number, endpoint in enumerate(("PJSIP/2001-office", "PJSIP/20011", "pjsip/2001", "SIP/2001", "2001", "")):
        fact = bridges.change(change(number, STRANGER, endpoint, 1), NOW)
        assert [one.staff for one in fact.members] == [False]


def test_who_leaves_is_in_it_no_more():
    bridges = conversation()
    left = change(5, AGENT, "PJSIP/2001", 1, entered=False)
    assert bridges.change(left, NOW) == seen(5, CALLER_IN)
    empty = change(6, CALLER, "PJSIP/trunk", 0, entered=False)
    assert bridges.change(empty, NOW) == seen(6)


def test_who_leaves_twice_or_was_never_there_changes_nothing():
    bridges = conversation()
    for _ in range(2):
        left = change(5, STRANGER, "PJSIP/x", 2, entered=False)
        assert bridges.change(left, NOW) == seen(5, AGENT_IN, CALLER_IN)


def test_who_enters_twice_is_counted_once_with_the_later_instant():
    bridges = conversation()
    fact = bridges.change(change(7, CALLER, "PJSIP/trunk", 2), NOW)
    assert [(one.channel, one.joined_at) for one in fact.members] == [(AGENT, ms(0)), (CALLER, ms(7))]


def test_a_bridge_with_members_that_we_did_not_see_enter_is_no_plain_conversation():
    bridges = Bridges(STAFF)
    assert bridges.change(change(0, CALLER, "PJSIP/trunk", 2), NOW).plain is False


def test_a_bridge_of_another_kind_is_no_plain_conversation():
    assert Bridges(STAFF).change(change(0, CALLER, "PJSIP/trunk", 1, plain=False), NOW).plain is False


def test_bridges_are_kept_apart():
    bridges = conversation()
    other = BridgeId("bridge-2")
    assert bridges.change(change(5, STRANGER, "PJSIP/x", 1, bridge=other), NOW).members == (
        f.Member(STRANGER, "PJSIP/x", staff=False, joined_at=ms(5)),
    )
    assert len(bridges.change(change(6, AGENT, "PJSIP/2001", 2), NOW).members) == 2


def test_after_a_loss_nobody_is_known():
    bridges = conversation()
    bridges.forget()
    assert bridges.change(change(5, CALLER, "PJSIP/trunk", 2), NOW) == seen(
        5, f.Member(CALLER, "PJSIP/trunk", staff=False, joined_at=ms(5)), plain=False
    )
