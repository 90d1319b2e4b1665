"""The pages of the checkout: each link leads somewhere, each promise names a test that there is."""

import re
from pathlib import Path
from typing import get_args

import pytest
from chaos.points import BLOWS
from pydantic import BaseModel
from unit.pages import CHECKOUT, anchors, links, named, pages, prose, tables

from ari_app.config.model import Config

TESTS = sorted((CHECKOUT / "tests").rglob("test_*.py"))
SOURCES = "\n".join(file.read_text(encoding="utf-8") for file in sorted((CHECKOUT / "ari_app").rglob("*.py")))
COMPOSED = {f"spool.{level}" for level in ("low", "scarce", "has_room")}
"""Events of the log whose names the program puts together."""
SPEAKING = {".py", ".conf", ".yaml", ".yml", ".service", ".sh", ".json", ""}
"""Files whose messages and comments send a person to a page."""


@pytest.mark.parametrize("page", pages(), ids=named)
def test_each_link_leads_to_a_file_and_a_heading_that_there_are(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for link in links(text):
        if re.match(r"(https?|mailto):", link):
            continue
        target, _, anchor = link.partition("#")
        there = (page.parent / target).resolve() if target else page
        assert there.exists(), link
        assert there.is_relative_to(CHECKOUT), link
        if anchor:
            assert anchor in anchors(there.read_text(encoding="utf-8")), link


FOLDERS = "ari_app|agi_scripts|deploy|dialplan|docs|tests"


@pytest.mark.parametrize("page", pages(), ids=named)
def test_each_file_that_a_page_names_is_there(page: Path) -> None:
    for name in re.findall(rf"`(?:\./)?((?:{FOLDERS})/[\w./@-]+)[`: ]", page.read_text(encoding="utf-8")):
        assert (CHECKOUT / name).exists(), f"{named(page)}: {name}"


def test_the_pages_and_their_links_were_found() -> None:
    found = {named(page): links(page.read_text(encoding="utf-8")) for page in pages()}
    assert {"README.md", "CHANGELOG.md", "dialplan/README.md", "docs/guard.md"} <= set(found)
    assert "docs/choices.md" in found["README.md"]
    assert sum(len(one) for one in found.values()) > 30


def test_each_page_is_reached_from_the_readme() -> None:
    reached: set[Path] = set()
    left = [CHECKOUT / "README.md"]
    while left:
        page = left.pop()
        if page.suffix == ".md" and page not in reached:
            reached.add(page)
            targets = [link.partition("#")[0] for link in links(page.read_text(encoding="utf-8")) if "://" not in link]
            left += [(page.parent / target).resolve() for target in targets if target]
    assert [named(page) for page in pages() if page not in reached] == []


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [
        ("The caller's choice, the staff's hand", "the-callers-choice-the-staffs-hand"),
        ("`spool.low`: little room", "spoollow-little-room"),
        ("CONSENTGATE_ALIVE is old", "consentgate_alive-is-old"),
    ],
)
def test_anchors_are_those_that_forges_make(heading: str, anchor: str) -> None:
    assert anchors(f"# {heading}\n```sh\n# no heading\n```\n") == {anchor}
    assert anchors(f"# {heading}\n## {heading}\n") == {anchor, f"{anchor}-1"}


def test_whatever_sends_a_person_to_a_page_names_one_that_there_is() -> None:
    """A hint in a message and a comment in a file to copy are read where nobody can follow a link."""
    sent = 0
    for folder in ("ari_app", "agi_scripts", "deploy", "dialplan", "tests"):
        for file in sorted((CHECKOUT / folder).rglob("*")):
            if not file.is_file() or file.suffix not in SPEAKING or "__pycache__" in file.parts:
                continue
            for name in re.findall(r"\b(?:docs|dialplan|deploy)/[\w/-]+\.md\b", file.read_text(encoding="utf-8")):
                sent += 1
                assert (CHECKOUT / name).exists(), f"{named(file)}: {name}"
    assert sent >= 5


def keys(model: type[BaseModel], path: str = "") -> set[str]:
    """Every section and key of the configuration by its path, without the names that a site gives."""
    found = set()
    for name, field in model.model_fields.items():
        here = f"{path}{field.alias or name}"
        found.add(here)
        inner = [one for one in (field.annotation, *get_args(field.annotation)) if isinstance(one, type)]
        for below in (one for one in inner if issubclass(one, BaseModel)):
            found |= keys(below, f"{here}.")
    return found


@pytest.mark.parametrize("page", pages(), ids=named)
def test_each_key_of_the_configuration_that_a_page_names_is_one(page: Path) -> None:
    known = keys(Config)
    sections = {one for one in known if "." not in one}
    for name in re.findall(r"`([a-z_0-9]+(?:\.[\w-]+)+)(?:: [^`]*)?`", prose(page.read_text(encoding="utf-8"))):
        first, *others = name.split(".")
        # Events of the log are called alike (`spool.low`), and files (`asterisk.conf`).
        if (
            first not in sections
            or f'"{name}"' in SOURCES
            or name in COMPOSED
            or others[-1] in {"conf", "py", "json", "jsonl"}
        ):
            continue
        path = ".".join(part for part in (first, *others) if not part.isupper())
        assert path in known, f"{named(page)}: {name}"


@pytest.mark.parametrize(
    ("tool", "listed"), [("tests/bench", r"^(\w+(?: \| \w+)+)\) ;;$"), ("deploy/demo", r"^'' \| (.*)\) ;;$")]
)
def test_each_tool_is_called_as_it_can_be(tool: str, listed: str) -> None:
    (line,) = re.findall(listed, (CHECKOUT / tool).read_text(encoding="utf-8"), re.MULTILINE)
    known = set(line.split(" | ")) - {"''"}
    called = {word for page in pages() for word in re.findall(rf"\./{tool} (\w+)", page.read_text(encoding="utf-8"))}
    assert len(called) >= 4
    assert called <= known | {"NAME"}


def promises() -> list[tuple[str, list[str]]]:
    """Every row of a table whose last column says by which test its promise is shown."""
    found = []
    for page in pages():
        for heads, *rows in tables(page.read_text(encoding="utf-8")):
            if heads[-1].startswith("shown by"):
                found += [(named(page), row) for row in rows]
    return found


@pytest.mark.parametrize(("page", "row"), promises(), ids=lambda one: one if isinstance(one, str) else one[0][:40])
def test_each_promise_names_what_shows_it(page: str, row: list[str]) -> None:
    """By a test's file, a test in it, a blow of the chaos, "the same" as in the row before; or it is called a limit."""
    shown = row[-1]
    if shown.startswith("limit: "):
        return
    names = re.findall(r"`([^`]+)`", shown)
    assert names or shown == "the same", f"{page}: nothing shows it, and it is not said to be a limit"
    for name in names:
        path, _, function = name.partition("::")
        if path in {one.name for one in BLOWS}:
            continue
        there = [test for test in TESTS if path in {named(test), test.stem, test.name}]
        assert there, f"{page}: there is no {name}"
        if function:
            (file,) = there
            assert re.search(rf"^(async )?def {function}\(", file.read_text(encoding="utf-8"), re.MULTILINE), name


def test_the_promises_were_found() -> None:
    kept = promises()
    assert len([row for page, row in kept if page == "README.md"]) >= 30, "topologies and failures stand in the README"
    assert {"docs/choices.md", "docs/storage.md"} <= {page for page, _ in kept}
