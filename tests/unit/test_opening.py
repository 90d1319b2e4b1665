"""A recording's first entry says whose call it is, under which rules, and holds no number that can be read."""

import pytest
from unit.calls import CALLER, line, ms
from unit.switchboard import NUMBERS, RULES

from ari_app.core.names import RunId, recording_id
from ari_app.opening import Identity, Opening


@pytest.fixture
def opening():
    return Opening(RULES, Identity(RunId("run"), "pbx1", "consentgate 0"), NUMBERS)


def test_the_entry_names_run_node_rules_and_programs(opening):
    opening.asterisk = "22.10.1"
    entry = opening(ms(5), CALLER, "incoming", line(), "advice-line", "01632960001")
    assert (entry.at, entry.channel, entry.direction) == (ms(5), CALLER, "incoming")
    assert (entry.run, entry.node, entry.software, entry.asterisk) == ("run", "pbx1", "consentgate 0", "22.10.1")
    assert (entry.line, entry.mode, entry.capture) == ("advice-line", "announce", "conversation")
    assert entry.policy_sha256 == RULES.sha256


def test_every_call_has_an_id_of_its_own_that_sorts_by_time(opening):
    ids = [opening(ms(at), CALLER, "incoming", None, "", "").recording for at in (5, 6)]
    assert ids == sorted(ids)
    assert [recording_id(one) for one in ids] == ids
    assert opening(ms(5), CALLER, "incoming", None, "", "").recording != ids[0]


def test_a_number_is_encrypted_and_hashed(opening):
    entry = opening(ms(5), CALLER, "incoming", None, "", "01632960001")
    assert NUMBERS.decrypt(entry.number) == "01632960001"
    assert entry.number_hash == NUMBERS.hash("01632960001")


def test_no_number_is_none_and_one_without_end_is_cut(opening):
    entry = opening(ms(5), CALLER, "incoming", None, "", "")
    assert (entry.number, entry.number_hash) == (None, None)
    assert NUMBERS.decrypt(opening(ms(5), CALLER, "incoming", None, "", "1" * 900).number) == "1" * 64


def test_a_line_that_nobody_knows_is_called_what_it_was_called_up_to_forty_characters(opening):
    entry = opening(ms(5), CALLER, "join", None, "x" * 900, "")
    assert (entry.line, entry.mode, entry.capture) == ("x" * 40, "", "")
