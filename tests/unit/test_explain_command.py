"""`consentgate explain`: what it says of a site's calls; and it touches nothing to say it."""

import hashlib
import json
import os
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from unit.calls import ms
from unit.config_world import speech, write, write_wav

from ari_app import announcements, config, policy
from ari_app.commands import explain
from ari_app.commands.explain import Question, QuestionError
from ari_app.core.policy import to_json
from ari_app.errors import GOOD, USAGE
from ari_app.layout import Layout
from ari_app.rehearsal import Fault

CHANGES: list[tuple[str, object]] = [
    ("announcements.neutral", {"file": "neutral.wav", "language": "en", "text": "This call is recorded."}),
    ("announcements.advice-cy", {"file": "advice-cy.wav", "language": "cy", "text": "Gellir recordio'r alwad hon."}),
    ("lines.advice-line.outgoing_announcements", ["neutral"]),
    ("lines.advice-line.announcements", ["advice-cy", "advice-en"]),
    ("lines.quiet-line", {"mode": "announce", "announcements": ["advice-en"]}),
    (
        "lines.yes-line",
        {
            "mode": "opt_in", "announcements": ["advice-en"], "consent_key": "1", "opt_out_key": "9",
            "confirmation": ["advice-en"],
        },
    ),
    ("emergency_numbers", ["999"]),
]  # fmt: skip


@pytest.fixture
def site(tmp_path: Path) -> Path:
    for name, seconds in (("advice-en", 2), ("advice-cy", 3), ("neutral", 1)):
        write_wav(tmp_path / f"{name}.wav", speech(seconds * 1000, 600, seed=seconds))
    return write(tmp_path, ("spool.path", str(tmp_path / "spool")), *CHANGES)


@pytest.fixture
def ask(site: Path) -> Callable[..., dict[str, Any]]:
    settings = config.load(site, {})
    compiled = policy.compile(settings, announcements.prepare(settings, Layout(site.parent / "copies")))

    def asked(caller: str, to: str, transfer_to: str | None = None) -> dict[str, Any]:
        return explain.answer(settings, compiled, Question(caller, to, transfer_to, ms(0)))

    return asked


class TestAnswer:
    def test_a_caller_hears_every_language_and_is_recorded_when_connected(self, ask: Callable[..., Any]) -> None:
        said = ask("07700900123", "01632960111")
        assert (said["line"], said["direction"], said["answered_by"]) == ("advice-line", "incoming", "PJSIP/2001")
        assert [(one["announcement"], one["language"]) for one in said["told"]["hears"]] == [
            ("advice-cy", "cy"),
            ("advice-en", "en"),
        ]
        assert said["told"]["told_after_seconds"] == pytest.approx(3.6 + 2.6, abs=0.1)
        waiting, talking = said["scenes"]
        assert not any(one["recorded"] for one in waiting["present"])
        assert {(one["who"], one["counts_as"], one["recorded"]) for one in talking["present"]} == {
            ("07700900123", "outside, told", True),
            ("PJSIP/2001", "staff, told by contract", True),
        }

    def test_where_it_is_kept_and_how_long(self, ask: Callable[..., Any]) -> None:
        said = ask("07700900123", "advice-line")
        assert said["retention"]["citation"] == "Records Code"
        assert said["retention"]["keep"] == "8 years"
        assert said["storage"]["folder"] == "calls/2027/01/15/<recording>"
        assert said["storage"]["bucket"] == "recordings"
        assert said["storage"]["locked_until"].startswith("2035-01-15")

    def test_what_each_failure_costs(self, ask: Callable[..., Any]) -> None:
        found = {one["failure"]: one for one in ask("07700900123", "advice-line")["failures"]}
        assert {fault.value for fault in Fault} <= set(found)
        assert found["the gate is dead"]["call"] == "goes on; a script says advice-cy, advice-en"
        assert found["the gate is dead"]["recorded"].startswith("no: without a guard")
        assert found["S3 is away"]["recorded"].startswith("yes")
        assert found["somebody comes in who was not told"]["recorded"] == "up to then, and again when that is over"
        assert found["the journal cannot be written"]["reason"] == "journal_unwritable"
        assert found["the announcement is missing or cannot be understood"]["reason"] == "announcement_unusable"
        assert all("goes on" in one["call"] for one in found.values()), "no failure costs anybody the call"

    def test_a_line_that_asks_for_a_yes(self, ask: Callable[..., Any]) -> None:
        said = ask("07700900123", "yes-line")
        choices = {one["means"]: (one["outcome"], one["reason"]) for one in said["choices"]}
        assert choices == {
            "silence": ("declined", "not_consented"),
            "yes": ("recording", None),
            "no": ("declined", "objected"),
        }
        assert said["recorded"]
        assert next(one for one in said["failures"] if one["failure"] == "the gate is dead")["recorded"] == "no"

    def test_who_is_called_hears_the_line_s_own_words(self, ask: Callable[..., Any]) -> None:
        said = ask("PJSIP/2002", "advice-line")
        assert (said["direction"], said["answered_by"]) == ("outgoing", "PJSIP/2002")
        assert [one["announcement"] for one in said["told"]["hears"]] == ["neutral"]
        assert ask("PJSIP/2002", "quiet-line")["told"]["reason"] == "outgoing_announcement_missing"

    @pytest.mark.parametrize(
        ("target", "counts_as", "recorded", "hears"),
        [
            ("PJSIP/2002", "staff, told by contract", True, None),
            ("07700900456", "outside, told", True, ["neutral"]),
            ("PJSIP/mobile", "outside, told", True, ["neutral"]),
            ("999", "outside, not told", False, None),
            ("quiet-line", "staff, told by contract", True, None),
        ],
    )
    def test_a_transfer(
        self, ask: Callable[..., Any], target: str, counts_as: str, recorded: bool, hears: list[str] | None
    ) -> None:
        said = ask("07700900123", "advice-line", target)
        last = said["scenes"][-1]
        assert {one["counts_as"] for one in last["present"]} == {"outside, told", counts_as}
        assert all(one["recorded"] is recorded for one in last["present"])
        assert last["reason"] == (None if recorded else "not_told")
        heard = said["transferred_to_hears"]
        assert (heard and [one["announcement"] for one in heard["hears"]]) == hears

    def test_what_is_never_touched(self, ask: Callable[..., Any]) -> None:
        said = ask("PJSIP/2001", "999")
        assert (said["recorded"], said["verdict"]) == (False, explain.UNTOUCHED)
        assert ask("PJSIP/2001", "PJSIP/2002")["verdict"] == explain.COLLEAGUES
        said = ask("07700900123", "crisis-line")
        assert (said["recorded"], said["failures"], said["told"]["reason"]) == (False, [], "line_never")

    @pytest.mark.parametrize(
        ("caller", "to", "hint"),
        [("07700900123", "advise-line", "did you mean advice-line?"), ("07700900123", "07700900456", "Name a line"),
         ("???", "advice-line", "a number, an endpoint")],
    )  # fmt: skip
    def test_what_is_no_call(self, ask: Callable[..., Any], caller: str, to: str, hint: str) -> None:
        with pytest.raises(QuestionError) as caught:
            ask(caller, to)
        assert hint.casefold() in str(caught.value).casefold()
        assert caught.value.exit_code == USAGE


