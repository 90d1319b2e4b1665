"""Can calls be kept: the spool, PostgreSQL, S3, and the files of the secrets."""

import grp
import os
import pwd
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ari_app.config import Config
from ari_app.config.units import size_text
from ari_app.core.free_space import FILES, Level, judge
from ari_app.core.policy import Mode
from ari_app.errors import FINDING, GOOD, UNREACHABLE, ConsentgateError, TransientError, UnreachableError
from ari_app.free_space import measure
from ari_app.layout import Layout
from ari_app.mounts import objection
from ari_app.signing import Signer

from .finding import Finding

_INSTALL = "install -d -o consentgate -g consentgate -m 2750 {path}"


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def _inodes(free: int | None) -> str:
    return f" and {free} inodes" if free is not None and free < FILES else ""


def spool(config: Config) -> Iterator[Finding]:
    """Look at the spool's folder without touching it: owner, rights, room."""
    path = config.spool.path
    subject = f"spool {path}"
    try:
        found = path.stat()
    except OSError as error:
        yield Finding(subject, f"cannot be used: {error.strerror}", FINDING, _INSTALL.format(path=path))
        return
    if not stat.S_ISDIR(found.st_mode):
        yield Finding(subject, "is not a folder", FINDING, "choose another spool.path")
        return
    if (unfit := objection(path)) is not None:
        yield Finding(subject, unfit[0], FINDING, unfit[1])
        return
    owner, group, me = _user(found.st_uid), _group(found.st_gid), _user(os.geteuid())
    faults = list(_spool_faults(subject, path, found, me))
    space = measure(Layout(path))
    free = space.free_bytes
    if judge(space, config.spool.stop_below_free, Level.AMPLE) is not Level.AMPLE:
        limit = size_text(config.spool.stop_below_free.of(space.total_bytes))
        faults.append(
            Finding(
                subject,
                f"has {size_text(free)}{_inodes(space.free_files)} free, less than {limit}: nothing is recorded",
                FINDING,
                "make room, or lower spool.stop_below_free",
            )
        )
    yield from faults or [Finding(subject, f"owner {owner}, group {group}, {size_text(free)} free", GOOD)]


def recording_folders(config: Config) -> Iterator[Finding]:
    """Look whether the guard may take files out of the folders that it watches."""
    for folder in config.guard.asterisk_recording_folders if config.guard else ():
        subject = f"recordings {folder}"
        if not folder.is_dir():
            yield Finding(subject, "is no folder", FINDING, "mend guard.asterisk_recording_folders, or make it")
        elif not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            hint = f"chgrp consentgate {folder} && chmod 2770 {folder}, and run this as the guard's user"
            verdict = f"user {_user(os.geteuid())} may take no file out of it"
            yield Finding(subject, verdict, FINDING, hint)
        else:
            yield Finding(subject, "the guard may take files out of it", GOOD)


def _spool_faults(subject: str, path: Path, found: os.stat_result, me: str) -> Iterator[Finding]:
    if found.st_mode & stat.S_IWOTH:
        yield Finding(subject, "everybody on this machine may write there", FINDING, f"chmod o-w {path}")
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        hint = f"run this as the user of the gate, or chown the folder to {me}"
        yield Finding(subject, f"user {me} may not write there", FINDING, hint)
    layout = Layout(path)
    enterable = bool(found.st_mode & stat.S_IXOTH)
    for folder in (layout.audio, layout.calls, layout.sealed, layout.shipped, layout.quarantine):
        # Recordings of patients lie here: a folder that others may enter is a leak, unless the way to it is closed.
        if enterable and folder.is_dir() and folder.stat().st_mode & (stat.S_IROTH | stat.S_IWOTH | stat.S_IXOTH):
            hint = f"chmod o= {folder}"
            yield Finding(subject, f"everybody on this machine may look into {folder.name}/", FINDING, hint)


def secrets(config: Config) -> Iterator[Finding]:
    """Find files of secrets that every user of this machine can read."""
    files = (
        ("asterisk.ari_password_file", config.asterisk.ari_password_file),
        ("asterisk.ami_password_file", config.asterisk.ami_password_file),
        ("s3.access_key_file", config.s3.access_key_file),
        ("s3.secret_key_file", config.s3.secret_key_file),
        ("numbers.key_file", config.numbers.key_file),
        ("signing.key_file", config.signing.key_file),
        ("postgres.dsn_file", config.postgres.dsn_file),
    )
    for key, file in files:
        if file is not None and _readable_by_all(file):
            yield Finding(key, f"everybody on this machine can read {file}", FINDING, f"chmod o= {file}")


