"""Which extension Asterisk takes: by context, by what was dialled, by what can be known of a name with variables."""

import re
from dataclasses import dataclass, field
from typing import Final

from ari_app.commands.asterisk_files import Pattern

from .dialplan import Dialplan, Extension

SPECIAL: Final = frozenset({"h"})
"""Nobody is reached from here: the call is over."""

_VARIABLE: Final = re.compile(r"\$[{\[]")


def overlap(one: Pattern, other: Pattern) -> bool:
    """Tell whether something can be dialled that both extensions match."""
    shorter, longer = sorted((one, other), key=lambda each: len(each.places))
    if len(shorter.places) < len(longer.places) and not shorter.more:
        return False
    if len(shorter.places) == len(longer.places) and "." in {one.more, other.more} and not (one.more and other.more):
        return False
    return all(set(mine) & set(theirs) for mine, theirs in zip(shorter.places, longer.places, strict=False))


def _order(extension: Extension) -> tuple[int, ...]:
    found = extension.pattern
    # As Asterisk sorts: the fewest possibilities of a place first, an open end last, and "." before "!".
    return (*(len(set(place)) for place in found.places), {"": 0, ".": 1000, "!": 2000}[found.more])


@dataclass(slots=True)
class _Group:
    """The extensions of one context: by what is dialled without its dashes, and the patterns, the nearest first."""

    every: list[Extension]
    exact: dict[str, list[Extension]] = field(default_factory=dict)
    patterns: list[Extension] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.every.sort(key=_order)
        for one in self.every:
            if one.written.startswith("_"):
                self.patterns.append(one)
            else:
                # Behind a slash is the caller's number: for some callers it is reached, so it counts.
                self.exact.setdefault(one.written.partition("/")[0].replace("-", ""), []).append(one)


@dataclass(slots=True)
class Lookup:
    """A dialplan's extensions by context, found as Asterisk finds them."""

    dialplan: Dialplan
    _tried: dict[str, list[_Group]] = field(default_factory=dict)
    _written: dict[str, dict[str, list[Extension]]] = field(default_factory=dict)

    def every(self, context: str) -> list[Extension]:
        """Return all that can be dialled in a context, but for the end of a call."""
        return [one for group in self._groups(context) for one in group.every if one.written not in SPECIAL]

    def _groups(self, context: str) -> list[_Group]:
        if context not in self._tried:
            groups: dict[str, list[Extension]] = {}
            written: dict[str, list[Extension]] = {}
            for name, extension in self.dialplan.reach(context):
                groups.setdefault(name, []).append(extension)
                written.setdefault(extension.written, []).append(extension)
            self._tried[context] = [_Group(group) for group in groups.values()]
            self._written[context] = written
        return self._tried[context]

    def written(self, context: str, name: str) -> list[Extension]:
        """Return the extensions that are written so, those of the context itself before those that it includes."""
        self._groups(context)
        return self._written[context].get(name, [])

    def find(self, context: str, written: str, current: str) -> list[Extension] | None:
        """Return what a name in a Goto may mean; None if only a running call knows.

        current: the extension in which the Goto stands, as it is written; it may be a pattern.
        """
        if written in {"${EXTEN}", "${MACRO_EXTEN}", "${ARG_EXTEN}"}:
            written = current
        if not _VARIABLE.search(written):
            return self._literal(context, written)
        prefix = _VARIABLE.split(written)[0]
        if not prefix:
            return None
        return [one for one in self.every(context) if one.pattern.may_become(prefix.replace("-", ""))]

    def _literal(self, context: str, written: str) -> list[Extension]:
        if written.startswith("_"):
            mine = Extension(written).pattern
            return [one for one in self.every(context) if overlap(mine, one.pattern)]
        # Asterisk passes over dashes.
        dialled = written.replace("-", "")
        for group in self._groups(context):
            if (exact := group.exact.get(dialled)) is not None:
                return exact
            matching = next((one for one in group.patterns if one.pattern.is_reached(dialled)), None)
            if matching is not None:
                return [matching]
        return []
