"""The results of self-tests, kept as evidence: `selftests/<line>.jsonl` in the spool, a line a test.

Each line carries the SHA-256 of the one before it, and ship's signature if there is a key: so none can be altered or
taken out of the midst without being seen. There is no number and no name in it.
"""

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ari_app.core.names import Instant, iso
from ari_app.core.policy import canonical
from ari_app.durable import sync_folder
from ari_app.errors import SpoolError
from ari_app.layout import Layout
from ari_app.signing import Keyring, Signer

FORMAT: Final = 1
FIRST: Final = "0" * 64
MOST_WAIT_SECONDS: Final = 180.0
LOOK_SECONDS: Final = 0.2


@dataclass(frozen=True, slots=True)
class Kept:
    """One line's results. `broken`: what is wrong with the chain, "" if nothing is."""

    results: tuple[dict[str, Any], ...]
    broken: str = ""


class Results:
    """Those of one spool."""

    def __init__(self, spool: Path) -> None:
        self.folder = Layout(spool).selftests

    def file(self, line: str) -> Path:
        """Return where a line's results lie. Its name is from the configuration's own alphabet."""
        return self.folder / f"{line}.jsonl"

    @contextmanager
    def alone(self, patience_seconds: float = MOST_WAIT_SECONDS) -> Iterator[None]:
        """Keep other self-tests of this machine away: two at once could be taken for each other.

        Raises SpoolError if the folder cannot be used, or another one does not end.
        """
        try:
            self.folder.mkdir(mode=0o750, exist_ok=True)
            handle = os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
            self._hand_over(self.folder, self.folder / ".lock")
        except OSError as error:
            hint = "Run it as the user of the gate, who may write in the spool"
            raise SpoolError(
                "self-tests cannot be kept", on=str(self.folder), why=str(error.strerror), hint=hint
            ) from error
        try:
            until = time.monotonic() + patience_seconds
            while True:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > until:
                        raise SpoolError(
                            "another self-test does not end", on=str(self.folder), hint="See who runs it: fuser -v"
                        ) from None
                    time.sleep(LOOK_SECONDS)
            yield
        finally:
            os.close(handle)

    def add(self, line: str, result: dict[str, Any], signer: Signer | None) -> None:
        """Write a result down, durably. Raises OSError."""
        file = self.file(line)
        before = _lines(file)
        said = {"format": FORMAT, "previous": _hash(before[-1]) if before else FIRST, **result}
        signed = signer.sign(canonical(said)).decode("ascii") if signer else None
        text = canonical({"result": said, "signature": signed}) + b"\n"
        handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            # A line without its end was never kept: a crash cut it off.
            os.ftruncate(handle, sum(len(one) + 1 for one in before))
            os.lseek(handle, 0, os.SEEK_END)
            os.write(handle, text)
            os.fsync(handle)
        finally:
            os.close(handle)
        self._hand_over(file)
        sync_folder(self.folder)

    def _hand_over(self, *made: Path) -> None:
        """Give what root has made to the spool's owner, who makes the daily tests."""
        if os.geteuid() == 0:
            owner = self.folder.parent.stat()
            for one in made:
                os.chown(one, owner.st_uid, owner.st_gid)

    def of(self, line: str, keyring: Keyring | None = None) -> Kept:
        """Return a line's results, the oldest first, and whether they are what was written. Raises OSError."""
        found: list[dict[str, Any]] = []
        previous, broken = FIRST, ""
        for number, text in enumerate(_lines(self.file(line)), start=1):
            try:
                raw = json.loads(text)
                said, signed = dict(raw["result"]), raw["signature"]
                same = canonical(raw) == text and said["previous"] == previous
                int(said["at"])
            except (ValueError, KeyError, TypeError, RecursionError):
                broken = broken or f"line {number} cannot be read"
                continue
            if not same:
                broken = broken or f"line {number} does not follow from the one before it"
            refusal = keyring.refusal(canonical(said), signed.encode()) if keyring and isinstance(signed, str) else ""
            broken = broken or (f"line {number}: its signature {refusal}" if refusal else "")
            previous = _hash(text)
            found.append(said)
        return Kept(tuple(found), broken)


def when(result: dict[str, Any]) -> str:
    """Return when a test was, for people."""
    return iso(Instant(int(result["at"])))[:19].replace("T", " ")


def _lines(file: Path) -> list[bytes]:
    try:
        return file.read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        return []


def _hash(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()
