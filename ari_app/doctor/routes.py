"""Does everybody who comes from outside pass the gate before they can reach anybody?

The dialplan is walked from each context that calls come into, along everything that can be known: Goto, Gosub, Macro,
menus, Local channels, both sides of every condition. What only a running call knows is said and never taken for good.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from . import arguments
from .catalogue import Found, Grade
from .dialplan import Dialplan, Extension, Step
from .lookup import Lookup
from .told import Told

GATES: Final = {"consentgate", "consentgate-join"}
MOST_DEPTH: Final = 40
"""So deep subroutines are followed into each other; a dialplan for people has fewer."""

MOST_PLACES: Final = 200_000

_PARTY: Final = frozenset(
    {
        *("dial", "retrydial", "queue", "confbridge", "meetme", "page", "pickup", "pickupchan", "voicemail"),
        *("followme", "bridge", "park", "parkandannounce", "parkedcall", "agentrequest", "minivmrecord"),
    }
)
_MENUS: Final = {"background": 3, "waitexten": 9}
"""Whoever waits here dials any extension of the context; the place of the argument that names another one."""


@dataclass(frozen=True, slots=True)
class Place:
    """A step of a call: its context, its extension and priority, and whether the caller has passed the gate."""

    context: str
    extension: str
    priority: int
    gated: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """A context into which calls come, and where that is written."""

    context: str
    where: str
    """As `pjsip.conf:12 endpoint trunk`."""
    outside: bool = True


@dataclass(slots=True)
class Walk:
    """One look at a dialplan. told: who counts as a party that need not be told."""

    dialplan: Dialplan
    told: Told
    _lookup: Lookup = field(init=False)
    _entry: Entry = field(default=Entry("", ""))
    _found: dict[tuple[str, str, str], Found] = field(default_factory=dict)
    _returns: dict[Place, frozenset[bool] | None] = field(default_factory=dict)
    _seen: dict[bool, set[Place]] = field(default_factory=dict)
    _dialled: set[tuple[str, bool, bool]] = field(default_factory=set)
    """Contexts of menus that were walked already: what is found in them is found once."""
    _steps: int = 0
    _doubts: int = 0
    """How often a way was lost in the subroutine that is walked now."""

    def __post_init__(self) -> None:
        self._lookup = Lookup(self.dialplan)

    def routes(self, entries: list[Entry], parked: frozenset[str]) -> Iterator[Found]:
        """Yield what is wrong on the ways from these contexts; parked: contexts that Asterisk fills itself."""
        for entry in entries:
            self._entry = entry
            if entry.context not in self.dialplan.contexts:
                self._unknown(entry.where, f"[{entry.context}] is not in extensions.conf", "")
                continue
            for context in sorted(parked & self.dialplan.included(entry.context)) if entry.outside else ():
                seen = f"[{entry.context}] includes {context}, where Asterisk lets anybody take a parked call"
                self._report("route-ungated", entry.where, seen, Grade.WRONG)
            for extension in self._lookup.every(entry.context):
                if not self.told.exempt(extension.written):
                    self._follow(self._start(entry.context, extension, gated=not entry.outside), 0)
        yield from self._found.values()

    def _start(self, context: str, extension: Extension, *, gated: bool) -> list[Place]:
        first = min(extension.steps, default=None)
        return [] if first is None else [Place(context, extension.written, first, gated)]

    def _follow(self, start: list[Place], depth: int, *, macro: bool = False) -> frozenset[bool]:
        """Walk from here to every end; return whether the caller had passed the gate at each return."""
        waiting, returned = deque(start), set[bool]()
        # What was found on a way is found once; only a subroutine is walked for what it returns.
        seen: set[Place] = set() if depth else self._seen.setdefault(self._entry.outside, set())
        while waiting:
            place = waiting.popleft()
            if place in seen:
                continue
            self._steps += 1
            if self._steps > MOST_PLACES:
                self._unknown(self._entry.where, f"[{self._entry.context}] has more ways than are followed", "ways")
                break
            seen.add(place)
            step = self._step(place)
            if step is None:
                if macro:
                    returned.add(place.gated)
                continue
            for application, data in _chosen(step):
                name = application.strip().lower()
                if name in {"return", "macroexit"}:
                    returned.add(place.gated)
                elif name not in {"hangup", "congestion", "busy"}:
                    before = self._doubts
                    waiting.extend(self._after(place, step, name, data, depth))
                    if self._doubts > before:
                        # Wherever that leads to, it may come back.
                        returned.add(place.gated)
        return frozenset(returned)

    def _step(self, place: Place) -> Step | None:
        # The very same extension first: a pattern overlaps with others.
        found = self._lookup.written(place.context, place.extension)
        found = found or self._lookup.find(place.context, place.extension, place.extension) or []
        return next((one.steps[place.priority] for one in found if place.priority in one.steps), None)

    def _after(self, place: Place, step: Step, name: str, data: str, depth: int) -> Iterator[Place]:
        """Yield where a call goes on after an application."""
        onward = replace(place, priority=step.priority + 1)
        match name:
            case "goto":
                yield from self._goto(place, step, data)
            case "gotoif" | "gotoiftime":
                for target in arguments.branches(data)[1:]:
                    yield from self._goto(place, step, target) if target else (onward,)
            case "gosub" | "gosubif":
                targets = [data] if name == "gosub" else arguments.branches(data)[1:]
                for target in targets:
                    states = self._gosub(place, step, target, depth) if target else {place.gated}
                    yield from (replace(onward, gated=state) for state in states)
            case "macro" | "macroif":
                targets = [data] if name == "macro" else arguments.branches(data)[1:]
                for target in targets:
                    states = self._macro(place, step, target, depth) if target else {place.gated}
                    yield from (replace(onward, gated=state) for state in states)
            case _:
                yield from self._other(place, step, name, data, depth)
                if name in _PARTY and not place.gated:
                    return
                yield onward

    def _other(self, place: Place, step: Step, name: str, data: str, depth: int) -> Iterator[Place]:
        if name in _PARTY:
            self._party(place, step, name, data)
        if name in {"dial", "retrydial"}:
            for target in self.told.locals(data):
                yield from self._jump(place, step, *target)
        if name in _MENUS:
            parts = arguments.split(data)
            context = parts[_MENUS[name]] if len(parts) > _MENUS[name] and parts[_MENUS[name]] else place.context
            yield from self._anything(place, context, depth)
        if name == "disa":
            yield from self._anything(place, [*arguments.split(data), "disa"][1] or "disa", depth)
        if name == "directory":
            parts = arguments.split(data)
            yield from self._anything(
                place, parts[1] if len(parts) > 1 and parts[1] else (parts[0] or "default"), depth
            )
        if "$" in name:
            seen = f"[{place.context}] {place.extension}: which application {name} is, only a call knows"
            self._unknown(step.where, seen, "")

    def _anything(self, place: Place, context: str, depth: int) -> Iterator[Place]:
        menu = (context, place.gated, self._entry.outside)
        # A subroutine is walked for what it returns as well.
        if depth == 0 and menu in self._dialled:
            return
        self._dialled.add(menu)
        for extension in self._lookup.every(context):
            if not self.told.exempt(extension.written):
                yield from self._start(context, extension, gated=place.gated)

    def _goto(self, place: Place, step: Step, data: str) -> Iterator[Place]:
        parts = [one.strip() for one in arguments.split(self.dialplan.value(data))]
        context, extension, label = [*([""] * (3 - len(parts))), *parts[-3:]]
        yield from self._jump(place, step, context, extension, label)

    def _jump(self, place: Place, step: Step, context: str, extension: str, label: str) -> Iterator[Place]:
        context = place.context if context in {"", "${CONTEXT}"} else context
        if context.startswith("consentgate"):
            return
        if "$" in context or "$" in label:
            self._unknown(step.where, f"[{place.context}] goes to {context},{extension},{label}", "")
            return
        found = self._lookup.find(context, extension or place.extension, place.extension)
        # Within the same extension a label is its own and no other's.
        found = [one for one in found or () if not extension and one.written == place.extension] or found
        if found is None or (not found and context not in self.dialplan.contexts):
            self._unknown(step.where, f"[{place.context}] goes to {context},{extension},{label}", "")
            return
        for one in found:
            if self.told.exempt(one.written):
                continue
            priority = one.label(label or "1")
            if priority is not None:
                yield Place(context, one.written, priority, place.gated)

    def _gosub(self, place: Place, step: Step, data: str, depth: int) -> frozenset[bool]:
        parts = [one.strip() for one in arguments.split(self.dialplan.value(data))]
        # The arguments of the subroutine stand behind the priority.
        parts[-1] = parts[-1].partition("(")[0].strip()
        if len(parts) == 3 and parts[0] in GATES:  # noqa: PLR2004 - context, extension, priority
            return frozenset({True})
        if parts[0].startswith("consentgate"):
            return frozenset({place.gated})
        return self._call(place, step, parts, depth)

    def _macro(self, place: Place, step: Step, data: str, depth: int) -> frozenset[bool]:
        name = arguments.split(self.dialplan.value(data))[0]
        return self._call(place, step, [f"macro-{name}", "s", "1"], depth, macro=True)

    def _call(self, place: Place, step: Step, parts: list[str], depth: int, *, macro: bool = False) -> frozenset[bool]:
        targets = list(self._jump(place, step, *[*([""] * (3 - len(parts))), *parts[-3:]]))
        if depth >= MOST_DEPTH:
            self._unknown(step.where, f"[{place.context}] calls subroutines deeper than {MOST_DEPTH}", "")
            return frozenset({place.gated})
        states: set[bool] = set()
        for target in targets:
            if target not in self._returns:
                self._returns[target] = None
                before = self._doubts
                self._returns[target] = self._follow([target], depth + 1, macro=macro)
                self._doubts = before
            known = self._returns[target]
            if known is None:
                self._unknown(step.where, f"[{place.context}] calls a subroutine that calls itself", "recursion")
            states |= {place.gated} if known is None else known
        # A subroutine that could not be found leaves the caller where they were.
        return frozenset(states) if targets else frozenset({place.gated})

    def _party(self, place: Place, step: Step, name: str, data: str) -> None:
        said = f"[{place.context}] {place.extension}: {name}({data})"
        if not place.gated:
            seen = f"{said}, reached from [{self._entry.context}] ({self._entry.where}) without the gate"
            self._report("route-ungated", step.where, seen, Grade.WRONG)
        elif name in {"dial", "retrydial"} and not self.told.dialled(data, self.dialplan):
            self._report("called-untold", step.where, f"{said}: whoever answers is not told", Grade.WARNING)

    def _report(self, name: str, where: str, seen: str, grade: Grade) -> None:
        why, mend = ROUTES[name]
        self._found.setdefault((name, where, ""), Found(name, where, seen, grade, why, mend))

    def _unknown(self, where: str, seen: str, more: str) -> None:
        why, mend = ROUTES["dialplan-not-followed"]
        self._doubts += 1
        self._found.setdefault(
            ("dialplan-not-followed", where, more),
            Found("dialplan-not-followed", where, seen, Grade.UNKNOWN, why, mend),
        )


def _chosen(step: Step) -> Iterator[tuple[str, str]]:
    """Yield what a step may run; of ExecIf each side, and nothing for a side that is not there."""
    name, data = step.application.strip().lower(), step.data
    if name in {"exec", "tryexec"}:
        yield arguments.call(data)
    elif name == "execif":
        for side in arguments.branches(data)[1:]:
            yield arguments.call(side) if side else ("noop", "")
    else:
        yield name, data


ROUTES: Final = {
    "route-ungated": (
        "whoever comes this way is told nothing and never recorded, and whoever they are joined to is not recorded",
        "same => n,Gosub(consentgate,s,1(LINE)) before it; see dialplan/README.md",
    ),
    "called-untold": (
        "a conversation with somebody who was not told is not recorded",
        "Dial(…,mU(consentgate-party^LINE)); a phone of the house that is meant belongs into parties.staff",
    ),
    "dialplan-not-followed": (
        "where a call goes on from here only a running call knows; it may reach somebody without the gate",
        "see yourself that the gate comes before it",
    ),
}
