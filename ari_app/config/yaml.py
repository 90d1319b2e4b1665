"""YAML with its line numbers: a tree of plain values, and where in the file each of them stands.

PyYAML forgets places once it has built values, and takes the last of two equal keys without a word. So the
values are built here from its node graph, which has both.
"""

import os
import pwd
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any, cast

import yaml

from ari_app.errors import ConfigurationError

from .problems import InvalidConfigurationError, Path, Problem, dotted, shown

MAX_BYTES = 1024 * 1024
MAX_NODES = 100_000
START = "begin with the commented example, deploy/consentgate.yaml"


@dataclass(frozen=True, slots=True)
class Document:
    """One file: `data` is its tree; `lines` and `texts` tell place and wording of every value in it.

    `unreadable` are the values that were reported here already: None stands for them in the tree.
    """

    file: FilePath
    data: dict[str, Any]
    lines: dict[Path, int] = field(default_factory=dict)
    texts: dict[Path, str] = field(default_factory=dict)
    unreadable: set[Path] = field(default_factory=set)

    @property
    def folder(self) -> FilePath:
        """Relative paths in the file are meant from here."""
        return self.file.parent

    def line(self, path: Path) -> int:
        """Return the line of a value; of something that is missing, that of the nearest thing around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def problem(self, path: Path, problem: str, hint: str = "") -> Problem:
        """Return a finding about this place, with the value as it was written."""
        text = self.texts.get(path)
        return Problem(self.line(path), dotted(path), problem, None if text is None else shown(path, text), hint)


def _content(file: FilePath) -> str:
    what = "the configuration cannot be read"
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        hint = "name it with --config or CONSENTGATE_CONFIG, or " + START
        raise ConfigurationError(what, on=str(file), why="there is no such file", hint=hint) from None
    except OSError as error:
        raise ConfigurationError(what, on=str(file), why=_barrier(file, error), hint=_readable(file)) from None
    if len(content) > MAX_BYTES:
        raise ConfigurationError(what, on=str(file), why=f"it is larger than {MAX_BYTES} bytes", hint=START)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        found = Problem(line, "", "is not UTF-8 text", hint="save it as UTF-8")
        raise InvalidConfigurationError(str(file), [found]) from None


def _barrier(file: FilePath, error: OSError) -> str:
    """Return why a file cannot be read: which folder keeps whom from it, if one does."""
    why = error.strerror or type(error).__name__
    if not isinstance(error, PermissionError):
        return why
    closed = (folder for folder in reversed(file.parents) if not os.access(folder, os.X_OK, effective_ids=True))
    folder = next(closed, None)
    return f"{why}, user {_user()} may not {f'enter {folder}' if folder else 'read it'}"


def _user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _readable(file: FilePath) -> str:
    return (
        "It must be a file that the user of this process may read: mode 0640 and group consentgate, in a folder of "
        f"mode 0750 and the same group, and the user in that group (ls -ld {file.parent} {file})"
    )


def _broken(error: yaml.YAMLError, content: str) -> Problem:
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        said = error.problem or error.context or "it cannot be understood"
        hint = "indent with spaces, never with tabs" if r"\t" in said else "mind the indentation, quotes and colons"
        return Problem(mark.line + 1 if mark else 1, "", f"is not YAML: {said}", hint=hint)
    position = getattr(error, "position", 0)
    found = "is not YAML: a character that cannot be printed"
    return Problem(content.count("\n", 0, position) + 1, "", found, hint="remove it")


class _Builder:
    """Values from nodes; collects problems instead of stopping at the first."""

    def __init__(self, loader: yaml.SafeLoader, document: Document) -> None:
        self.loader = loader
        self.document = document
        self.problems: list[Problem] = []
        self.open: set[int] = set()
        self.nodes = 0

    def note(self, node: yaml.Node, path: Path, problem: str, hint: str) -> None:
        self.problems.append(Problem(node.start_mark.line + 1, dotted(path), problem, hint=hint))

    def value(self, node: yaml.Node, path: Path) -> object:
        self.nodes += 1
        self.document.lines.setdefault(path, node.start_mark.line + 1)
        if id(node) in self.open or self.nodes > MAX_NODES:
            # An alias may point to what contains it, and few aliases can stand for billions of values.
            self.note(node, path, "repeats itself through an alias", "write it out")
            return None
        self.open.add(id(node))
        try:
            match node:
                case yaml.MappingNode():
                    return self.mapping(node, path)
                case yaml.SequenceNode():
                    return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
                case _:
                    return self.scalar(node, path)
        finally:
            self.open.discard(id(node))

    def scalar(self, node: yaml.Node, path: Path) -> object:
        self.document.texts[path] = node.value
        try:
            return cast("object", self.loader.construct_object(node))
        except (yaml.YAMLError, ValueError):
            # ValueError: 2026-02-30 has the form of a date and is none.
            kind = node.tag.rpartition(":")[2]
            self.document.unreadable.add(path)
            self.problems.append(
                self.document.problem(path, f"cannot be read as {kind}", "mend it, or put it in quotes if it is text")
            )
            return None

    def mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        result: dict[str, Any] = {}
        merged: list[yaml.Node] = []
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self.note(key, path, "has a key that is a list or a section", "a key is a plain word")
                continue
            if key.tag == "tag:yaml.org,2002:merge":
                merged += value.value if isinstance(value, yaml.SequenceNode) else [value]
                continue
            # The key as written: 999 and yes are names here, not a number and a truth.
            here = (*path, key.value)
            if key.value in result:
                first = self.document.lines[here]
                self.note(key, here, f"stands twice, first in line {first}", "remove one of them")
                continue
            self.document.lines[here] = key.start_mark.line + 1
            result[key.value] = self.value(value, here)
        for source in merged:
            self.merge(source, path, result)
        return result

    def merge(self, source: yaml.Node, path: Path, result: dict[str, Any]) -> None:
        if not isinstance(source, yaml.MappingNode):
            self.note(source, path, "merges (<<) something that is not a section", "merge a section")
            return
        for key, value in source.value:
            if isinstance(key, yaml.ScalarNode) and key.value not in result and key.value != "<<":
                self.document.lines[*path, key.value] = key.start_mark.line + 1
                result[key.value] = self.value(value, (*path, key.value))


def read(file: FilePath) -> tuple[Document, list[Problem]]:
    """Return the tree of a file and what is wrong with its YAML as such (keys that stand twice, odd scalars).

    Raises ConfigurationError if there is no tree: unreadable, empty, not YAML, not a mapping at the top.
    """
    content = _content(file)
    try:
        loader = yaml.SafeLoader(content)
        node = loader.get_single_node()
        document = Document(file, {})
        builder = _Builder(loader, document)
        if node is None or (isinstance(node, yaml.ScalarNode) and not node.value):
            raise InvalidConfigurationError(str(file), [Problem(1, "", "is empty", hint=START)])
        if not isinstance(node, yaml.MappingNode):
            found = "is not a list of sections (site:, asterisk:, lines:, …)"
            raise InvalidConfigurationError(str(file), [Problem(node.start_mark.line + 1, "", found, hint=START)])
        document.data.update(builder.mapping(node, ()))
    except yaml.YAMLError as error:
        raise InvalidConfigurationError(str(file), [_broken(error, content)]) from None
    except RecursionError:
        raise InvalidConfigurationError(str(file), [Problem(1, "", "is nested too deeply", hint=START)]) from None
    return document, builder.problems
