"""The shape of the configuration: every section, key, bound and default, one model each, frozen.

Rules between sections (a line names an announcement that must exist) stand in `rules`, because they
shall be reported together with every problem of this file's kind, and a model with a wrong field tells no more.
What is decided about calls is in `lines`.
"""

from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, Strict

from ari_app.core.free_space import Floor
from ari_app.core.guard import Mode as GuardMode
from ari_app.core.guard import Scope

from .lines import AnnouncementChecks, AnnouncementFile, Line, Parties, RetentionClass
from .secrets import Secret
from .section import HiddenSecret, HiddenSecretOrNone, Section
from .values import (
    SECONDS_PER_HOUR,
    Application,
    Bucket,
    BucketPrefix,
    CaFile,
    CapturePath,
    Context,
    EmergencyNumber,
    File,
    Folder,
    FreeSpace,
    Host,
    HoursInSeconds,
    Id,
    Language,
    MultipartSize,
    Name,
    Port,
    PublicKey,
    Region,
    SecretFile,
    SpoolPath,
    Text,
    Url,
    User,
    Word,
)


class Site(Section):
    """Whose calls these are. Its keys stand in the evidence of every call."""

    name: Text = Field(examples=["St Elsewhere Hospital"])
    """The hospital's name. Announcements to people who are called must not say it."""
    node: Name = Field(examples=["pbx1"])
    """This PBX among several."""
    default_language: Language = "en"
    """The site's main language."""


class Asterisk(Section):
    """How the gate reaches Asterisk: http.conf, ari.conf, manager.conf."""

    ari_url: Url = Field(examples=["http://127.0.0.1:8088/ari"])
    """Where ARI answers, with the prefix of http.conf."""
    ari_user: User = Field(examples=["consentgate"])
    """The user in ari.conf; it needs `read_only = no`."""
    ari_password: HiddenSecret
    ari_password_file: SecretFile | None = None
    """The file with that user's password. Left out: systemd credential or environment."""
    ami_host: Host = "127.0.0.1"
    """The host on which AMI listens."""
    ami_port: Port = 5038
    """The TCP port on which AMI listens."""
    ami_user: User = Field(examples=["consentgate"])
    """The user in manager.conf, with `read = system,call,user,dialplan,dtmf` and
    `write = system,call,command,reporting,user`."""
    ami_password: HiddenSecret
    ami_password_file: SecretFile | None = None
    """The file with that user's password. Left out: systemd credential or environment."""


class Spool(Section):
    """Where calls lie until they are stored: with PostgreSQL and S3 away for a week nothing is lost, if there is room.

    One hour of one call takes 115 MB (two parties, 8 kHz, 16 bits).
    """

    path: SpoolPath = Field(examples=["/var/spool/consentgate"])
    """The folder, on a disk of this machine: no network file system. Letters, digits, `.` `_` `-` and `/` only, because
    Asterisk gives other characters a meaning."""
    stop_below_free: FreeSpace = Floor(2 * 2**30)
    """With less room than this in its file system (bytes, or a part as `5%`) no conversation begins to be recorded and
    nobody is told that it might be; with less than a quarter of it those under way end too. Calls go on, nothing is
    deleted."""


class Ship(Section):
    """How ship works."""

    workers: Annotated[int, Strict(), Field(ge=1, le=16)] = 4
    """How many recordings it stores at the same time. Each waits for the servers most of the time; four keep two cores
    busy when a backlog drains."""


class S3(Section):
    """Where recordings go: any S3 that checks SHA-256. `consentgate doctor s3` proves on the bucket what it can do."""

    bucket: Bucket = Field(examples=["hospital-recordings"])
    """The bucket's name."""
    region: Region = Field(examples=["eu-west-2"])
    """Its region."""
    endpoint_url: Url | None = None
    """The server's address. Left out: Amazon's own for the region."""
    access_key: HiddenSecretOrNone = None
    access_key_file: SecretFile | None = None
    """The file with the access key. Left out, with `secret_key_file`: an instance's own role."""
    secret_key: HiddenSecretOrNone = None
    secret_key_file: SecretFile | None = None
    """The file with the secret key. Left out, with `access_key_file`: an instance's own role."""
    prefix: BucketPrefix = "calls"
    """What all names begin with; then comes `/YYYY/MM/DD/<recording>/`."""
    encryption: Literal["AES256", "aws:kms"] | None = None
    """How the server encrypts. Left out: the bucket's own default."""
    kms_key_id: Id | None = None
    """The key for `aws:kms`, needed there and of no effect elsewhere: its ARN, id or alias. Left out: none."""
    ca_file: CaFile | None = None
    """Certificates of who vouches for the server, as PEM. Left out: the public authorities."""
    addressing: Literal["path", "virtual"] | None = None
    """Whether the bucket stands in the path or is a host name. Left out: `path` with an `endpoint_url`, else Amazon's
    own."""
    multipart_above_bytes: MultipartSize = Field(default=64 * 2**20, alias="multipart_above")
    """Larger files go in parts."""
    object_lock: Literal["none", "governance", "compliance"] | None = None
    """Who may remove a recording before its line's `retention` is over: whoever has a right of its own for it
    (`governance`), nobody at all, not even what should never have been recorded (`compliance`), everybody who may write
    (`none`). Written down it is demanded: where the bucket cannot, the sound stays here. Left out: `governance`, where
    the bucket can."""
    legal_hold: Annotated[bool, Strict()] = False
    """`true`: each object is also held until somebody takes the hold away."""
    proof: Literal["read_back", "head"] = "read_back"
    """Sound is destroyed here after all of it was fetched from S3 again and compared (`read_back`), or S3 was asked for
    its checksum (`head`) …"""
    keep_audio_seconds: Annotated[int, Strict(), Field(ge=0, le=7 * 24 * SECONDS_PER_HOUR)] = 300
    """… and not before so long after it was stored: not every store has it on its disks when it says so."""


