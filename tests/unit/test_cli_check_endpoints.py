"""`consentgate check`: staff and trunks are compared with whom Asterisk knows, running or in its files."""

import json
from pathlib import Path

import pytest
from unit import fake_asterisk
from unit.config_world import speech, write, write_wav
from unit.fake_asterisk import Faults

from ari_app import config
from ari_app.commands import check, check_endpoints
from ari_app.commands.check_endpoints import Known
from ari_app.commands.finding import Finding
from ari_app.errors import CONFIGURATION, GOOD

HOUSE = """
[2001]
type = endpoint
[2001]
type = auth
[phone](!)
type = endpoint
[2002](phone)
"""
TRUNK = "[trunk]\ntype=endpoint\n[trunk-identify]\ntype=identify\nendpoint=trunk\nmatch=203.0.113.1\n"


def looked(folder: Path, known: Known | None, files: Known | None, *changes: tuple[str, object]) -> list[Finding]:
    file = write(folder, *changes)
    return list(check_endpoints.look(file, config.load(file, {}), known, files))


def files(folder: Path, text: str, **others: str) -> Known | None:
    (folder / "pjsip.conf").write_text(text)
    for name, content in others.items():
        (folder / f"{name}.conf").write_text(content)
    return check_endpoints.in_files(folder)


def running(folder: Path, faults: Faults) -> Known | None:
    with fake_asterisk.ari(faults) as port:
        file = write(folder, ("asterisk.ari_url", f"http://127.0.0.1:{port}/ari"))
        return check_endpoints.running(config.load(file, {}).asterisk)


def test_whom_asterisk_knows_is_good(tmp_path: Path) -> None:
    for known, there in ((Known("this Asterisk", frozenset({"PJSIP/2001", "PJSIP/2002", "PJSIP/trunk"})), None),
                         (None, files(tmp_path, HOUSE + TRUNK))):  # fmt: skip
        (only,) = looked(tmp_path, known, there)
        assert (only.code, only.verdict.partition(",")[0]) == (GOOD, "2 staff and 1 trunks")


def test_a_staff_entry_that_matches_no_endpoint_has_its_line_and_the_nearest_name(tmp_path: Path) -> None:
    known = Known("this Asterisk", frozenset({"PJSIP/2001", "PJSIP/2020", "PJSIP/trunk"}))
    (only,) = looked(tmp_path, known, None)
    line = [number for number, text in enumerate((tmp_path / "consentgate.yaml").read_text().splitlines(), 1)
            if "PJSIP/2002" in text]  # fmt: skip
    assert only.subject == f"{tmp_path}/consentgate.yaml:{line[0]}: parties.staff[1] PJSIP/2002"
    assert only.code == CONFIGURATION
    assert "is no endpoint of this Asterisk: whoever uses it is not taken for staff" in only.verdict
    assert only.hint.startswith("did you mean PJSIP/20")


def test_a_trunk_that_is_none_and_a_technology_that_has_none(tmp_path: Path) -> None:
    known = Known("this Asterisk", frozenset({"PJSIP/2001"}))
    changes = [("parties.staff", ["PJSIP/2001", "DAHDI/1"]), ("parties.trunks", ["IAX2/provider"])]
    (only,) = looked(tmp_path, known, None, *changes)
    assert "parties.trunks[0] IAX2/provider" in only.subject
    assert only.hint.startswith("there is no endpoint of IAX2 at all")


@pytest.mark.parametrize(
    ("text", "wizard", "why"),
    [
        ("[2002-reg]\ntype=registration\nendpoint=2002\n", "", "it registers at a provider"),
        ("[2002]\ntype=registration\n", "", "it registers at a provider"),
        ("[2002]\ntype=endpoint\noutbound_auth=2002-auth\n", "", "it logs in at the other side"),
        ("", "[2002]\ntype=wizard\nsends_registrations=yes\n", "it registers at a provider"),
    ],
)
def test_a_staff_entry_that_is_a_trunk(tmp_path: Path, text: str, wizard: str, why: str) -> None:
    there = files(tmp_path, HOUSE + TRUNK + text, pjsip_wizard=wizard)
    (only,) = looked(tmp_path, None, there)
    assert (only.code, "parties.staff[1] PJSIP/2002" in only.subject) == (CONFIGURATION, True)
    assert f"is a trunk ({why}): everybody outside would pass for told" in only.verdict


