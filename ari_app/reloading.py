"""A configuration that is read anew while calls go on: what of it is taken up (SIGHUP), and what needs a restart.

A file that is wrong changes nothing: the process goes on with what it has, and says why. Of one that is right
everything holds for what begins from then on; a call in progress keeps the rules under which it began, by whose hash
its evidence names them. What a process cannot exchange while it works (where its spool is, how it reaches others) it
keeps as it was, and says that it needs a restart.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from . import clock, config, log
from .core import facts as f
from .core.permit import hopeless
from .core.policy import Policy
from .errors import ConfigurationError, ConsentgateError

if TYPE_CHECKING:
    from .dispatcher import Dispatcher

HINT: Final = "It goes on with what it has: run `consentgate check`, mend the file, and reload again."
RESTART: Final = "Restart the process for these: it goes on with the old ones. Calls go on meanwhile."


@dataclass(frozen=True, slots=True)
class Keys:
    """Which keys one process takes up while it works, and which it cannot; of all others it knows nothing."""

    taken_up: tuple[str, ...]
    fixed: tuple[str, ...]


GATE: Final = Keys(
    ("site.name", "spool.stop_below_free", "announcements", "announcement_checks", "lines", "parties",
     "emergency_numbers"),
    ("site.node", "asterisk", "spool.path", "numbers", "metrics.gate_port"),
)  # fmt: skip
GUARD: Final = Keys(
    ("guard.mode", "guard.scope", "guard.allowed_captures", "guard.ends_hung_gate", "spool.stop_below_free"),
    ("site.node", "asterisk", "spool.path", "numbers", "guard.ari_user", "guard.ari_password",
     "guard.ari_password_file", "guard.ami_user", "guard.ami_password", "guard.ami_password_file",
     "guard.asterisk_recording_folders", "metrics.guard_port"),
)  # fmt: skip
SHIP: Final = Keys(
    ("retention", "lines", "s3.object_lock", "s3.legal_hold", "s3.proof", "s3.keep_audio_seconds"),
    ("site.node", "spool.path", "ship", "postgres", "signing", "s3.bucket", "s3.region", "s3.endpoint_url",
     "s3.access_key", "s3.access_key_file", "s3.secret_key", "s3.secret_key_file", "s3.prefix", "s3.encryption",
     "s3.kms_key_id", "s3.ca_file", "s3.addressing", "s3.multipart_above",
     "metrics.ship_port"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Change:
    """What is different in a file that was read again: keys by their dotted path, never their values."""

    taken_up: tuple[str, ...] = ()
    needs_restart: tuple[str, ...] = ()


def read(path: Path, before: config.Config, keys: Keys) -> tuple[config.Config, Change]:
    """Return what a process shall work with from now on, and what is different. Raises ConsentgateError."""
    fresh = config.load(path)
    if keys is GUARD and fresh.guard is None:
        hint = "Stop the guard if it shall not run; until then it goes on with the section that it has."
        raise ConfigurationError("there is no section guard any more", on=str(path), hint=hint)
    different = sorted(_different(before, fresh))
    change = Change(
        tuple(one for one in different if _within(one, keys.taken_up) and not _within(one, keys.fixed)),
        tuple(one for one in different if _within(one, keys.fixed)),
    )
    return _kept(before, fresh, keys.fixed), change


def _within(path: str, keys: tuple[str, ...]) -> bool:
    return any(path == key or path.startswith((f"{key}.", f"{key}[")) for key in keys)


def _different(before: Any, after: Any, path: str = "") -> Iterator[str]:  # noqa: ANN401 - any value of the tree
    if before == after:
        return
    if isinstance(before, config.Section) and isinstance(after, config.Section):
        for name, field in type(after).model_fields.items():
            inner = f"{path}.{field.alias or name}".removeprefix(".")
            yield from _different(getattr(before, name), getattr(after, name), inner)
    elif isinstance(before, dict) and isinstance(after, dict):
        for name in before.keys() | after.keys():
            yield from _different(before.get(name), after.get(name), f"{path}.{name}")
    else:
        yield path


def _kept(before: config.Config, fresh: config.Config, fixed: tuple[str, ...]) -> config.Config:
    """Return the fresh configuration with what cannot be exchanged as it was."""
    for path in fixed:
        section, _, key = path.partition(".")
        old = getattr(before, section)
        if key:
            model = type(old)
            name = next(name for name, field in model.model_fields.items() if key in (name, field.alias))
            old = getattr(fresh, section).model_copy(update={name: getattr(old, name)})
        fresh = fresh.model_copy(update={section: old})
    return fresh


def govern(dispatcher: "Dispatcher", rules: Policy) -> None:
    """Let a dispatcher work by other rules: whoever calls now, and whoever comes into a room.

    A call in progress keeps its own, but what is stricter holds at once (requirement R68): a line on which nobody may
    be recorded any more, and who is of the house no more.
    """
    dispatcher.rules = dispatcher.opening.rules = dispatcher.passing.rules = rules
    dispatcher.whereabouts.take_up(rules.staff, rules.trunks)
    now = clock.now()
    for recording, call in list(dispatcher.calls.items()):
        reason = hopeless(rules.lines.get(call.room.opened.line))
        if reason is not None and call.room.closed is None:
            dispatcher.hear(recording, f.EventsLost(at=now, seen_at=now, reason=reason))
    dispatcher.look_around(set(dispatcher.whereabouts.owners), now)


class Reloader:
    """Takes up the configuration of one process whenever it is `asked`.

    prepare: makes of it what is needed, in a thread, since it may take a while; apply: puts that into force, at once;
    notify: tells the service manager.
    Whatever ConsentgateError either raises, all stays as it was.
    """

    def __init__(
        self,
        process: str,
        path: Path,
        settings: config.Config,
        keys: Keys,
        *,
        prepare: Callable[[config.Config], Any],
        apply: Callable[[config.Config, Any], None],
        notify: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.settings, self._notify = settings, notify
        self.asked = asyncio.Event()
        self._path, self._keys, self._prepare, self._apply = path, keys, prepare, apply
        self._log = log.get(process)

    async def run(self) -> None:
        """Work for ever."""
        while True:
            await self.asked.wait()
            self.asked.clear()
            await self.once()

    async def once(self) -> None:
        """Read the file once; say what came of it to the log and to the service manager."""
        self._notify(f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")
        try:
            settings, change, made = await asyncio.to_thread(self._made)
            self._apply(settings, made)
        except ConsentgateError as failure:
            self._log.error("config.not_taken_up", why=str(failure), hint=HINT)
            status = f"the changed configuration is wrong and not used: {str(failure).splitlines()[0]}"
        except Exception as bug:  # noqa: BLE001 - a bug of ours here must not be the end of all reloads
            self._log.error("config.not_taken_up", why=repr(bug), hint=HINT)
            status = "the changed configuration is not used, because of an error in consentgate itself"
        else:
            self.settings = settings
            said = told(self._log, change)
            status = f"configuration taken up ({said})"
        self._notify(f"READY=1\nSTATUS={status}")

    def _made(self) -> tuple[config.Config, Change, Any]:
        settings, change = read(self._path, self.settings, self._keys)
        return settings, change, self._prepare(settings)


def told(logger: Any, change: Change, **about: object) -> str:  # noqa: ANN401 - structlog's own type is Any
    """Say in the log what was taken up, and aloud what was not; return both in short."""
    logger.info("config.taken_up", changed=list(change.taken_up), **about)
    if change.needs_restart:
        logger.warning("config.needs_restart", keys=list(change.needs_restart), hint=RESTART)
    return f"{len(change.taken_up)} keys changed" + (
        f"; a restart is needed for {', '.join(change.needs_restart)}" if change.needs_restart else ""
    )
