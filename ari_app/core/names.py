"""Identifiers and file names, all minted here from fixed alphabets.

No number, name or free text from the network ever becomes part of a path, an object's key or an AMI action
(requirement R48): Asterisk splits MixMonitor's arguments on commas and hands the third to a shell.
"""

import re
from datetime import UTC, datetime
from typing import NewType

Instant = NewType("Instant", int)
"""Microseconds since 1970-01-01 UTC, by the clock of the machine that Asterisk runs on."""

ChannelId = NewType("ChannelId", str)
"""Asterisk's uniqueid of a channel, checked by `channel_id`."""

BridgeId = NewType("BridgeId", str)
PlaybackId = NewType("PlaybackId", str)
MonitorId = NewType("MonitorId", str)
RecordingId = NewType("RecordingId", str)
PartyId = NewType("PartyId", str)
RunId = NewType("RunId", str)

# Crockford's alphabet without I, L, O, U: readable over a telephone, and sorts as its value does.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_TIME_DIGITS = 10
_RANDOM_BYTES = 10
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")
_MINTED = re.compile(rf"[{_ALPHABET}]{{26}}\Z")
_TRACK = re.compile(r"seg-(\d{3})\.(p\d{2})\.wav\Z")

MICROSECONDS = 1_000_000
APPLICATION = "consentgate"
"""The gate's, in ARI."""

WHISPER = "cg-whisper-"


class UnsafeNameError(ValueError):
    """A name from outside holds what must never reach a path or an AMI action."""


def _digits(value: int, count: int) -> str:
    digits = []
    for _ in range(count):
        value, digit = divmod(value, 32)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))


def mint(at: Instant, randomness: bytes) -> str:
    """Return 26 characters that sort by time (milliseconds) and end in 80 bits of the given randomness."""
    if len(randomness) != _RANDOM_BYTES:
        raise ValueError(f"{_RANDOM_BYTES} bytes of randomness are needed, {len(randomness)} were given")
    return _digits(at // 1000, _TIME_DIGITS) + _digits(int.from_bytes(randomness), 16)


def minted_at(recording: RecordingId) -> Instant:
    """Return when a recording's id was minted, to the millisecond."""
    value = 0
    for digit in recording[:_TIME_DIGITS]:
        value = value * len(_ALPHABET) + _ALPHABET.index(digit)
    return Instant(value * 1000)


def recording_id(text: str) -> RecordingId:
    """Check that text is an id of ours (a directory's name, an argument) and return it as one."""
    if not _MINTED.match(text):
        raise UnsafeNameError(f"{text[:40]!r} is not a recording id: 26 characters of {_ALPHABET}")
    return RecordingId(text)


def channel_id(text: str) -> ChannelId:
    """Check a uniqueid before it becomes a file name in `live/`.

    ARI lets the creator of a channel choose its id freely, so `../x` is possible.
    """
    if not _SAFE.match(text) or ".." in text:
        raise UnsafeNameError(f"channel id {text[:40]!r} holds characters other than letters, digits, '.', '_', '-'")
    return ChannelId(text)


def playback_id(channel: ChannelId, notice: int) -> PlaybackId:
    """Name a playback after its channel, so that another process can stop it: ARI lists no playbacks."""
    return PlaybackId(f"cg-{channel}-{notice}")


def whisper_id(channel: ChannelId) -> ChannelId:
    """Name the channel by which we say something to a channel that waits; Asterisk has no two of one name."""
    return ChannelId(f"{WHISPER}{channel}")


def party_id(number: int) -> PartyId:
    """Return p01 for the first party of a call, which is always the outside one."""
    return PartyId(f"p{number:02d}")


def track_file(segment: int, party: PartyId) -> str:
    """Return the file name of one party's track in one segment, inside `audio/<recording-id>/`."""
    return f"seg-{segment:03d}.{party}.wav"


def parse_track_file(name: str) -> tuple[int, PartyId] | None:
    """Return segment and party of a track's file name, or None if the file is not a track of ours."""
    found = _TRACK.match(name)
    return (int(found[1]), PartyId(found[2])) if found else None


def object_folder(prefix: str, recording: RecordingId, at: Instant) -> str:
    """Return `<prefix>/YYYY/MM/DD/<recording-id>` for the day (UTC) on which the call began."""
    day = datetime.fromtimestamp(at / MICROSECONDS, UTC)
    return "/".join(part for part in (prefix.strip("/"), f"{day:%Y/%m/%d}", recording) if part)


def segment_object(segment: int) -> str:
    """Return the object's name of a shipped segment, below the recording's folder."""
    return f"seg-{segment:03d}.flac"


def endpoint_of(channel_name: str) -> str:
    """Return `PJSIP/2001` for the channel `PJSIP/2001-0000001a`: compared exactly, never by prefix.

    A trunk named `2001-office` must not pass for the house phone 2001, so only the last dash separates.
    """
    return channel_name.rpartition("-")[0] or channel_name


def iso(at: Instant) -> str:
    """Return the instant as RFC 3339 in UTC with microseconds, for people and manifests."""
    seconds, micro = divmod(at, MICROSECONDS)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{micro:06d}Z"


def instant_of(text: str) -> Instant:
    """Read an RFC 3339 instant as `iso` writes it, or as Asterisk's ARI does (`…+0000`)."""
    return Instant(round(datetime.fromisoformat(text).timestamp() * MICROSECONDS))
