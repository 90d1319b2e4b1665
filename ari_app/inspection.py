"""What lies in S3, fetched by several at once to be judged: recordings, and the anchors of the days.

It reads the bucket and asks nobody else. What is wrong is judged by the pure `core.verification` and `core.anchor`.
"""

import hashlib
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import chain, groupby, islice
from threading import Event
from typing import TypeVar

from ari_app import bucket_rules, clock
from ari_app.core import anchor, names, verification
from ari_app.core.anchor import Judged, Lain, Packed
from ari_app.core.names import UnsafeNameError
from ari_app.core.signature import MANIFEST, SIGNATURE, SUFFIX
from ari_app.core.verification import Fault, Lying, Object, Verdict
from ari_app.errors import ConsentgateError, NotThereError
from ari_app.ports import Archive
from ari_app.retrying import Patience
from ari_app.signing import Keyring

ATTEMPTS = 3
WORKERS = 8
AHEAD = 4 * WORKERS
"""So many recordings are asked for before the first of them is told."""

PAGE = 1000
"""So many keys a store lists at once."""

MOST_MANIFEST_BYTES = 64 << 20
"""A manifest of many hours has some hundred kilobytes; what is larger is none, and is not read to its end."""

Result = TypeVar("Result")
Thing = TypeVar("Thing")

_CALL = re.compile(r"(\d{4}/\d\d/\d\d/[0-9A-HJKMNP-TV-Z]{26})/")
_ELSEWHERE = ("incidents", anchor.FOLDER, bucket_rules.PROBES)
"""Below the prefix, and no recordings."""


@dataclass(slots=True)
class Inspection:
    """What is asked, and by which keys signatures are believed."""

    archive: Archive
    keyring: Keyring
    prefix: str
    patience: Patience = field(default_factory=lambda: Patience(Event(), max_attempts=ATTEMPTS))

    def below(self, path: str) -> str:
        """Return a path below the prefix; "" if neither is any."""
        return "/".join(part for part in (self.prefix, path) if part)

    def folders(self, below: str) -> Iterator[tuple[str, list[str]]]:
        """Yield each folder below the prefix with its keys."""
        start = self.below(below)

        def begin() -> tuple[Iterator[str], str | None]:
            listed = self.archive.list(f"{start}/" if start else "")
            return listed, next(listed, None)

        # A failure in the midst of a listing is not borne: what was told of it must not be told twice.
        listed, first = self.patience.bear(begin)
        everything = chain([first], listed) if first is not None else ()
        for folder, group in groupby(_ahead(everything), key=self._folder_of):
            if self._within(folder).split("/")[0] not in _ELSEWHERE:
                yield folder, list(group)

    def anchors(self, since: str, *, whole: bool) -> Judged:
        """Judge the anchors from a day on (YYYY-MM-DD; "": all), and what lies among them that is none."""
        start = f"{self.below(anchor.FOLDER)}/"
        listed = self.patience.bear(lambda: {key.removeprefix(start) for key in self.archive.list(start)})
        found: list[Lain] = []
        bundles = {name for name in listed if anchor.is_bundle(name)}
        for name in sorted(listed - bundles):
            _, day = anchor.day_of(name.removesuffix(SUFFIX)) or ("", since)
            # A signature alone is what is left of an anchor that was removed.
            if day < since or (name.endswith(SUFFIX) and name.removesuffix(SUFFIX) in listed):
                continue
            text, signed = self.content(f"{start}{name}") or b"", self.content(f"{start}{name}{SUFFIX}")
            found.append(Lain(name, text, None if signed is None else self.keyring.refusal(text, signed)))
        recent = {name for name in bundles if name[:10].replace("/", "-") >= since}
        return anchor.judge(found, recent, whole=whole)

    def _within(self, key: str) -> str:
        return key.removeprefix(f"{self.prefix}/") if self.prefix else key

    def _folder_of(self, key: str) -> str:
        found = _CALL.match(self._within(key))
        return f"{key.removesuffix(self._within(key))}{found[1]}" if found else key.rpartition("/")[0]

    def verdict(self, folder: str, keys: list[str], packed: Packed | None = None) -> Verdict:
        """Fetch what lies in a folder, and judge it; packed: what the day's bundle has of it."""
        if (strange := self._strange(folder, keys)) is not None:
            return strange
        manifest = self.content(f"{folder}/{MANIFEST}")
        signed = self.content(f"{folder}/{SIGNATURE}")
        refusal = None if signed is None else self.keyring.refusal(manifest or b"", signed)
        others = [name for key in keys if (name := key.removeprefix(f"{folder}/")) not in {MANIFEST, SIGNATURE}]
        objects = {name: there for name in others if (there := self._object(f"{folder}/{name}")) is not None}
        found = verification.judge(Lying(folder, manifest, refusal, objects, clock.now()))
        return anchor.same_signature(found, packed, signed)

    def listed(self, folder: str, keys: list[str], packed: Packed | None) -> Verdict:
        """Judge a folder by what the day's bundle has of it, and by the names that lie there; no sound is fetched."""
        found = self.account(folder, keys, packed, unsigned=False)
        return verification.complete(found, [key.removeprefix(f"{folder}/") for key in keys])

    def account(self, folder: str, keys: list[str], packed: Packed | None, *, unsigned: bool) -> Verdict:
        """Judge a folder's manifest, whatever lies beside it; it is fetched if no bundle has it.

        unsigned: it need not have a signature.
        """
        if (strange := self._strange(folder, keys)) is not None:
            return strange
        if packed is None:
            manifest = self.content(f"{folder}/{MANIFEST}")
            signed = self.content(f"{folder}/{SIGNATURE}") if f"{folder}/{SIGNATURE}" in keys else None
        else:
            manifest, signed = packed.manifest, packed.signature
        without = "" if unsigned else None
        refusal = without if signed is None else self.keyring.refusal(manifest or b"", signed)
        return verification.account(Lying(folder, manifest, refusal, {}, clock.now()))

    def _strange(self, folder: str, keys: list[str]) -> Verdict | None:
        if _CALL.match(f"{self._within(folder)}/"):
            return None
        faults = (Fault(key.rpartition("/")[2], "", "is nothing that consentgate stores") for key in keys)
        return Verdict(folder, tuple(faults))

    def content(self, key: str, most_bytes: int | None = None) -> bytes | None:
        """Return a small object's bytes (of a larger one, enough to see that it is larger); None if it is not there."""

        def fetch() -> bytes:
            content = b""
            for chunk in self.archive.read(key):
                content += chunk
                if len(content) > (MOST_MANIFEST_BYTES if most_bytes is None else most_bytes):
                    break
            return content

        return self._fetched(fetch)

    def _object(self, key: str) -> Object | None:
        def fetch() -> Object:
            digest, size, head = hashlib.sha256(), 0, b""
            for chunk in self.archive.read(key):
                digest.update(chunk)
                size += len(chunk)
                head = head if len(head) >= verification.HEAD_BYTES else head + chunk[: verification.HEAD_BYTES]
            return Object(size, digest.hexdigest(), head)

        return self._fetched(fetch)

    def _fetched(self, fetch: Callable[[], Result]) -> Result | None:
        try:
            return self.patience.bear(fetch)
        except NotThereError:
            return None


