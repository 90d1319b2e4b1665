"""What the site has decided for each line, compiled from its configuration: `policy.json`.

The gate, the AGI scripts and the guard all read this one shape, so it is standard library only. Its hash
stands in the evidence of every call: it says which rules the call was handled under.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

FORMAT = 1
MILLISECONDS_PER_PACKET = 20
NEVER_PLAYED_SAMPLES = 22
"""Asterisk's reader of WAV files counts the 44 bytes of the header as sound, so the last 22 samples are never sent
(formats/format_wav.c, wav_read). They are silence: an announcement ends in 0.4 s of it."""


class Mode(StrEnum):
    """How a line's callers are asked: not at all, told, told how to say no, or asked for their yes."""

    NEVER = "never"
    ANNOUNCE = "announce"
    ANNOUNCE_OPT_OUT = "announce_opt_out"
    OPT_IN = "opt_in"


class Capture(StrEnum):
    """When a told caller's voice may be taken: only while bridged, or from the announcement's end."""

    CONVERSATION = "conversation"
    AFTER_ANNOUNCEMENT = "after_announcement"


class OnObjection(StrEnum):
    """Whose capture ends when somebody in the room objects: everybody's, or the objector's alone."""

    STOP = "stop"
    LEAVE_OUT = "leave_out"


