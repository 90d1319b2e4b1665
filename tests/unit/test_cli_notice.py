"""`consentgate notice`: the notice of the example configuration, word for word, and what is said of a wrong wording.

The expected texts are files, so that a change of what the public reads is seen as what it is.
"""

import json
import re
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path

import pytest
import yaml
from unit.config_world import SECRETS, write
from unit.pages import CHECKOUT
from unit.test_sheet import Checked

from ari_app import config
from ari_app.commands import notice, retention_page
from ari_app.commands.notice_page import page
from ari_app.commands.page_style import STYLE
from ari_app.core.notice import compose
from ari_app.core.notice_words import ENGLISH
from ari_app.core.policy import Mode
from ari_app.errors import ConfigurationError, ConsentgateError

GOLDEN = Path(__file__).parent / "golden"
WORDING = CHECKOUT / "docs" / "deployers-pack" / "notice-wording.yaml"
FILLED = {
    "legal_basis": "Article 6(1)(e).",
    "recipients": "The ward.",
    "contact": "Write to us.",
    "without_key": "Say so.",
}


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """The example configuration, in a folder with its secrets."""
    text = (CHECKOUT / "deploy" / "consentgate.yaml").read_text(encoding="utf-8")
    (tmp_path / "secrets").mkdir()
    for name in set(re.findall(r"^ +\w+_file: secrets/(\S+)", text, re.MULTILINE)):
        (tmp_path / "secrets" / name).write_text(SECRETS[name])
    file = tmp_path / "consentgate.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def in_words(folder: Path, **changes: object) -> Path:
    file = folder / "wording.yaml"
    file.write_text(yaml.safe_dump(asdict(ENGLISH) | changes, allow_unicode=True), encoding="utf-8")
    return file


def test_the_notice_of_the_example(example: Path) -> None:
    made = compose(notice.facts(config.load(example, {}), "2026-11-29"), ENGLISH)
    assert notice.text(made).splitlines() == (GOLDEN / "notice.txt").read_text(encoding="utf-8").splitlines()
    written = (GOLDEN / "notice.html").read_text(encoding="utf-8").replace("{STYLE}", STYLE)
    assert page(made).splitlines() == written.splitlines()
    assert max(len(line) for line in notice.text(made).splitlines()) <= notice.WIDE


def test_everything_that_the_public_shall_know_is_in_the_notice(example: Path) -> None:
    settings = config.load(example, {})
    text = " ".join(notice.text(compose(notice.facts(settings, "2026-11-29"), ENGLISH)).split())
    for name, line in settings.lines.items():
        told = {name, *line.numbers, *(line.purposes if line.mode is not Mode.NEVER else ()), line.reason or ""}
        if line.retention:
            told |= {str(settings.retention[line.retention].keep), settings.retention[line.retention].citation}
        told |= {" ".join(settings.announcements[one].text.split()) for one in line.announcements}
        assert [one for one in told if one not in text] == []
    assert [one for one in (settings.site.name, *settings.emergency_numbers) if one not in text] == []
    assert [secret for secret in SECRETS.values() if secret.strip() in text] == []


def test_the_page_runs_nothing_loads_nothing_and_is_in_its_languages(example: Path) -> None:
    facts = notice.facts(config.load(example, {}), "2026-11-29")
    made = compose(replace(facts, site="St <b>Elsewhere</b>"), replace(ENGLISH, language="en-GB"))
    text = page(made)
    assert Checked(text).links == []
    assert "<b>" not in text
    assert '<html lang="en-GB">' in text
    assert '<blockquote lang="cy">' in text
    assert text.count("<mark>") == len(made.blanks) == 3


