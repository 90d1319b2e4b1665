"""extensions.conf as a graph of steps: what stands at which priority of which extension, and where it is written.

Asterisk's own rules hold (pbx_config.c): `same` goes on with the extension before it, `n` is one more than the last
priority, the first step of a priority wins, a context that is written in several places is one.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from ari_app.commands.asterisk_files import Entry, File, Pattern, pattern

from . import arguments

_PRIORITY: Final = re.compile(r"\s*(n|s|\d+)?\s*(?:\+\s*(\d+))?\s*(?:\(([^)]*)\))?\s*$", re.IGNORECASE)
_SWITCHES: Final = {"switch", "lswitch", "eswitch"}
MOST_DEPTH: Final = 4
"""So deep an application inside an application is looked for (ExecIf of Exec of …)."""


@dataclass(frozen=True, slots=True)
class Step:
    """One priority: an application, its arguments, and in which line of which file it stands."""

    extension: str
    priority: int
    label: str
    application: str
    data: str
    where: str

    def applications(self) -> Iterator[tuple[str, str]]:
        """Yield what this step may run, its own application first, and those that are inside it; names in lower case.

        A name that only a running call knows has a `$` in it.
        """
        yield from _inner(self.application, self.data, MOST_DEPTH)


def _inner(application: str, data: str, depth: int) -> Iterator[tuple[str, str]]:
    name = application.strip().lower()
    yield name, data
    if depth <= 0:
        return
    inside: list[tuple[str, str]] = []
    match name:
        case "execif":
            _, this, that = arguments.branches(data)
            inside = [arguments.call(one) for one in (this, that) if one]
        case "exec" | "tryexec":
            inside = [arguments.call(data)]
        case "originate":
            parts = arguments.split(data)
            if len(parts) > 2 and parts[1].strip().lower() == "app":  # noqa: PLR2004 - channel, kind, application
                inside = [(parts[2], ",".join(parts[3:4]))]
        case _:
            pass
    for one, its_data in inside:
        yield from _inner(one, its_data, depth - 1)


_pattern = lru_cache(maxsize=100_000)(pattern)


@dataclass(slots=True)
class Extension:
    """One extension of a context: its steps by priority."""

    written: str
    steps: dict[int, Step] = field(default_factory=dict)

    @property
    def pattern(self) -> Pattern:
        """As Asterisk compares it with what was dialled."""
        return _pattern(self.written)

    def label(self, name: str) -> int | None:
        """Return the priority that has this label; a number is its own."""
        if name.isdecimal():
            return int(name) if len(name) < 10 else None  # noqa: PLR2004 - no priority is so long
        return next((one.priority for one in self.steps.values() if name and one.label == name), None)


@dataclass(slots=True)
class Context:
    """Extensions, and what is looked at after them."""

    name: str
    extensions: dict[str, Extension] = field(default_factory=dict)
    includes: list[Entry] = field(default_factory=list)
    switches: list[Entry] = field(default_factory=list)


class Dialplan:
    """All contexts of extensions.conf, with every step also in the order of the files."""

    def __init__(self, file: File) -> None:
        self.contexts: dict[str, Context] = {}
        self.steps: list[tuple[str, Step]] = []
        self.globals = {one.key: one.value for one in file.entries("globals")}
        for name, entries in file.sections.items():
            if name not in {"general", "globals"} and name not in file.templates:
                self._add(name, entries)

    def _add(self, name: str, entries: list[Entry]) -> None:
        context = self.contexts.setdefault(name, Context(name))
        extension: Extension | None = None
        last = 0
        for entry in entries:
            key = entry.key.lower()
            if key == "exten" or (key == "same" and extension is not None):
                rest = entry.value
                if key == "exten":
                    written, *behind = arguments.split(entry.value, ",", 1)
                    rest = behind[0] if behind else ""
                    extension = context.extensions.setdefault(written, Extension(written))
                    last = max(extension.steps, default=0)
                if extension is not None:
                    last = self._step(name, extension, last, rest, entry.where)
            elif key == "include":
                context.includes.append(Entry("include", re.split(r"[,|]", entry.value)[0].strip(), entry.where))
            elif key in _SWITCHES:
                context.switches.append(entry)

    def _step(self, context: str, extension: Extension, last: int, text: str, where: str) -> int:
        written, *behind = arguments.split(text, ",", 1)
        if not behind:
            return last
        # The label's brackets may hold what a split keeps together; a hint is no step.
        found = _PRIORITY.fullmatch(written)
        if found is None or not (found[1] or found[2]):
            return last
        kind, more, label = found[1] or "n", int((found[2] or "0")[:9]), (found[3] or "").strip()
        priority = {"n": last + max(1, more), "s": last + more}.get(kind.lower())
        if priority is None:
            priority = int(kind[:9]) + more
        application, data = arguments.call(behind[0])
        step = Step(extension.written, priority, label, application, data, where)
        extension.steps.setdefault(priority, step)
        self.steps.append((context, step))
        return priority

    def reach(self, name: str) -> Iterator[tuple[str, Extension]]:
        """Yield (context, extension) of a context and of all that it includes, in the order in which they are tried."""
        seen, waiting = set[str](), [name]
        while waiting:
            one = waiting.pop()
            context = self.contexts.get(one)
            if context is None or one in seen:
                continue
            seen.add(one)
            for extension in context.extensions.values():
                yield one, extension
            waiting += [included.value for included in reversed(context.includes)]

    def included(self, name: str) -> set[str]:
        """Return a context's name and those of all that it includes, there or not."""
        found: set[str] = set()
        waiting = [name]
        while waiting:
            one = waiting.pop()
            if one not in found:
                found.add(one)
                waiting += [entry.value for entry in self.contexts[one].includes] if one in self.contexts else []
        return found

    def value(self, text: str) -> str:
        """Put in what [globals] says for each `${NAME}`; what it does not say stays as it is."""
        return re.sub(r"\$\{(?:GLOBAL\()?([A-Za-z0-9_-]+)\)?\}", lambda one: self.globals.get(one[1], one[0]), text)
