"""The worlds of `./tests/bench rooms`: the hospital of the system tests, and a PBX that never heard of the suite.

The hospital is all of it: Asterisk, gate, guard, ship, PostgreSQL and S3, with the doors that the guard must shut.
"""

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from demo_world.progress import Progress
from demo_world.settings import Options
from demo_world.world import World
from system import doors, site
from system.hospital import Hospital, await_alive

_OURS: Final = re.compile(r"consentgate", re.IGNORECASE)
_GUEST: Final = re.compile(r"U\(consentgate-party\^[^)]*\)")


@contextlib.contextmanager
def hospital(packages: Path, command: tuple[str, ...]) -> Iterator[Hospital]:
    """Make the hospital, start it, and remove it in the end. Raises WorldError or OSError."""
    options = doors.equipped(site.OPTIONS)
    with made(packages, command, options) as world:
        world.asterisk.write_site_dialplan(site.DIALPLAN + doors.dialplan(world))
        world.start()
        await_alive(world)
        yield Hospital(world)


@contextlib.contextmanager
def plain_pbx(packages: Path, command: tuple[str, ...]) -> Iterator[World]:
    """Start the same Asterisk with the same telephones, and nothing of ours: no include, no route, no process."""
    with made(packages, command, site.OPTIONS) as world:
        for name in ("extensions.conf", "routes.conf"):
            file = world.asterisk.etc / name
            text = without_us(file.read_text(encoding="utf-8"), world.root)
            world.who.asterisk.write(file, text, 0o400)
        world.start_asterisk()
        if _OURS.search(world.asterisk.cli("dialplan show")):
            raise OSError("the PBX without the suite has some of its dialplan; nothing can be compared with that")
        yield world


def without_us(dialplan: str, root: Path) -> str:
    """Return a dialplan less every line and every option of a `Dial` that names consentgate.

    root: the world's directory. That it lies below one of our name makes no line of the site's ours.
    """
    lines = [_GUEST.sub("", line) for line in dialplan.splitlines()]
    kept: list[str] = []
    for line in lines:
        if not _OURS.search(line.replace(str(root), "")):
            kept.append(line)
        elif found := re.match(r"\s*exten\s*=>\s*([^,]+),1,", line):
            # Its next lines are `same => n`, and need a first priority before them.
            kept.append(f"exten => {found[1]},1,NoOp()")
    return "\n".join([*kept, ""])


@contextlib.contextmanager
def made(packages: Path, command: tuple[str, ...], options: Options) -> Iterator[World]:
    """Make a world in which nothing runs yet, and remove it in the end."""
    packages.parent.mkdir(parents=True, exist_ok=True)
    root = Path(tempfile.mkdtemp(prefix="rooms-", dir=packages.parent))
    root.chmod(0o755)
    world = World.create(root, packages_cache=packages, options=options, command=command, progress=Progress())
    try:
        yield world
    finally:
        if os.environ.get("CONSENTGATE_BENCH_KEEP"):
            world.stop()
        else:
            world.destroy()