def test_the_retention_page_of_the_example(example: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = retention_page.page(config.load(example, {}), date(2026, 11, 29))
    assert made.splitlines() == (GOLDEN / "retention.txt").read_text(encoding="utf-8").splitlines()
    assert notice.run(example, retention=True) == 0
    assert capsys.readouterr().out.startswith("# Records retention: telephone recordings of St Elsewhere Hospital\n")


def test_the_retention_page_names_what_is_due_and_what_is_not_decided(tmp_path: Path) -> None:
    settings = config.load(write(tmp_path, ("lines.advice-line.retention", None), ("s3.legal_hold", True)), {})
    made = retention_page.page(settings, date(2027, 11, 2))
    assert "| Records Code | 2026-11-01 **[DUE: read it again, 366 days old]** | no line |" in made
    assert "| advice-line | **[TO DECIDE: no class]** | at once | from the objection on |" in made
    assert (
        "locked (governance, where the bucket can) for its line's class, from the call's end; and a legal hold" in made
    )
    assert "[DUE" not in retention_page.page(settings, date(2027, 11, 1))


def test_the_retention_page_of_a_site_that_locks_and_decides_nothing(tmp_path: Path) -> None:
    changes = ("lines.advice-line.retention", None), ("retention", None), ("s3.object_lock", "none")
    made = retention_page.page(config.load(write(tmp_path, *changes), {}), date(2026, 11, 29))
    assert "**[TO DECIDE: there is no class in the configuration" in made
    assert "| not locked | not by the program" in made


def test_a_bar_in_a_citation_stays_in_its_cell(tmp_path: Path) -> None:
    settings = config.load(write(tmp_path, ("retention.health_record.citation", "Code | II")), {})
    (row,) = re.findall(r"^\| health_record \|.*$", retention_page.page(settings, date(2026, 11, 29)), re.MULTILINE)
    assert "Code \\| II" in row


def test_it_ends_with_1_while_there_is_a_blank_and_with_0_when_all_is_written(
    example: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert notice.run(example) == 1
    said = capsys.readouterr()
    assert said.out.startswith("Recording of telephone calls at St Elsewhere Hospital\n")
    assert said.err.count("not ready: to be filled in: ") == 3
    assert notice.run(example, wording_file=in_words(tmp_path, **FILLED)) == 0
    said = capsys.readouterr()
    assert "Article 6(1)(e)." in said.out
    assert said.err == ""


def test_a_page_goes_into_its_file_and_json_is_one_line(
    example: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "notice.html"
    assert notice.run(example, html=file) == 1
    assert file.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert capsys.readouterr().out == ""
    assert notice.run(example, as_json=True) == 1
    (line,) = capsys.readouterr().out.splitlines()
    told = json.loads(line)
    assert told["language"] == "en"
    assert len(told["blanks"]) == 3
    advice, crisis = told["facts"]["lines"]
    assert (advice["opt_out_key"], advice["kept"]["count"], advice["kept"]["unit"]) == ("9", 8, "year")
    assert [one["language"] for one in advice["spoken"]] == ["cy", "en"]
    assert (crisis["mode"], crisis["reason"]) == ("never", "anonymous support line")
    with pytest.raises(ConsentgateError, match="cannot be written"):
        notice.run(example, html=tmp_path / "nowhere" / "notice.html")


def test_a_wording_in_another_language_is_the_notice_s(
    example: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = in_words(tmp_path, language="cy", heard="Clywch:", **FILLED)
    assert notice.run(example, language="cy", wording_file=file) == 0
    said = capsys.readouterr().out
    assert "Clywch:\n    “Croeso" in said, "its own language needs no mark"
    assert "(en) “Welcome" in said
    with pytest.raises(ConsentgateError, match="the wording is in cy, not in de"):
        notice.run(example, language="de", wording_file=file)


def test_a_language_without_a_wording_is_refused_and_a_site_s_own_is_english(tmp_path: Path) -> None:
    file = write(tmp_path, ("site.default_language", "cy"))
    with pytest.raises(ConfigurationError, match=r"no wording in cy here.*only in en\. Have docs/deployers-pack"):
        notice.run(file, language="cy")
    assert notice.run(file) == 1


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("title: [", "is not YAML"),
        ("- title", "is not a list of sentences by their names"),
        ("1: title", "is not a list of sentences by their names"),
        ("title: no braces\nlanguage: no\n", "title has not {site}"),
        (b"\xff", "is not YAML"),
    ],
)
def test_a_wrong_wording_is_refused_with_all_that_is_wrong(tmp_path: Path, text: str | bytes, problem: str) -> None:
    file = tmp_path / "wording.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigurationError, match=re.escape(problem)) as caught:
        notice.wording(file)
    assert str(file) in str(caught.value)
    assert notice.TO_COPY in str(caught.value)


def test_a_wording_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file"):
        notice.wording(tmp_path / "nothing.yaml")


def test_the_wording_to_copy_is_the_one_that_is_used_without_it() -> None:
    assert notice.wording(WORDING) == ENGLISH
    assert (CHECKOUT / notice.TO_COPY).samefile(WORDING)
