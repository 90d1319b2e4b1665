"""A day of calls in the real PostgreSQL and S3: nothing is found, then each fault is really made, and found."""

import gzip
import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import psycopg
import pytest
import servers
import yaml
from demo_world.seaweed import BUCKET, REGION
from sealed_calls import SyntheticSpool, at, good, minted, noise, opened, over, wav
from unit.config_world import SECRETS, write
from unit.test_ship_spool import note

from ari_app import cli, clock
from ari_app.adapters.postgres import PostgresDatabase
from ari_app.commands import reconcile, sheet
from ari_app.core import evidence as ev
from ari_app.core import names
from ari_app.core.names import MICROSECONDS
from ari_app.core.reasons import Reason
from ari_app.errors import FINDING, GOOD, UNREACHABLE
from ari_app.ship import Ship
from ari_app.signing import Signer

DAY = date(2026, 11, 22)
CALLS = 3
"""Recorded, each of ten seconds, by the numbers from 1 on."""
NEVER, UNTOLD, NOTED = "1.90", "1.91", "1.92"


def talk(recording, *, seconds=10.0, **changes):
    """Return the good call with a conversation of so many seconds."""
    later = round((seconds - 4) * 1_000_000)
    last = ev.PermitRevoked | ev.Ended | ev.TrackEnded
    return [replace(one, at=one.at + later) if isinstance(one, last) else one for one in good(recording, **changes)]


def voices(number, seconds=10.0):
    return {
        "seg-001.p01.wav": wav(noise(number, seconds)),
        "seg-001.p02.wav": wav(noise(number + 1000, seconds - 0.05)),
    }


def channel(number):
    return f"1763802000.{number}"


class Site:
    """A PBX whose calls are shipped to the real servers, and what Asterisk noted of them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.running = servers.running()
        self.dsn, self.prefix = self.running.database(), self.running.prefix()
        self.synthetic = SyntheticSpool(root / "spool").prepare()
        self.witness = root / "cel-custom" / "consentgate.csv"
        self.witness.parent.mkdir()
        self.witness.write_text("CHAN_START,1.0,1.1,house,PJSIP/2001-1\n")
        self.config: Path = root / "consentgate.yaml"
        self.configure()

    def configure(self, *changes):
        """Write the configuration; changes are as of `config_world.write`, and `dsn` is the database's address."""
        key, dsn = self.running.seaweed.key, dict(changes).pop("dsn", self.dsn)
        place = {
            "bucket": BUCKET,
            "region": REGION,
            "endpoint_url": self.running.seaweed.endpoint,
            "access_key_file": "s3.access_key",
            "secret_key_file": "s3.secret_key",
            "prefix": self.prefix,
        }
        plain = [("spool.path", str(self.synthetic.root)), ("s3", place), ("assurance.witness", str(self.witness))]
        write(self.root, *plain, *(one for one in changes if one[0] != "dsn"))
        for name, text in (("s3.access_key", key.access), ("s3.secret_key", key.secret), ("postgres.dsn", dsn)):
            (self.root / name).write_text(f"{text}\n")

    def seal(self, number, audio=None, **changes):
        """Leave a recorded call of ten seconds, and what the witness saw of it."""
        recording = minted(number)
        seconds = changes.pop("seconds", 10.0)
        channel_ = changes.pop("channel", channel(number))
        entries = talk(recording, seconds=seconds, channel=channel_, **changes)
        self.synthetic.seal(entries, voices(number, seconds) if audio is None else audio)
        self.saw(channel_)
        return recording

    def saw(self, channel_, *, began=4.0, ended=14.0, context="house", endpoint="PJSIP/trunk"):
        with self.witness.open("a") as stream:
            for event, when in (("BRIDGE_ENTER", began), ("HANGUP", ended)):
                if when is not None:
                    stamp = f"{at(when) // MICROSECONDS}.{at(when) % MICROSECONDS:06}"
                    stream.write(f"{event},{stamp},{channel_},{context},{endpoint}-0000001a\n")

    def ship(self, code=GOOD):
        database = PostgresDatabase(self.dsn)
        signer = Signer.from_text(SECRETS["signing.key"])
        ship = Ship(
            self.synthetic.layout, self.running.store(), database, self.prefix, "pbx1", once=True, signer=signer
        )
        assert ship.run() == code
        database.close()

    def whole(self):
        """Ship a day in which nothing is wrong, with calls that were not recorded too."""
        for number in range(1, CALLS + 1):
            self.seal(number)
        never = [opened(minted(90), mode="never", channel=NEVER), ev.Ended(at=at(3), reason=Reason.LINE_NEVER)]
        self.synthetic.seal(never, {})
        untold = [opened(minted(91), channel=UNTOLD), ev.Ended(at=at(3), reason=Reason.HUNG_UP_BEFORE_TOLD)]
        self.synthetic.seal(untold, {})
        (self.synthetic.layout.fallback / "1.json").write_text(note(channel=NOTED))
        self.saw(NEVER)
        # A telephone of the house is nobody whose recording is missed.
        self.saw("1763802000.700", endpoint="PJSIP/2001")
        self.ship()
        return self

    def folder(self, number):
        return f"{self.prefix}/2026/11/22/{minted(number)}"

    def delete(self, key):
        self.running.seaweed.client().delete_object(Bucket=BUCKET, Key=key)

    def copy(self, key, target):
        self.running.seaweed.client().copy_object(Bucket=BUCKET, Key=target, CopySource=f"{BUCKET}/{key}")

    def sql(self, *statements):
        """Change rows behind everybody's back, as a restored backup or a careless superuser does."""
        name = psycopg.conninfo.conninfo_to_dict(self.dsn)["dbname"]
        admin = psycopg.conninfo.make_conninfo(self.running.postgres.admin_dsn, dbname=name)
        with psycopg.connect(admin) as connection:
            connection.execute("SET session_replication_role = replica")
            for statement in statements:
                connection.execute(statement)

    def reconcile(self, capsys, **options):
        """Return the code, the findings and the sum."""
        capsys.readouterr()
        code = reconcile.run(self.config, day=DAY, as_json=True, **options)
        *findings, total = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        return code, findings, total


