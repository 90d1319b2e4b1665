"""The caller's choice and the house's hand, on real calls: what is kept was spoken with everybody's leave."""

import asyncio

from system.hospital import Hospital
from system.judge import play
from system.scenes import choices


def test_a_no(hospital: Hospital) -> None:
    """From the first frame of the announcement to its last, mashed, and after a transfer; in a queue."""
    scenes = {
        "no before a sound": choices.declines(None),
        "no at the first sound": choices.declines(0.0),
        "no in the middle": choices.declines(0.6),
        "no in the second language": choices.declines(2.4, words="declined-en"),
        "no among other keys": choices.declines(0.2, "3749"),
        "no, then transferred": choices.declines_and_is_transferred,
        "no in a queue": choices.objects_while_waiting,
        "no while music plays": choices.objects_over_music,
    }
    asyncio.run(play(hospital, scenes))


def test_a_no_later(hospital: Hospital) -> None:
    scenes = {
        "objects, what came before is kept": choices.objects_later("kept-line"),
        "objects, what came before is destroyed": choices.objects_later("patients-line"),
        "objects after a transfer": choices.objects_after_a_transfer,
    }
    asyncio.run(play(hospital, scenes))


def test_a_yes(hospital: Hospital) -> None:
    """Silence, wrong keys, two keys at once, a yes too early and a hold are none."""
    scenes = {
        "yes": choices.agrees,
        "silence": choices.does_not_agree(""),
        "wrong key": choices.does_not_agree("7"),
        "yes and another key": choices.does_not_agree("57"),
        "mashed": choices.does_not_agree("1473#"),
        "yes before the question": choices.does_not_agree("5", early=True),
        "no": choices.does_not_agree("9"),
        "hold": choices.holds_instead,
    }
    asyncio.run(play(hospital, scenes))


def test_languages(hospital: Hospital) -> None:
    scenes = {
        "Welsh": choices.speaks("cy"),
        "English": choices.speaks("en"),
        "more": choices.hears_more,
        "again": choices.hears_it_again,
    }
    asyncio.run(play(hospital, scenes))


def test_the_houses_hand(hospital: Hospital) -> None:
    scenes = {
        "stops": choices.house_presses("*55", "stopped_by_staff"),
        "caller objects": choices.house_presses("*59", "objected"),
        "pauses for a payment": choices.pauses_for_a_payment,
        "pauses for a child": choices.pauses_for_a_child_and_for_capacity,
        "pauses by the menu": choices.pauses_by_the_menu,
        "private call": choices.private_next,
    }
    asyncio.run(play(hospital, scenes))
