"""What a site decides about calls: what is said to whom, who is of the house, how long a recording is kept."""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, Strict, WithJsonSchema

from ari_app.core.policy import Capture, OnObjection

from .section import Section
from .values import (
    SECONDS_PER_HOUR,
    Endpoint,
    HoursInSeconds,
    KeepPeriod,
    Key,
    Language,
    LevelRange,
    LineMode,
    LongText,
    Number,
    Sequence,
    SoundFile,
    Text,
    Word,
)

Sounds = tuple[
    Annotated[str, Field(json_schema_extra={"x-kind": "name", "x-range": "names of the section `announcements`"})], ...
]


class AnnouncementFile(Section):
    """What callers hear: each announcement under a name of your own, by which lines name it.

    A file that is missing, silent, cut short or without its silence makes its lines "not recorded", with an alarm. So
    does one that nobody could understand. `consentgate check --prompts` shows how good each of them is.
    """

    file: SoundFile = Field(examples=["advice-en.wav"])
    """The sound: WAV, 8000 Hz, mono, 16 bits, with 0.4 to 1 s of silence after the last word. It is copied when the
    configuration is read, so a file that is changed later is played after the next reload."""
    language: Language = Field(examples=["en"])
    """The language in which it speaks, as `en`, `cy` or `en-GB`; Norwegian in quotes: `"no"`."""
    text: LongText = Field(examples=['"This call may be recorded …"'])
    """What it says, word for word: it stands in the evidence of everybody who heard it."""


class AnnouncementChecks(Section):
    """What a caller could not have understood: an announcement outside of these is not used, its lines not recorded.

    What is merely not good is a warning of `consentgate check`.
    """

    # The defaults and what they were measured with stand in `verdicts` and in its tests.
    level_dbfs: LevelRange = Field(default=(-36.0, -10.0), examples=["[-36, -10]"])
    """How quiet and how loud the speech may be without its pauses (active speech level, ITU-T P.56); telephone speech
    has about -26."""
    max_clipped_percent: Annotated[float, Strict(), Field(ge=0, le=100)] = 5.0
    """How much of the speech may lie at full scale, cut off."""
    min_intelligibility: Annotated[float, Strict(), Field(ge=0, le=0.75)] = 0.55
    """How well it must be understood at least: speech intelligibility index (ANSI S3.5), 0 to 0.78 on a telephone;
    below 0.45 is poor."""