@pytest.fixture
def site(tmp_path, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: at(3600))
    return Site(tmp_path)


def told(findings):
    return [(one["fault"], one["recording"] or one["channel"]) for one in findings]


def test_in_a_whole_world_nothing_is_found(site, capsys):
    code, findings, total = site.whole().reconcile(capsys)
    assert (code, findings) == (GOOD, [])
    counted = {name: total[name] for name in ("calls", "recorded", "not_recorded_by_policy", "unexplained")}
    assert counted == {"calls": 6, "recorded": CALLS, "not_recorded_by_policy": 1, "unexplained": 0}
    assert (total["not_recorded_with_reason"], total["waiting"], total["not_asked"], total["notes"]) == (2, 0, {}, [])
    assert reconcile.run(site.config, since=date(2026, 11, 20), until=date(2026, 11, 24)) == GOOD
    out = capsys.readouterr().out
    assert "2026-11-20 to 2026-11-24 (UTC): 6 calls, 5 of which should have been recorded" in out
    assert "Nothing is wrong with what was compared." in out
    # Another day's account is not missed on this one, although the witness saw it then.
    code, findings, total = site.reconcile(capsys, listen=False)
    assert (code, findings, list(total["not_asked"])) == (GOOD, [], ["the sound"])


def test_a_conversation_of_which_nobody_gives_account_is_missing(site, capsys):
    site.whole()
    site.saw("1763802000.55", context="from-trunk")
    code, findings, total = site.reconcile(capsys)
    assert (code, told(findings), total["unexplained"]) == (FINDING, [("missing", "1763802000.55")], 1)
    site.configure(("assurance.unrecorded_contexts", ["from-trunk"]))
    code, findings, total = site.reconcile(capsys)
    assert (code, findings, total["not_recorded_by_policy"]) == (GOOD, [], 2)


