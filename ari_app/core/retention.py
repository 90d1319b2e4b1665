"""Until when an object must not be removed: by its line's class, counted by the calendar from the call's end.

A lock can be made longer, but in a store that keeps its word never shorter: so it is the least that is certain. A
class that counts from the last contact may keep a recording longer than its lock.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from .names import MICROSECONDS, Instant


class LockMode(StrEnum):
    """Who may remove an object before its time: everybody, whoever has a right of its own for it, or nobody at all."""

    NONE = "none"
    GOVERNANCE = "governance"
    COMPLIANCE = "compliance"


@dataclass(frozen=True, slots=True)
class Keep:
    """A time to keep; `unit` is day, week, month or year. 8 years are not a number of days."""

    count: int
    unit: str

    def after(self, at: Instant) -> Instant:
        """Return the instant so long after another, in whole seconds; where a month lacks the day, one in the next."""
        began = datetime.fromtimestamp(at // MICROSECONDS, UTC)
        if self.unit in {"day", "week"}:
            over = began + timedelta(days=self.count * (7 if self.unit == "week" else 1))
        else:
            months = began.year * 12 + began.month - 1 + self.count * (12 if self.unit == "year" else 1)
            first = began.replace(year=months // 12, month=months % 12 + 1, day=1)
            over = first + timedelta(days=began.day - 1)
        return Instant(round(over.timestamp()) * MICROSECONDS)


@dataclass(frozen=True, slots=True)
class Locking:
    """The site's rules. lines: the class of each line that has one; classes: all there are.

    demanded: the site wrote the mode into its configuration, so a store that cannot do it is not good enough.
    """

    mode: LockMode = LockMode.NONE
    demanded: bool = False
    legal_hold: bool = False
    lines: Mapping[str, Keep] = field(default_factory=dict)
    classes: tuple[Keep, ...] = ()

    def until(self, line: str, at: Instant) -> Instant | None:
        """Return until when what belongs to a call of a line, over at an instant, is locked; None: it is not.

        Where a lock is demanded, a line that has no class, or is not known any more, has the shortest.
        """
        if self.mode is LockMode.NONE:
            return None
        known = self.lines.get(line)
        if known is not None:
            return known.after(at)
        return min(self._ends(at), default=None) if self.demanded else None

    def until_of_evidence(self, at: Instant) -> Instant | None:
        """Return the same for what proves others and holds no sound (anchors, incidents): as long as any of them."""
        return None if self.mode is LockMode.NONE else max(self._ends(at), default=None)

    def _ends(self, at: Instant) -> Iterable[Instant]:
        return (one.after(at) for one in self.classes)