def _ahead(listed: Iterable[str]) -> Iterator[str]:
    """Yield what is listed, asked for while what came before is looked at."""
    rest = iter(listed)

    def page() -> list[str]:
        return list(islice(rest, PAGE))

    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(page)
        while keys := coming.result():
            coming = pool.submit(page)
            yield from keys


def places(recording: str) -> list[str]:
    """Return where a recording may lie, the most likely first. Raises ConsentgateError if it is no id."""
    hint = "It is the last folder of a manifest's key, and the column recording of the database"
    try:
        known = names.recording_id(recording)
        day = date.fromisoformat(names.iso(names.minted_at(known))[:10])
        # A call belongs to the day on which it began, its id to the instant in which we heard of it.
        return [f"{day + timedelta(days=shift):%Y/%m/%d}/{known}" for shift in (0, -1, 1)]
    except UnsafeNameError as failure:
        raise ConsentgateError("this is no recording", why=str(failure), hint=hint) from None
    except (ValueError, OverflowError):
        raise ConsentgateError("this is no recording", on=recording, why="it has no date", hint=hint) from None


def each(
    inspection: Inspection,
    things: Iterable[Thing],
    look: Callable[[Thing], Result],
    *,
    at_hand: Callable[[Thing], bool] = lambda _: False,
) -> Iterator[Result]:
    """Look at each of some things, several at once, and yield what was found in the order of the things.

    at_hand: whether nobody must be waited for to look at it; then no other thread is asked.
    """
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(WORKERS) as pool:
        try:
            for thing in things:
                if at_hand(thing):
                    waiting.append(Future())
                    waiting[-1].set_result(look(thing))
                else:
                    waiting.append(pool.submit(look, thing))
                if len(waiting) >= AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BaseException:
            # Whoever has had enough must not wait for those that are about to try again.
            inspection.patience.stopping.set()
            raise
        finally:
            pool.shutdown(cancel_futures=True)
