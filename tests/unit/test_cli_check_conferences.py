"""`consentgate check` of conferences: what a menu of ConfBridge means by the keys of the lines and of the house."""

from pathlib import Path

import pytest
from unit.test_cli_check_keys import EXAMPLES, add, copy, found, only

from ari_app.errors import FINDING, GOOD


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a copy of the examples, in which a test then breaks one thing."""
    return copy(EXAMPLES, tmp_path / "asterisk")


@pytest.mark.parametrize(
    ("keys", "does"),
    [
        ("*9", "toggle_mute"),
        ("*", "leave_conference"),
        ("*91", "toggle_mute"),
        ("*9", "dialplan_exec(from-inside,999,1)"),
    ],
)
def test_a_menu_with_another_meaning(folder: Path, keys: str, does: str) -> None:
    (folder / "confbridge.conf").write_text(f"[ours]\ntype = menu\n{keys}={does}\n")
    (folder / "extensions.conf").write_text("[from-inside]\nexten => 999,1,Dial(PJSIP/999@trunk)\n")
    assert [(one.subject, one.verdict) for one in found(folder) if one.code == FINDING] == [
        ("confbridge.conf [ours]", f"{keys} is {does}: whoever presses *9 means that they object")
    ]


@pytest.mark.parametrize(
    ("keys", "does", "meant"),
    [
        ("*51", "toggle_mute", "*51 is consent-pause-payment"),
        ("*541", "toggle_mute", "*54 is consent-pause-child"),
        ("*56", "dialplan_exec(from-inside,999,1)", "*56 is consent-pause-capacity"),
    ],
)
def test_a_menu_in_which_the_houses_keys_are_others(folder: Path, keys: str, does: str, meant: str) -> None:
    add(folder, "confbridge.conf", f"\n[ours]\ntype = menu\n{keys}={does}\n")
    assert only(found(folder)) == (
        "confbridge.conf [ours]",
        f"{keys} is {does}, and in a conversation {meant}",
        GOOD,
        True,
    )


def test_a_key_that_stands_in_the_way_of_all_of_them_is_said_once(folder: Path) -> None:
    add(folder, "confbridge.conf", "\n[ours]\ntype = menu\n*5=toggle_mute\n")
    assert only(found(folder))[1].count("consent-") == 9


def test_keys_beside_it_and_a_prompt_that_waits_for_more(folder: Path) -> None:
    add(folder, "confbridge.conf", "\n* = playback_and_continue(menu)\n*1 = toggle_mute\n1 = toggle_mute\n")
    assert found(folder) == []
