"""What an administrator reads and copies agrees with the program."""

import re
from itertools import takewhile
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from chaos.points import BLOWS
from pydantic import BaseModel
from typer.main import get_command
from unit.config_world import SECRETS
from unit.pages import code

from ari_app import cli, config
from ari_app.adapters.ami import WANTED
from ari_app.config import InvalidConfigurationError, reference, schema
from ari_app.config.model import Config
from ari_app.core.policy import Mode
from ari_app.core.reasons import Cause, Reason
from ari_app.guard.asterisk import WANTED as GUARD_WANTED

CHECKOUT = Path(__file__).parents[2]
README = (CHECKOUT / "README.md").read_text(encoding="utf-8")
REFERENCE = CHECKOUT / "docs" / "configuration.md"
EXAMPLE = (CHECKOUT / "deploy" / "consentgate.yaml").read_text(encoding="utf-8")


NAMED = {"announcements": "NAME", "lines": "LINE", "retention": "CLASS"}


def settings(model: type[BaseModel], path: str = "") -> list[str]:
    """Every key that the file may have, as the reference calls it; a secret is written by its file's key alone."""
    found = []
    for name, field in model.model_fields.items():
        inner: list[Any] = [one for one in (field.annotation, *get_args(field.annotation)) if isinstance(one, type)]
        below = [one for one in inner if issubclass(one, BaseModel)]
        listed = isinstance(field.default, tuple)
        if below:
            named = f".{NAMED[name]}" if name in NAMED else "[]" if listed else ""
            found += settings(below[0], f"{path}{name}{named}.")
        elif f"{name}_file" not in model.model_fields:
            found.append(f"{path}{field.alias or name}")
    return found


@pytest.mark.parametrize("setting", settings(Config))
def test_every_setting_is_documented(setting: str) -> None:
    keys, _, _ = REFERENCE.read_text(encoding="utf-8").partition("<!-- end of keys -->")
    (row,) = re.findall(rf"^\| `{re.escape(setting)}` \|(.*)\|$", keys, re.MULTILINE)
    words, kind, default, _ = (cell.strip() for cell in row.split(" | "))
    assert len(words) >= 10, "what it is for"
    assert kind
    assert default
    assert re.search(rf"\b{setting.rpartition('.')[2]}:", EXAMPLE), "the example configuration"


def test_the_settings_were_found() -> None:
    known = {
        "asterisk.ari_url",
        "lines.LINE.max_hours",
        "parties.staff",
        "retention.CLASS.citation",
        "postgres.dsn_file",
    }
    assert known | {"guard.allowed_captures[].path", "emergency_numbers"} <= set(settings(Config))
    assert len(settings(Config)) == len(set(settings(Config))) >= 80


def test_the_reference_is_that_of_the_models() -> None:
    text = REFERENCE.read_text(encoding="utf-8")
    assert reference.page(text) == text, "python -m ari_app.config.reference docs/configuration.md"
    assert all(text.count(f"end of {name}") == 1 for name in ("keys", "secrets"))


def test_the_schema_for_editors_is_that_of_the_models() -> None:
    published = (CHECKOUT / "deploy" / "consentgate.schema.json").read_text(encoding="utf-8")
    assert published == schema.text(), "consentgate check --schema > deploy/consentgate.schema.json"
    assert EXAMPLE.startswith("# yaml-language-server: $schema=consentgate.schema.json\n")


def test_no_event_is_filtered_twice() -> None:
    """Both set their filters themselves; a second time in manager.conf would only cost time, for every event."""
    manager = (CHECKOUT / "deploy" / "asterisk" / "manager.conf").read_text(encoding="utf-8")
    assert not re.search(r"^eventfilter", manager, re.MULTILINE)
    assert all("name(" in one["MatchCriteria"] for one in (*WANTED, *GUARD_WANTED)), "no text is searched for nothing"


def test_the_database_knows_every_reason() -> None:
    migrations = sorted((CHECKOUT / "ari_app" / "migrations").glob("*.sql"))
    schema = "".join(one.read_text(encoding="utf-8") for one in migrations)
    listed = re.findall(r"INSERT INTO outcomes \(reason\) VALUES([^;]*);", schema)
    assert set(re.findall(r"'(\w+)'", "".join(listed))) == {str(reason) for reason in Reason}


