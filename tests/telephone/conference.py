"""A telephone that joins two calls of its own, as a desk telephone's conference key does.

A real one adds the voices up. This one takes turns, frame by frame: its own voice, then what it hears on the other
call, as it came. So every byte that anybody hears still names who said it and when, and the ears of all three are what
they are with a real one: each hears both others."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .voice import Voice

if TYPE_CHECKING:
    from .call import Call
    from .media import Media


@dataclass(slots=True)
class Relay:
    """The voice of one side of such a conference: own words and another call's, in turn. For one call, and one use."""

    own: Voice
    other: "Media"
    passes_on: bool = False
    """Whether the latest frame was the other call's."""
    _newest: int = field(default=-1)

    def frame(self, index: int) -> bytes:
        """Own words on even beats; on odd ones the newest that came on the other call, unless it was passed on."""
        newest = self.other.newest
        self.passes_on = bool(index % 2) and newest is not None and newest[0] != self._newest
        if self.passes_on and newest is not None:
            self._newest = newest[0]
            return newest[1]
        return self.own.frame(index)


def join(first: "Call", second: "Call", voices: tuple[Voice, Voice]) -> tuple[Relay, Relay]:
    """Let the far ends of two calls of one telephone hear each other and it; `voices` are its own from now on.

    Voices that it has not used before: what is said twice names no moment. `part` ends it.
    """
    relays = Relay(voices[0], second.media), Relay(voices[1], first.media)
    for call, relay in zip((first, second), relays, strict=True):
        call.note("joins")
        call.media.say(relay)
    return relays


def part(first: "Call", second: "Call", voices: tuple[Voice, Voice]) -> None:
    """Keep the two calls apart again."""
    for call, voice in zip((first, second), voices, strict=True):
        call.note("parts")
        call.media.say(voice)
