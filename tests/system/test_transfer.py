"""Transfers of every kind: whoever comes in has been told, and everybody's words before and after are kept."""

import asyncio

from system.hospital import Hospital
from system.judge import play
from system.scenes import transfers


def test_by_feature_code(hospital: Hospital) -> None:
    scenes = {
        "blind code": transfers.blind_code,
        "blind code to the outside": transfers.blind_code_outside,
        "attended code": transfers.attended_code,
        "attended code to the outside": transfers.attended_code_outside,
    }
    asyncio.run(play(hospital, scenes))


def test_by_refer(hospital: Hospital) -> None:
    scenes = {
        "blind REFER": transfers.blind_refer,
        "blind REFER to the outside": transfers.blind_refer_outside,
        "attended REFER": transfers.attended_refer,
        "attended REFER to the outside": transfers.attended_refer_outside,
        "REFER over a forgotten route": transfers.untold_newcomer,
        "consultation": transfers.consultation,
    }
    asyncio.run(play(hospital, scenes))
