"""How long a finished call may still be thrown away: nothing of it leaves the machine before."""

from pathlib import Path
from threading import Lock

from ari_app.core import policy
from ari_app.errors import SpoolError


class DiscardWindows:
    """How long each line's finished calls may still be thrown away, from the gate's `policy.json`."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = Lock()
        self._read: tuple[int, int, int] | None = None
        self._seconds: dict[str, int] = {}

    def seconds(self, line: str) -> int:
        """Return the line's window; 0 for one that the policy does not (or no longer) know.

        Raises SpoolError if the policy is there but unreadable: without it a call might leave too early.
        """
        with self._lock:
            return self._current().get(line, 0)

    def _current(self) -> dict[str, int]:
        try:
            status = self._file.stat()
            read = (status.st_ino, status.st_size, status.st_mtime_ns)
            if read != self._read:
                lines = policy.from_json(self._file.read_bytes()).lines
                self._seconds = {name: one.discard_window_seconds for name, one in lines.items()}
                self._read = read
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise SpoolError(
                "no call is shipped, because the policy cannot be read",
                on=str(self._file),
                why=str(error),
                hint="Restart the gate: it writes the file anew",
            ) from error
        return self._seconds
