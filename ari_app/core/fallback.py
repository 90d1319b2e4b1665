"""What an AGI script may claim of a call that it announced without the gate, and in which words.

The script measures; whether that amounts to "told" is judged here, by the clauses by which the gate's own machine
judges (`telling`), and whether anything may be captured is asked of the one function that grants (`permit.grant`). Only
the caller's own voice is ever asked for, and only while they are bridged, whatever the line says of `capture`: a
capture without the gate is kept as simple as its keeper (`keeper`) can prove.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from . import evidence as ev
from .facts import Side, Standing
from .names import ChannelId, Instant, RecordingId, RunId, party_id, playback_id, track_file
from .party import doubt_of_length, proof
from .permit import Permit, Present, grant
from .policy import Announcement, Capture, Line, Mode, Policy
from .reasons import Reason

CALLER = party_id(1)
SEGMENT = 1
FILE = track_file(SEGMENT, CALLER)
AGI = "agi"
"""Who attests."""


@dataclass(frozen=True, slots=True)
class Stay:
    """Which call it is, by Asterisk's words: when it came to the script, on which channel, from which endpoint."""

    at: Instant
    channel: ChannelId
    endpoint: str
    asterisk: str
    software: str


@dataclass(frozen=True, slots=True)
class Played:
    """What was measured around one STREAM FILE.

    completed: Asterisk answered it with result 0, so no key and no hang-up ended it. up: the channel was answered
    before and after. packets: sent by then; None where the technology does not count. intact: the copy was the file
    that was hashed, before and after.
    """

    began_at: Instant
    ended_at: Instant
    completed: bool
    end_position: int
    up: bool
    packets_before: int | None
    packets_after: int | None
    intact: bool


TOLD_MODES = frozenset({Mode.ANNOUNCE, Mode.ANNOUNCE_OPT_OUT})
"""Of lines whose callers need not answer. A yes is taken by the gate alone, which knows a mashed key from a yes."""


def script(line: Line | None) -> tuple[Announcement, ...]:
    """Return what a caller of this line hears without the gate, every language; nothing where they must be asked."""
    if line is None or line.mode not in TOLD_MODES or line.unusable is not None:
        return ()
    return line.announcements


def no_key(line: Line) -> str:
    """Return the key by which a caller says no while they are told; "" where there is none."""
    return line.keys.decline if line.mode is Mode.ANNOUNCE_OPT_OUT else ""


def notice(sound: Announcement, played: Played, channel: ChannelId, number: int) -> ev.NoticePlayed | Reason:
    """Return the proof that the announcement was completely played, or why there is none."""
    if not played.intact:
        return Reason.ANNOUNCEMENT_COPY_CHANGED
    if not (played.completed and played.up):
        return Reason.ANNOUNCEMENT_FAILED
    # Asterisk counts the header as sound, as it does for its last packet: at the end it stands at the file's length.
    if played.end_position != sound.samples:
        return Reason.ANNOUNCEMENT_CUT_SHORT
    if doubt := doubt_of_length(sound, played.began_at, played.ended_at):
        return doubt
    if played.packets_before is None or played.packets_after is None:
        return Reason.ANNOUNCEMENT_PACKETS_UNPROVABLE
    sent = played.packets_after - played.packets_before
    return proof(sound, CALLER, playback_id(channel, number), played.began_at, played.ended_at, sent)


def account(
    policy: Policy, line: Line, stay: Stay, heard: Sequence[ev.NoticePlayed], run: RunId, recording: RecordingId,
    now: Instant,
) -> tuple[ev.Entry, ...] | Reason:  # fmt: skip
    """Return the journal of a call whose caller was told just now, up to the order to capture; or why there is none.

    run: the keeper's, by whose heartbeats ship will judge. heard: every announcement of the line.
    """
    if [one.sha256 for one in heard] != [one.sha256 for one in script(line)] or not heard:
        return Reason.NOT_TOLD
    present = Present(CALLER, Standing.TOLD)
    permit = grant(line, (present,), hindrance=None, number=SEGMENT, at=heard[-1].at, now=now)
    if not isinstance(permit, Permit):
        return permit
    return (
        ev.Opened(
            at=stay.at,
            recording=recording,
            run=run,
            node=policy.node,
            line=line.name,
            mode=line.mode.value,
            capture=Capture.CONVERSATION.value,
            direction="incoming",
            channel=stay.channel,
            # The key to the numbers is read by nobody who is Asterisk's user: the keeper says it, who hears the number.
            number=None,
            number_hash=None,
            policy_sha256=policy.sha256,
            software=stay.software,
            asterisk=stay.asterisk,
            attested_by=AGI,
        ),
        ev.PartyEntered(
            at=stay.at,
            party=CALLER,
            side=Side.OUTSIDE.value,
            channel=stay.channel,
            endpoint=stay.endpoint,
            contract=False,
        ),
        *heard,
        ev.PermitGranted(at=permit.at, permit=permit.number, parties=list(permit.parties)),
        ev.CaptureRequested(at=now, permit=permit.number, segment=SEGMENT, party=CALLER, file=FILE, bridged_only=True),
    )


def journal(entries: Sequence[ev.Entry]) -> bytes:
    """Return the entries as the chained lines of a journal."""
    lines, previous = [], ev.FIRST
    for entry in entries:
        line, previous = ev.line(entry, previous)
        lines.append(line)
    return b"".join(lines)
