"""What the guard thinks of a capture: permitted, or why not, and what is to be done about it.

It knows nothing of rooms, parties or permits. A capture is permitted if the gate has named it in `live/` before it
began and has shown a sign of life since, or if the site has allowed it with a reason. Everything else is secret.
"""

import json
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from .incident import FORMAT, Action, Door, Why
from .names import (
    APPLICATION,
    ChannelId,
    Instant,
    PartyId,
    RecordingId,
    RunId,
    UnsafeNameError,
    channel_id,
    parse_track_file,
    recording_id,
    whisper_id,
)
from .policy import canonical

FRESH_MICROSECONDS = 1_500_000
"""The gate writes a heartbeat at most a second apart; half a second more is what a slow disk may take."""

WHISPER_MICROSECONDS = 20_000_000
"""Longer than this no confirmation lasts."""

DEAD_MICROSECONDS = 1_200_000
"""A caller in the hands of a gate that gave no sign for so long is let go: within 2 s of its death, all told."""


class Mode(StrEnum):
    """REPORT stops nothing of anybody else's: for the first weeks on a PBX on which others record as well."""

    REPORT = "report"
    STOP = "stop"


class Scope(StrEnum):
    """GATED_CALLS: calls of which a channel came to the gate; WHOLE_PBX: every call."""

    GATED_CALLS = "gated_calls"
    WHOLE_PBX = "whole_pbx"


@dataclass(frozen=True, slots=True)
class Live:
    """What a file of `live/` says: which capture the gate's run has permitted on that channel."""

    run: RunId
    recording: RecordingId
    party: PartyId
    permit: int
    file: str


def read_live(text: bytes) -> Live | None:
    """Read a file of `live/`; None if it is damaged or of another format, and so names nothing."""
    try:
        raw = json.loads(text)
        live = Live(
            RunId(str(raw["run"])),
            recording_id(str(raw["recording"])),
            PartyId(str(raw["party"])),
            int(raw["permit"]),
            str(raw["file"]),
        )
        sound = raw["format"] == FORMAT and parse_track_file(live.file) is not None
    except (ValueError, KeyError, TypeError):
        return None
    return live if sound else None


def channel_of(name: str) -> ChannelId | None:
    """Return the channel that a file of `live/` is named after; None for what only lies there."""
    try:
        return channel_id(name)
    except UnsafeNameError:
        return None


def read_recording(name: str) -> RecordingId | None:
    """Return a folder's name as the recording's id that it is; None for any other folder."""
    try:
        return recording_id(name)
    except UnsafeNameError:
        return None


def last_beat(text: bytes) -> Instant | None:
    """Return `written_at` of the last whole line in the end of a heartbeat file; None if there is none."""
    for line in reversed(text.split(b"\n")[:-1]):
        try:
            return Instant(int(json.loads(line)["written_at"]))
        except (ValueError, KeyError, TypeError):
            # A line cut at its beginning, or damaged: the one before it still proves that the gate lived then.
            continue
    return None


def fresh(sign: Instant | None, now: Instant, microseconds: int = FRESH_MICROSECONDS) -> bool:
    """Tell whether a sign of life is young. One from the future says that a clock was set, not that somebody lives."""
    return sign is not None and abs(now - sign) <= microseconds


@dataclass(frozen=True, slots=True)
class Capture:
    """One running capture: its files (a MixMonitor's are listed without their suffix) and what runs on the channel."""

    door: Door
    files: tuple[str, ...] = ()
    application: str = ""


def base(file: str) -> str:
    """Return a path without its suffix, as `mixmonitor list` shows it."""
    folder, slash, name = file.rpartition("/")
    return folder + slash + (name.rpartition(".")[0] or name)


@dataclass(frozen=True, slots=True)
class Allowance:
    """Captures of others that the site lets run: by path (`*` stands for anything), application, or both."""

    reason: str
    path: str | None = None
    application: str | None = None

    def covers(self, capture: Capture) -> bool:
        """Tell whether every file, and the application, is as this says."""
        if self.application is not None and self.application.casefold() != capture.application.casefold():
            return False
        return self.path is None or (bool(capture.files) and all(map(self._holds, capture.files)))

    def _holds(self, file: str) -> bool:
        # A path that climbs out of the folder it begins with is not in that folder.
        if "/../" in file or self.path is None:
            return False
        return any(_glob(pattern).match(file) for pattern in {self.path, base(self.path)} if pattern)


def _glob(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, pattern.split("*"))) + r"\Z", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Rules:
    """What the site has decided. `audio` is the spool's folder of that name, with a slash at its end."""

    audio: str
    mode: Mode = Mode.REPORT
    scope: Scope = Scope.GATED_CALLS
    allowed: tuple[Allowance, ...] = ()

    def ours(self, capture: Capture) -> bool:
        """Tell whether something writes into our spool: that is our business in every mode and scope."""
        return any(file.startswith(self.audio) for file in capture.files)

    def allowance(self, capture: Capture) -> Allowance | None:
        """Return what allows this capture. Nobody can be allowed to write into our spool."""
        if self.ours(capture):
            return None
        return next((one for one in self.allowed if one.covers(capture)), None)


def named(capture: Capture, live: Live | None, rules: Rules) -> bool:
    """Tell whether `live/` names this capture: its one file, in the folder of its recording."""
    if live is None or capture.door is not Door.MIXMONITOR or len(capture.files) != 1:
        return False
    return capture.files[0] == base(f"{rules.audio}{live.recording}/{live.file}")


