"""Reading files from folders in which another user can put anything: Asterisk's, and the AGI scripts'."""

import os
import stat
from pathlib import Path
from typing import BinaryIO


def open_plain(file: Path) -> BinaryIO:
    """Open a plain file. Raises OSError for whatever is not one: a link, a pipe, a folder.

    A link could show us somebody else's file, and a pipe would make us wait for ever.
    """
    descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(None, "is not a file", str(file))
    return os.fdopen(descriptor, "rb")
