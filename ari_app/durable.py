"""Whole files or none: a reader sees the old content or the new, also after a power cut."""

import contextlib
import os
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable: without it a rename may be forgotten though the file was not."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace(path: Path, content: bytes, *, mode: int) -> None:
    """Put content at path: temporary file beside it, fsync, rename, fsync of the folder. Raises OSError.

    The mode is set on the temporary file, so that no moment exists in which the new file has other rights,
    and so that nothing touches its ctime afterwards.
    """
    # The leading dot: Asterisk, ship and a person's glob pass over it. One process writes a file, so its pid
    # makes the name unique enough; a file left by a killed one is replaced.
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with contextlib.suppress(FileNotFoundError):
        temporary.unlink()
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        temporary.rename(path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
        raise
    sync_folder(path.parent)