def test_the_smallest_configuration_is_right_and_no_key_of_it_can_be_left_out(tmp_path: Path) -> None:
    (text,) = code(README, "yaml")
    named = {"ARI_PASSWORD": "ari.password", "AMI_PASSWORD": "ami.password", "NUMBERS_KEY": "numbers.key"}
    named |= {"POSTGRES_DSN": "postgres.dsn"}
    credentials = {f"CONSENTGATE_{name}": SECRETS[file].strip() for name, file in named.items()}
    file = tmp_path / "consentgate.yaml"
    file.write_text(text)
    loaded = config.load(file, credentials)
    (line,) = loaded.lines.values()
    assert line.mode is Mode.ANNOUNCE_OPT_OUT
    for section in yaml.safe_load(text).keys() - {"parties", "emergency_numbers"}:
        file.write_text(yaml.safe_dump({key: one for key, one in yaml.safe_load(text).items() if key != section}))
        with pytest.raises(InvalidConfigurationError, match=section):
            config.load(file, credentials)


def test_every_command_stands_in_the_readme() -> None:
    table = README.partition("## Commands")[2].partition("\n## ")[0]
    named = set(re.findall(r"`(?:consentgate )?([a-z-]+)", table))
    assert {str(name) for name in get_command(cli.app).commands} <= named  # type: ignore[attr-defined]  # it is a group


