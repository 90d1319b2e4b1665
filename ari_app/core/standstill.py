"""When Asterisk may have stood still, and what its stamps are worth just after.

Asterisk stamps a key, a hold, a pause when it takes them in. If it stood still while somebody pressed the key (it was
stopped, swapped out, starved), the stamp is that of the thaw, and what was said between the two would be stored as if
nobody had objected yet: it is read from the socket, and recorded, all at once.

Each marker of ours says when that may have been: it was sent at one instant and stamped at another. Late on *both*
streams, it was Asterisk that was late, or we were in sending it; where only our receipt is late its stamps go on as
ever. In doubt it stood still since the last instant at which it surely lived, for the doubt costs recording and no
promise. Pure.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from .names import Instant

LATE_MICROSECONDS = 200_000
"""A marker that takes longer was not on its way: a busy Asterisk's 99th of 100 answers takes 8 ms, a gate's 50 ms."""

AFTER_MICROSECONDS = 1_000_000
"""So long after the thaw it may still stamp what came in before: it draws out keys whose begin and end it reads at once
(80 ms each, 45 ms between two), and works off what waits on every channel."""


@dataclass(frozen=True, slots=True)
class Standstill:
    """Asterisk surely lived at `since` and again at `until`; in between it may have stood still."""

    since: Instant
    until: Instant


def by_marker(alive_at: Instant, sent_at: Instant, stamped_at: Instant, took: int) -> Standstill | None:
    """Return when Asterisk may have stood still, by a marker's way; None if it did not for so long that it matters.

    alive_at: the last stamp before, on whichever stream; sent_at: of the oldest marker that neither has given back;
    stamped_at: when the first of them does; took: how many microseconds later than it was sent we have seen that, by a
    clock that nobody sets: whatever the stamps say, what was back at once did not wait.
    """
    if min(took, stamped_at - max(alive_at, sent_at)) <= LATE_MICROSECONDS:
        return None
    return Standstill(alive_at, stamped_at)


def surely(at: Instant, stood_still: Iterable[Standstill]) -> Instant:
    """Return since when what Asterisk stamped with `at` may have waited to be taken in: `at` itself, as a rule."""
    return Instant(min([at, *(one.since for one in stood_still if at <= one.until + AFTER_MICROSECONDS)]))
