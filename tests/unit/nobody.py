"""What somebody without any right is told: work done by a child that has none, as whoever runs the tests."""

import os
import pwd
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

NOBODY = 65534


def name() -> str:
    """Return who the child is: root becomes nobody; an ordinary user stays, and has no right where the mode is 0."""
    return pwd.getpwuid(os.geteuid() or NOBODY).pw_name


def told(work: Callable[[], object]) -> str:
    """Return which exception the child's work ended with, and its text; nothing if with none."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            if not os.geteuid():
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            work()
        except BaseException as error:  # noqa: BLE001 - whatever it is, the parent looks at it
            os.write(writer, f"{type(error).__name__}: {error}".encode())
        finally:
            os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader, "rb") as stream:
        return stream.read().decode()


@contextmanager
def open_folder() -> Iterator[Path]:
    """Give a folder that everybody may enter: pytest's own are closed."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)
