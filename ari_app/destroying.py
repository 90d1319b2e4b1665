"""The last step of a shipment: the local sound goes, all that was stored and all that may not be, and nothing else.

What lies beside it and is no track of the call is not destroyed with it: nobody has looked at it. It goes into
quarantine. And what was captured by all evidence, and was not there to be stored, is said.
"""

import json
import os
import shutil
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from . import log
from .core import names
from .core.names import PartyId, RecordingId
from .durable import sync_folder
from .layout import MANIFEST, Layout

OBJECTS = "seg-*.flac"
UNFINISHED = ".*"


def destroy_sound(layout: Layout, recording: RecordingId) -> None:
    """Destroy the local sound of a call that is stored and proved; after a kill it is done again. Raises OSError."""
    shipped, audio = layout.shipped / recording, layout.audio_of(recording)
    gone = [file for pattern in (OBJECTS, UNFINISHED) for file in shipped.glob(pattern)]
    for file in gone:
        file.unlink()
    if gone:
        # Else a power cut could bring them back, and nobody would look for them once the sound itself is gone.
        sync_folder(shipped)
    if audio.is_dir():
        _keep_strangers(layout, recording, audio, _tracks(shipped, recording))
        # The sound last: it is the sign by which a later start knows that something is left to destroy.
        with suppress(FileNotFoundError):
            shutil.rmtree(audio)
        sync_folder(layout.audio)


def _tracks(shipped: Path, recording: RecordingId) -> set[str]:
    """Return the files that the call's tracks are, and say which of them was not there."""
    try:
        manifest: dict[str, Any] = json.loads((shipped / MANIFEST).read_bytes())
    except FileNotFoundError:
        return set()
    tracks = manifest["tracks"]
    missing = [one for one in tracks if one["origin_at"] is not None and not one["file"]]
    if missing:
        hint = "Asterisk said that it began, and no file came to be: look at its log, and who may write in audio/."
        log.get("ship").error("call.sound_missing", recording=recording, tracks=len(missing), hint=hint)
    return {names.track_file(one["segment"], PartyId(one["party"])) for one in tracks}


def _keep_strangers(layout: Layout, recording: RecordingId, audio: Path, tracks: set[str]) -> None:
    strangers = sorted(file for file in audio.iterdir() if file.name not in tracks)
    for file in strangers:
        # Its name is anybody's, and may be a caller's number.
        named = sha256(os.fsencode(file.name)).hexdigest()[:16]
        file.rename(layout.quarantine / f"{recording}.{named}")
    if strangers:
        sync_folder(layout.quarantine)
        hint = "Somebody else than Asterisk's captures of this call wrote there: `consentgate quarantine list`."
        log.get("ship").error("spool.stray_quarantined", recording=recording, files=len(strangers), hint=hint)
