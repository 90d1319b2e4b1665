"""The demo's commands, after `deploy/demo` has brought Python so far."""

import argparse
import hashlib
import json
import os
import sys
import tempfile
import time
from pathlib import Path

from . import calls, story, transfers
from .errors import WorldError
from .processes import Place
from .progress import Progress
from .world import OWN, SERVERS, World

RUNNING = (*OWN, *SERVERS)


def main() -> int:
    """Run one command; returns its exit code (0 good, 1 a failure, 2 usage)."""
    parser = argparse.ArgumentParser(prog="./deploy/demo")
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("up")
    commands.add_parser("down")
    commands.add_parser("env")
    calling = commands.add_parser("call")
    calling.add_argument("--line", default="switchboard")
    calling.add_argument("--transfer", metavar="NUMBER")
    calling.add_argument("--opt-out", action="store_true")
    options = parser.parse_args()
    cache = Path(os.environ["CONSENTGATE_DEMO_DIR"])
    try:
        match options.command:
            case "up":
                up(cache)
            case "down":
                down(cache)
                print("down: nothing of the world runs any more", file=sys.stderr)
            case "env":
                print(json.dumps(find(cache).env()))
            case "call":
                show(find(cache), options.line, options.transfer, opt_out=options.opt_out)
            case _:
                everything(cache)
    except (WorldError, OSError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("demo: interrupted; ./deploy/demo down stops what still runs", file=sys.stderr)
        return 1
    return 0


def find(cache: Path) -> World:
    """The world that was made below cache; WorldError if there is none or nothing of it runs."""
    world = World.load(cache / "world", packages_cache=cache / "packages")
    if not any(map(world.running, RUNNING)):
        raise WorldError("the world is not running: ./deploy/demo up starts it")
    return world


def up(cache: Path) -> World:
    """Bring everything up, say what runs where, and return it running."""
    began = time.monotonic()
    progress = Progress()
    progress.say(f"Everything lies below {cache}; nothing is installed on this machine.")
    world = World.create(cache / "world", packages_cache=cache / "packages", well_known_ports=True, progress=progress)
    for line in world.programs.describe():
        progress.say(f"  {line}")
    progress.say(world.who.describe())
    with world.alone():
        _retire(world, cache)
        world.start()
    env = world.env()
    numbers = ", ".join(f"{name} {said['number']}" for name, said in env["lines"].items() if said["number"])
    house = env["agents"][0]["sip"]
    progress.say(f"Up after {time.monotonic() - began:.1f} s. The outside calls {env['sip']}: {numbers}.")
    progress.say(f"House phones 2001-2004 register at {house}; their passwords: ./deploy/demo env")
    return world


def down(cache: Path) -> None:
    """Stop everything that belongs to the world, also what an interrupted start left."""
    world = World.load(cache / "world", packages_cache=cache / "packages")
    with world.alone():
        world.stop()


def show(world: World, line: str, transfer: str | None = None, *, opt_out: bool = False) -> None:
    """Place one call, with a transfer or the caller's no if one is wanted, and print its evidence."""
    calls.check_line(world, line)
    with tempfile.TemporaryDirectory(prefix="consentgate-call-") as scratch:
        _say(f"Calling {line} ({world.env()['lines'][line]['number']}) ...")
        if transfer is None:
            recordings = calls.place(world, line, Path(scratch), opt_out=opt_out).recordings
        else:
            recordings = transfers.place(world, line, transfer, Path(scratch), _say)
        story.tell(world, line, recordings)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def everything(cache: Path) -> None:
    """The show: up, one call, its evidence; stopped again unless it was up before."""
    was_up = any(Place(cache / "world", name).running() for name in RUNNING)
    try:
        show(up(cache), "switchboard")
    finally:
        # Also what a start that failed half-way has left.
        if not was_up and any(Place(cache / "world", name).running() for name in RUNNING):
            down(cache)
    if not was_up:
        print("The world is stopped again; ./deploy/demo up keeps it running.", file=sys.stderr)


def _retire(world: World, cache: Path) -> None:
    """Stop a world that runs an earlier state of the checkout: what runs is what is in it."""
    digest = hashlib.sha256((cache / "venv" / "stamp").read_bytes())
    for part in (world.asterisk.etc, world.root / "dialplan", world.root / "agi", world.config):
        for path in sorted(part.rglob("*") if part.is_dir() else [part]):
            if path.is_file():
                digest.update(path.read_bytes())
    kept = world.root / "running.stamp"
    if not kept.exists() or kept.read_text() != digest.hexdigest():
        world.stop()
    kept.write_text(digest.hexdigest())


if __name__ == "__main__":
    sys.exit(main())
