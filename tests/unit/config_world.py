"""A whole, right configuration in a folder of its own, for tests that then break one thing."""

import copy
import wave
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml

Samples = npt.NDArray[np.int16]

SECRETS = {
    "ari.password": "ari-secret\n",
    "ami.password": "ami-secret\n",
    "guard-ari.password": "guard-ari-secret\n",
    "guard-ami.password": "guard-ami-secret\n",
    "s3.access_key": "AKIATEST\n",
    "s3.secret_key": "s3-secret\n",
    "numbers.key": "8f" * 31 + "01\n",
    "signing.key": "51" * 31 + "02\n",
    "postgres.dsn": "postgresql://consentgate:pg-secret@127.0.0.1:5432/consentgate\n",
}

RIGHT: dict[str, Any] = {
    "site": {"name": "St Elsewhere Hospital", "node": "pbx1", "default_language": "en"},
    "asterisk": {
        "ari_url": "http://127.0.0.1:8088/ari",
        "ari_user": "consentgate",
        "ari_password_file": "ari.password",
        "ami_host": "127.0.0.1",
        "ami_user": "consentgate",
        "ami_password_file": "ami.password",
    },
    "spool": {"path": "/var/spool/consentgate", "stop_below_free": "2GiB"},
    "s3": {
        "bucket": "recordings",
        "region": "eu-west-2",
        "endpoint_url": "http://127.0.0.1:9000",
        "access_key_file": "s3.access_key",
        "secret_key_file": "s3.secret_key",
    },
    "numbers": {"key_file": "numbers.key"},
    "signing": {"key_file": "signing.key"},
    "postgres": {"dsn_file": "postgres.dsn"},
    "announcements": {"advice-en": {"file": "advice-en.wav", "language": "en", "text": "This call may be recorded."}},
    "lines": {
        "advice-line": {
            "numbers": ["01632960111"],
            "mode": "announce",
            "announcements": ["advice-en"],
            "purposes": ["medico-legal", "training", "audit"],
            "retention": "health_record",
            "max_hours": 3,
        },
        "crisis-line": {"numbers": ["01632960199"], "mode": "never", "reason": "anonymous support line"},
    },
    "parties": {"staff": ["PJSIP/2001", "PJSIP/2002"], "trunks": ["PJSIP/trunk"]},
    "retention": {
        "health_record": {"keep": "8y", "from": "last_contact", "citation": "Records Code", "checked": "2026-11-01"}
    },
}


def write_secrets(folder: Path) -> None:
    for name, text in SECRETS.items():
        (folder / name).write_text(text)


def write(folder: Path, *changes: tuple[str, object]) -> Path:
    """Write the right configuration with changes, each a dotted path and a value (None takes the key away)."""
    tree = copy.deepcopy(RIGHT)
    for path, value in changes:
        *sections, key = path.split(".")
        section = tree
        for name in sections:
            section = section.setdefault(name, {})
        if value is None:
            del section[key]
        else:
            section[key] = value
    write_secrets(folder)
    file = folder / "consentgate.yaml"
    file.write_text(yaml.safe_dump(tree, sort_keys=False))
    return file


def write_wav(file: Path, samples: npt.NDArray[Any], *, rate: int = 8000, channels: int = 1, width: int = 2) -> Path:
    with wave.open(str(file), "wb") as stream:
        stream.setnchannels(channels)
        stream.setsampwidth(width)
        stream.setframerate(rate)
        stream.writeframes(samples.astype("<i2").tobytes())
    return file


def speech(spoken_ms: int = 1000, tail_ms: int = 600, *, level: int = 3000, seed: int = 1) -> Samples:
    """Return noise of speech's level that comes in syllables, four a second, then digital silence, at 8 kHz."""
    noise = np.random.default_rng(seed).normal(0, level, spoken_ms * 8)
    # Between them 26 dB less: a sound that never pauses is noise to whoever judges how well it is understood. Its end
    # is loud, so that it is where it was asked for.
    between = np.arange(len(noise)) // 8 % 250 // 80 == 1
    between[-800:] = False
    noise *= np.where(between, 0.05, 1)
    return np.concatenate([noise, np.zeros(tail_ms * 8)]).clip(-32768, 32767).astype(np.int16)
