"""Sizes and periods as people write them: `2GiB`, `8y`."""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from ari_app.core.free_space import Floor

_FACTORS: Final = {
    "B": 1,
    "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40,
}  # fmt: skip
_SIZE = re.compile(r"(\d{1,16}(?:\.\d{1,6})?) ?([A-Za-z]{1,3})\Z", re.ASCII)
SIZE_PATTERN: Final = rf"[0-9]{{1,16}}(?:\.[0-9]{{1,6}})? ?(?:{'|'.join(_FACTORS)})"
PERIOD_PATTERN: Final = "[0-9]{1,4} ?[dwmy]"
"""For editors: the least that these functions ask for."""
_PART = re.compile(r"(\d{1,3}(?:\.\d{1,3})?) ?%\Z", re.ASCII)
_PERIOD = re.compile(r"(\d{1,4}) ?([dwmy])\Z", re.ASCII)
_PERIOD_UNITS: Final = {"d": "day", "w": "week", "m": "month", "y": "year"}
MAX_SIZE_BYTES = 2**50
MOST_PERCENT: Final = 90


@dataclass(frozen=True, slots=True)
class Period:
    """A time to keep: months and years stay what they are, because 8 years are not a number of days."""

    count: int
    unit: str

    def __str__(self) -> str:
        return f"{self.count} {self.unit}{'' if self.count == 1 else 's'}"


def size_bytes(text: str) -> int:
    """Return the bytes of `2GiB`, `500 MB` or `1.5TiB`, rounded down. Raises ValueError with the reason.

    A unit is required: a bare 2 would be two bytes to the machine, and two something else to the writer.
    """
    found = _SIZE.match(text)
    if not found or found[2] not in _FACTORS:
        raise ValueError("is not a size: a number and one of " + ", ".join(_FACTORS))
    size = int(Decimal(found[1]) * _FACTORS[found[2]])
    if size > MAX_SIZE_BYTES:
        raise ValueError("is more than 1024 TiB")
    return size


def floor(text: str) -> Floor:
    """Return how much must stay free: a size or a part of the file system (`5%`). Raises ValueError, saying why."""
    found = _PART.match(text)
    if found is None:
        try:
            return Floor(size_bytes(text))
        except ValueError as error:
            raise ValueError(f"{error}, or a part of the file system (5%)") from None
    if float(found[1]) > MOST_PERCENT:
        raise ValueError(f"is more than {MOST_PERCENT} % of the file system")
    return Floor(percent=float(found[1]))


def size_text(count: int) -> str:
    """Return a number of bytes for people, in the largest binary unit that leaves at least 1: `2.0 GiB`."""
    for unit in ("TiB", "GiB", "MiB", "KiB"):
        if count >= _FACTORS[unit]:
            return f"{count / _FACTORS[unit]:.1f} {unit}"
    return f"{count} B"


def size_exact(count: int) -> str:
    """Return a number of bytes as a configuration may say it, in the largest unit that needs no fraction: `2GiB`."""
    unit = next(unit for unit in ("TiB", "GiB", "MiB", "KiB", "B") if count % _FACTORS[unit] == 0)
    return f"{count // _FACTORS[unit]}{unit}"


def period(text: str) -> Period:
    """Return the period of `8y`, `6m` (months), `2w` or `30d`. Raises ValueError with the reason."""
    found = _PERIOD.match(text)
    if not found or not int(found[1]):
        raise ValueError("is not a period: a number from 1 and d, w, m (months) or y")
    return Period(int(found[1]), _PERIOD_UNITS[found[2]])
