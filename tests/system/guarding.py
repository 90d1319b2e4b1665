"""What the tests of the guard's doors have in common: how many times, how fast, and what must lie where afterwards."""

import json
import math
from typing import Any, Final

from .cleanliness import alarms
from .hospital import Hospital

TIMES: Final = 20
MOST_MS: Final = 300


async def settled(hospital: Hospital, since: int, count: int) -> None:
    """Wait until the guard has said its alarm."""

    async def said() -> bool:
        return len(alarms(hospital.world, since)) >= count

    await hospital.until(said, f"alarm {count}")


def assert_in_time(door: str, said: list[dict[str, Any]]) -> None:
    """Every capture was stopped; the 99th percentile of the time from its begin is within the bar. Prints it."""
    assert len(said) == TIMES, said
    assert {one["event"] for one in said} == {"capture.stopped"}, said
    times = sorted(one["stopped_after_ms"] for one in said)
    p99 = times[math.ceil(0.99 * len(times)) - 1]
    print(f"guard: {door}: begun to stopped, {len(times)} times: median {times[len(times) // 2]} ms, p99 {p99} ms")
    assert p99 <= MOST_MS


def quarantined(hospital: Hospital, said: list[dict[str, Any]]) -> list[str]:
    """Return the files that the alarms' incidents say are in quarantine; they are, for their owner alone."""
    names = []
    for one in said:
        incident = json.loads((hospital.world.spool / "incidents" / f"{one['incident']}.json").read_bytes())
        assert incident["id"] == one["incident"]
        for file in incident["files"]:
            kept = hospital.world.spool / "quarantine" / file["quarantined_as"]
            assert (kept.stat().st_size, kept.stat().st_mode & 0o777) == (file["bytes"], 0o600)
            names.append(file["quarantined_as"])
    return names
