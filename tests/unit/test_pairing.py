"""How long a monitor may keep a packet back: while something goes out to the party, and never for long."""

import pytest
from system.pairing import kept_until
from telephone import Instant

BEGAN = 1000


def ms(*moments: float) -> list[Instant]:
    return [Instant(round(one * 1000)) for one in moments]


def kept(said: list[float], heard: list[float]) -> list[float]:
    return [one / 1000 for one in kept_until(ms(*said), ms(*heard), ms(BEGAN)[0]).tolist()]


def test_nothing_goes_out_so_nothing_waits() -> None:
    assert kept([1010, 1030], []) == [1010, 1030]


def test_what_went_out_before_the_monitor_does_not_count() -> None:
    assert kept([1010, 1030], [970, 990]) == [1010, 1030]


@pytest.mark.parametrize(
    ("said", "until"),
    [
        # The last one went out at 1024, so from 1064 on nothing waits; that is noticed with the next packet that comes.
        ([1006, 1026, 1046, 1066], [1066, 1066, 1066, 1066]),
        ([1024, 1064, 1084], [1064, 1064, 1084]),
        # Where none comes, the monitor looks by itself.
        ([1030], [1114]),
        ([1030, 1300], [1114, 1300]),
    ],
)
def test_a_prompt_ends_so_what_is_said_waits_for_two_frames(said: list[float], until: list[float]) -> None:
    assert kept(said, [1004, 1024]) == until


def test_a_gap_in_what_goes_out_ends_the_waiting() -> None:
    assert kept([1010, 1060], [1005, 1050, 1100])[0] == 1060


def test_nothing_waits_for_longer_than_asterisk_keeps_anything() -> None:
    steady = [1000.0 + 20 * number for number in range(20)]
    assert kept([1010, *[one + 10 for one in steady[1:]]], steady)[0] == 1130