def test_a_phone_that_needs_no_password_is_a_warning(tmp_path: Path) -> None:
    there = files(tmp_path, HOUSE + TRUNK + "[door]\ntype=identify\nendpoint=2001\nmatch=10.0.0.9\n")
    first, _ = looked(tmp_path, None, there)
    assert (first.code, first.warning, "passes for staff" in first.verdict) == (GOOD, True, True)


@pytest.mark.parametrize("others", [{"sorcery": "[res_pjsip]\nendpoint=realtime,ps_endpoints\n"}, {}])
def test_what_files_cannot_know_is_no_error(tmp_path: Path, others: dict[str, str]) -> None:
    text = TRUNK + ("" if others else "#exec /usr/local/bin/phones\n")
    found = looked(tmp_path, None, files(tmp_path, text, **others))
    assert [one.code for one in found if one.subject != "parties"] == [GOOD, GOOD]
    assert all("without --offline" in one.hint for one in found if one.warning)


def test_without_asterisk_and_its_files_nothing_is_said(tmp_path: Path) -> None:
    assert check_endpoints.in_files(tmp_path) is None
    assert looked(tmp_path, None, None) == []


@pytest.mark.parametrize(
    ("faults", "expected"),
    [
        (Faults(endpoints=("PJSIP/2001",)), frozenset({"PJSIP/2001"})),
        (Faults(password="another"), None),
        (Faults(is_ari=False), None),
    ],
)
def test_a_running_asterisk_is_asked(tmp_path: Path, faults: Faults, expected: frozenset[str] | None) -> None:
    found = running(tmp_path, faults)
    assert (found and found.endpoints) == expected


class TestJson:
    def said(self, capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    def test_every_problem_is_a_line(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        file = write(tmp_path, ("site.nmae", "x"), ("retention.health_record.citation", None))
        assert check.run(file, as_json=True) == CONFIGURATION
        first, second, whole = self.said(capsys)
        assert first == {
            "kind": "problem", "file": str(file), "line": 5, "path": "site.nmae", "value": "'x'",
            "problem": "is not a key of this section", "hint": "did you mean name?", "code": 3,
        }  # fmt: skip
        assert second["path"] == "retention.health_record.citation"
        assert whole == {"kind": "sum", "to_mend": 2, "warnings": 0, "exit_code": 3}

    def test_a_file_that_is_not_there(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert check.run(tmp_path / "none.yaml", as_json=True) == CONFIGURATION
        only, whole = self.said(capsys)
        assert (only["problem"], only["line"], only["kind"]) == ("there is no such file", None, "problem")
        assert whole["to_mend"] == 1

    def test_findings_are_lines_and_nothing_else_is_said(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        write_wav(tmp_path / "advice-en.wav", speech())
        (tmp_path / "spool").mkdir(mode=0o750)
        (tmp_path / "pjsip.conf").write_text(TRUNK)
        file = write(tmp_path, ("spool.path", str(tmp_path / "spool")), ("spool.stop_below_free", "1B"))
        assert check.run(file, offline=True, as_json=True, asterisk_folder=tmp_path) == CONFIGURATION
        *found, whole = self.said(capsys)
        assert {one["kind"] for one in found} == {"finding"}
        bad = [str(one["subject"]).rpartition(": ")[2] for one in found if one["code"] == CONFIGURATION]
        assert bad == ["parties.staff[0] PJSIP/2001", "parties.staff[1] PJSIP/2002"]
        assert (whole["exit_code"], whole["to_mend"]) == (3, sum(one["code"] != GOOD for one in found))
        assert check.run(file, prompts=True, as_json=True) == GOOD
        assert self.said(capsys)[-1]["exit_code"] == GOOD
