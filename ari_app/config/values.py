"""The kinds of value that a configuration holds: what each may look like, and what is said where one does not.

Forms are narrow on purpose: names become Asterisk extensions, paths go into MixMonitor's options, texts go to people's
terminals.
"""

import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    Strict,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, PydanticCustomError
from pydantic_core.core_schema import no_info_after_validator_function

from ari_app.core.free_space import Floor
from ari_app.core.policy import Mode

from .problems import did_you_mean
from .secrets import is_path
from .units import PERIOD_PATTERN, SIZE_PATTERN, Period, floor, period, size_bytes

MAX_SPOOL_PATH = 180
MAX_PREFIX = 200
SECONDS_PER_HOUR = 3600
LOWEST_DBFS = -60
SMALLEST_MULTIPART_BYTES = 5 * 2**20
LARGEST_WHOLE_BYTES = 5 * 2**30


def refuse(problem: str, hint: str = "") -> PydanticCustomError:
    """Return an error that carries its own hint."""
    return PydanticCustomError("consentgate", "{problem}", {"problem": problem, "hint": hint})


@dataclass(frozen=True, slots=True)
class _form:  # noqa: N801 - it is used as the functions beside it are
    """What a text must look like: judged when the file is read, and told to editors as a pattern."""

    pattern: str
    problem: str
    hint: str

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        compiled = re.compile(rf"(?:{self.pattern})\Z", re.ASCII)

        def check(text: str) -> str:
            if not compiled.match(text):
                raise refuse(self.problem, self.hint)
            return text

        return no_info_after_validator_function(check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        said = f"{self.problem}: {self.hint}"
        return handler(schema) | {"pattern": f"^(?:{self.pattern})$", "patternErrorMessage": said}


def _written(pattern: str, kind: str, bounds: str) -> WithJsonSchema:
    """Return what people and editors are told of a text that a function judges: as much of it as a pattern can say."""
    return WithJsonSchema({"type": "string", "pattern": pattern, "x-kind": kind, "x-range": bounds})


def _text_to(read: Callable[[str], object], hint: str) -> BeforeValidator:
    def check(value: object) -> object:
        if not isinstance(value, str):
            raise refuse("must be text", hint)
        try:
            return read(value)
        except ValueError as error:
            raise refuse(str(error), hint) from None

    return BeforeValidator(check)


def _printable(text: str) -> str:
    if not text.strip():
        raise refuse("is empty", "write it out")
    # Line ends are normal in an announcement's text; what moves a terminal's cursor is not.
    if not all(character.isprintable() or character == "\n" for character in text):
        raise refuse("holds characters that cannot be printed", "remove them")
    return text.strip()


def _url(text: str) -> str:
    hint = "for example http://127.0.0.1:8088"
    try:
        parts = urlsplit(text)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise refuse("is not an http:// or https:// address", hint)
    if parts.username is not None or parts.password is not None:
        raise refuse("holds a user or password", "those have keys of their own")
    if parts.query or parts.fragment or not text.isprintable() or " " in text:
        raise refuse("holds more than an address", hint)
    return text.rstrip("/")


def _file(value: object, info: ValidationInfo) -> object:
    if not isinstance(value, str) or not is_path(value):
        raise refuse("must be the path of a file", "relative paths are meant from the configuration's folder")
    folder = info.context["folder"] if info.context else Path()
    return (folder / value).absolute()


def _spool_path(value: object) -> object:
    # Asterisk takes this path inside MixMonitor's options, where a comma or a bracket would end it and the
    # rest would become options, or a shell command.
    if not isinstance(value, str) or not re.fullmatch(r"(/(?!\.{1,2}(/|$))[A-Za-z0-9._-]+)+/?", value, re.ASCII):
        hint = "letters, digits and . _ - between slashes, for example /var/spool/consentgate"
        raise refuse("must be an absolute path of plain characters", hint)
    if len(value) > MAX_SPOOL_PATH:
        raise refuse(f"is longer than {MAX_SPOOL_PATH} characters", "choose a shorter path")
    return Path(value)


def _folder(value: object) -> object:
    if not isinstance(value, str) or not value.startswith("/") or "\0" in value or "/../" in f"{value}/":
        raise refuse("must be the absolute path of a folder", "for example /var/spool/asterisk/monitor")
    return Path(value)


def _plain_file(value: object) -> object:
    if not isinstance(value, str) or not value.startswith("/") or "\0" in value or "/../" in f"{value}/":
        raise refuse("must be the absolute path of a file", "for example /var/log/asterisk/cel-custom/consentgate.csv")
    return Path(value)


def _capture_path(text: str) -> str:
    if not text.startswith("/") or not text.isprintable() or "/../" in f"{text}/":
        raise refuse("must be an absolute path, * for anything", 'for example "/var/spool/asterisk/voicemail/*"')
    if not text.replace("*", "").replace("/", ""):
        # It would switch the guard off without saying so; `mode: report` says so.
        raise refuse("allows every file there is", "name a folder, as in /var/spool/asterisk/voicemail/*")
    return text


def _mode(value: object) -> Mode:
    known = tuple(Mode)
    if not isinstance(value, str) or value not in known:
        raise refuse("is not a mode", did_you_mean(str(value), known))
    return Mode(value)


def _key(value: object) -> str:
    # YAML makes a number of an unquoted digit, and every digit is a key.
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not re.fullmatch(r"[0-9*#]", text, re.ASCII):
        raise refuse("is not one key of a telephone", 'one of 0 to 9, "*" and "#", in quotes')
    return text


def _seconds_of_hours(value: object) -> int:
    # bool is an int to Python: `max_hours: yes` would be one hour.
    seconds = value * SECONDS_PER_HOUR if isinstance(value, int | float) and not isinstance(value, bool) else 0
    if not 1 <= seconds <= 24 * SECONDS_PER_HOUR:
        raise refuse("must be a number of hours, from one second (0.0003) to 24", "for example 3")
    return round(seconds)


def _level_range(value: object) -> object:
    # bool is an int to Python here as well.
    match value:
        case [int() | float() as low, int() | float() as high] if not {type(low), type(high)} & {bool}:
            if LOWEST_DBFS <= low < high <= 0:
                return (float(low), float(high))
        case _:
            pass
    problem = f"must be two levels from {LOWEST_DBFS} to 0 dBFS, that of the quietest speech first"
    raise refuse(problem, "for example level_dbfs: [-36, -10]")


def _ca_file(value: object, info: ValidationInfo) -> object:
    path = _file(value, info)
    try:
        ssl.create_default_context(cafile=str(path))
    except ssl.SSLError:
        raise refuse("names a file that holds no certificate", "certificates of CAs, as PEM") from None
    except OSError as error:
        problem = f"names a file that cannot be read: {error.strerror}"
        raise refuse(problem, "certificates of CAs, as PEM; the user of ship must read it") from None
    return path


def _multipart_size(size: int) -> int:
    # S3's own limits: of a part but the last at least the one, of an object that comes whole at most the other.
    if not SMALLEST_MULTIPART_BYTES <= size <= LARGEST_WHOLE_BYTES:
        raise refuse("must be from 5MiB to 5GiB", "for example multipart_above: 64MiB")
    return size


def _bucket_prefix(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*/?", text, re.ASCII):
        raise refuse("is not a prefix of plain words between slashes", "for example prefix: calls")
    if len(text) > MAX_PREFIX:
        # A key of S3 has 1024 bytes at most, and ours goes on with day, recording and file.
        raise refuse(f"is longer than {MAX_PREFIX} characters", "choose a shorter one: calls")
    return text.rstrip("/")


_FILE = _written(".", "path", "absolute, or from this file's folder")
_ABSOLUTE = _written("^/", "path", "absolute")
Text = Annotated[str, Field(max_length=200), AfterValidator(_printable)]
LongText = Annotated[str, Field(max_length=4000), AfterValidator(_printable)]
Url = Annotated[
    str,
    AfterValidator(_url),
    _written("^https?://[^@?#\\s]+$", "address", "http:// or https://, without user and password"),
]
SecretFile = Annotated[Path, BeforeValidator(_file), _FILE]
SoundFile = Annotated[Path, BeforeValidator(_file), _FILE]
Folder = Annotated[Path, BeforeValidator(_folder), _ABSOLUTE]
File = Annotated[Path, BeforeValidator(_plain_file), _ABSOLUTE]
Context = Annotated[
    str, _form(r"[A-Za-z0-9_-]{1,79}", "is not a context of the dialplan", "as in extensions.conf: fax-machines")
]
CapturePath = Annotated[str, AfterValidator(_capture_path), _ABSOLUTE]
Application = Annotated[
    str, _form(r"[A-Za-z][A-Za-z0-9_-]{0,79}", "is not an application's name", "as Asterisk calls it: VoiceMail")
]
SpoolPath = Annotated[
    Path, BeforeValidator(_spool_path), _written("^(/[A-Za-z0-9._-]+)+/?$", "path", "absolute, at most 180 characters")
]
Port = Annotated[int, Strict(), Field(ge=1, le=65535)]
FreeSpace = Annotated[
    Floor,
    _text_to(floor, "for example 2GiB or 5%"),
    _written(rf"^(?:{SIZE_PATTERN}|[0-9]{{1,2}}(?:\.[0-9]{{1,3}})? ?%)$", "size or part", "`2GiB`, `5%`; at most 90 %"),
]
MultipartSize = Annotated[
    int,
    _text_to(size_bytes, "for example 64MiB"),
    AfterValidator(_multipart_size),
    _written(f"^{SIZE_PATTERN}$", "size", "5MiB to 5GiB"),
]
CaFile = Annotated[Path, BeforeValidator(_ca_file), _FILE]
KeepPeriod = Annotated[
    Period, _text_to(period, "for example 8y"), _written(f"^{PERIOD_PATTERN}$", "period", "`30d`, `6m`, `8y`")
]
HoursInSeconds = Annotated[
    int,
    BeforeValidator(_seconds_of_hours),
    WithJsonSchema({"type": "number", "minimum": 0.0002, "maximum": 24, "x-range": "1 second (0.0003) to 24 hours"}),
]
LevelRange = Annotated[
    tuple[float, float],
    BeforeValidator(_level_range),
    WithJsonSchema(
        {
            "type": "array",
            "items": {"type": "number", "minimum": LOWEST_DBFS, "maximum": 0},
            "minItems": 2,
            "maxItems": 2,
            "x-range": f"two levels from {LOWEST_DBFS} to 0, the lower first",
        }
    ),
]
Key = Annotated[
    str,
    BeforeValidator(_key),
    # Every digit is a key, quoted or not.
    WithJsonSchema(
        {"anyOf": [{"type": "string", "pattern": "^[0-9*#]$"}, {"type": "integer", "minimum": 0, "maximum": 9}]}
    ),
]
Sequence = Annotated[
    str, _form(r"[*#][0-9*#]{1,3}", "is not a short sequence of keys", 'it begins with "*" or "#": "*9"')
]
LineMode = Annotated[Mode, BeforeValidator(_mode), WithJsonSchema({"type": "string", "enum": list(Mode)})]
BucketPrefix = Annotated[
    str,
    AfterValidator(_bucket_prefix),
    _written("^[A-Za-z0-9_-][A-Za-z0-9._/-]*$", "text", "plain words between slashes, at most 200 characters"),
]
Name = Annotated[
    str, _form(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?", "is not a name", "1 to 40 of a-z, 0-9 and -, no - at the ends")
]
Word = Annotated[str, _form(r"[a-z0-9][a-z0-9_-]{0,39}", "is not a plain word", "1 to 40 of a-z, 0-9, _ and -")]
Language = Annotated[
    str, _form(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*", "is not a language", 'for example en, cy, en-GB or, quoted, "no"')
]
User = Annotated[str, _form(r"[A-Za-z0-9._@-]{1,80}", "is not a user's name", "1 to 80 of A-Z, a-z, 0-9, . _ @ -")]
Host = Annotated[str, _form(r"[A-Za-z0-9._:-]{1,253}", "is not a host name or address", "for example 127.0.0.1")]
Number = Annotated[
    str, _form(r"\+?[0-9*#]{2,25}", "is not a telephone number", "digits only, with + in front if international")
]
EmergencyNumber = Annotated[
    str, _form(r"[0-9*#]{2,25}", "is not a number that a telephone dials", 'digits, * and # only, in quotes: "999"')
]
Endpoint = Annotated[
    str,
    _form(
        r"[A-Za-z][A-Za-z0-9]{1,19}/[A-Za-z0-9_.+@-]{1,100}",
        "is not an endpoint's exact name",
        "TECH/name as Asterisk calls it, no patterns: PJSIP/2001",
    ),
]
Bucket = Annotated[
    str, _form(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", "is not a bucket's name", "3 to 63 of a-z, 0-9, . and -")
]
Region = Annotated[str, _form(r"[a-z0-9-]{1,40}", "is not a region", "for example eu-west-2")]
PublicKey = Annotated[
    str, _form(r"[0-9a-f]{64}", "is not a public key", "64 hexadecimal digits, as `consentgate check` shows them")
]
Id = Annotated[str, _form(r"[A-Za-z0-9:/._-]{1,400}", "is not a key's id", "its ARN, id or alias")]
