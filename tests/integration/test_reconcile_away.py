"""A source of `reconcile` that is away is told, and never taken for a "no"; and the day's sheet of a real day."""

import gzip

import psycopg
import pytest
import yaml
from integration.day_site import CALLS, DAY, told
from sealed_calls import minted, over

from ari_app import cli
from ari_app.adapters.s3 import S3Store
from ari_app.commands import reconcile, sheet, sources
from ari_app.commands.gathered import Gathered
from ari_app.core import names
from ari_app.errors import FINDING, GOOD, UNREACHABLE, TransientError
from ari_app.inspection import Inspection


def test_without_the_database_everything_else_is_compared(site, capsys):
    site.whole()
    site.delete(f"{site.folder(1)}/seg-001.flac")
    site.saw("1763802000.55")
    site.configure(("dsn", "postgresql://consentgate:x@127.0.0.1:1/consentgate"))
    code, findings, total = site.reconcile(capsys)
    assert (code, list(total["not_asked"])) == (UNREACHABLE, ["the database"])
    assert told(findings) == [("orphaned", minted(1)), ("missing", "1763802000.55")]
    assert (total["calls"], total["recorded"], total["unexplained"]) == (7, CALLS - 1, 2)
    # A spool that was lost as well: the manifests in S3 are accounts too.
    for folder in site.synthetic.layout.shipped.iterdir():
        for file in folder.iterdir():
            file.unlink()
    code, findings, again = site.reconcile(capsys)
    assert (code, told(findings)) == (UNREACHABLE, [("orphaned", minted(1)), ("missing", "1763802000.55")])
    assert (again["calls"], again["recorded"]) == (7, CALLS - 1)


def test_without_s3_nothing_is_called_lost_and_nothing_is_listened_to(site, capsys):
    site.whole()
    site.saw("1763802000.55")
    site.configure(("s3.endpoint_url", "http://127.0.0.1:1"))
    code, findings, total = site.reconcile(capsys)
    assert (code, told(findings)) == (UNREACHABLE, [("missing", "1763802000.55")])
    assert list(total["not_asked"]) == ["S3"]
    assert total["recorded"] == CALLS
    assert reconcile.run(site.config, day=DAY) == UNREACHABLE
    assert "so whether what is stored is there, and what can be heard in it, is not known." in capsys.readouterr().out


def test_with_both_away_the_witness_is_held_against_the_spool(site, capsys):
    site.whole()
    site.saw("1763802000.55")
    site.configure(("s3.endpoint_url", "http://127.0.0.1:1"), ("dsn", "postgresql://a:b@127.0.0.1:1/c"))
    code, findings, total = site.reconcile(capsys)
    assert (code, told(findings)) == (UNREACHABLE, [("missing", "1763802000.55")])
    assert (sorted(total["not_asked"]), total["calls"]) == (["S3", "the database"], 7)


def test_a_database_that_goes_away_in_the_midst_has_said_nothing(site, capsys, monkeypatch):
    """Half an answer is none: the spool's manifests stand in for all of it."""
    site.whole()
    add, left = Gathered.add_account, iter(range(1))

    def then_gone(self, said, **where):
        add(self, said, **where)
        if where.get("row") and next(left, None) is not None:
            end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'consentgate'"
            with psycopg.connect(site.running.postgres.admin_dsn) as connection:
                connection.execute(end)

    monkeypatch.setattr(Gathered, "add_account", then_gone)
    monkeypatch.setattr(sources, "ASKED", 1)
    code, findings, total = site.reconcile(capsys)
    assert (code, findings, list(total["not_asked"])) == (UNREACHABLE, [], ["the database"])
    assert (total["calls"], total["recorded"]) == (6, CALLS)