def signing(config: Config) -> Finding:
    """Say which key signs, and its public one: to be written down before it is needed."""
    if config.signing.key is None:
        verdict = "is not set: recordings are stored unsigned, and nobody can prove later that none was altered"
        return Finding(
            "signing.key_file", verdict, hint="openssl rand -hex 32 > signing.key, then name it", warning=True
        )
    signer = Signer.from_text(config.signing.key.reveal())
    return Finding("signing.key_file", f"signs; its public key is {signer.public_key}", GOOD)


def _readable_by_all(file: Path) -> bool:
    # A closed folder on the way protects what lies in it.
    reachable = all(folder.stat().st_mode & stat.S_IXOTH for folder in file.resolve().parents)
    return reachable and bool(file.stat().st_mode & stat.S_IROTH)


def _finding(subject: str, error: ConsentgateError) -> Finding:
    code = UNREACHABLE if isinstance(error, UnreachableError) else FINDING
    return Finding(subject, f"{error.what}: {error.why}" if error.why else error.what, code, error.hint)


def s3(config: Config) -> Iterator[Finding]:
    """List the bucket; then offer an object whose checksum is wrong, which a good store refuses and does not keep.

    So the right to write and the store's own checking are proved, and nothing is left behind.
    """
    from ari_app.adapters.s3 import configured  # noqa: PLC0415 - boto3 is slow to import, and --offline needs none

    subject = f"S3 {config.s3.endpoint_url or config.s3.region}, bucket {config.s3.bucket}"
    store = configured(config.s3)
    key = f"{config.s3.prefix}/consentgate-check"
    try:
        store.reach()
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"consentgate check")
            file.flush()
            store.put(key, Path(file.name), "00" * 32, "text/plain")
    except TransientError as error:
        if "igest" in error.why or "hecksum" in error.why:
            yield Finding(subject, "readable, writable, checks what it is given", GOOD)
            yield from _bucket(config, subject)
        else:
            yield _finding(subject, error)
    except ConsentgateError as error:
        yield _finding(subject, error)
    else:
        hint = f"use a store that checks ChecksumSHA256; remove the object {key}"
        yield Finding(subject, "took an object with a wrong checksum: damage would not be seen", FINDING, hint)


def _bucket(config: Config, subject: str) -> Iterator[Finding]:
    """Find a bucket in which somebody could remove or replace recordings; who may not ask is shown by `doctor s3`."""
    from ari_app.adapters.s3_bucket import S3Bucket  # noqa: PLC0415 - as boto3 above
    from ari_app.adapters.s3_client import access_of  # noqa: PLC0415

    bucket, mode = S3Bucket(access_of(config.s3)), config.s3.object_lock
    versions = bucket.ask("get_bucket_versioning")
    if versions.good and versions.data.get("Status") != "Enabled":
        verdict = "keeps no older versions: whoever may write there may replace and remove recordings"
        yield Finding(subject, verdict, hint="see `consentgate doctor s3`", warning=True)
    if mode == "none":
        return
    lock = bucket.ask("get_object_lock_configuration")
    if not lock.good and not lock.denied:
        if mode:
            verdict = f"has no Object Lock, which s3.object_lock: {mode} demands: no sound would be let go here"
            yield Finding(subject, verdict, FINDING, "consentgate doctor s3 --apply, or a new bucket that has it")
        else:
            hint = "see `consentgate doctor s3`, or say s3.object_lock: none"
            yield Finding(subject, "has no Object Lock: recordings are stored unlocked", hint=hint, warning=True)
    unlocked = [name for name, line in config.lines.items() if line.mode != Mode.NEVER and not line.retention]
    if unlocked:
        verdict = f"recordings of {', '.join(unlocked)} are not locked: nobody said for how long"
        yield Finding(subject, verdict, hint="give each line a `retention`", warning=True)


def postgres(config: Config) -> Iterator[Finding]:
    """Log in, compare the schema with this version's, and see whether rows may be added."""
    from ari_app.adapters import postgres as database  # noqa: PLC0415 - as boto3 above
    from ari_app.adapters import schema  # noqa: PLC0415

    dsn = config.postgres.dsn.reveal()
    try:
        with database.connect(dsn, autocommit=True) as connection, database.classified(dsn):
            info, user = connection.info, connection.info.user
            subject = f"PostgreSQL {info.dbname} at {info.host}:{info.port}"
            missing = [migration.name for migration in schema.check(connection)]
            allowed = not missing and connection.execute("SELECT has_table_privilege('calls', 'INSERT')").fetchone()
    except ConsentgateError as error:
        yield _finding(f"PostgreSQL {error.on}".strip(), error)
        return
    if missing:
        hint = "run: consentgate migrate"
        yield Finding(subject, f"the schema lacks {', '.join(missing)}", FINDING, hint)
    elif allowed != (True,):
        hint = f"grant it INSERT on all tables, or use the owner of the schema: {user} is neither"
        yield Finding(subject, f"user {user} may not add rows", FINDING, hint)
    else:
        yield Finding(subject, f"user {user}, schema as this version needs it", GOOD)
