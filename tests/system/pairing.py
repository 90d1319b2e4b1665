"""How long a MixMonitor may keep back what a party said: Asterisk pairs it with what goes out to the party.

Asterisk reads a packet at once and puts it into the monitor's audiohook. From there the monitor takes it together with
a packet that goes out to the party, and alone only when none has gone out for two frames (`audiohook_read_frame_both`).
The option `b` is looked at as it is taken, not as it is read: of whoever hears something up to the bridge, something of
before the bridge is stored. In 27 calls on two cores that were too busy, 39 packets were stored that had come 17 to
58 ms before the bridge: each was read within 1.6 ms of its coming, before BridgeEnter, and written 39 to 138 ms after
its coming, behind BridgeEnter. Behind a bridge's end the same look at `b` lets nothing through: 0 of 679 tracks.

Whenever what goes out comes a little late, one packet more stays behind, and so does each one after it. It ends where a
direction is more than 100 ms late, what waits counted in: Asterisk throws away what it holds of both
(AST_AUDIOHOOK_SYNC_TOLERANCE). Those are the holes of some frames in the middle of a conversation: 12 of 12 on two busy
cores lay beside a pause of 60 to 116 ms in what the telephone sent. A direction's first packet counts as late, too.

A monitor begins with nothing in its hands, so whatever it stores was read under its own permit.

Pure; both streams are measured by the telephone itself.
"""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from telephone import Instant

STILL_US: Final = 40_000
"""Asterisk's `(samples / 8) * 2`: when nothing has gone out for so long, nothing waits for it any more."""
LOOK_US: Final = 50_000
"""Of `ast_audiohook_trigger_wait`: so often the monitor looks, though no packet comes."""
KEPT_US: Final = 120_000
"""AST_AUDIOHOOK_SYNC_TOLERANCE, and the packet itself: nothing is kept back for longer."""


def kept_until(said: Sequence[Instant], heard: Sequence[Instant], began_at: Instant) -> NDArray[np.int64]:
    """Return of each packet that a party said the latest moment at which the monitor can have taken it.

    said: when each packet reached Asterisk; heard: when each one to the party left it, both in order. began_at: of the
    monitor, for which nothing counts that went out before.
    """
    out = [one for one in heard if one >= began_at]
    return np.array([_kept_until(one, said, out) for one in said], dtype=np.int64)


def _kept_until(at: Instant, said: Sequence[Instant], out: Sequence[Instant]) -> int:
    still_from = at
    for one in out[bisect_left(out, at - STILL_US) :]:
        if one > max(at, still_from):
            break
        still_from = Instant(one + STILL_US)
    if still_from <= at:
        return at
    number = bisect_left(said, still_from)
    looks_at = min([still_from + LOOK_US, *said[number : number + 1]])
    return min(looks_at, at + KEPT_US)
