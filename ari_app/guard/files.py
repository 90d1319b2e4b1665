"""The kernel's word that a file has appeared where recordings lie: for doors that nobody has thought of.

Whatever writes there and was spoken for by no other door is taken away. In the spool's audio/ the rule is simpler:
a file that no journal names is a stranger's. In ARI's folder each file that is made or opened is asked after: by these
two it is known that a recording begins (`sight`), also one that is added to a file that was there.
"""

import asyncio
import errno
import os
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

from inotify_simple import INotify, flags

from ari_app import clock, log
from ari_app.core import guard as g
from ari_app.core.incident import Door, Why
from ari_app.layout import Layout

from .recordings import AriRecordings
from .warden import Found, Warden

SPOKEN_FOR_SECONDS: Final = 0.12
"""How long another door has to speak for a file. Its event and ours come from two kernels' worth of queues."""

WATCHED: Final = flags.CREATE | flags.MOVED_TO | flags.ONLYDIR
OPENED: Final = WATCHED | flags.OPEN
"""Where ARI records."""

NO_MORE_WATCHES: Final = os.strerror(errno.ENOSPC)
"""As the kernel calls it; fs.inotify.max_user_watches is how many there may be."""

Work = Coroutine[Any, Any, None]
_log = log.get("guard")


class Watch:
    """Calls `appeared` for each file that comes into one of the folders, however deep."""

    def __init__(
        self,
        layout: Layout,
        folders: tuple[Path, ...],
        warden: Warden,
        recordings: AriRecordings,
        begin: Callable[[Work], object],
    ) -> None:
        self._warden, self._audio, self._begin = warden, layout.audio, begin
        self._recordings, self._ari_folder = recordings, Path()
        self._ari_s_too = False
        self._made: set[Path] = set()
        self._expected: dict[Path, asyncio.Event] = {}
        self._folders = folders
        self._inotify = INotify()
        self._watches: dict[int, Path] = {}
        self._roots: set[Path] = set()
        self._missing: set[Path] = set()

    def start(self) -> None:
        """Begin to listen; needs a running event loop. A folder that cannot be watched is said, once."""
        asyncio.get_running_loop().add_reader(self._inotify.fileno(), self._read)
        self.tick()

    def tick(self) -> None:
        """Begin to watch folders that were not there before."""
        self._made.clear()
        for folder in self._all:
            if folder not in self._roots:
                # What lies there already was there before we came: nobody can say whether it is secret.
                list(self._watch(folder))

    @property
    def _all(self) -> set[Path]:
        return {*self._folders, self._audio} | ({self._ari_folder} if self._ari_folder != Path() else set())

    @property
    def watched(self) -> frozenset[Path]:
        """The folders of which the kernel tells."""
        return frozenset(self._watches.values())

    def see_recordings(self, folder: Path) -> None:
        """Watch the folder into which ARI records, and whether its files are opened."""
        # Once more if it was watched already, for now more is wanted of it.
        self._ari_folder = folder
        # The site may call it by another name: the kernel tells of it by one of them.
        real = folder.resolve()
        self._ari_s_too = any(real.is_relative_to(one.resolve()) for one in self._folders)
        self._roots.discard(folder)
        self.tick()

    def expect(self, file: Path) -> asyncio.Event:
        """Return what is set when the kernel tells of this file, which is our own."""
        return self._expected.setdefault(file, asyncio.Event())

    def expect_no_more(self, file: Path) -> None:
        """Forget it."""
        self._expected.pop(file, None)

    def _is_ari_s(self, path: Path) -> bool:
        return self._ari_folder != Path() and path.is_relative_to(self._ari_folder)

    def _trouble(self, folder: Path, why: str) -> None:
        if (folder in self._folders or why == NO_MORE_WATCHES) and folder not in self._missing:
            self._missing.add(folder)
            hint = "The guard's user must be able to read it and to move files out of it: mode 2770, group consentgate."
            if why == NO_MORE_WATCHES:
                hint = "Raise fs.inotify.max_user_watches (sysctl), or keep fewer folders there."
            _log.error("folder.not_guarded", on=str(folder), why=why, hint=hint)

    def _watch(self, folder: Path) -> Iterator[Path]:
        """Watch a folder and those in it; return the files that lie in them already."""
        try:
            wanted = OPENED if self._is_ari_s(folder) else WATCHED
            # Added to what is wanted of the same folder under another name.
            self._watches[self._inotify.add_watch(folder, wanted | flags.MASK_ADD)] = folder
            self._roots |= {folder} & self._all
        except OSError as failure:
            self._trouble(folder, failure.strerror or type(failure).__name__)
            return
        if folder in self._folders and not os.access(folder, os.W_OK | os.X_OK):
            self._trouble(folder, "no right to take files out of it")
        with suppress(OSError), os.scandir(folder) as entries:
            for one in entries:
                if one.is_dir(follow_symlinks=False):
                    yield from self._watch(Path(one.path))
                else:
                    yield Path(one.path)

    def close(self) -> None:
        """Stop listening."""
        asyncio.get_running_loop().remove_reader(self._inotify.fileno())
        self._inotify.close()

    def _read(self) -> None:
        for event in self._inotify.read(timeout=0):
            folder = self._watches.get(event.wd)
            if event.mask & flags.Q_OVERFLOW:
                _log.error("folder.overflow", hint="Too many files at once: some were not looked at.")
                self._begin(self._recordings.survey())
            elif event.mask & flags.IGNORED:
                self._roots.discard(self._watches.pop(event.wd, Path()))
            elif folder is None:
                continue
            elif not event.mask & flags.OPEN:
                if event.mask & flags.CREATE:
                    self._made.add(folder / event.name)
                self._came(folder / event.name, is_folder=bool(event.mask & flags.ISDIR))
            elif not event.mask & flags.ISDIR:
                self._opened(folder / event.name)

    def _came(self, path: Path, *, is_folder: bool) -> None:
        # In a folder that is new as well something may lie before it is watched.
        for file in self._watch(path) if is_folder else (path,):
            if (expected := self._expected.get(file)) is not None:
                expected.set()
                continue
            if self._is_ari_s(file):
                self._begin(self._recordings.written(str(file.relative_to(self._ari_folder)), clock.now()))
            ours = file.is_relative_to(self._audio)
            guarded = ours or any(map(file.is_relative_to, self._folders)) or (self._ari_s_too and self._is_ari_s(file))
            if guarded and not (ours and self._named(file)):
                self._begin(self._appeared(file))

    def _opened(self, file: Path) -> None:
        # Whoever makes a file opens it as well, and is asked after already.
        if file in self._made:
            self._made.discard(file)
        elif file not in self._expected and self._is_ari_s(file):
            inside = str(file.relative_to(self._ari_folder))
            self._begin(self._recordings.written(inside, clock.now(), was_there=True))

    def _named(self, file: Path) -> bool:
        text = str(file)
        return not g.to_quarantine(text, self._warden.rules, self._warden.vitals.journal(text))

    async def _appeared(self, file: Path) -> None:
        at = clock.now()
        await asyncio.sleep(SPOKEN_FOR_SECONDS)
        if g.base(str(file)) in self._warden.claimed or not _there(file):
            return
        capture = g.Capture(Door.FILE, (str(file),))
        if self._warden.rules.allowance(capture) is None:
            found = Found(f"file {file}", capture, None, at, partial(_there, file), closes_late=True)
            await self._warden.judge(found, Why.NOT_ALLOWED, _never, _nothing)


def _there(file: Path) -> list[Path]:
    return [file] if file.is_file() else []


async def _never() -> bool:
    """Whoever writes the file is not known, so they cannot be stopped; without its name the file is all they lose."""
    return False


async def _nothing() -> None:
    return
