"""Percentiles, and the one line of JSON that every benchmark prints (DESIGN §5)."""

import json
import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

DIGITS = 3

Say = Callable[[str], None]


def percentile(values: Iterable[float], percent: float) -> float:
    """Return the value that `percent` of all values do not exceed (nearest rank, so it is one that occurred)."""
    ordered = sorted(values)
    if not ordered:
        return math.nan
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def median(values: Sequence[float]) -> float:
    """Return the median; not a number if there is nothing to take it of."""
    return statistics.median(values) if values else math.nan


@dataclass(slots=True)
class Report:
    """Figures, the reference's figures, and the bars that the first must meet."""

    bench: str
    figures: dict[str, Any] = field(default_factory=dict)
    reference: dict[str, Any] = field(default_factory=dict)
    bars: dict[str, dict[str, Any]] = field(default_factory=dict)

    def at_most(self, name: str, value: float, bar: float, *, reference: float | None = None) -> None:
        """Set a bar that the value must not exceed. What could not be measured has not met it."""
        self.bars[name] = {"value": _plain(value), "bar": _plain(bar), "ok": value <= bar}
        self._refer(name, reference)

    def at_least(self, name: str, value: float, bar: float, *, reference: float | None = None) -> None:
        """Set a bar that the value must reach. What could not be measured has not met it."""
        self.bars[name] = {"value": _plain(value), "at_least": _plain(bar), "ok": value >= bar}
        self._refer(name, reference)

    def _refer(self, name: str, reference: float | None) -> None:
        if reference is not None:
            self.bars[name]["reference"] = _plain(reference)

    def table(self) -> str:
        """Return the bars for whoever watches: what must be reached, what was seen, the reference, and the verdict."""
        rows = [("figure", "bar", "seen", "reference", "verdict")]
        for name, bar in self.bars.items():
            wanted = f"at least {bar['at_least']}" if "at_least" in bar else f"at most {bar['bar']}"
            verdict = "met" if bar["ok"] else "MISSED"
            rows.append((name, wanted, str(bar["value"]), str(bar.get("reference", "-")), verdict))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)

    def take(self, other: "Report") -> None:
        """Take in what another benchmark found, its figures under its name."""
        self.figures[other.bench], self.reference[other.bench] = other.figures, other.reference
        self.bars |= {f"{other.bench}_{name}": bar for name, bar in other.bars.items()}

    @property
    def ok(self) -> bool:
        """Whether every bar is met."""
        return all(bar["ok"] for bar in self.bars.values())

    def line(self) -> str:
        """Return the line for stdout."""
        said = {"bench": self.bench, "ok": self.ok, "figures": self.figures, "reference": self.reference}
        return json.dumps(_plain({**said, "bars": self.bars}), allow_nan=False)


def _plain(value: Any) -> Any:
    """Round what is measured, and say null for what is not a number, which JSON does not know."""
    match value:
        case dict():
            return {key: _plain(one) for key, one in value.items()}
        case list():
            return [_plain(one) for one in value]
        case float():
            return round(value, DIGITS) if math.isfinite(value) else None
        case _:
            return value
