"""The shape of the configuration: every section, key, bound and default, one model each, frozen.

Rules between sections (a line names an announcement that must exist) stand in `rules`, because they
shall be reported together with every problem of this file's kind, and a model with a wrong field tells no more.
"""

from datetime import date
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, Strict

from ari_app.core.free_space import Floor
from ari_app.core.guard import Mode as GuardMode
from ari_app.core.guard import Scope
from ari_app.core.policy import Capture, OnObjection

from .secrets import Secret
from .values import (
    SECONDS_PER_HOUR,
    Application,
    Bucket,
    BucketPrefix,
    CaFile,
    CapturePath,
    Context,
    EmergencyNumber,
    Endpoint,
    File,
    Folder,
    FreeSpace,
    Host,
    HoursInSeconds,
    Id,
    KeepPeriod,
    Key,
    Language,
    LevelRange,
    LineMode,
    LongText,
    MultipartSize,
    Name,
    Number,
    Port,
    PublicKey,
    Region,
    SecretFile,
    Sequence,
    SoundFile,
    SpoolPath,
    Text,
    Url,
    User,
    Word,
)


class Section(BaseModel):
    """Frozen, and nothing in it that is not known: a mistyped key must not pass for a default."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, populate_by_name=False)


class Site(Section):
    """Whose calls these are."""

    name: Text = Field(examples=["St Elsewhere Hospital"])
    node: Name = Field(examples=["pbx1"])
    default_language: Language = "en"


class Asterisk(Section):
    """How the gate reaches Asterisk. Both passwords come from outside of the file (`secrets`)."""

    ari_url: Url = Field(examples=["http://127.0.0.1:8088/ari"])
    ari_user: User = Field(examples=["consentgate"])
    ari_password: Secret
    ari_password_file: SecretFile | None = None
    ami_host: Host = "127.0.0.1"
    ami_port: Port = 5038
    ami_user: User = Field(examples=["consentgate"])
    ami_password: Secret
    ami_password_file: SecretFile | None = None


class Spool(Section):
    """Where calls lie until they are stored, and how much room must stay free there."""

    path: SpoolPath = Field(examples=["/var/spool/consentgate"])
    stop_below_free: FreeSpace = Floor(2 * 2**30)


class Ship(Section):
    """How ship works. Each worker stores one recording at a time, most of which is waiting for the servers."""

    workers: Annotated[int, Strict(), Field(ge=1, le=16)] = 4


class S3(Section):
    """Where recordings go. Without keys, boto3's own chain is used (an instance's role, a profile)."""

    bucket: Bucket = Field(examples=["hospital-recordings"])
    region: Region = Field(examples=["eu-west-2"])
    endpoint_url: Url | None = None
    access_key: Secret | None = None
    access_key_file: SecretFile | None = None
    secret_key: Secret | None = None
    secret_key_file: SecretFile | None = None
    prefix: BucketPrefix = "calls"
    encryption: Literal["AES256", "aws:kms"] | None = None
    kms_key_id: Id | None = None
    ca_file: CaFile | None = None
    addressing: Literal["path", "virtual"] | None = None
    multipart_above_bytes: MultipartSize = Field(default=64 * 2**20, alias="multipart_above")
    object_lock: Literal["none", "governance", "compliance"] | None = None
    """None: governance, where the bucket has Object Lock. One that is written down is demanded of the bucket."""
    legal_hold: Annotated[bool, Strict()] = False
    proof: Literal["read_back", "head"] = "read_back"
    keep_audio_seconds: Annotated[int, Strict(), Field(ge=0, le=7 * 24 * SECONDS_PER_HOUR)] = 300


class Numbers(Section):
    """The key under which telephone numbers are encrypted."""

    key: Secret
    key_file: SecretFile | None = None


class Signing(Section):
    """The key by which ship signs manifests, and the public ones of those before it. Without it nothing is signed."""

    key: Secret | None = None
    key_file: SecretFile | None = None
    public_keys: tuple[PublicKey, ...] = ()


class Postgres(Section):
    """The database; its whole address is a secret, because it usually holds the password."""

    dsn: Secret
    dsn_file: SecretFile | None = None


class AnnouncementFile(Section):
    """One sound file, its language and what it says."""

    file: SoundFile = Field(examples=["advice-en.wav"])
    language: Language = Field(examples=["en"])
    text: LongText = Field(examples=['"This call may be recorded …"'])


class AnnouncementChecks(Section):
    """What a caller could not have understood: outside of these an announcement is not used, its lines not recorded.

    The defaults and what they were measured with stand in `verdicts` and in its tests.
    """

    level_dbfs: LevelRange = Field(default=(-36.0, -10.0), examples=["[-36, -10]"])
    max_clipped_percent: Annotated[float, Strict(), Field(ge=0, le=100)] = 5.0
    min_intelligibility: Annotated[float, Strict(), Field(ge=0, le=0.75)] = 0.55


class Line(Section):
    """The rules of one line, as the site wrote them."""

    numbers: tuple[Number, ...] = ()
    mode: LineMode = Field(examples=["announce"])
    announcements: tuple[str, ...] = Field(default=(), max_length=8)
    outgoing_announcements: tuple[str, ...] = Field(default=(), max_length=8)
    machine_detection: Annotated[bool, Strict()] = False
    on_objection: OnObjection = OnObjection.STOP
    opt_out_key: Key | None = None
    opt_out_sequence: Sequence | None = None
    consent_key: Key | None = None
    repeat_key: Key | None = None
    information_key: Key | None = None
    language_keys: dict[Language, Key] = Field(default_factory=dict)
    information: tuple[str, ...] = Field(default=(), max_length=8)
    confirmation: tuple[str, ...] = Field(default=(), max_length=8)
    choice_seconds: Annotated[int, Strict(), Field(ge=3, le=120)] = 8
    relay_choice_seconds: Annotated[int, Strict(), Field(ge=3, le=120)] = 60
    destroy_if_objected_within_seconds: Annotated[int, Strict(), Field(ge=0, le=24 * SECONDS_PER_HOUR)] | None = None
    max_pause_seconds: Annotated[int, Strict(), Field(ge=10, le=24 * SECONDS_PER_HOUR)] = 600
    purposes: tuple[Word, ...] = ()
    capture: Capture = Capture.CONVERSATION
    retention: str | None = None
    reason: Text | None = None
    max_seconds: HoursInSeconds = Field(default=3 * SECONDS_PER_HOUR, alias="max_hours")
    discard_window_seconds: Annotated[int, Strict(), Field(ge=0, le=30 * 24 * SECONDS_PER_HOUR)] = 0


class Assurance(Section):
    """What `reconcile` compares with: Asterisk's own note of conversations, and when what is not stored is late."""

    witness: File | None = Field(default=None, examples=["/var/log/asterisk/cel-custom/consentgate.csv"])
    late_after_seconds: HoursInSeconds = Field(default=4 * SECONDS_PER_HOUR, alias="late_after_hours", examples=["4"])
    unrecorded_contexts: tuple[Context, ...] = ()


