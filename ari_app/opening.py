"""A recording's first entry: whose call it is, on which line, under which rules, by which program."""

import asyncio
import os
from dataclasses import dataclass, field
from typing import Final

from .core import evidence as ev
from .core import facts as f
from .core import names
from .core.free_space import Level
from .core.names import ChannelId, Instant, RecordingId
from .core.party import Party
from .core.policy import Asking, Line, Policy
from .core.room import Room
from .numbers import Numbers
from .translation import Arrived

MOST_NAME_CHARACTERS: Final = 40
RELAY_PREFIXES: Final = ("18001", "18002")
"""What is dialled before a number to put a text relay between (Relay UK)."""

ADOPTED_NOTICE: Final = 20
"""The first number of an adopted channel's playbacks: the dead gate's own, which are stopped by name, are smaller. (A
telling has at most 8 announcements, as many turns as `choice.MOST_TURNS`, and a confirmation.)"""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who writes the evidence: this run of this version of the gate, on this node."""

    run: names.RunId
    node: str
    software: str


@dataclass(slots=True)
class Call:
    """A recording, what was last said of its room, and its timers."""

    room: Room
    around: f.Surrounded | None = None
    chosen_at: Instant = Instant(0)
    timers: dict[f.Timer, asyncio.TimerHandle] = field(default_factory=dict)


class Opening:
    """Makes that entry. `asterisk`: the version of the one that we are connected to. `space`: the room in the spool."""

    def __init__(self, rules: Policy, identity: Identity, numbers: Numbers) -> None:
        self.rules, self._identity, self._numbers = rules, identity, numbers
        self.run = identity.run
        self.asterisk = "unknown"
        self.space = Level.AMPLE

    def __call__(
        self,
        at: Instant,
        channel: ChannelId,
        direction: str,
        line: Line | None,
        name: str,
        number: str,
        channel_name: str | None = None,
    ) -> ev.Opened:
        """Return the entry, with a fresh recording id; name: what the dialplan called the line."""
        sealed, hashed = self._numbers.seal(number)
        return ev.Opened(
            at=at,
            recording=RecordingId(names.mint(at, os.urandom(10))),
            run=self._identity.run,
            node=self._identity.node,
            # An unknown line's name came with the call: the dialplan's filter has left it letters and digits.
            line=line.name if line else name[:MOST_NAME_CHARACTERS],
            mode=line.mode.value if line else "",
            capture=line.capture.value if line else "",
            direction=direction,
            channel=channel,
            number=sealed,
            number_hash=hashed,
            policy_sha256=self.rules.sha256,
            software=self._identity.software,
            asterisk=self.asterisk,
            channel_name=channel_name,
        )


def begun(opened: ev.Opened, line: Line | None, seen: Arrived, number: str, space: Level, *, adopted: bool) -> Room:
    """Return the call that begins with this entry."""
    called = opened.direction == "outgoing"
    asking = line.asking(called=called, relayed=number.startswith(RELAY_PREFIXES)) if line else Asking()
    caller = Party(
        names.party_id(1),
        seen.channel,
        seen.endpoint,
        f.Side.OUTSIDE,
        script=asking.announcements,
        notice=ADOPTED_NOTICE if adopted else 1,
        asking=asking,
    )
    return Room(opened, line, caller, called, space=space)