def objection(capture: Capture, lives: Iterable[Live], signs: "Signs", rules: Rules, now: Instant) -> Why | None:
    """Return why a capture may not run; None if it may.

    lives: what `live/` said of its channel before and after the capture was looked at. The gate changes it while we
    look, and names a capture from before its begin until after its end, so either will do.
    """
    mine = next((live for live in lives if named(capture, live, rules)), None)
    if mine is not None:
        return signs.objection(mine.run, now)
    if rules.allowance(capture) is not None:
        return None
    return Why.NOT_NAMED_IN_LIVE if capture.door in {Door.MIXMONITOR, Door.QUEUE} else Why.NOT_ALLOWED


def whispers(capture: Capture, channel: ChannelId, spied: ChannelId | None, age_microseconds: int) -> bool:
    """Tell whether a snoop is the gate's own, by which it says something to somebody who waits.

    It has the name that the gate gives it, belongs to the gate's application, and is young. Whoever else makes one of
    that name hears nothing by it: to record it, or to send it elsewhere, are doors of their own.
    """
    mine = capture.door is Door.SNOOP and capture.application == APPLICATION
    named = spied is not None and channel == whisper_id(spied)
    return mine and named and age_microseconds <= WHISPER_MICROSECONDS


def response(capture: Capture, rules: Rules, *, gated: bool) -> Action | None:
    """Return what to do about a capture that may not run; None leaves it alone: it is none of our calls'.

    Of a file that somebody wrote nobody can say whose voice is in it: it is told, and nothing is taken from another
    department on a suspicion.
    """
    if rules.ours(capture):
        return Action.STOPPED
    if rules.scope is Scope.GATED_CALLS and not gated:
        return Action.REPORTED if capture.door is Door.FILE else None
    return Action.STOPPED if rules.mode is Mode.STOP else Action.REPORTED


def to_quarantine(file: str, rules: Rules, journal: bytes | None) -> bool:
    """Tell whether a stopped capture's file is taken away; never one that a journal names: evidence cuts it.

    journal: of the recording in whose folder the file lies; None if there is none, or if it lies elsewhere.
    """
    if not file.startswith(rules.audio) or journal is None:
        return True
    return b'"' + file.rpartition("/")[2].encode() + b'"' not in journal


@dataclass(slots=True)
class Signs:
    """The gate's signs of life: each run's last heartbeat, and the mark that it keeps in Asterisk."""

    beats: dict[RunId, Instant] = field(default_factory=dict)
    alive_at: Instant | None = None
    kept: dict[RunId, Instant] = field(default_factory=dict)
    """Our own keeper's last heartbeat: while it beats, what it has named is permitted without a gate."""
    watched_since: Instant = Instant(0)
    """When we began to listen for the mark in Asterisk: before that its absence says nothing."""

    def objection(self, run: RunId, now: Instant) -> Why | None:
        """Return what speaks against captures of this run; None while it lives."""
        if fresh(self.beats.get(run), now) or fresh(self.kept.get(run), now):
            return None
        others = (beat for other, beat in self.beats.items() if other != run)
        return Why.OTHER_RUN if any(fresh(beat, now) for beat in others) else Why.STALE_HEARTBEAT

    def gate_dead(self, now: Instant) -> bool:
        """Tell whether no gate has given any sign for so long that its callers must be let go."""
        signs = (*self.beats.values(), self.alive_at, self.watched_since)
        return not any(fresh(sign, now, DEAD_MICROSECONDS) for sign in signs)


@dataclass(slots=True)
class Starts:
    """Counts the MixMonitors that began on a channel for each capture that `live/` names there.

    The event says neither file nor id. The first after a new name is taken to be that capture, which saves asking
    Asterisk for each of ours; every further one is somebody else's until Asterisk's list has said otherwise.
    """

    seen: dict[ChannelId, Live] = field(default_factory=dict)

    def doubtful(self, channel: ChannelId, live: Live | None) -> bool:
        """Note that a MixMonitor began; tell whether it may be another one than `live/` names."""
        if live is None or self.seen.get(channel) == live:
            return True
        self.seen[channel] = live
        return False

    def found(self, channel: ChannelId, live: Live) -> None:
        """Asterisk lists what `live/` names: no start that is told from now on is its own."""
        self.seen[channel] = live

    def keep(self, channels: Collection[str]) -> None:
        """Forget channels that `live/` names no more."""
        for gone in [one for one in self.seen if one not in channels]:
            del self.seen[gone]


@dataclass(frozen=True, slots=True)
class Quarantined:
    """One file that was taken away: what it was, and its name in `quarantine/`."""

    sha256: str
    bytes: int
    quarantined_as: str


@dataclass(frozen=True, slots=True)
class Alarm:
    """One incident, as the guard tells it: no path and no number, for a stranger names their files as they like."""

    id: str
    node: str
    at: Instant
    door: Door
    action: Action
    why: Why
    channel: str | None = None
    stopped_after_ms: int | None = None
    files: tuple[Quarantined, ...] = ()

    def to_json(self) -> bytes:
        """Return the bytes of `incidents/<id>.json`, which `incident.read` reads."""
        files = [{"sha256": one.sha256, "bytes": one.bytes, "quarantined_as": one.quarantined_as} for one in self.files]
        content: dict[str, Any] = {"format": FORMAT, "id": self.id, "node": self.node, "at": self.at}
        content |= {"door": self.door, "action": self.action, "why": self.why, "channel": self.channel}
        return canonical(content | {"stopped_after_ms": self.stopped_after_ms, "files": files})
