"""Rules between the parts of a configuration.

They read the plain tree, not the model, so that they can speak even when the model found a field wrong: every
problem at once. What is not of the expected type is passed over here; the model says that.
"""

import re
from collections.abc import Iterator
from typing import Any

from ari_app.core.policy import Mode
from ari_app.errors import ConfigurationError
from ari_app.numbers import parse_key, read_key

from . import choices
from .problems import Path, Problem, did_you_mean
from .secrets import Secret
from .yaml import Document

# Asterisk gives these extensions a meaning of its own; as the name of a line they would be entered on a
# hang-up or a wrong number in the context that lines.conf makes.
_TELLING = {Mode.ANNOUNCE, Mode.ANNOUNCE_OPT_OUT, Mode.OPT_IN}
SPECIAL_EXTENSIONS = frozenset({"a", "e", "h", "i", "o", "s", "t", "fax"})


_DSN = re.compile(r"postgres(ql)?://\S+\Z|\s*\w+\s*=", re.ASCII)


def _section(value: object, *keys: str) -> dict[str, Any]:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def _texts(value: object) -> list[tuple[int, str]]:
    listed = value if isinstance(value, list) else []
    return [(index, text) for index, text in enumerate(listed) if isinstance(text, str)]


def problems(document: Document) -> Iterator[Problem]:
    """Yield every breach of a rule that spans more than one value."""
    yield from _lines(document)
    yield from _numbers(document)
    yield from _parties(document)
    yield from _emergency(document)
    yield from _s3(document)
    yield from _secrets(document)
    yield from _guard(document)
    yield from _metrics(document)


def _lines(document: Document) -> Iterator[Problem]:
    names: dict[str, str] = {}
    for name, line in _section(document.data, "lines").items():
        path: Path = ("lines", name)
        if name in SPECIAL_EXTENSIONS:
            yield document.problem(path, "is a name that Asterisk uses itself", "choose a longer name")
        # Asterisk passes over dashes when it compares extensions: a-bc and ab-c would be one line to it.
        if first := names.get(name.replace("-", "")):
            hint = "choose names that differ without their dashes"
            yield document.problem(path, f"is to Asterisk the same extension as {first}", hint)
        names.setdefault(name.replace("-", ""), name)
        if isinstance(line, dict):
            yield from _line(document, path, line)


def _line(document: Document, path: Path, line: dict[str, Any]) -> Iterator[Problem]:
    mode = str(line.get("mode"))
    # Only what is missing is reported here: a wrong type is the model's finding. A never line may keep its
    # announcements, so that a line can be silenced by one word in a hurry.
    if mode == Mode.NEVER and not line.get("reason"):
        hint = 'say why, for whoever asks later: reason: "anonymous support line"'
        yield document.problem((*path, "reason"), "is missing: a line of mode never must give one", hint)
    announced = line.get("announcements") or line.get("outgoing_announcements")
    if mode in _TELLING and not announced:
        known = ", ".join(_section(document.data, "announcements")) or "define one in the section announcements"
        hint = f"name at least one: {known}"
        yield document.problem((*path, "announcements"), "is missing: nobody would be told anything", hint)
    if mode != Mode.NEVER and line.get("machine_detection") is True and not line.get("outgoing_announcements"):
        hint = "it only delays calls: remove it, or name what a person who is called shall hear"
        yield document.problem((*path, "machine_detection"), "has no effect without outgoing_announcements", hint)
    yield from _outgoing(document, path, line)
    yield from choices.problems(document, path, line)
    lists = {**dict.fromkeys(choices.SOUNDS, "announcements"), "purposes": None}
    for key, section in lists.items():
        seen: set[str] = set()
        for index, name in _texts(line.get(key)):
            here = (*path, key, index)
            if section and name not in _section(document.data, section):
                yield document.problem(here, "is not defined", _defined(document, section, name))
            if name in seen:
                yield document.problem(here, "stands twice in this list", "remove one of them")
            seen.add(name)
    retention = line.get("retention")
    if isinstance(retention, str) and retention not in _section(document.data, "retention"):
        hint = _defined(document, "retention", retention)
        yield document.problem((*path, "retention"), "is not a class of the section retention", hint)