class Line(Section):
    """The lines: each under the name that the dialplan gives as LINE in `Gosub(consentgate,s,1(LINE))`."""

    numbers: tuple[Number, ...] = ()
    """The line's own numbers, in quotes (a leading 0 is lost without). For `explain`, `doctor` and reports only: the
    dialplan decides which number is which line."""
    mode: LineMode = Field(examples=["announce"])
    """`never`: nobody is recorded, also when no process of consentgate is alive. `announce`: told, then recorded.
    `announce_opt_out`: told, and one key is a no. `opt_in`: only one key is a yes, and silence is a no. There is no
    mode in which somebody is recorded without being told."""
    announcements: Sounds = Field(default=(), max_length=8)
    """What a caller hears, in this order, each to its end. Left out: callers are not recorded."""
    outgoing_announcements: Sounds = Field(default=(), max_length=8)
    """What a person hears whom this line calls. Without the site's name: whoever answers may not be the patient. Left
    out: people who are called are not recorded."""
    machine_detection: Annotated[bool, Strict()] = False
    """`true`: listen first, for some seconds, and tell no answering machine."""
    on_objection: OnObjection = OnObjection.STOP
    """Whose recording ends when somebody in the room objects: everybody's (`stop`), the objector's alone
    (`leave_out`)."""
    opt_out_key: Key | None = None
    """The key that is a no, from the first instant of the announcement on. Needed with `announce_opt_out`. Left out:
    no key is a no."""
    opt_out_sequence: Sequence | None = None
    """Keys that are a no at any later time; the same as in features.conf. Left out: `*9` with `announce_opt_out` and
    `opt_in`, else none."""
    consent_key: Key | None = None
    """The key that is a yes, after the last word. Needed with `opt_in`, and only there. Left out: no key is a yes."""
    repeat_key: Key | None = None
    """The key to hear the announcement again. Left out: there is none."""
    information_key: Key | None = None
    """The key to hear `information`, then the announcement again. Left out: there is none."""
    language_keys: dict[Language, Key] = Field(default_factory=dict)
    """A key for each language of the line, to hear that alone. Left out: all languages, one after the other."""
    information: Sounds = Field(default=(), max_length=8)
    """What is heard by `information_key`: announcements, one in each language of the line."""
    confirmation: Sounds = Field(default=(), max_length=8)
    """What is heard by who says no: announcements, one in each language of the line. Needed with `announce_opt_out`
    and `opt_in`."""
    choice_seconds: Annotated[int, Strict(), Field(ge=3, le=120)] = 8
    """With `opt_in`: how long a yes is waited for after the last word."""
    relay_choice_seconds: Annotated[int, Strict(), Field(ge=3, le=120)] = 60
    """The same for calls through a text relay (numbers that begin with 18001 or 18002), where an assistant types."""
    destroy_if_objected_within_seconds: Annotated[int, Strict(), Field(ge=0, le=24 * SECONDS_PER_HOUR)] | None = None
    """What was recorded before an objection is destroyed as well, if the recording had begun no longer ago than this.
    Left out: `60` with `announce_opt_out` and `opt_in`, else `0`."""
    max_pause_seconds: Annotated[int, Strict(), Field(ge=10, le=24 * SECONDS_PER_HOUR)] = 600
    """A pause by staff that lasts longer raises an alarm."""
    purposes: tuple[Word, ...] = ()
    """What its calls are recorded for: a word for each, as the public notice names them."""
    capture: Capture = Capture.CONVERSATION
    """`conversation`: only while people are connected. `after_announcement`: from the announcement's end on, also in a
    queue or a menu."""
    retention: Annotated[str, Field(json_schema_extra={"x-range": "a class of the section `retention`"})] | None = None
    """How long its recordings are kept. Needed where `s3.object_lock` is written
    down. Left out: nothing is said of it."""
    reason: Text | None = None
    """Why nobody is recorded, for whoever asks later. Needed with `never`. Left out: no reason."""
    max_seconds: HoursInSeconds = Field(default=3 * SECONDS_PER_HOUR, alias="max_hours")
    """A recording ends then; the call does not."""
    discard_window_seconds: Annotated[int, Strict(), Field(ge=0, le=30 * 24 * SECONDS_PER_HOUR)] = 0
    """Nothing is stored before this long after the call's end, so that until then it can still be thrown away."""


class Parties(Section):
    """Endpoints by exact name, as Asterisk calls them. Everybody who is not staff must hear the announcement."""

    staff: frozenset[Endpoint] = frozenset()
    """The house's own telephones: whoever speaks there is told by their contract. `check` asks Asterisk whether each of
    them exists."""
    trunks: frozenset[Endpoint] = frozenset()
    """The lines to the outside: whom they connect is from outside, however they came."""


class RetentionClass(Section):
    """How long recordings are kept: classes under names of your own, each with the rule that says so."""

    keep: KeepPeriod = Field(examples=["8y"])
    """How long: a number and `d`, `w`, `m` (months) or `y`."""
    since: Literal["call", "last_contact"] = Field(alias="from", examples=["last_contact"])
    """From when: the call itself, or the patient's last contact (a lock on the object counts from the call in both)."""
    citation: Text = Field(examples=['"Records Management Code of Practice, appendix II"'])
    """Which rule says so: without one nobody can tell later why this long."""
    checked: Annotated[date, WithJsonSchema({"type": "string", "format": "date", "x-kind": "date"})] = Field(
        examples=["2026-11-01"]
    )
    """When somebody last looked at that rule."""
