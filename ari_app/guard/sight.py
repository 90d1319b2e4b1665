"""Who tells the guard that ARI records: the kernel, or Asterisk itself.

AMI says nothing of such recordings. ARI does, to an application that hears of every channel; but for that Asterisk
writes each event of each call down in JSON, before any filter: every call on the PBX was set up later by it, emergency
calls too. What ARI records is a file in one folder of Asterisk's, made or opened as it begins. So the kernel's word is
enough, where it is proven: a file that the guard puts there is told by the kernel, and Asterisk finds it by its name.
Where it is not (no right to read or write there, another machine's or container's folder, a link in it), Asterisk is
asked to tell, until the next connection.
"""

import asyncio
import os
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Final

from ari_app import log

from .asterisk import Pbx
from .files import Watch

TOLD_SECONDS: Final = 1.0
SPOOL_LOOKS: Final = 40
LOOK_SECONDS: Final = 0.05
MODE: Final = 0o600
_log = log.get("guard")


class Sight:
    """Keeps either the kernel's eye on the folder, or Asterisk's events."""

    def __init__(self, pbx: Pbx, watch: Watch) -> None:
        self._pbx, self._watch = pbx, watch
        self._seen = (0, 0)
        self._one_at_a_time = asyncio.Lock()

    async def settle(self) -> None:
        """Prove that every recording of ARI's would be seen on the disk, or ask Asterisk to tell of them.

        What is proven already is looked through: a link may have come into it.
        """
        async with self._one_at_a_time:
            if self._pbx.ari.hears_all or not self._pbx.ari.connected:
                return
            if self.lost():
                self.forget()
            if why := await self._prove():
                self.forget()
                if await self._pbx.ari.hear_all():
                    hint = "The calls of this PBX are set up a little later by it. See docs/guard.md, 2."
                    _log.warning("recordings.by_events", on=str(self._folder), why=why, hint=hint)

    def forget(self) -> None:
        """Another Asterisk may have come: nothing is proven of it."""
        self._seen = (0, 0)

    def lost(self) -> bool:
        """Tell whether nothing is proven, or what was proven lies there no more: to be asked often, it costs a look."""
        if self._pbx.ari.hears_all or not self._pbx.ari.connected:
            return False
        return not self.open or self._seen != _identity(self._folder)

    @property
    def open(self) -> bool:
        """Whether a recording that begins now is seen."""
        return self._pbx.ari.hears_all or self._seen != (0, 0)

    @property
    def _folder(self) -> Path:
        return Path(self._pbx.ami.spool) / "recording"

    async def _prove(self) -> str:
        """Return what is missing; nothing if nothing is."""
        for _ in range(SPOOL_LOOKS):
            if self._pbx.ami.spool:
                break
            await asyncio.sleep(LOOK_SECONDS)
        if not self._pbx.ami.spool:
            return "AMI does not say where Asterisk's spool is"
        folder, identity = self._folder, _identity(self._folder)
        self._watch.see_recordings(folder)
        if why := await asyncio.to_thread(hidden, folder, self._watch.watched):
            return why
        return "" if self._seen == identity else await self._probe(folder, identity)

    async def _probe(self, folder: Path, identity: tuple[int, int]) -> str:
        name = f"consentgate-guard-{os.urandom(8).hex()}"
        file = folder / f"{name}.wav"
        told = self._watch.expect(file)
        try:
            os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, MODE))
            async with asyncio.timeout(TOLD_SECONDS):
                await told.wait()
            if not await self._pbx.ari.stored(name):
                return "what is put there is not found by Asterisk"
        except TimeoutError:
            return "the kernel does not tell what is put there"
        except OSError as failure:
            return failure.strerror or type(failure).__name__
        finally:
            self._watch.expect_no_more(file)
            with suppress(OSError):
                file.unlink()
        self._seen = identity
        return ""


def hidden(folder: Path, watched: Collection[Path]) -> str:
    """Return what below a folder could be recorded into without being seen; nothing if all of it would be."""
    # Asterisk compares paths letter by letter, so it lets a name climb out into a neighbour of such a name.
    if any(one != folder and one.is_dir() for one in folder.parent.glob(f"{folder.name}*")):
        return "a folder beside it has a name that begins as its own"
    try:
        return _hidden(folder, watched)
    except OSError as failure:
        return failure.strerror or type(failure).__name__


def _hidden(folder: Path, watched: Collection[Path]) -> str:
    if folder not in watched:
        return "a folder of it cannot be watched"
    with os.scandir(folder) as entries:
        for one in entries:
            if one.is_symlink():
                return "there is a link in it, and nobody is told what is done behind one"
            if one.is_dir() and (why := _hidden(Path(one.path), watched)):
                return why
    return ""


def _identity(folder: Path) -> tuple[int, int]:
    try:
        found = folder.stat()
    except OSError:
        return 0, 0
    return found.st_dev, found.st_ino
