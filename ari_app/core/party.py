"""One party of one call: who they are, what they have heard, and where their telling is (`telling`)."""

from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from . import facts as f
from . import orders as o
from .evidence import Entry, NoticePlayed, PartyEntered
from .facts import Standing
from .names import ChannelId, Instant, PartyId, PlaybackId, playback_id
from .policy import Announcement, Asking
from .reasons import Reason

ELAPSED_EARLY_MICROSECONDS: Final = 20_000
"""A complete play ends up to 3 ms before the file's length by Asterisk's stamps; one frame is allowed."""

ELAPSED_LATE_MICROSECONDS: Final = 500_000
"""A play that took half a second longer was interrupted by something (a hold, a starved machine)."""

EXTRA_PACKETS: Final = 2
"""More than this beyond the file's own were not ours: somebody else's sound went out as well."""

INSPECTION_DEADLINE_MICROSECONDS: Final = 1_200_000
BEGIN_DEADLINE_MICROSECONDS: Final = 1_000_000
END_DEADLINE_MICROSECONDS: Final = 700_000
"""After the file's length: before the lifeline, which leaves at least a second."""

LIFELINE_AFTER_FILE_MS: Final = 1_000

NOBODY_ASKS: Final = Asking()


class Phase(Enum):
    """Where the telling is.

    TURNING: one announcement ends for another to begin. WAITING for a yes; SETTLING: it is said, and might be mashed.
    CONFIRMING: whoever said no hears that it was heard.
    """

    ARRIVED = "arrived"
    ANSWERING = "answering"
    MEASURING = "measuring"
    ASKED = "asked"
    PLAYING = "playing"
    COUNTING = "counting"
    TURNING = "turning"
    WAITING = "waiting"
    SETTLING = "settling"
    CONFIRMING = "confirming"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Party:
    """One channel of one call. `script` are the announcements still to be heard, the present one first.

    By their keys: the `language` they chose, how many `turns` they took, when they `agreed_at`, and until when we wait
    for that (`waits_until`).
    """

    party: PartyId
    channel: ChannelId
    endpoint: str
    side: f.Side
    script: tuple[Announcement, ...] = ()
    standing: Standing = Standing.UNTOLD
    phase: Phase = Phase.ARRIVED
    notice: int = 1
    question: int = 0
    began_at: Instant = Instant(0)
    ended_at: Instant = Instant(0)
    packets_before: int = 0
    heard: tuple[NoticePlayed, ...] = ()
    told_at: Instant = Instant(0)
    failure: Reason | None = None
    asking: Asking = NOBODY_ASKS
    language: str = ""
    turns: int = 0
    agreed_at: Instant = Instant(0)
    waits_until: Instant = Instant(0)

    @property
    def playback(self) -> PlaybackId:
        """The id of the present playback, minted from the channel's."""
        return playback_id(self.channel, self.notice)


Step = tuple[Party, list[o.Order], list[Entry]]
"""The party after a fact, the orders, and the entries for the journal."""

REFUSALS: Final = frozenset({Reason.OBJECTED, Reason.NOT_CONSENTED})
"""Whoever has said no is not asked again in this call (requirement R25)."""


def entered(party: Party, at: Instant) -> PartyEntered:
    """Return the journal's entry for somebody who has come to us."""
    return PartyEntered(
        at=at,
        party=party.party,
        side=party.side.value,
        channel=party.channel,
        endpoint=party.endpoint,
        contract=False,
    )


def askable(party: Party) -> bool:
    """Tell whether somebody who comes to us once more may be told: nobody is asked again who has said no."""
    return party.standing is Standing.UNTOLD and party.failure not in REFUSALS


def again(party: Party) -> Party:
    """Return somebody whom we could not tell, or who was replaced, as they come to us anew: nothing heard counts."""
    return replace(
        party,
        script=party.asking.announcements,
        standing=Standing.UNTOLD,
        phase=Phase.ARRIVED,
        notice=party.notice + 1,
        heard=(),
        failure=None,
        turns=0,
        agreed_at=Instant(0),
    )


def inspect(party: Party, fact: f.Fact, phase: Phase, ended_at: Instant) -> Step:
    """Ask for what proves a play, as is done before and after each."""
    question = party.question + 1
    after = replace(party, phase=phase, question=question, ended_at=ended_at)
    deadline = Instant(fact.seen_at + INSPECTION_DEADLINE_MICROSECONDS)
    return (
        after,
        [
            o.Inspect(party.channel, party.script[0], question),
            o.WakeAt(deadline, f.Timer.INSPECTION, question),
        ],
        [],
    )


def doubt_of_length(sound: Announcement, began_at: Instant, ended_at: Instant) -> Reason | None:
    """Return why a play that took this long cannot have been the whole file, or not the file alone; None if it can."""
    beyond = ended_at - began_at - sound.duration_ms * 1000
    if beyond < -ELAPSED_EARLY_MICROSECONDS:
        return Reason.ANNOUNCEMENT_CUT_SHORT
    return Reason.ANNOUNCEMENT_OVERRAN if beyond > ELAPSED_LATE_MICROSECONDS else None


def proof(
    sound: Announcement, party: PartyId, playback: PlaybackId, began_at: Instant, ended_at: Instant, packets_sent: int
) -> NoticePlayed | Reason:
    """Return the proof that somebody has heard a file whole, by the packets that its play sent; or why it is none."""
    if not sound.packets <= packets_sent <= sound.packets + EXTRA_PACKETS:
        return Reason.ANNOUNCEMENT_PACKETS_MISSING
    return NoticePlayed(
        at=ended_at,
        party=party,
        announcement=sound.name,
        language=sound.language,
        text=sound.text,
        sha256=sound.sha256,
        duration_ms=sound.duration_ms,
        spoken_end_ms=sound.spoken_end_ms,
        playback=playback,
        began_at=began_at,
        packets_expected=sound.packets,
        packets_sent=packets_sent,
    )
