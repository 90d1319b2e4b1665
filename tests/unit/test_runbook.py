"""The runbook: each alert has its section; each command in it, and on every other page, is one that there is."""

import re
import shlex

import pytest
import yaml
from typer.main import get_command
from unit.pages import CHECKOUT, anchors, code, pages, tables

from ari_app import cli

RUNBOOK = (CHECKOUT / "docs" / "runbook.md").read_text(encoding="utf-8")
RULES = CHECKOUT / "deploy" / "prometheus" / "consentgate.rules.yaml"
OURS = sorted(
    {
        command.strip()
        for page in pages()
        for block in code(page.read_text(encoding="utf-8"), "sh")
        for command in re.findall(r"^(?:/\S+/)?(consentgate [a-z][^|;#>\n]*)", block, re.MULTILINE)
    }
)
COMMANDS = get_command(cli.app)


def alerts() -> list[str]:
    """The name of each alert that a hospital's Prometheus may raise."""
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return [rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule]


def test_each_alert_has_its_section_and_each_section_its_alert() -> None:
    named = alerts()
    assert len(named) >= 20
    assert set(re.findall(r"^## (Consentgate\w+)$", RUNBOOK, re.MULTILINE)) == set(named)
    sent = re.findall(r"runbook: docs/runbook\.md#(\S+)", RULES.read_text(encoding="utf-8"))
    assert len(sent) == len(named)
    assert set(sent) <= anchors(RUNBOOK)


def test_the_commands_were_found() -> None:
    assert len(OURS) >= 30
    assert {command.split()[1] for command in OURS} >= {"check", "verify", "spool", "notice", "reconcile", "quarantine"}


@pytest.mark.parametrize("command", OURS)
def test_each_command_is_one_that_there_is_with_options_that_it_has(command: str) -> None:
    words = shlex.split(command)[1:]
    known = COMMANDS
    while words and words[0] in getattr(known, "commands", {}):
        known = known.commands[words.pop(0)]  # type: ignore[attr-defined]  # a group of commands
    options = {name for parameter in known.params for name in (*parameter.opts, *parameter.secondary_opts)}
    assert known is not COMMANDS, command
    assert {word for word in words if word.startswith("--")} <= options, command
    if hasattr(known, "commands"):
        assert getattr(known, "invoke_without_command", False), f"{command}: of which one?"


def test_each_section_says_what_to_look_at_or_where_that_stands() -> None:
    sections = re.split(r"^#{1,2} (?=\S)", RUNBOOK, flags=re.MULTILINE)[1:]
    assert len(sections) >= 35
    for section in sections:
        heading, _, text = section.partition("\n")
        if heading in {"Runbook", "What people notice", "Alerts"}:
            continue
        assert code(text, "sh") or re.search(r"\]\(#", text) or "`consentgate " in text, heading


def test_a_table_of_the_runbook_ends_with_what_to_do() -> None:
    found = [heads for heads, *_ in tables(RUNBOOK)]
    assert len(found) >= 15
    assert {heads[-1] for heads in found} == {"do", "go to", "means"}