class Parties(Section):
    """Endpoints by exact name: staff are told by contract, everybody else must hear it."""

    staff: frozenset[Endpoint] = frozenset()
    trunks: frozenset[Endpoint] = frozenset()


class RetentionClass(Section):
    """How long a class of recordings is kept, from when, and which rule says so, read on which day."""

    keep: KeepPeriod = Field(examples=["8y"])
    since: Literal["call", "last_contact"] = Field(alias="from", examples=["last_contact"])
    citation: Text = Field(examples=['"Records Management Code of Practice, appendix II"'])
    checked: date = Field(examples=["2026-11-01"])


class AllowedCapture(Section):
    """Captures that are none of the gate's, and may run all the same: by path, application, or both."""

    path: CapturePath | None = None
    application: Application | None = None
    reason: Text = Field(examples=['"the callers of this queue are told by its own announcement"'])


class Guard(Section):
    """Who watches over captures, with logins of his own, so that the gate's faults are not his."""

    mode: GuardMode = GuardMode.REPORT
    scope: Scope = Scope.GATED_CALLS
    ends_hung_gate: bool = False
    """Off: where nothing follows the gate that is ended, a pause of it would become an outage."""
    allowed_captures: tuple[AllowedCapture, ...] = ()
    ari_user: User = Field(examples=["consentgate-guard"])
    ari_password: Secret
    ari_password_file: SecretFile | None = None
    ami_user: User = Field(examples=["consentgate-guard"])
    ami_password: Secret
    ami_password_file: SecretFile | None = None
    asterisk_recording_folders: tuple[Folder, ...] = (
        Path("/var/spool/asterisk/monitor"),
        Path("/var/spool/asterisk/recording"),
    )


class Metrics(Section):
    """Where each process shows its metrics for Prometheus (/metrics) and whether it is ready (/readyz)."""

    gate_port: Port | None = Field(default=None, examples=["9771"])
    """The gate's port, on 127.0.0.1 alone; one that is taken keeps nothing from working. Left out: nothing is shown."""
    guard_port: Port | None = Field(default=None, examples=["9772"])
    """The guard's port, likewise. Left out: nothing is shown."""
    ship_port: Port | None = Field(default=None, examples=["9773"])
    """Ship's port, likewise. Left out: nothing is shown."""


class Config(Section):
    """The whole configuration; every name of DESIGN §6 that is a Python keyword or lacks its unit has another."""

    site: Site
    asterisk: Asterisk
    spool: Spool
    ship: Ship = Ship()
    s3: S3
    numbers: Numbers
    signing: Signing = Signing()
    postgres: Postgres
    announcements: dict[Name, AnnouncementFile] = Field(default_factory=dict)
    announcement_checks: AnnouncementChecks = AnnouncementChecks()
    lines: dict[Name, Line] = Field(min_length=1)
    parties: Parties = Parties()
    emergency_numbers: tuple[EmergencyNumber, ...] = ()
    retention: dict[Word, RetentionClass] = Field(default_factory=dict)
    guard: Guard | None = None
    assurance: Assurance = Assurance()
    metrics: Metrics = Metrics()


def section_at(path: tuple[str | int, ...]) -> type[Section] | None:
    """Return the model of the section that stands at a path, to say which keys are known there."""
    model: Any = Config
    for part in path:
        if isinstance(model, type) and issubclass(model, Section):
            found = [field for name, field in model.model_fields.items() if part in {field.alias, name}]
            model = found[0].annotation if found else None
        else:
            # dict[name, Section] or tuple[Section, ...]: the part is the name, or the place in the list.
            model = _within(model)
        model = model if isinstance(model, type) or not isinstance(model, UnionType) else _within(model)
    return model if isinstance(model, type) and issubclass(model, Section) else None


def _within(annotation: object) -> object:
    """Return what a list, a dict or an optional section holds."""
    held = [one for one in get_args(annotation) if one not in {NoneType, Ellipsis}]
    return held[-1] if held else None


def keys_of(model: type[Section]) -> dict[str, str]:
    """Return each key that may be written in a section, with an example for it or ''."""
    return {
        field.alias or name: str((field.examples or [""])[0])
        for name, field in model.model_fields.items()
        if Secret not in (field.annotation, *getattr(field.annotation, "__args__", ()))
    }
