"""The anchors of days that are over: made of ship's ledger, signed, stored, proved and locked."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from ari_app.adapters.ledger import Ledger
from ari_app.core import anchor as an
from ari_app.core.names import Instant
from ari_app.safekeeping import Safekeeping, measure
from ari_app.signing import Signer


@dataclass(slots=True)
class Anchoring:
    """Ship's ledger, in which several workers note what they have stored while one thread closes a day.

    kept: where the manifests of what was stored are, the likeliest place first.
    """

    folder: Path
    kept: tuple[Path, ...]
    _lock: Lock = field(default_factory=Lock)

    @property
    def _ledger(self) -> Ledger:
        return Ledger(self.folder)

    def note(self, manifest: str, digest: str, now: Instant) -> None:
        """Write down, durably, that a manifest (its key and SHA-256) is stored."""
        with self._lock:
            self._ledger.note(manifest, digest, now)

    def store(self, keeping: Safekeeping, signer: Signer, node: str, prefix: str, now: Instant) -> Iterator[str]:
        """Make, sign and store the anchor of each day that is over; yield each that is stored and proved.

        Raises ConflictError (keep it, tell a person), StoppedError, OSError.
        """
        ledger = self._ledger
        for day in ledger.due(now):
            with self._lock:
                # Whoever notes something after that finds the day closed, and notes it for the next one.
                ledger.close(day, node, signer, self.kept)
            keys = []
            for file, name in ledger.objects(day, node):
                keys.append("/".join(part for part in (prefix, an.FOLDER, name) if part))
                kind = "application/gzip" if an.is_bundle(name) else "application/json"
                keeping.put(keys[-1], file, measure(file), kind)
            keeping.lock_evidence(keys, now, now)
            ledger.forget(day)
            yield day
