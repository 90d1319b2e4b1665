"""Rows of several calls in one transaction, for workers that each have one call in hand.

Whoever comes while a transaction is under way waits for its end, together with all others who came meanwhile; then one
of them enters the rows of all. Nobody waits for company: alone, a call has its transaction at once.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from ari_app.ports import Account, ConflictError, Database


@dataclass(slots=True)
class _Entry:
    """One call's rows, and what became of them."""

    account: Account
    outcome: bool | BaseException | None = None


@dataclass(frozen=True, slots=True)
class GroupedDatabase:
    """A Database that enters what several threads have at the same time at once."""

    database: Database
    _waiting: list[_Entry] = field(default_factory=list)
    _turn: Lock = field(default_factory=Lock)

    def reach(self) -> None:
        self.database.reach()

    def has_call(self, node: str, channel: str) -> bool:
        return self.database.has_call(node, channel)

    def known(self, keys: Collection[str]) -> set[str]:
        return self.database.known(keys)

    def store(self, manifest: Mapping[str, Any], key: str, sha256: str) -> bool:
        mine = _Entry(Account(manifest, key, sha256))
        self._waiting.append(mine)
        with self._turn:
            if mine.outcome is None:
                entries = [*self._waiting]
                del self._waiting[: len(entries)]
                self._enter(entries)
        if isinstance(mine.outcome, BaseException):
            raise mine.outcome
        return bool(mine.outcome)

    def _enter(self, entries: list[_Entry]) -> None:
        try:
            outcomes: Sequence[bool | BaseException] = self.store_all([one.account for one in entries])
        except BaseException as failure:  # noqa: BLE001
            # Also the word to end: whoever waits for us must not wait for ever.
            outcomes = [failure] * len(entries)
        for one, outcome in zip(entries, outcomes, strict=True):
            one.outcome = outcome

    def store_all(self, accounts: Sequence[Account]) -> list[bool | ConflictError]:
        return self.database.store_all(accounts)

    def store_incident(self, incident: Mapping[str, Any], key: str, sha256: str) -> None:
        self.database.store_incident(incident, key, sha256)

    def close(self) -> None:
        self.database.close()