class TestCommand:
    def test_it_touches_nothing_and_opens_no_connection(
        self, site: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: object, **__: object) -> None:
            raise AssertionError("a connection")

        monkeypatch.setattr(socket.socket, "connect", refuse)
        before = _everything(site.parent)
        assert explain.run(site, caller="07700900123", to="advice-line", transfer_to="07700900456") == GOOD
        assert _everything(site.parent) == before
        shown = capsys.readouterr().out
        for text in (
            "RECORDED (announce, conversation)", "advice-cy (cy), speech ends at", "counts as told",
            "PJSIP/2001 (staff, told by contract)", "WHAT A FAILURE COSTS", "retention: health_record, 8 years",
            "s3://recordings/calls/", "No gate has worked with this spool yet.",
        ):  # fmt: skip
            assert text in " ".join(shown.split()) or text in shown
        assert max(map(len, shown.splitlines())) <= 130

    @pytest.mark.parametrize("to", ["advice-line", "crisis-line", "999", "yes-line", "quiet-line"])
    @pytest.mark.parametrize("caller", ["07700900123", "PJSIP/2001"])
    def test_every_answer_has_a_page(
        self, site: Path, capsys: pytest.CaptureFixture[str], caller: str, to: str
    ) -> None:
        assert explain.run(site, caller=caller, to=to) == GOOD
        assert to in capsys.readouterr().out

    def test_json_is_one_line(self, site: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert explain.run(site, caller="07700900123", to="advice-line", as_json=True) == GOOD
        (only,) = capsys.readouterr().out.splitlines()
        assert json.loads(only)["line"] == "advice-line"

    def test_it_says_whether_the_gate_works_by_these_rules(
        self, site: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        settings = config.load(site, {})
        layout = Layout(settings.spool.path)
        compiled = policy.compile(settings, announcements.prepare(settings, layout))
        policy.write(compiled, layout)
        ask: dict[str, Any] = {"caller": "07700900123", "to": "advice-line"}
        explain.run(site, **ask)
        assert f"The gate works by them (policy {compiled.sha256[:16]})" in capsys.readouterr().out
        other = replace(compiled, staff=frozenset())
        policy.write(replace(other, sha256=hashlib.sha256(to_json(other)).hexdigest()), layout)
        explain.run(site, **ask)
        assert "THE GATE WORKS BY OTHERS" in capsys.readouterr().out
        layout.policy.write_text("{")
        explain.run(site, **ask)
        assert "cannot be seen" in capsys.readouterr().out


def _everything(folder: Path) -> dict[str, tuple[int, int]]:
    found = {}
    for base, _, files in os.walk(folder):
        for name in [*files, "."]:
            stat = (Path(base) / name).stat()
            found[f"{base}/{name}"] = (stat.st_mtime_ns, stat.st_size)
    return found
