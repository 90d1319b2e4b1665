"""The verdict on a stage: whatever is stored, whose it is, when it was spoken, and whether it may be there.

It looks at every object in S3 and every sound file on the disk that were not there before, not only at those that a
scene expects. What may be stored follows from who could hear whom (`rooms`), from what each telephone really heard,
and from the telephones' own clocks.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from ari_app.core.names import recording_id

from .agreement import assert_agrees
from .case import Case, Verdict
from .evidence import Evidence
from .figures import report
from .heard import judge_leg
from .hospital import Hospital
from .scene import Scenario, play_all
from .stage import Stage
from .stored import judge_leftovers, judge_recording

LAG_US: Final = 400_000
"""How long after a room became good its capture may begin in a test, on two busy cores; the bench has its own bar."""


def judge(stage: Stage, found: list[Evidence]) -> Verdict:
    """Judge a stage whose calls are all shipped."""
    case = Case(stage)
    for one in found:
        if not one.superseded:
            assert_agrees(one, stage.hospital.world)
        judge_recording(case, one)
    judge_leftovers(case)
    for title, leg in case.legs.items():
        judge_leg(case, title, leg, found)
    return case.verdict


def new_recordings(stage: Stage) -> Iterator[Evidence]:
    """Read back every call that was shipped since the stage began, whoever's it is."""
    for folder in sorted(set((stage.hospital.world.spool / "shipped").iterdir()) - stage.before):
        yield stage.hospital.archive.read(recording_id(folder.name))


async def play(
    hospital: Hospital,
    scenarios: Mapping[str, Scenario],
    *,
    lag_us: int = LAG_US,
    before_acts: Callable[[], None] | None = None,
    afterwards: Callable[[], None] | None = None,
    deaf: bool = False,
    title: str = "",
) -> Verdict:
    """Play scenes at the same time, judge all that is left of them, and return the verdict.

    lag_us: how long after a room became good its capture may begin. before_acts: what happens when all scenes have come
    to what they are about; from then on nothing has to be recorded. afterwards: what happens when all are over, before
    their calls are waited for. deaf: between the two the gate hears nothing by AMI. title: of the line of figures.
    """
    async with Stage(hospital) as stage:
        stage.lag_us = lag_us
        if before_acts is not None:
            stage.delicate = asyncio.Barrier(len(scenarios)), before_acts
            stage.deaf = deaf
            if afterwards is not None:
                stage.afterwards = afterwards
        await play_all(stage, scenarios)
        found = await hospital.do(lambda: list(new_recordings(stage)))
        verdict = await hospital.do(judge, stage, found)
    report(title or ", ".join(scenarios), verdict.figures())
    assert not verdict.faults, "\n  ".join([f"{len(verdict.faults)} faults:", *verdict.faults])
    return verdict