class Numbers(Section):
    """Telephone numbers are stored encrypted only, with a keyed hash for search."""

    key: HiddenSecret
    key_file: SecretFile | None = None
    """The file with the key: `openssl rand -hex 32`. Make it once and keep a copy apart from database and bucket:
    without it nobody can tell whose call a recording is. Left out: systemd credential or environment."""


class Signing(Section):
    """Each recording's manifest is signed (Ed25519), so that `consentgate verify` finds whatever was altered later."""

    key: HiddenSecretOrNone = None
    key_file: SecretFile | None = None
    """The file with the key: `openssl rand -hex 32`, another than that of `numbers`. Make it once, keep a copy apart.
    Left out: systemd credential or environment, else nothing is signed, and ship and `check` say so."""
    public_keys: tuple[PublicKey, ...] = ()
    """The public keys of earlier ones, as `consentgate check` showed them: they go on being believed."""


class Postgres(Section):
    """The database. Its whole address is a secret, because it usually holds the password."""

    dsn: HiddenSecret
    dsn_file: SecretFile | None = None
    """The file with `postgresql://user:password@host:5432/database`. Left out: systemd credential or environment."""


class Assurance(Section):
    """What `consentgate reconcile` and `consentgate sheet` hold the accounts of a day against."""

    witness: File | None = Field(default=None, examples=["/var/log/asterisk/cel-custom/consentgate.csv"])
    """Asterisk's own note of who came into a conversation, so that a call that nobody gives account of is found. Left
    out: nothing is asked of it."""
    late_after_seconds: HoursInSeconds = Field(default=4 * SECONDS_PER_HOUR, alias="late_after_hours", examples=["4"])
    """What is not stored so long after the call's end is late."""
    unrecorded_contexts: tuple[Context, ...] = ()
    """Contexts of the dialplan whose calls of a trunk pass no line of ours, and shall not."""


class AllowedCapture(Section):
    """Captures that are none of the gate's, and may run all the same: by path, application, or both."""

    path: CapturePath | None = None
    """The file that is recorded into; `*` stands for anything. Left out: any."""
    application: Application | None = None
    """What runs on the channel, as `core show channels` says: `Queue`. Left out: any."""
    reason: Text = Field(examples=['"the callers of this queue are told by its own announcement"'])
    """Why it may, for whoever asks later."""


class Guard(Section):
    """A process that ends every recording on this PBX that the gate has not permitted. Left out, it cannot be run.

    Begin with `mode: report`, look at `consentgate guard --once` and at its log for some weeks, allow what is right,
    and only then write `stop`. Callers of a dead gate are let go in both modes. It has logins of its own.
    """

    mode: GuardMode = GuardMode.REPORT
    """`report`: alarms only. `stop`: what is not permitted is ended, and its file kept in the spool's quarantine."""
    scope: Scope = Scope.GATED_CALLS
    """`gated_calls`: calls that came to the gate. `whole_pbx`: also those that never did."""
    ends_hung_gate: Annotated[bool, Strict()] = False
    """`true`: end a gate that gave no sign for 5 s. Turn it on where another gate follows it (`gate --standby`): else a
    pause of the gate becomes an outage."""
    allowed_captures: tuple[AllowedCapture, ...] = ()
    """What others may record."""
    ari_user: User = Field(examples=["consentgate-guard"])
    """A user of its own in ari.conf, with `read_only = no`."""
    ari_password: HiddenSecret
    ari_password_file: SecretFile | None = None
    """The file with that user's password. Left out: systemd credential or environment."""
    ami_user: User = Field(examples=["consentgate-guard"])
    """A user of its own in manager.conf, with `read = call,dialplan,agi,dtmf` and
    `write = system,call,command,reporting`."""
    ami_password: HiddenSecret
    ami_password_file: SecretFile | None = None
    """The file with that user's password. Left out: systemd credential or environment."""
    asterisk_recording_folders: tuple[Folder, ...] = (
        Path("/var/spool/asterisk/monitor"),
        Path("/var/spool/asterisk/recording"),
    )
    """Where Asterisk puts recordings. They are watched, and what is secret is taken from there: the guard's user must
    be able to move files out of them (mode 2770, group consentgate)."""


class Metrics(Section):
    """Where each process shows `/metrics` for Prometheus and `/readyz`, on 127.0.0.1 alone. Left out: nowhere."""

    gate_port: Port | None = Field(default=None, examples=["9771"])
    """The gate's. A standby on the same machine takes it when it takes over."""
    guard_port: Port | None = Field(default=None, examples=["9772"])
    """The guard's."""
    ship_port: Port | None = Field(default=None, examples=["9773"])
    """Ship's. A port that is taken keeps none of them from working: the log says so."""


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
    """Numbers that are never recorded and whose calls nothing of ours ever touches: their routes in the dialplan have
    no line of ours. They stand here so that their calls have a row all the same, written when one is answered or
    over."""
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
