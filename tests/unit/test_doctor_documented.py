"""Every finding that doctor can make has a heading in docs/doctor.md, and no heading is of none."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from ari_app.commands.doctor import _WHY
from ari_app.doctor.doors import DOORS
from ari_app.doctor.routes import ROUTES

CHECKOUT = Path(__file__).parents[2]
MAKERS = {"Found", "fail", "_wrapped", "door", "_report"}
NAME = re.compile(r"[a-z]+(-[a-z0-9]+)*")


def sources() -> list[Path]:
    commands = CHECKOUT / "ari_app" / "commands"
    found = [
        *commands.glob("doctor*.py"),
        *commands.glob("selftest*.py"),
        *(CHECKOUT / "ari_app" / "doctor").glob("*.py"),
    ]
    assert len(found) > 15
    return found


def made() -> Iterator[str]:
    """Yield the first word of each finding that a source makes."""
    for file in sources():
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            match node:
                case ast.Call(
                    func=ast.Name(id=maker) | ast.Attribute(attr=maker), args=[ast.Constant(value=str(name)), *_]
                ) if maker in MAKERS:
                    yield name
                case ast.Assign(targets=[ast.Name(id="name")], value=ast.Constant(value=str(name))) if NAME.fullmatch(
                    name
                ):
                    yield name
                case _:
                    pass


def test_every_finding_is_documented() -> None:
    written = re.findall(r"^#### (.+)$", (CHECKOUT / "docs" / "doctor.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(written) == len(set(written))
    names = {*made(), *DOORS, *ROUTES, *_WHY}
    assert all(NAME.fullmatch(one) for one in names)
    assert names - set(written) == set(), "findings without a heading"
    assert set(written) - names == set(), "headings of no finding"
