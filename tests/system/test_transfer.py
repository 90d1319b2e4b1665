"""Transfers of every kind: whoever comes in has been told, and everybody's words before and after are kept."""

import asyncio
import os
from typing import Final

from system.figures import report
from system.hospital import Hospital
from system.judge import play
from system.scenes import transfers

TIMES: Final = int(os.environ.get("CONSENTGATE_ATTENDED_TRANSFERS", "3"))
"""How often the one transfer is done that Asterisk's own two-sided MixMonitor loses in 11 of 27; 50 for the bar."""
AT_ONCE: Final = 5


def test_by_feature_code(hospital: Hospital) -> None:
    scenes = {
        "blind by code": transfers.blind_code,
        "blind by code to the outside": transfers.blind_code_outside,
        "attended by code": transfers.attended_code,
        "attended by code to the outside": transfers.attended_code_outside,
    }
    asyncio.run(play(hospital, scenes))


def test_by_refer(hospital: Hospital) -> None:
    scenes = {
        "blind by REFER": transfers.blind_refer,
        "blind by REFER of somebody far away": transfers.blind_refer_far_away,
        "blind by REFER to the outside": transfers.blind_refer_outside,
        "attended by REFER": transfers.attended_refer,
        "attended by REFER to the outside": transfers.attended_refer_outside,
        "blind by REFER over a forgotten route": transfers.untold_newcomer,
        "consultation": transfers.consultation,
    }
    asyncio.run(play(hospital, scenes))


def test_both_voices_after_an_attended_transfer_by_code(hospital: Hospital) -> None:
    """Complete, every time: the judge misses no packet of either after it."""
    done = 0
    while done < TIMES:
        batch = range(done, min(done + AT_ONCE, TIMES))
        asyncio.run(play(hospital, {f"attended by code {number}": transfers.attended_code for number in batch}))
        done += len(batch)
    report("attended transfers by code with both voices complete", {"complete": done, "of": TIMES})
