"""The way back: what somebody may still need stays. That is sound that is not stored, the configuration, the keys."""

from collections.abc import Iterator
from pathlib import Path

from .errors import InstallError
from .plan import Wishes, last_phases, phases, reloads
from .release import Release
from .steps import Command

NAMED = 3
_HINT = (
    "Let ship finish: `consentgate spool list` says what waits and why, `consentgate spool retry` tries it now. Then"
    " run this again. Or leave it where it is, for a later installation: --leave-unshipped"
)


def unshipped(spool: Path) -> list[Path]:
    """Return what lies in the spool and nowhere else: calls in progress, sealed ones, scripts', sound, incidents.

    Raises InstallError where nobody can say.
    """
    try:
        return sorted(_lying(spool))
    except PermissionError as failure:
        hint = "Run this as root"
        raise InstallError("the spool cannot be read", on=spool, why=failure.strerror, hint=hint) from None


def _lying(spool: Path) -> Iterator[Path]:
    for name, pattern in (("calls", "*"), ("sealed", "*"), ("fallback", "*"), ("audio", "*"), ("incidents", "*.json")):
        folder = spool / name
        if folder.exists():
            yield from (one for one in folder.iterdir() if one.match(pattern))


def remove(wishes: Wishes, *, dry: bool, leave: bool) -> list[str]:
    """Take it away, last things first; return what was done. Raises InstallError."""
    left = unshipped(wishes.places.spool)
    if left and not leave:
        names = ", ".join(f"{one.parent.name}/{one.name}" for one in left[:NAMED]) + (" …" if len(left) > NAMED else "")
        why = f"{len(left)} recordings or accounts are not stored yet ({names})"
        raise InstallError("consentgate is not removed", on=wishes.places.spool, why=why, hint=_HINT)
    done: list[str] = []
    services = [one for one in last_phases(wishes) if one[0] == "start"]
    for _, make in [*services, *reversed(phases(wishes)), *reloads(wishes)]:
        for step in reversed(make()):
            if isinstance(step, Release):
                continue
            if dry:
                said = "" if isinstance(step, Command) and not step.back else step.needed()
                done += [] if said else [f"would take back: {type(step).__name__} {getattr(step, 'path', '')}"]
            elif said := step.undo():
                done.append(said)
    if not dry and (said := wishes.release.undo()):
        done.append(said)
        for folder in (wishes.places.releases, wishes.places.prefix):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
    return done