def _outgoing(document: Document, path: Path, line: dict[str, Any]) -> Iterator[Problem]:
    """Whoever answers may not be the patient, and must not learn from us who is a patient of whom."""
    site = _words(_section(document.data, "site").get("name"))
    for index, name in _texts(line.get("outgoing_announcements")):
        text = _section(document.data, "announcements", name).get("text")
        if site and site in _words(text):
            found = "says the site's name to whoever answers, who may not be the patient"
            hint = f'word announcements.{name}.text without it: "This call may be recorded for training and audit."'
            yield document.problem((*path, "outgoing_announcements", index), found, hint)


def _words(value: object) -> str:
    """Return a text as it sounds: cases and line breaks are not heard."""
    return " ".join(value.split()).casefold() if isinstance(value, str) else ""


def _defined(document: Document, section: str, name: str) -> str:
    known = tuple(_section(document.data, section))
    return did_you_mean(name, known) if known else f"define it in the section {section}"


def _numbers(document: Document) -> Iterator[Problem]:
    owners: dict[str, str] = {}
    for name, line in _section(document.data, "lines").items():
        for index, number in _texts(_section(line).get("numbers")):
            path = ("lines", name, "numbers", index)
            if first := owners.get(number):
                hint = "a number belongs to one line"
                yield document.problem(path, f"stands already in lines.{first}.numbers", hint)
            owners.setdefault(number, name)


def _parties(document: Document) -> Iterator[Problem]:
    roles: dict[str, str] = {}
    for role in ("staff", "trunks"):
        for index, endpoint in _texts(_section(document.data, "parties").get(role)):
            if first := roles.get(endpoint):
                # A trunk that passes for staff would count every outside caller as told.
                hint = "an endpoint is either staff or a trunk, and stands once"
                yield document.problem(("parties", role, index), f"stands already in parties.{first}", hint)
            roles.setdefault(endpoint, role)


def _emergency(document: Document) -> Iterator[Problem]:
    gated = {
        number: name
        for name, line in _section(document.data, "lines").items()
        for _, number in _texts(_section(line).get("numbers"))
        if _section(line).get("mode") != Mode.NEVER
    }
    seen: set[str] = set()
    for index, number in _texts(document.data.get("emergency_numbers")):
        path: Path = ("emergency_numbers", index)
        if line := gated.get(number):
            hint = f"take it out of lines.{line}.numbers, or give that line mode: never"
            yield document.problem(path, f"is also a number of the line {line}, which is announced", hint)
        if number in seen:
            yield document.problem(path, "stands twice in this list", "remove one of them")
        seen.add(number)


def _s3(document: Document) -> Iterator[Problem]:
    s3 = _section(document.data, "s3")
    if not s3:
        return
    if ("access_key" in s3) != ("secret_key" in s3):
        there, missing = ("access_key", "secret_key") if "access_key" in s3 else ("secret_key", "access_key")
        hint = f"give {missing}_file as well, or neither for an instance's own role"
        yield document.problem(("s3", f"{missing}_file"), f"is missing, although {there} is there", hint)
    if s3.get("encryption") == "aws:kms" and not s3.get("kms_key_id"):
        # Asked for KMS without a key, stores answer 500 or take a key of their own choice (storage.md 1.4).
        yield document.problem(("s3", "kms_key_id"), "is missing: aws:kms needs it", "the key's ARN, id or alias")
    if s3.get("kms_key_id") and s3.get("encryption") != "aws:kms":
        hint = "write encryption: aws:kms, or remove the key"
        yield document.problem(("s3", "kms_key_id"), "has no effect without encryption: aws:kms", hint)
    if s3.get("ca_file") and str(s3.get("endpoint_url", "")).startswith("http:"):
        hint = "write https:// in s3.endpoint_url, or remove the file"
        yield document.problem(("s3", "ca_file"), "has no effect on an endpoint without TLS", hint)
    yield from _locked(document, s3.get("object_lock"))


