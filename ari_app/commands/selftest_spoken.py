"""What `doctor` says of the self-tests that were made: is each line tested, and did its last test end well?"""

from collections.abc import Iterator
from typing import Final

from ari_app.config import Config
from ari_app.core.names import MICROSECONDS, Instant
from ari_app.core.policy import Mode
from ari_app.doctor.catalogue import Found, Grade

from . import selftest_stored
from .selftest_kept import Kept, Results, when

FRESH_SECONDS: Final = 30 * 3600
"""A daily test, and some hours for a machine that was off."""


def last(settings: Config, now: Instant) -> Iterator[Found]:
    """Yield for each line that is recorded what its last self-test came to."""
    results, keyring = Results(settings.spool.path), selftest_stored.keyring(settings)
    for name, line in settings.lines.items():
        if line.mode is Mode.NEVER or not line.announcements:
            continue
        subject = f"line {name}"
        mend = f"consentgate doctor self-test --line {name}; the timer consentgate-selftest@{name} does it daily"
        try:
            kept = results.of(name, keyring)
        except OSError as error:
            why = "whether its last test was good is not known"
            yield Found("selftest-last", subject, f"cannot be read: {error.strerror}", Grade.UNKNOWN, why, mend)
            continue
        if kept.broken:
            why = "the results are evidence, and these are not what was written"
            seen = f"{results.file(name)}: {kept.broken}"
            look = "find out who changed it; move the file away to begin a new one"
            yield Found("selftest-evidence", subject, seen, Grade.WRONG, why, look)
        yield _of(kept, subject, mend, now)


def _of(kept: Kept, subject: str, mend: str, now: Instant) -> Found:
    why = "nobody has proved lately that a caller of this line is told and recorded"
    if not kept.results:
        return Found("selftest-last", subject, "was never tested", Grade.UNKNOWN, why, mend)
    result = kept.results[-1]
    if not result.get("ok"):
        failed = [one for one in result.get("steps", []) if one.get("grade") not in {"good", "warning", "not known"}]
        seen = f"failed at {when(result)}: {failed[-1].get('what', '') if failed else ''}"
        return Found("selftest-last", subject, seen, Grade.WRONG, "a caller of this line may not be recorded", mend)
    if now - int(result["at"]) > FRESH_SECONDS * MICROSECONDS:
        return Found("selftest-last", subject, f"was good, but last at {when(result)}", Grade.WARNING, why, mend)
    return Found("selftest-last", subject, f"good at {when(result)}")