def test_a_call_whose_every_trace_was_removed_is_missed_by_the_witness_alone(site, capsys):
    """Row, objects and journal are gone: nobody of ours knows it any more, and Asterisk's note does."""
    site.whole()
    site.sql(
        f"DELETE FROM recordings WHERE recording = '{minted(2)}'",  # noqa: S608
        f"DELETE FROM calls WHERE channel = '{channel(2)}'",  # noqa: S608
    )
    for name in ("manifest.json", "manifest.json.sig", "seg-001.flac"):
        site.delete(f"{site.folder(2)}/{name}")
    for file in (site.synthetic.layout.shipped / minted(2)).iterdir():
        file.unlink()
    code, findings, _ = site.reconcile(capsys)
    assert (code, told(findings)) == (FINDING, [("missing", channel(2))])


def test_what_was_put_aside_is_missing(site, capsys):
    site.whole()
    entries = talk(minted(5), channel=channel(5))
    recording = site.synthetic.seal([*entries[:3], *entries[4:]], voices(5))
    site.ship(FINDING)
    assert (site.synthetic.layout.quarantine / recording).is_dir()
    code, findings, _ = site.reconcile(capsys)
    assert (code, told(findings)) == (FINDING, [("missing", recording)])
    assert findings[0]["channel"] == channel(5)


def test_what_is_not_shipped_in_time_is_late(site, capsys, monkeypatch):
    site.whole()
    recording = site.seal(6)
    code, findings, total = site.reconcile(capsys)
    assert (code, findings, total["waiting"]) == (GOOD, [], 1)
    assert (total["recorded"], total["oldest_waiting"]["recording"]) == (CALLS + 1, recording)
    monkeypatch.setattr(clock, "now", lambda: at(14.1 + 4 * 3600 + 1))
    code, findings, total = site.reconcile(capsys)
    assert (code, told(findings)) == (FINDING, [("late", recording)])
    # On the next day's sheet it still waits.
    capsys.readouterr()
    assert reconcile.run(site.config, day=date(2026, 11, 23), as_json=True) == FINDING
    *found, total = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (told(found), total["calls"], total["waiting"]) == ([("late", recording)], 0, 1)


def test_a_file_that_ends_early_is_short(site, capsys):
    audio = voices(7)
    audio["seg-001.p02.wav"] = wav(noise(7, 4))
    recording = site.seal(7, audio)
    site.whole()
    code, findings, _ = site.reconcile(capsys)
    assert (code, told(findings)) == (FINDING, [("short", recording)])
    assert "the house (p02)" in findings[0]["what"]


@pytest.mark.parametrize("level", [0, 8])
def test_a_recording_without_a_sound_is_silent(level, site, capsys):
    """Digital silence, and the one step by which a silent telephone may flicker."""
    quiet = [np.random.default_rng(one).choice([-level, 0, level], 80_000).astype("<i2") for one in (1, 2)]
    recording = site.seal(8, {"seg-001.p01.wav": wav(quiet[0]), "seg-001.p02.wav": wav(quiet[1][:79_600])})
    site.whole()
    code, findings, _ = site.reconcile(capsys)
    assert (code, told(findings)) == (FINDING, [("silent", recording)])
    assert site.reconcile(capsys, listen=False)[:2] == (GOOD, [])


@pytest.mark.parametrize("party", ["p01", "p02"])
def test_a_recording_of_one_side_is_one_sided(party, site, capsys):
    audio = voices(9)
    audio[f"seg-001.{party}.wav"] = wav(np.zeros(80_000 if party == "p01" else 79_600, dtype="<i2"))
    recording = site.seal(9, audio)
    site.whole()
    code, findings, _ = site.reconcile(capsys)
    assert (code, told(findings)) == (FINDING, [("one_sided", recording)])


def test_a_file_that_never_came_is_one_sided(site, capsys):
    audio = voices(9)
    del audio["seg-001.p02.wav"]
    recording = site.seal(9, audio)
    site.whole()
    assert told(site.reconcile(capsys)[1]) == [("one_sided", recording)]


