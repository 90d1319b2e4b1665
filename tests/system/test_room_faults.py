"""Bad input in conversations: hold storms, transfers that come to nothing or come too early."""

import asyncio

from system.hospital import Hospital
from system.judge import play
from system.scenes import faults


def test_faults(hospital: Hospital) -> None:
    scenes = {
        "hold twenty times a second": faults.hold_storm,
        "transfer to a number that does not exist": faults.transfer_to_nowhere,
        "transfer to a number that nobody has": faults.transfer_to_a_dead_number,
        "transfer to itself": faults.transfer_to_itself,
        "transfer during the announcement": faults.transfer_during_the_announcement,
        "newcomer gives up during the announcement": faults.newcomer_gives_up,
    }
    asyncio.run(play(hospital, scenes))
