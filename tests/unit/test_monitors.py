"""Whose MixMonitorStart it was, told by the order of asking on each channel."""

from unit.calls import AGENT, CALLER, P01, P02, RECORDING

from ari_app.monitors import Monitors

FIRST, SECOND, COLLEAGUES = (RECORDING, 1, P01), (RECORDING, 2, P01), (RECORDING, 1, P02)


def test_the_starts_of_a_channel_are_those_that_were_asked_for_there_in_their_order():
    monitors = Monitors()
    monitors.ask(CALLER, FIRST)
    monitors.ask(AGENT, COLLEAGUES)
    monitors.ask(CALLER, SECOND)
    assert (monitors.began(CALLER), monitors.latest(CALLER)) == (FIRST, FIRST)
    assert (monitors.began(CALLER), monitors.latest(CALLER)) == (SECOND, SECOND)
    assert (monitors.began(AGENT), monitors.latest(AGENT)) == (COLLEAGUES, COLLEAGUES)
    assert not monitors.stranger_on(CALLER)


def test_a_start_that_nobody_asked_for_is_a_strangers_and_leaves_ours_the_latest():
    monitors = Monitors()
    assert (monitors.began(CALLER), monitors.latest(CALLER)) == (None, None)
    assert (monitors.stranger_on(CALLER), monitors.stranger_on(AGENT)) == (True, False)
    monitors.ask(CALLER, FIRST)
    monitors.began(CALLER)
    assert (monitors.began(CALLER), monitors.latest(CALLER)) == (None, FIRST)


def test_one_that_came_to_nothing_is_not_waited_for():
    monitors = Monitors()
    monitors.ask(CALLER, FIRST)
    monitors.ask(CALLER, SECOND)
    monitors.over(CALLER, FIRST)
    monitors.over(CALLER, FIRST)
    monitors.over(AGENT, FIRST)
    assert monitors.began(CALLER) == SECOND
    assert monitors.began(CALLER) is None


def test_a_channel_that_is_gone_is_forgotten():
    monitors = Monitors()
    monitors.began(CALLER)
    monitors.ask(CALLER, FIRST)
    monitors.began(CALLER)
    monitors.ask(CALLER, SECOND)
    monitors.gone(CALLER)
    monitors.gone(AGENT)
    assert (monitors.latest(CALLER), monitors.stranger_on(CALLER), monitors.began(CALLER)) == (None, False, None)
