"""Calls between the house and one outside party: incoming, outgoing, forwarded, queued, to a machine, to voicemail."""

from dataclasses import dataclass
from typing import Final

from system.hospital import fresh_noise
from system.scene import Scene
from system.site import FORWARD_TO, FORWARDED_NUMBER, QUEUE_NUMBER, UNGATED, VOICEMAIL_NUMBER
from telephone import FRAME_SAMPLES, Noise, Silence, Voice

BEEP_SECONDS: Final = 1.5
"""What voicemail takes to begin."""
_HELLO_FRAMES: Final = 25
_PAUSE_FRAMES: Final = 75


@dataclass(frozen=True, slots=True)
class Person:
    """Says hello, waits for an answer, and then talks: what tells a person from a machine."""

    noise: Noise

    def frame(self, index: int) -> bytes:
        """The 160 mu-law bytes of frame `index`."""
        waits = _HELLO_FRAMES <= index < _HELLO_FRAMES + _PAUSE_FRAMES
        return Silence().frame(index) if waits else self.noise.frame(index)


def person() -> Voice:
    """Return the voice of a person who answers, that nobody else has."""
    noise = fresh_noise()
    assert len(noise.frame(0)) == FRAME_SAMPLES
    return Person(noise)


async def incoming(scene: Scene) -> None:
    """An outside caller reaches the house."""
    await scene.incoming(await scene.phone())
    await scene.talk()


async def incoming_in_two_languages(scene: Scene) -> None:
    """The same, with two announcements."""
    await scene.incoming(await scene.phone(), "advice-line")
    await scene.talk()


async def outgoing(scene: Scene) -> None:
    """The house calls somebody outside, who hears the announcement after answering and before anybody of the house."""
    phone, outsider = await scene.phone(), scene.outsider()
    house = await scene.dial(phone, outsider)
    called = await scene.answered(outsider, "outgoing")
    await scene.converse(house, called)
    await scene.talk(3.0)


async def outgoing_over_the_office(scene: Scene) -> None:
    """The same over a trunk whose name begins like a house phone's: nobody behind it is staff."""
    phone, outsider = await scene.phone(), scene.outsider()
    house = await scene.dial(phone, f"83{outsider.number}")
    called = await scene.answered(outsider, "outgoing", endpoint="PJSIP/2001-office")
    await scene.converse(house, called)
    await scene.talk()


async def outgoing_without_words(scene: Scene) -> None:
    """A line that has nothing to say to those who are called: connected at once, and not recorded."""
    phone, outsider = await scene.phone(), scene.outsider()
    house = await scene.dial(phone, f"82{outsider.number}")
    called = await scene.answered(outsider)
    called.reasons, called.refused = (), ("outgoing_announcement_missing",)
    await scene.converse(house, called)
    await scene.talk()


async def outgoing_past_the_gate(scene: Scene) -> None:
    """A route that somebody forgot: not told, so not recorded, but there is a row."""
    phone, outsider = await scene.phone(), scene.outsider()
    house = await scene.dial(phone, f"{UNGATED}{outsider.number}")
    called = await scene.answered(outsider)
    called.reasons, called.refused = (), ("outgoing_not_gated",)
    await scene.converse(house, called)
    await scene.talk()


async def outgoing_to_a_person(scene: Scene) -> None:
    """A line that listens for machines finds a person, who is told."""
    phone, outsider = await scene.phone(), scene.outsider(voice=person)
    house = await scene.dial(phone, f"81{outsider.number}")
    called = await scene.answered(outsider, "machine-line")
    await scene.converse(house, called)
    await scene.talk()


async def outgoing_to_a_machine(scene: Scene) -> None:
    """An answering machine talks without end: it is not told, and nothing is recorded."""
    phone, outsider = await scene.phone(), scene.outsider()
    house = await scene.dial(phone, f"81{outsider.number}")
    called = await scene.answered(outsider)
    called.reasons, called.refused = (), ("answering_machine",)
    await scene.converse(house, called, seconds=12.0)
    await scene.talk()


async def queue(scene: Scene) -> None:
    """The caller waits in a queue before somebody answers: told before it, recorded after it."""
    phone = await scene.phone("2001", ring_seconds=1.0)
    caller = await scene.rings(QUEUE_NUMBER, "switchboard")
    await scene.converse(caller, await scene.arrival(phone))
    await scene.talk()


async def forwarded_by_the_dialplan(scene: Scene) -> None:
    """The caller is sent on to an outside number: both are told before they hear each other."""
    outsider = scene.outsider(FORWARD_TO)
    caller = await scene.rings(FORWARDED_NUMBER, "switchboard")
    called = await scene.answered(outsider, "outgoing")
    await scene.converse(caller, called)
    await scene.talk()


async def forwarded_by_the_telephone(scene: Scene) -> None:
    """The house phone itself sends the caller on (302)."""
    outsider = scene.outsider()
    phone = await scene.phone(forwards_to=outsider.number)
    caller = await scene.rings(scene.number_of("switchboard", phone), "switchboard")
    called = await scene.answered(outsider, "outgoing")
    await scene.converse(caller, called)
    await scene.talk()


async def voicemail(scene: Scene) -> None:
    """The caller leaves a message: told, recorded by voicemail alone, and not by us as well."""
    scene.expect_message()
    caller = await scene.rings(VOICEMAIL_NUMBER, "switchboard")
    caller.refused = ("voicemail",)
    await scene.told(caller)
    await scene.talk(BEEP_SECONDS + 1.0)