def test_an_s3_that_goes_away_in_the_midst_has_listed_nothing(site, capsys, monkeypatch):
    site.whole()
    folders = Inspection.folders

    def then_gone(self, below):
        yield next(folders(self, below))
        raise TransientError("objects cannot be listed")

    monkeypatch.setattr(Inspection, "folders", then_gone)
    code, findings, total = site.reconcile(capsys)
    assert (code, findings, list(total["not_asked"])) == (UNREACHABLE, [], ["S3"])
    assert (total["calls"], total["recorded"]) == (6, CALLS)


def test_an_s3_that_goes_away_while_it_is_listened_to_has_no_silence(site, capsys, monkeypatch):
    site.whole()
    monkeypatch.setattr(Inspection, "content", lambda *_: None)

    def gone(*_):
        raise TransientError("an object cannot be read")

    monkeypatch.setattr(S3Store, "read", gone)
    code, findings, total = site.reconcile(capsys)
    assert (code, findings, list(total["not_asked"])) == (UNREACHABLE, [], ["the sound"])


@pytest.mark.parametrize("fault", ["gone", "a file"])
def test_without_the_spool_rows_and_objects_are_compared(fault, site, capsys):
    site.whole()
    site.saw("1763802000.55")
    elsewhere = site.root / "elsewhere"
    if fault == "a file":
        elsewhere.write_text("")
    site.configure(("spool.path", str(elsewhere)))
    code, findings, total = site.reconcile(capsys)
    assert (code, told(findings)) == (UNREACHABLE, [("missing", "1763802000.55")])
    assert (list(total["not_asked"]), total["calls"], total["recorded"]) == (["the spool"], 7, CALLS)


def test_without_a_witness_it_says_what_it_cannot_find(site, capsys):
    site.whole()
    site.witness.unlink()
    code, findings, total = site.reconcile(capsys)
    assert (code, findings, list(total["not_asked"])) == (UNREACHABLE, [], ["the witness"])
    site.configure(("assurance.witness", None))
    code, findings, total = site.reconcile(capsys)
    # What is not set up is no failure of anybody's.
    assert (code, findings, total["not_asked"]) == (GOOD, [], {"the witness": "assurance.witness is not set"})


def test_a_witness_that_was_not_written_all_day_is_remarked(site, capsys):
    site.whole()
    site.witness.write_text("")
    code, findings, total = site.reconcile(capsys)
    assert (code, findings) == (GOOD, [])
    assert total["notes"] == ["The witness has not seen 3 of the recorded calls: was it written all day?"]


def test_rotated_and_compressed_witnesses_are_read(site, capsys):
    site.whole()
    site.saw("1763802000.55", ended=None)
    old = site.witness.with_name("consentgate.csv-20261123.gz")
    old.write_bytes(gzip.compress(site.witness.read_bytes()))
    site.witness.write_text("")
    site.saw("1763802000.56", began=6)
    code, findings, _ = site.reconcile(capsys)
    assert (code, told(findings)) == (FINDING, [("missing", "1763802000.56")])


# -- the sheet


def test_the_sheet_of_a_whole_day(site, capsys, tmp_path):
    site.whole()
    capsys.readouterr()
    assert sheet.run(site.config, day=DAY) == GOOD
    out = capsys.readouterr().out
    assert "3 of 5 calls that should have been recorded were recorded. Nothing to look into." in out
    file = tmp_path / "sheet.html"
    assert sheet.run(site.config, day=DAY, output=file) == GOOD
    assert "<h1>Recordings of Sunday, 22 November 2026</h1>" in file.read_text()


def test_the_command_line_knows_both(site, capsys, monkeypatch):
    site.whole()
    for words in (["reconcile", "--day", "2026-11-22"], ["sheet", "--day", "2026-11-22"]):
        monkeypatch.setattr("sys.argv", ["consentgate", *words, "--config", str(site.config)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert ended.value.code == GOOD
    assert yaml.safe_load(site.config.read_text())["assurance"]["witness"] == str(site.witness)
    assert names.iso(over(1, "p01", 8).at).startswith(str(DAY))
    assert capsys.readouterr().err == ""
