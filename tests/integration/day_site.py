"""A PBX whose calls are shipped to the real PostgreSQL and S3, and what Asterisk noted of them, for `reconcile`."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import psycopg
import servers
from demo_world.seaweed import BUCKET, REGION
from sealed_calls import SyntheticSpool, at, good, minted, noise, opened, wav
from unit.config_world import SECRETS, write
from unit.test_ship_spool import note

from ari_app.adapters.postgres import PostgresDatabase
from ari_app.commands import reconcile
from ari_app.core import evidence as ev
from ari_app.core.names import MICROSECONDS
from ari_app.core.reasons import Reason
from ari_app.errors import GOOD
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
        self.witness.write_text("CHAN_START,1.0,1.1,1.1,house,PJSIP/2001-1\n")
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

    def saw(self, channel_, *, began=4.0, ended=14.0, context="house", endpoint="PJSIP/trunk", linked=None):
        with self.witness.open("a") as stream:
            for event, when in (("BRIDGE_ENTER", began), ("HANGUP", ended)):
                if when is not None:
                    stamp = f"{at(when) // MICROSECONDS}.{at(when) % MICROSECONDS:06}"
                    stream.write(f"{event},{stamp},{channel_},{linked or channel_},{context},{endpoint}-0000001a\n")

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


def told(findings):
    return [(one["fault"], one["recording"] or one["channel"]) for one in findings]