def failures() -> list[list[str]]:
    """The rows of the table of failures, cell by cell."""
    table = README.partition("## What is guaranteed under which failure")[2].partition("\n## ")[0]
    rows = [line.strip("|").split(" | ") for line in table.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


@pytest.mark.parametrize("row", failures(), ids=lambda row: row[0][:40])
def test_what_is_guaranteed_under_a_failure_is_shown_by_a_test_that_exists(row: list[str]) -> None:
    names = re.findall(r"`([^`]+)`", row[-1])
    assert names
    for name in names:
        path, _, function = name.partition("::")
        if function:
            text = (CHECKOUT / path).read_text(encoding="utf-8")
            assert re.search(rf"^def {function}\(", text, re.MULTILINE), name
        else:
            assert name in {one.name for one in BLOWS}, name


def test_every_victim_of_the_chaos_stands_in_the_table_of_failures() -> None:
    shown = " ".join(row[-1] for row in failures())
    assert len(failures()) >= 15
    assert {one.victim for one in BLOWS if f"`{one.victim}: " in shown} == {one.victim for one in BLOWS}


EXAMPLES = CHECKOUT / "dialplan" / "examples"
KEYS = {
    *re.findall(r"^consent-\S+ => (\*\d+),", (EXAMPLES / "features.conf").read_text(encoding="utf-8"), re.MULTILINE),
    *re.findall(r"^exten => (\*5\d),", (EXAMPLES / "extensions.conf").read_text(encoding="utf-8"), re.MULTILINE),
}


@pytest.mark.parametrize("file", ["deploy/ward-page.md", "dialplan/README.md", "docs/choices.md"])
def test_the_keys_that_people_are_told_are_those_of_the_examples(file: str) -> None:
    text = (CHECKOUT / file).read_text(encoding="utf-8")
    named = set(re.findall(r"`(\*(?:9|5\d))`", text))
    # "`*51` to `*53`" names what lies between.
    assert KEYS - {"*52"} <= named <= KEYS, file
    assert len(KEYS) == 11


def test_a_conference_has_the_keys_of_a_conversation() -> None:
    """Each does there what it does here; `*57` is dialled before a call."""
    features = (EXAMPLES / "features.conf").read_text(encoding="utf-8")
    conversation = dict(re.findall(r'^consent-\S+ => (\*\d+),self,Gosub,"([^"]+)"', features, re.MULTILINE))
    menu = (CHECKOUT / "dialplan" / "consentgate-confbridge.conf").read_text(encoding="utf-8")
    names = dict(re.findall(r"^(\*\d+) = dialplan_exec\(consentgate-conference,([a-z-]+),1\)$", menu, re.MULTILINE))
    lines = (CHECKOUT / "dialplan" / "consentgate-features.conf").read_text(encoding="utf-8")
    context = lines.partition("\n[consentgate-conference]\n")[2].partition("\n\n\n")[0]
    does = dict(re.findall(r"exten => ([a-z-]+),1,Gosub\((consentgate-features.*)\)\n", context)) | dict(
        re.findall(
            r"exten => ([a-z-]+),1,Gosub\(consentgate-house,s,1\)\n"
            r" same => n,ExecIf\(\$\{GOSUB_RETVAL\}\?Gosub\((.*)\)\)\n",
            context,
        )
    )
    assert {keys: does[name] for keys, name in names.items()} == conversation
    assert KEYS - set(names) == {"*57"}
    assert set(does) == set(names.values())
    # Of those from outside the objection alone is nobody's to refuse.
    assert context.count("Gosub(consentgate-house,s,1)") == len(names) - 1


def test_the_menu_of_causes_has_the_keys_that_pause_at_once() -> None:
    script = (CHECKOUT / "agi_scripts" / "cause_menu.py").read_text(encoding="utf-8")
    menu = dict(re.findall(r'"(\d)": "(\w+)"', script))
    features = (EXAMPLES / "features.conf").read_text(encoding="utf-8")
    at_once = dict(re.findall(r"=> \*5(\d),self,Gosub,.*,pause,1\((\w+)\)", features))
    assert menu == at_once | {"7": "private"}
    assert set(menu.values()) == set(Cause)


@pytest.mark.parametrize(
    ("page", "rows"), [("off", ["*59", "*55", "*57"]), ("pause", ["*51", "*52", "*53", "*54", "*56"]), ("on", ["*50"])]
)
def test_the_ward_is_told_the_tones_that_are_played(page: str, rows: list[str]) -> None:
    """Each key's row names the tone that its extension plays, and the tone is what its name says."""
    features = (CHECKOUT / "dialplan" / "consentgate-features.conf").read_text(encoding="utf-8")
    (played,) = re.findall(rf"^exten => {page},1,PlayTones\((.*)\)$", features, re.MULTILINE)
    hertz = [int(one) for one in re.findall(r"!(\d+)/", played) if one != "0"]
    words = {"off": "two falling tones", "pause": "one low tone", "on": "two rising tones"}[page]
    assert (
        words == {(800, 500): "two falling tones", (500,): "one low tone", (500, 800): "two rising tones"}[tuple(hertz)]
    )
    ward = (CHECKOUT / "deploy" / "ward-page.md").read_text(encoding="utf-8")
    for row in rows:
        assert re.search(rf"^\| `{re.escape(row)}` \|.*\| {words} \|$", ward, re.MULTILINE), row


DIALPLAN = [*sorted((CHECKOUT / "dialplan").glob("*.conf")), EXAMPLES / "extensions.conf"]


@pytest.mark.parametrize("file", DIALPLAN, ids=lambda file: str(file.name))
def test_each_context_of_the_dialplan_says_who_arrives_there(file: Path) -> None:
    lines = file.read_text(encoding="utf-8").splitlines()
    contexts = [number for number, line in enumerate(lines) if line.startswith("[")]
    assert contexts
    for number in contexts:
        before = lines[:number]
        # The whole comment above it, of however many lines.
        while before and before[-1].startswith(";") and not before[-1].startswith("; Who arrives here: "):
            before.pop()
        assert before, lines[number]
        assert before[-1].startswith("; Who arrives here: "), lines[number]


def test_the_dialplan_enters_stasis_in_two_places_and_nothing_there_can_end_a_call() -> None:
    """A called leg has no dialplan of its own: a timeout or a Return() after Stasis would cost it the call."""
    text = (CHECKOUT / "dialplan" / "consentgate.conf").read_text(encoding="utf-8")
    code = [line for line in text.splitlines() if line and not line.startswith(";")]
    assert [line.partition("Stasis(")[2] for line in code if "Stasis(" in line] == [
        "consentgate,${how},${line})",
        "consentgate,party,${line})",
    ]
    context = text.partition("\n[consentgate-party]\n")[2].partition("\n\n\n")[0]
    party = [line for line in context.splitlines() if not line.startswith(";")]
    (stasis,) = [number for number, line in enumerate(party) if "Stasis(" in line]
    after = list(takewhile(lambda line: not line.startswith("exten"), party[stasis + 1 :]))
    # A called leg that was in Stasis comes back to the first of these lines, with a status that is not this one.
    assert after == [
        ' same => n,GotoIf($["${STASISSTATUS}" = "FAILED"]?later,1)',
        " same => n(back),Set(CONSENTGATE_HERE=)",
    ]
    assert party[stasis - 1] == " same => n,Set(STASISSTATUS=)"
    assert not [line for line in party if re.search(r"TIMEOUT\(|Hangup|exten => [hiTte],", line)]


@pytest.mark.parametrize("file", [EXAMPLES / "extensions.conf", CHECKOUT / "deploy" / "asterisk" / "extensions.conf"])
def test_every_dial_to_copy_from_tells_whom_it_calls_and_emergency_numbers_have_nothing_of_ours(file: Path) -> None:
    untouched = {"999", "112", "2222", "01632960199"}
    extension, dialled, plain = "", 0, set()
    for line in file.read_text(encoding="utf-8").splitlines():
        if found := re.match(r"exten => ([^,]+),", line):
            extension = found[1]
        if extension in untouched - {"01632960199"}:
            assert "consentgate" not in line or line.startswith(";"), line
        if found := re.search(r"Dial\((.*)\)$", line):
            options = found[1].rpartition(",")[2]
            if extension in untouched:
                plain.add(extension)
                continue
            dialled += 1
            assert "U(consentgate-party^" in options, line
            # Who waits while somebody outside is being told would hear nothing at all.
            assert "@trunk" not in found[1] or re.match(r"[a-zA-Z]*[mr]", options), line
    assert dialled >= 4
    assert plain >= {"999", "112", "2222"}
