"""Asterisk's own configuration, as far as keys are concerned: sections, entries, extensions, who matches what.

It is read as Asterisk reads it (config.c): comments, templates, `#include`. What only a running Asterisk knows
(`#exec`, `switch =>`, AEL, Lua, a database) is not seen, and whoever reads here can ask what that was.
"""

import glob
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

MOST_INCLUDES = 10
"""So deep Asterisk itself follows them (MAX_INCLUDE_LEVEL): a file that includes itself comes to an end."""

MOST_FILES = 2000
MOST_ENTRIES = 500_000
"""Bounds against files that include or are made of each other again and again; no PBX comes near them."""

_SECTION = re.compile(r"\[([^]]+)\](?:\(([^)]*)\))?")
_DIRECTIVE = re.compile(r"#\s*(include|tryinclude|exec)\s+(.*)", re.IGNORECASE)
_COMMENT = re.compile(r"(?<!\\);")
_BLOCK = re.compile(r"(?<!\\);--(?!-).*?--;", re.DOTALL)
_SETS = {"N": "23456789", "Z": "123456789", "X": "0123456789"}
_OPEN = ".!"
_MENU = re.compile(r"\b(Background|WaitExten)\(", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Entry:
    """One `key = value` or `key => value`, and in which line of which file it stands."""

    key: str
    value: str
    where: str = field(default="", compare=False)


@dataclass(slots=True)
class File:
    """One file of Asterisk's with all that it includes."""

    there: bool = True
    """Whether it could be read; a file that does not exist is one without sections."""
    sections: dict[str, list[Entry]] = field(default_factory=dict)
    unseen: list[str] = field(default_factory=list)
    files: int = 0
    copied: int = 0
    """How many files were taken in, and entries of templates: of both there is a most."""
    templates: set[str] = field(default_factory=set)
    """Sections that only others are made of (`[name](!)`): Asterisk itself does not see them as sections."""
    without: frozenset[Path] = frozenset()
    """Files that are passed over: what the site says without them is the question of whoever writes them."""

    def entries(self, section: str) -> list[Entry]:
        """Return a section's entries, in their order; none if there is no such section."""
        return self.sections.get(section, [])

    def value(self, section: str, key: str) -> str | None:
        """Return what a key says, the last time that it does; None if it is nowhere."""
        return next((one.value for one in reversed(self.entries(section)) if one.key.lower() == key), None)


def plain(text: str) -> Iterator[str]:
    """Yield a text's lines without comments: `;` begins one also within quotes, `;-- … --;` goes over lines."""
    return (line for _, line in numbered(text))


def numbered(text: str) -> Iterator[tuple[int, str]]:
    """Yield the number of each line of `plain` with it."""
    lines = _BLOCK.sub(lambda block: "\n" * block[0].count("\n"), text).split("\n")
    for number, line in enumerate(lines, start=1):
        kept = _COMMENT.split(line, maxsplit=1)[0].replace("\\;", ";").strip()
        if kept:
            yield number, kept


def text_of(path: Path) -> str:
    """Return a file's text, whatever its bytes are. Raises OSError."""
    return path.read_bytes().decode("utf-8", "replace")


def read(folder: Path, name: str, *, without: frozenset[Path] = frozenset()) -> File:
    """Read a file of the folder, and whatever it includes; never raises for what is not there or not readable."""
    found = File(without=without)
    path = folder / name
    try:
        text = text_of(path)
    except FileNotFoundError:
        return found
    except OSError as error:
        found.there = False
        found.unseen.append(f"{name} ({error.strerror})")
        return found
    _take(found, folder, name, text, [], 0)
    return found


def _take(found: File, folder: Path, name: str, text: str, current: list[Entry], depth: int) -> list[Entry]:
    """Add a text's sections; return the one that is open at its end, which goes on behind an `#include`."""
    for number, line in numbered(text):
        if section := _SECTION.match(line):
            current = _begin(found, section[1].strip(), section[2] or "")
        elif directive := _DIRECTIVE.match(line):
            current = _directive(found, folder, (directive[1].lower(), directive[2]), current, depth)
        elif "=" in line:
            key, _, value = line.partition("=")
            current.append(Entry(key.strip(), value.removeprefix(">").strip(), f"{name}:{number}"))
    return current


def _begin(found: File, name: str, options: str) -> list[Entry]:
    entries = found.sections.setdefault(name, [])
    words = [option.strip() for option in options.split(",")]
    if "!" in words:
        found.templates.add(name)
    for base in words:
        # "!" makes a template of it and "+" goes on with one that is there; every other word is a template's name.
        if base not in {"", "!", "+", name}:
            more = found.entries(base)
            found.copied += len(more)
            if found.copied > MOST_ENTRIES:
                found.unseen.append(f"[{name}]({base}): too much is made of other sections")
                break
            entries += more
    return entries


def _directive(found: File, folder: Path, asked: tuple[str, str], current: list[Entry], depth: int) -> list[Entry]:
    kind, rest = asked
    target = rest.strip().strip('"<>').strip()
    # A relative path is meant from Asterisk's folder, whichever file names it.
    paths = [Path(one) for one in sorted(glob.glob(str(Path(glob.escape(str(folder))) / target)))]  # noqa: PTH207 - may be absolute
    if kind == "exec" or depth >= MOST_INCLUDES or (not paths and kind == "include"):
        found.unseen.append(f"#{kind} {target}")
    followed = [one for one in paths if one not in found.without] if kind != "exec" and depth < MOST_INCLUDES else []
    for path in followed:
        found.files += 1
        if found.files > MOST_FILES:
            found.unseen.append(f"#{kind} {target}: more than {MOST_FILES} files")
            break
        try:
            text = text_of(path)
        except OSError as error:
            found.unseen.append(f"{path} ({error.strerror})")
        else:
            name = str(path.relative_to(folder) if path.is_relative_to(folder) else path)
            current = _take(found, folder, name, text, current, depth + 1)
    return current


@dataclass(frozen=True, slots=True)
class Pattern:
    """One extension as Asterisk compares it: a set of characters for each place, and whether more may follow."""

    written: str
    places: tuple[str, ...]
    more: str

    def is_reached(self, keys: str) -> bool:
        """Tell whether these keys are the extension."""
        if self.more:
            least = len(self.places) + (self.more == ".")
            return len(keys) >= least and self._agrees(keys)
        return len(keys) == len(self.places) and self._agrees(keys)

    def may_become(self, keys: str) -> bool:
        """Tell whether these keys are the extension, or could be with others after them."""
        return (bool(self.more) or len(keys) <= len(self.places)) and self._agrees(keys)

    def _agrees(self, keys: str) -> bool:
        return all(key in place for key, place in zip(keys, self.places, strict=False))


def pattern(written: str) -> Pattern:
    """Read an extension of extensions.conf."""
    # Behind a slash is the caller's number: for some callers it is reached, so it counts.
    name = written.partition("/")[0].strip()
    if not name.startswith("_"):
        return Pattern(written, tuple(name.replace("-", "")), "")
    places: list[str] = []
    for part in re.findall(r"\[[^]]*\]|.", name[1:]):
        if part in _OPEN:
            return Pattern(written, tuple(places), part)
        if part.startswith("[") and part != "[":
            places.append(_choice(part[1:-1]))
        elif part != "-":
            places.append(_SETS.get(part.upper(), part))
    return Pattern(written, tuple(places), "")


def _choice(inside: str) -> str:
    ranges = re.sub(
        r"(.)-(.)", lambda span: "".join(map(chr, range(ord(span[1]), ord(span[2]) + 1))), inside, flags=re.DOTALL
    )
    return ranges.replace("\\", "")


@dataclass(slots=True)
class Context:
    """The extensions of a context, each with all of its lines, and which contexts it includes."""

    extensions: dict[str, list[str]] = field(default_factory=dict)
    includes: list[str] = field(default_factory=list)


class Dialplan:
    """extensions.conf."""

    def __init__(self, file: File) -> None:
        self.unseen: list[str] = []
        self._contexts = {name: self._context(name, entries) for name, entries in file.sections.items()}

    def _context(self, name: str, entries: list[Entry]) -> Context:
        context, lines = Context(), list[str]()
        for entry in entries:
            match entry.key.lower():
                case "exten":
                    extension, _, rest = entry.value.partition(",")
                    lines = context.extensions.setdefault(extension.strip(), [])
                    lines.append(rest)
                case "same":
                    lines.append(entry.value)
                case "include":
                    context.includes.append(re.split(r"[,|]", entry.value)[0].strip())
                case "switch" | "lswitch" | "eswitch":
                    self.unseen.append(f"{entry.key} => in [{name}]")
                case _:
                    pass
        return context

    @property
    def menus(self) -> list[str]:
        """The contexts in which somebody is waited for who shall press a key."""
        return [
            name
            for name, one in self._contexts.items()
            if any(_MENU.search(line) for lines in one.extensions.values() for line in lines)
        ]

    def lines(self, context: str, extension: str) -> list[str]:
        """Return what an extension does, by its own name or the first pattern that it matches."""
        found = [(pattern(one), lines) for one, lines in self._extensions(context, set())]
        exact = [lines for one, lines in found if one.written == extension]
        return next(iter(exact + [lines for one, lines in found if one.is_reached(extension)]), [])

    def _extensions(self, name: str, seen: set[str]) -> Iterator[tuple[str, list[str]]]:
        context = self._contexts.get(name)
        if context is None or name in seen:
            return
        seen.add(name)
        yield from context.extensions.items()
        for included in context.includes:
            yield from self._extensions(included, seen)

    def leaves(self, context: str, keys: str) -> tuple[str, str] | None:
        """Return by which of these keys a waiting caller is taken to which extension of a queue's context, if to any.

        As app_queue does it (valid_exit): keys that can become no extension are forgotten, all of them; the first that
        are one end the waiting. So `9` alone is enough for `*9`, where nothing begins with `*`.
        """
        patterns = [pattern(one) for one, _ in self._extensions(context, set())]
        typed = ""
        for key in keys:
            typed += key
            reached = next((one for one in patterns if one.is_reached(typed)), None)
            if reached is not None:
                return typed, reached.written
            if not any(one.may_become(typed) for one in patterns):
                typed = ""
        return None
