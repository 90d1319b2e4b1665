"""Rules about what somebody may choose by a key: each key means one thing, and every language offers the same."""

from collections.abc import Iterator
from typing import Any, Final

from ari_app.core.policy import Mode

from .problems import Path, Problem
from .yaml import Document

SOUNDS: Final = ("announcements", "outgoing_announcements", "information", "confirmation")
"""A line's lists of announcements."""

_KEYS: Final = ("opt_out_key", "consent_key", "repeat_key", "information_key")
_NEEDED: Final = {
    Mode.ANNOUNCE_OPT_OUT: ("opt_out_key", "is missing: nobody could say no during the announcement"),
    Mode.OPT_IN: ("consent_key", "is missing: nobody could say yes"),
}
_ONLY_FOR: Final = {"opt_out_key": {Mode.ANNOUNCE_OPT_OUT, Mode.OPT_IN}, "consent_key": {Mode.OPT_IN}}


def problems(document: Document, path: Path, line: dict[str, Any]) -> Iterator[Problem]:
    """Yield every breach of a rule about one line's choices."""
    mode = str(line.get("mode"))
    if mode == Mode.NEVER:
        return
    yield from _needed(document, path, line, mode)
    yield from _one_meaning(document, path, line)
    yield from _every_language(document, path, line)


def _needed(document: Document, path: Path, line: dict[str, Any], mode: str) -> Iterator[Problem]:
    for needing, (key, problem) in _NEEDED.items():
        if mode == needing and line.get(key) is None:
            yield document.problem((*path, key), problem, f'{key}: "{"9" if key == "opt_out_key" else "1"}"')
    for key, modes in _ONLY_FOR.items():
        if line.get(key) is not None and mode not in modes:
            hint = f"write mode: {' or '.join(sorted(modes))}, or remove the key"
            yield document.problem((*path, key), f"has no effect with mode {mode}", hint)
    if mode in _NEEDED and not line.get("confirmation"):
        hint = "name announcements, one in each language: This call will not be recorded."
        problem = "is missing: whoever says no would not learn that it was heard"
        yield document.problem((*path, "confirmation"), problem, hint)
    if (line.get("information_key") is not None) != bool(line.get("information")):
        missing = "information" if line.get("information_key") is not None else "information_key"
        hint = "a key needs something to be heard, and what is to be heard needs a key"
        yield document.problem((*path, missing), "is missing", hint)


def _one_meaning(document: Document, path: Path, line: dict[str, Any]) -> Iterator[Problem]:
    languages = line.get("language_keys")
    named = [((*path, key), line.get(key)) for key in _KEYS]
    if isinstance(languages, dict):
        named += [((*path, "language_keys", one), key) for one, key in languages.items()]
    taken: dict[str, Path] = {}
    for here, key in named:
        if not isinstance(key, str | int):
            continue
        if first := taken.get(str(key)):
            problem = f"is also {'.'.join(str(part) for part in first[2:])}"
            yield document.problem(here, problem, "each key means one thing")
        taken.setdefault(str(key), here)


def _every_language(document: Document, path: Path, line: dict[str, Any]) -> Iterator[Problem]:
    """What is offered in one language is offered in all: no language is the lesser (Welsh Language Standards 8-10)."""
    announcements = document.data.get("announcements")
    known = announcements if isinstance(announcements, dict) else {}

    def spoken(key: str) -> set[str]:
        listed = line.get(key)
        found = [known.get(one) for one in listed if isinstance(one, str)] if isinstance(listed, list) else []
        return {str(one["language"]) for one in found if isinstance(one, dict) and "language" in one}

    offered = spoken("announcements") | spoken("outgoing_announcements")
    for key in ("information", "confirmation"):
        for language in sorted(offered - spoken(key)) if line.get(key) else []:
            problem = f"says nothing in {language}, although announcements do"
            yield document.problem((*path, key), problem, f"add one with language: {language}")
    languages = line.get("language_keys")
    if isinstance(languages, dict) and languages:
        heard = spoken("announcements")
        for language in sorted(heard - languages.keys()):
            problem = f"has no key for {language}, in which the line speaks"
            yield document.problem((*path, "language_keys"), problem, f'{language}: "1"')
        for language in sorted(str(one) for one in languages.keys() - heard):
            problem = "is a language in which no announcement of this line speaks"
            yield document.problem((*path, "language_keys", language), problem, "add an announcement, or remove it")
