"""What the tests of the documents share: all pages of the checkout, their headings, links, tables and code."""

import re
from collections.abc import Iterator
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
_FENCE = re.compile(r"^ *(```+).*?^ *\1 *$", re.MULTILINE | re.DOTALL)


def pages() -> list[Path]:
    """Every page of the checkout, but for what tools leave there."""
    found = sorted(CHECKOUT.rglob("*.md"))
    return [page for page in found if not any(part[0] == "." or part == "build" for part in named(page).split("/"))]


def named(page: Path) -> str:
    return page.relative_to(CHECKOUT).as_posix()


def prose(text: str) -> str:
    """A page without its blocks of code, in which a # is a comment and ](…) is nobody's link."""
    return _FENCE.sub("", text)


def code(text: str, language: str) -> list[str]:
    """The blocks of code in one language, without the indentation of the list that they stand in."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^\1```$", text, re.MULTILINE | re.DOTALL)
    return [re.sub(rf"^{indent}", "", block, flags=re.MULTILINE) for indent, block in found]


def anchors(text: str) -> set[str]:
    """The names by which the headings of a page are linked to, as forges make them; a second one of a name has -1."""
    found: set[str] = set()
    for heading in re.findall(r"^#{1,6} (.+?)(?: #+)?$", prose(text), re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        name = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        times = sum(one == name or re.fullmatch(rf"{re.escape(name)}-\d+", one) is not None for one in found)
        found.add(f"{name}-{times}" if times else name)
    return found | set(re.findall(r'<a (?:id|name)="([^"]+)"', text))


def links(text: str) -> list[str]:
    """Whatever a page links to, and shows."""
    bare = re.sub(r"`[^`\n]*`", "", prose(text))
    # A link's words may be code, which is gone by now: [](target) is what is left of it.
    return re.findall(r"\]\(<?([^)\s>]+)>?(?: \"[^\"]*\")?\)", bare)


def tables(text: str) -> Iterator[list[list[str]]]:
    """Each table of a page: its rows, the first the heads; a cell is stripped, \\| is not the end of one."""
    for block in re.findall(r"(?:^\|.*\n?)+", prose(text), re.MULTILINE):
        rows = [re.split(r"(?<!\\)\|", line.strip())[1:-1] for line in block.splitlines()]
        yield [[cell.strip() for cell in row] for number, row in enumerate(rows) if number != 1]
