"""Is the world as a test must leave it? What is not is a finding about the test, or about the product."""

import json
import os
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

from demo_world import processes
from demo_world.world import OWN, SERVERS, World

_EMPTY = ("live", "calls", "sealed", "fallback", "audio", "quarantine")
_SHIPPED = {"journal.jsonl", "manifest.json", "manifest.json.sig"}
_TOP = {
    *_EMPTY, "incidents", "shipped", "heartbeat", "keeper", "selftests", "announcements", "anchors",
    "policy.json", "lines.conf",
    "gate.lock", "gate-standby.lock", "gate.ready", "guard.lock", "guard.ready", "ship.lock", "ship.ready",
}  # fmt: skip
_SINGLE = ("asterisk", *OWN)
"""These have no helpers when nothing is going on; PostgreSQL has, and SeaweedFS is not ours to count."""


CALLER = re.compile(r"07700 ?9\d{5}|01632 ?96\d{4}|Gwendolyn|Prosser|consentgate-telephone|PJSIP/")
"""Every number that tests call from or to, a caller's name, their telephone's, every endpoint: in no log."""


def dirt(world: World) -> list[str]:
    """Return everything that is not as it must be when nobody calls."""
    checks: tuple[Callable[[World], list[str]], ...] = (_stopped, _channels, _strangers, _spool)
    found: list[str] = []
    for check in checks:
        found += check(world)
    return found


def _stopped(world: World) -> list[str]:
    found = [f"{name} does not run" for name in (*SERVERS, *OWN) if not world.running(name)]
    for name in OWN:
        ready = processes.ready_pid(world.spool / f"{name}.ready")
        if ready != str(world.pid(name)):
            found.append(f"{name} is not ready ({ready or 'no mark'})")
    return found


def _channels(world: World) -> list[str]:
    if not world.running("asterisk"):
        return []
    count = re.search(r"(\d+) active channel", world.asterisk.cli("core show channels count"))
    return [] if count and count[1] == "0" else [f"{count[1] if count else 'unknown many'} channels are up"]


def _strangers(world: World) -> list[str]:
    known = {world.pid(name): name for name in (*SERVERS, *OWN)}
    sessions: Counter[str] = Counter()
    found = []
    for pid in processes.marked(world.root):
        try:
            name = known.get(os.getsid(pid))
        except ProcessLookupError:
            continue
        if name is None:
            found.append(f"process {pid} belongs to no server")
        else:
            sessions[name] += 1
    return found + [f"{name} has left {sessions[name] - 1} helper(s)" for name in _SINGLE if sessions[name] > 1]


def _spool(world: World) -> list[str]:
    spool = world.spool
    found = [f"in the spool: {one.relative_to(spool)}" for name in _EMPTY for one in (spool / name).glob("*")]
    found += [f"in the spool: {one.relative_to(spool)}" for one in (spool / "incidents").glob("*.json")]
    found += [f"in the spool: keeper/{one.name}" for one in (spool / "keeper").glob("*") if one.suffix != ".jsonl"]
    found += [f"in the spool: {one.name}" for one in spool.iterdir() if one.name not in _TOP]
    for call in (spool / "shipped").iterdir():
        found += [f"in the spool: shipped/{call.name}/{one.name}" for one in call.iterdir() if one.name not in _SHIPPED]
    return found


def alarms(world: World, since: int) -> list[dict[str, Any]]:
    """Return the guard's alarms since a place in its log."""
    said = world.place("guard").log.read_bytes()[since:].decode(errors="replace").splitlines()
    lines = [json.loads(one) for one in said if one.startswith("{")]
    # What becomes of the incident's own file is said beside it, and is no alarm.
    return [one for one in lines if "incident" in one and "door" in one]


def settle_alarms(world: World, since: int, expected: set[str]) -> list[str]:
    """Destroy what expected alarms took away; return the others, each of them a false one."""
    false = []
    for one in alarms(world, since):
        if {one["event"], f"{one['event']} {one['why']}"} & expected:
            for file in (world.spool / "quarantine").glob(f"{one['incident']}.*"):
                file.unlink()
        else:
            false.append(f"a false alarm of the guard: {one}")
    return false