def test_a_file_of_a_header_alone_is_told(site, capsys):
    audio = voices(10)
    audio["seg-001.p02.wav"] = wav(np.zeros(0, dtype="<i2"))
    recording = site.seal(10, audio)
    code, findings, _ = site.reconcile(capsys)
    # Even before it is shipped.
    assert (code, told(findings)) == (FINDING, [("header_only", recording), ("one_sided", recording)])
    site.whole()
    assert told(site.reconcile(capsys)[1]) == [("header_only", recording), ("one_sided", recording)]


def test_a_row_without_its_object_is_orphaned_and_its_call_is_lost(site, capsys):
    site.whole()
    site.delete(f"{site.folder(1)}/seg-001.flac")
    site.delete(f"{site.folder(2)}/manifest.json")
    code, findings, total = site.reconcile(capsys)
    assert (code, told(findings)) == (FINDING, [("orphaned", minted(1)), ("orphaned", minted(2))])
    assert [one["what"] for one in findings] == [
        f"lacks an object in S3: {site.folder(1)}/seg-001.flac",
        f"lacks an object in S3: {site.folder(2)}/manifest.json",
    ]
    assert (total["recorded"], total["unexplained"], total["calls"]) == (CALLS - 1, 1, 6)


@pytest.mark.parametrize("local", [True, False])
def test_an_object_without_its_row_is_orphaned(local, site, capsys):
    """Known to the spool, or to nobody but S3."""
    site.whole()
    site.sql(
        f"DELETE FROM recordings WHERE recording = '{minted(1)}'",  # noqa: S608
        f"DELETE FROM calls WHERE channel = '{channel(1)}'",  # noqa: S608
    )
    if not local:
        for file in (site.synthetic.layout.shipped / minted(1)).iterdir():
            file.unlink()
    code, findings, total = site.reconcile(capsys)
    assert (code, told(findings)) == (FINDING, [("orphaned", minted(1))])
    assert findings[0]["what"] == "has no row in the database"
    assert (total["recorded"], total["calls"]) == (CALLS, 6)


def test_what_nobody_can_account_for_is_orphaned(site, capsys):
    site.whole()
    site.copy(f"{site.folder(1)}/manifest.json", f"{site.folder(1)}/seg-002.flac")
    site.copy(f"{site.folder(1)}/manifest.json", f"{site.folder(77)}/seg-001.flac")
    site.copy(f"{site.folder(1)}/manifest.json", f"{site.prefix}/2026/11/22/readme.txt")
    site.synthetic.layout.audio_of(minted(78, at(-4 * 3600))).mkdir()
    site.synthetic.layout.audio_of(minted(79)).mkdir()
    code, findings, total = site.reconcile(capsys)
    found = {(one["fault"], one["recording"], one["what"].partition(":")[0]) for one in findings}
    assert found == {
        ("orphaned", minted(1), "has an object in S3 beside it that it does not name"),
        ("orphaned", minted(77), "lies in S3 without an account that can be read"),
        ("orphaned", "", "lies in S3 without an account that can be read"),
        ("orphaned", minted(78, at(-4 * 3600)), "lies in the spool as sound that belongs to no call"),
    }
    assert (code, len(findings), total["calls"]) == (FINDING, 4, 6)


def test_the_same_sound_under_two_calls_is_a_duplicate(site, capsys):
    site.seal(20, voices(20))
    site.seal(21, voices(20))
    site.whole()
    code, findings, _ = site.reconcile(capsys)
    assert (code, told(findings)) == (FINDING, [("duplicate", minted(20)), ("duplicate", minted(21))])


def test_the_same_time_of_the_same_channel_twice_is_a_duplicate(site, capsys):
    site.seal(22)
    site.seal(23, run="run-2", channel=channel(22))
    site.synthetic.beat(at(60), run="run-2")
    site.whole()
    code, findings, total = site.reconcile(capsys)
    assert (code, told(findings)) == (FINDING, [("duplicate", minted(23))])
    assert (total["recorded"], total["calls"]) == (CALLS + 1, 7)


# -- a source that is away


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