@dataclass(frozen=True, slots=True)
class Announcement:
    """One copied, hashed, measured sound file; `path` is the copy that Asterisk plays, without suffix games.

    `stat` (inode, size, mtime and ctime in nanoseconds) tells before and after each play whether the copy is
    still the file that was hashed.
    """

    name: str
    language: str
    text: str
    sha256: str
    path: str
    samples: int
    rate_hz: int
    spoken_end_ms: int
    stat: tuple[int, int, int, int]

    @property
    def duration_ms(self) -> int:
        """The file's length, rounded up to a whole millisecond."""
        return -(-self.samples * 1000 // self.rate_hz)

    @property
    def packets(self) -> int:
        """RTP packets that a complete play sends; one more where a later Asterisk reads the file to its end."""
        return -(-(self.samples - NEVER_PLAYED_SAMPLES) * 1000 // (self.rate_hz * MILLISECONDS_PER_PACKET))


@dataclass(frozen=True, slots=True)
class Keys:
    """What somebody may say by one key while they are told; "" where there is no such key.

    `languages`: pairs of a key and the language that it chooses.
    """

    decline: str = ""
    consent: str = ""
    repeat: str = ""
    information: str = ""
    languages: tuple[tuple[str, str], ...] = ()

    @property
    def every(self) -> tuple[str, ...]:
        """Every key that means something."""
        named = (self.decline, self.consent, self.repeat, self.information)
        return tuple(key for key in (*named, *(key for key, _ in self.languages)) if key)


@dataclass(frozen=True, slots=True)
class Asking:
    """How one party is told and asked: what they hear, and what their keys mean.

    `needs_consent`: only a yes lets anybody record them; they have `window_seconds` for it after the last word.
    `information`: what is heard on demand; `confirmation`: what is heard by who says no. Both in each language.
    """

    announcements: tuple[Announcement, ...] = ()
    keys: Keys = Keys()
    needs_consent: bool = False
    window_seconds: int = 0
    information: tuple[Announcement, ...] = ()
    confirmation: tuple[Announcement, ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """The rules of one line. `unusable` says why the line is not recorded although its mode would have it."""

    name: str
    mode: Mode
    announcements: tuple[Announcement, ...] = ()
    capture: Capture = Capture.CONVERSATION
    numbers: tuple[str, ...] = ()
    purposes: tuple[str, ...] = ()
    retention: str | None = None
    reason: str | None = None
    max_seconds: int = 3 * 3600
    discard_window_seconds: int = 0
    unusable: str | None = None
    outgoing_announcements: tuple[Announcement, ...] = ()
    """What a called party hears; it does not name the clinic, because whoever answers may not be the patient."""
    machine_detection: bool = False
    on_objection: OnObjection = OnObjection.STOP
    keys: Keys = Keys()
    opt_out_sequence: str = ""
    """Keys by which a caller objects at any later time; "" where there are none."""
    choice_seconds: int = 8
    """How long somebody has for their yes after the last word, on a line of mode opt_in."""
    relay_choice_seconds: int = 60
    """The same for a call through a text relay, where an assistant types what is said and speaks what is typed."""
    information: tuple[Announcement, ...] = ()
    confirmation: tuple[Announcement, ...] = ()
    destroy_if_objected_within_seconds: int = 0
    """What was captured before an objection is destroyed as well, if the recording was no older than this by then."""
    max_pause_seconds: int = 600
    outgoing_unusable: str | None = None
    """Why nobody who is called is recorded although `outgoing_announcements` were configured; callers are, as ever."""

    def asking(self, *, called: bool, relayed: bool) -> Asking:
        """Return how a caller of this line, or somebody who is called by it, is told and asked."""
        return Asking(
            announcements=self.outgoing_announcements if called else self.announcements,
            keys=self.keys,
            needs_consent=self.mode is Mode.OPT_IN,
            window_seconds=self.relay_choice_seconds if relayed else self.choice_seconds,
            information=self.information,
            confirmation=self.confirmation,
        )


@dataclass(frozen=True, slots=True)
class Policy:
    """Everything that decides about a call, in one frozen tree."""

    site: str
    node: str
    lines: dict[str, Line]
    staff: frozenset[str] = frozenset()
    trunks: frozenset[str] = frozenset()
    emergency_numbers: frozenset[str] = frozenset()
    sha256: str = field(default="", compare=False)


def canonical(value: object) -> bytes:
    """Return JSON with sorted keys, no spaces, UTF-8: the same value always has the same bytes and hash."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def to_json(policy: Policy) -> bytes:
    """Return the bytes of `policy.json`; their SHA-256 is the policy's hash in all evidence."""
    lines = {name: asdict(line) for name, line in policy.lines.items()}
    for line in lines.values():
        del line["name"]
    return canonical(
        {
            "format": FORMAT,
            "site": policy.site,
            "node": policy.node,
            "lines": lines,
            "parties": {"staff": sorted(policy.staff), "trunks": sorted(policy.trunks)},
            "emergency_numbers": sorted(policy.emergency_numbers),
        },
    )


def _announcements(listed: list[dict[str, Any]]) -> tuple[Announcement, ...]:
    return tuple(Announcement(**{**one, "stat": tuple(one["stat"])}) for one in listed)


def _line(name: str, raw: dict[str, Any]) -> Line:
    shaped = {
        **raw,
        "name": name,
        "mode": Mode(raw["mode"]),
        "capture": Capture(raw["capture"]),
        "announcements": _announcements(raw["announcements"]),
        "outgoing_announcements": _announcements(raw["outgoing_announcements"]),
        "information": _announcements(raw["information"]),
        "confirmation": _announcements(raw["confirmation"]),
        "keys": Keys(**{**raw["keys"], "languages": tuple((key, one) for key, one in raw["keys"]["languages"])}),
        "on_objection": OnObjection(raw["on_objection"]),
        "numbers": tuple(raw["numbers"]),
        "purposes": tuple(raw["purposes"]),
    }
    return Line(**shaped)


def from_json(text: bytes) -> Policy:
    """Read `policy.json`. Raises ValueError on another format, KeyError or TypeError on a damaged file."""
    raw = json.loads(text)
    if raw["format"] != FORMAT:
        raise ValueError(f"policy.json has format {raw['format']}, this version reads {FORMAT}")
    return Policy(
        site=raw["site"],
        node=raw["node"],
        lines={name: _line(name, line) for name, line in raw["lines"].items()},
        staff=frozenset(raw["parties"]["staff"]),
        trunks=frozenset(raw["parties"]["trunks"]),
        emergency_numbers=frozenset(raw["emergency_numbers"]),
        sha256=hashlib.sha256(text).hexdigest(),
    )
