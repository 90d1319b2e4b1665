"""Calls that never come to us, of which a record is kept all the same: that nothing was recorded, and why.

Never lines, emergency numbers (nothing of ours may stand in their way), called parties whom no route told, answering
machines. They are seen in AMI's events alone.
"""

from collections.abc import Callable

from . import translation as t
from .core import evidence as ev
from .core import facts as f
from .core.names import ChannelId, Instant, RecordingId
from .core.policy import Line, Policy
from .core.reasons import Reason

Note = Callable[..., None]
Open = Callable[[Instant, ChannelId, str, Line | None, str, str], ev.Opened]


class Passing:
    """Who passes by now. `opened` makes a record's first entry, `note` writes, `known` tells whose call is ours."""

    def __init__(self, rules: Policy, opened: Open, note: Note, known: Callable[[ChannelId], bool]) -> None:
        self.rules, self._opened, self._note, self._known = rules, opened, note, known
        self.recordings: dict[ChannelId, RecordingId] = {}
        self._dialled: dict[ChannelId, t.Dialled] = {}
        self._emergencies: dict[ChannelId, t.Dialled] = {}

    def dialled(self, seen: t.Dialled) -> None:
        """A channel dials another: a trunk has its record when somebody answers, an emergency number in any case.

        That too waits until somebody answers, or the caller gives up: its journal is work for disk and processor,
        and the instants after a DialBegin are those in which Asterisk sets the emergency call up.
        """
        if seen.number in self.rules.emergency_numbers:
            self._emergencies[seen.channel] = seen
        elif seen.target_endpoint in self.rules.trunks:
            self._dialled[seen.target] = seen

    def number_of(self, channel: ChannelId, otherwise: str) -> str:
        """Return the number under which a called party was dialled."""
        seen = self._dialled.get(channel)
        return seen.number if seen else otherwise

    def connected(self, at: Instant, channel: ChannelId) -> None:
        """Somebody is in a bridge: if they were called and never came to us, nobody has told them."""
        self._emergency(channel)
        seen = self._dialled.get(channel)
        if seen is not None and channel not in self.recordings and not self._known(channel):
            self._begin(self._opened(at, channel, "outgoing", None, "", seen.number), Reason.OUTGOING_NOT_GATED)

    def channels(self) -> set[ChannelId]:
        """Return whose record is open, or is to be opened when they are answered or gone."""
        return {*self.recordings, *self._emergencies}

    def _emergency(self, channel: ChannelId) -> None:
        if (seen := self._emergencies.pop(channel, None)) is not None:
            opened = self._opened(seen.at, channel, "outgoing", None, "", seen.number)
            self._begin(opened, Reason.EMERGENCY_NUMBER)

    def passed(self, seen: t.PassedBy) -> None:
        """The dialplan let somebody pass."""
        line = self.rules.lines.get(seen.line)
        direction = "outgoing" if seen.why is not Reason.LINE_NEVER or seen.channel in self._dialled else "incoming"
        number = self.number_of(seen.channel, seen.number)
        opened = self._opened(seen.at, seen.channel, direction, line, seen.line, number)
        self._begin(opened, seen.why)

    def _begin(self, opened: ev.Opened, reason: Reason) -> None:
        channel = ChannelId(opened.channel)
        if channel not in self.recordings and not self._known(channel):
            self.recordings[channel] = opened.recording
            self._note(opened.recording, opened, ev.NotRecorded(at=opened.at, reason=reason))

    def over(self, fact: f.HungUp) -> RecordingId | None:
        """A channel is hung up; return the record that is to be sealed, if there is one."""
        self._emergency(fact.channel)
        self._dialled.pop(fact.channel, None)
        recording = self.recordings.pop(fact.channel, None)
        if recording is not None:
            self._note(recording, ev.Ended(at=fact.at, reason=None))
        return recording
