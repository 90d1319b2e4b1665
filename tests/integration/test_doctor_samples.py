"""Asterisk's own sample configuration, with recording taken out, has no door: no false alarm."""

import os
import re
import shutil
from pathlib import Path

import pytest
from servers import packages_cache

from ari_app.doctor import doors_files, site
from ari_app.doctor.doors import DOORS
from ari_app.doctor.folder import Folder
from ari_app.doctor.told import Told

HOUSE = site.House(doors_files.Ours(frozenset(), frozenset(), guarded=False), Told(frozenset(), frozenset()))
RECORDS = re.compile(r"\bvoicemail\(|,p\)", re.IGNORECASE)
"""What the samples record by: mailboxes, and a Dial that asks for the caller's name."""
CACHE = Path(os.environ.get("CONSENTGATE_PACKAGES_CACHE") or packages_cache())
PLACES = (
    CACHE / "asterisk" / "etc" / "asterisk",
    CACHE / "asterisk" / "usr" / "share" / "asterisk" / "conf" / "samples",
)


def samples(target: Path) -> Path:
    for place in PLACES:
        if (place / "extensions.conf").exists():
            return Path(shutil.copytree(place, target, ignore_dangling_symlinks=True))
    pytest.skip("the machine's own Asterisk is used, and it came without its samples")


def doors_of(folder: Path) -> list[str]:
    return [f"{one.name} {one.subject}" for one in site.recording_doors(Folder(folder), HOUSE) if one.name in DOORS]


def test_the_samples_have_the_doors_that_they_have(tmp_path: Path) -> None:
    """The very lines that the next test takes out, so that its silence proves something."""
    folder = samples(tmp_path / "samples")
    names = {one.partition(" ")[0] for one in doors_of(folder)}
    assert names == {"door-voicemail", "door-name-recording"}
    lines = {one.partition(" ")[2] for one in doors_of(folder)}
    written = {
        f"{name}:{number}"
        for name in ("extensions.conf", "extensions.lua")
        for number, line in enumerate((folder / name).read_text("utf-8").split("\n"), start=1)
        if RECORDS.search(line) and not line.lstrip().startswith((";", "--"))
    }
    assert lines == written


def test_no_false_alarm_on_the_samples_without_recording(tmp_path: Path) -> None:
    folder = samples(tmp_path / "samples")
    for name in ("extensions.conf", "extensions.lua"):
        text = (folder / name).read_text("utf-8")
        (folder / name).write_text(
            "\n".join(line for line in text.split("\n") if not RECORDS.search(line)), encoding="utf-8"
        )
    assert doors_of(folder) == []