def _locked(document: Document, mode: object) -> Iterator[Problem]:
    """Whoever demands a lock says for how long: each line that may be recorded has a class."""
    if mode not in ("governance", "compliance"):  # a list would not let itself be looked for in a set
        return
    for name, line in _section(document.data, "lines").items():
        if isinstance(line, dict) and str(line.get("mode")) in _TELLING and not line.get("retention"):
            hint = _defined(document, "retention", "")
            problem = f"is missing: s3.object_lock: {mode} needs to know for how long"
            yield document.problem(("lines", name, "retention"), problem, hint)


def _secret(document: Document, section: str, key: str) -> str:
    value = _section(document.data, section).get(key)
    return value.reveal() if isinstance(value, Secret) else ""


def _secrets(document: Document) -> Iterator[Problem]:
    """Secrets whose form can be told; an empty one was reported where it was looked for."""
    if key := _secret(document, "numbers", "key"):
        try:
            parse_key(key)
        except ConfigurationError as error:
            found = "does not hold 32 random bytes as 64 hexadecimal digits or in base64"
            yield document.problem(("numbers", "key_file"), found, error.hint)
    yield from _signing(document)
    dsn = _secret(document, "postgres", "dsn")
    if dsn and not _DSN.match(dsn):
        hint = "postgresql://user:password@host:5432/database"
        yield document.problem(("postgres", "dsn_file"), "does not hold the address of a database", hint)


def _signing(document: Document) -> Iterator[Problem]:
    text, path = _secret(document, "signing", "key"), ("signing", "key_file")
    key = read_key(text)
    if text and key is None:
        found = "does not hold 32 random bytes as 64 hexadecimal digits or in base64"
        yield document.problem(path, found, "Make one with: openssl rand -hex 32")
    if key is not None and key == read_key(_secret(document, "numbers", "key")):
        # Who may read numbers is not who may say what was recorded, and each is changed for reasons of its own.
        yield document.problem(path, "is the key for telephone numbers", "make another: openssl rand -hex 32")
    for index, public in _texts(_section(document.data, "signing").get("public_keys")):
        if key is not None and public == key.hex():
            hint = "take it out, make another key, and write what `consentgate check` shows"
            yield document.problem(("signing", "public_keys", index), "is the secret key itself", hint)


def _guard(document: Document) -> Iterator[Problem]:
    guard, gate = _section(document.data, "guard"), _section(document.data, "asterisk")
    for key, file in (("ami_user", "manager.conf"), ("ari_user", "ari.conf")):
        if isinstance(guard.get(key), str) and guard[key] == gate.get(key):
            # The gate's filter would hide from the guard what it is there to see, and one password would open both.
            hint = f"give the guard a user of its own in {file}"
            yield document.problem(("guard", key), "is the gate's own user", hint)
    listed = guard.get("allowed_captures")
    for index, allowed in enumerate(listed if isinstance(listed, list) else []):
        if isinstance(allowed, dict) and not {"path", "application"} & set(allowed):
            hint = 'path: "/var/spool/asterisk/voicemail/*", application: Queue, or both'
            problem = "names neither a path nor an application: it would allow everything"
            yield document.problem(("guard", "allowed_captures", index), problem, hint)


def _metrics(document: Document) -> Iterator[Problem]:
    taken: dict[object, str] = {}
    for key, port in _section(document.data, "metrics").items():
        if isinstance(port, int) and (first := taken.setdefault(port, key)) != key:
            hint = "each process listens for itself: give each a port of its own"
            yield document.problem(("metrics", key), f"is the port of metrics.{first} as well", hint)
