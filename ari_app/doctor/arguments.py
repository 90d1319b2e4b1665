"""How Asterisk parts what stands between an application's brackets, read without evaluating any of it.

Every text here may be a mistake of somebody's, so an unclosed bracket goes to the end of the text and no error comes.
"""

import itertools
from collections.abc import Iterator
from typing import Final

_OPENING: Final = {"(": ")", "[": "]", "{": "}"}
_CLOSING: Final = set(_OPENING.values())


def outside(text: str) -> Iterator[tuple[int, str]]:
    """Yield place and character of all that stands in no brackets and no quotes, the brackets themselves left out."""
    depth, quoted, escaped = 0, False, False
    for place, one in enumerate(text):
        if escaped:
            escaped = False
        elif one == "\\":
            escaped = True
        elif one == '"':
            quoted = not quoted
        elif quoted:
            continue
        elif one in _OPENING:
            depth += 1
        elif one in _CLOSING:
            depth = max(0, depth - 1)
        elif depth == 0:
            yield place, one


def split(text: str, separator: str = ",", most: int = -1) -> list[str]:
    """Part a text at a separator that stands in no brackets and no quotes, at most so often; each part is stripped."""
    places = [place for place, one in outside(text) if one == separator]
    if most >= 0:
        places = places[:most]
    edges = [-1, *places, len(text)]
    return [text[start + 1 : end].strip() for start, end in itertools.pairwise(edges)]


def letters(options: str) -> dict[str, str]:
    """Return each option letter with its argument, as in `tTU(consentgate-party^line)m`; a variable is no letter."""
    found: dict[str, str] = {}
    place = 0
    while place < len(options):
        one = options[place]
        inner = ""
        end = place + 1
        if one == "$" and options[end : end + 1] in _OPENING:
            place = _closed(options, end)
            continue
        if options[end : end + 1] == "(":
            closed = _closed(options, end)
            inner = options[end + 1 : closed - 1] if options[closed - 1] == ")" else options[end + 1 :]
            end = closed
        if one.isalpha():
            found[one] = inner
        place = end
    return found


def _closed(text: str, opening: int) -> int:
    """Return the place behind the bracket that closes the one at `opening`, or the end of the text."""
    depth = 0
    for place in range(opening, len(text)):
        if text[place] in _OPENING:
            depth += 1
        elif text[place] in _CLOSING:
            depth -= 1
            if depth <= 0:
                return place + 1
    return len(text)


def call(text: str) -> tuple[str, str]:
    """Part `Application(arguments)`; without brackets everything behind the first comma are the arguments."""
    text = text.strip()
    comma, bracket = text.find(","), text.find("(")
    if bracket < 0 or 0 <= comma < bracket:
        name, _, data = text.partition(",")
        return name.strip(), data.strip()
    inner = text[bracket + 1 :]
    end = inner.rfind(")")
    return text[:bracket].strip(), (inner if end < 0 else inner[:end]).strip()


def branches(text: str) -> tuple[str, str, str]:
    """Part `condition?this:that`, as GotoIf and ExecIf have it; what is not there is empty."""
    mark = next((place for place, one in outside(text) if one == "?"), -1)
    if mark < 0:
        return text.strip(), "", ""
    this, that, *_ = [*split(text[mark + 1 :], ":", 1), ""]
    return text[:mark].strip(), this, that
