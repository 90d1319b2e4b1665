"""What a world tells others: how to reach its parts, and the project's own configuration file."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from .asterisk import EXTENSIONS, GUARD_USER, USER
from .ports import ADDRESS
from .seaweed import BUCKET, PREFIX, REGION
from .settings import EMERGENCY_NUMBERS, RETENTION

if TYPE_CHECKING:  # the world imports this module
    from .world import World


def env(world: "World") -> dict[str, Any]:
    """Everything a test or an acceptance script needs, as `deploy/demo env` prints it (DESIGN §5)."""
    at, secrets = world.ports.asterisk, world.secrets
    lines = {
        name: {
            # Null for a line that is only called from the house.
            "number": next(iter(said.get("numbers", ())), None),
            "announcements": _files(world, said, "announcements"),
            "outgoing_announcements": _files(world, said, "outgoing_announcements"),
        }
        for name, said in world.options.lines.items()
    }
    house = f"{ADDRESS}:{at.house}"
    return {
        "sip": f"{ADDRESS}:{at.trunk}",
        "trunk_peer": f"{ADDRESS}:{at.trunk_peer}",
        "ari": {"url": f"http://{ADDRESS}:{at.http}/ari", "user": USER, "password": secrets.ari},
        "ami": {"host": ADDRESS, "port": at.ami, "user": USER, "secret": secrets.ami},
        "postgres": world.postgres.dsn,
        "s3": {
            "endpoint": world.s3.endpoint,
            "region": REGION,
            "bucket": BUCKET,
            "prefix": PREFIX,
            "access_key": secrets.s3_access,
            "secret_key": secrets.s3_secret,
        },
        "spool": str(world.spool),
        "config": str(world.config),
        "asterisk": {
            "etc": str(world.asterisk.etc),
            "command": world.asterisk.command,
            "monitor": str(world.asterisk.monitor),
        },
        "lines": lines,
        "agents": [{"user": user, "password": secrets.phones[user], "sip": house} for user in EXTENSIONS],
        "pids": {name: world.pid(name) for name in ("asterisk", "gate", "guard", "ship", "postgres", "s3")},
    }


def _files(world: "World", line: Mapping[str, Any], key: str) -> list[str]:
    return [str(world.announcements / f"{one}.wav") for one in line.get(key, [])]


def configuration(world: "World") -> dict[str, Any]:
    """Return the generated configuration of gate, guard and ship, as DESIGN §6 shapes it."""
    secret = world.root / "etc" / "secrets"
    at = env(world)
    return {
        "site": {"name": "St Elsewhere Hospital", "node": "pbx1", "default_language": "en"},
        "asterisk": {
            "ari_url": at["ari"]["url"],
            "ari_user": USER,
            "ari_password_file": secret / "ari.password",
            "ami_host": ADDRESS,
            "ami_port": at["ami"]["port"],
            "ami_user": USER,
            "ami_password_file": secret / "ami.password",
        },
        "spool": {"path": world.spool},
        "s3": {
            "bucket": BUCKET,
            "region": REGION,
            "endpoint_url": at["s3"]["endpoint"],
            "access_key_file": secret / "s3.access_key",
            "secret_key_file": secret / "s3.secret_key",
            "prefix": PREFIX,
            # In a demo the power does not fail, and whoever looks wants to see the end.
            "keep_audio_seconds": 0,
        },
        "numbers": {"key_file": secret / "numbers.key"},
        "signing": {"key_file": secret / "signing.key"},
        "postgres": {"dsn_file": secret / "postgres.dsn"},
        "announcements": {
            name: {"file": world.announcements / f"{name}.wav", "language": said.language, "text": said.text}
            for name, said in world.options.announcements.items()
        },
        "lines": world.options.lines,
        "parties": {
            "staff": [f"PJSIP/{name}" for name in (*EXTENSIONS, "demo-phone")],
            "trunks": ["PJSIP/trunk"],
        },
        "emergency_numbers": list(EMERGENCY_NUMBERS),
        "retention": {
            RETENTION: {"keep": "30d", "from": "call", "citation": "a demo keeps nothing", "checked": "2026-11-01"}
        },
        "assurance": {"witness": world.asterisk.witness},
        "guard": {
            "mode": "stop",
            "scope": "whole_pbx",
            "ari_user": GUARD_USER,
            "ari_password_file": secret / "guard-ari.password",
            "ami_user": GUARD_USER,
            "ami_password_file": secret / "guard-ami.password",
            "asterisk_recording_folders": list(world.asterisk.recording_folders),
        },
        "metrics": {f"{name}_port": port for name, port in asdict(world.ports.metrics).items() if port},
    }
