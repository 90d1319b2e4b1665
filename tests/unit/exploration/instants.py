"""The few instants that there are, and what takes their place where one is as good as another."""

from ari_app.core.names import Instant

SECOND = 1_000_000
NOW = Instant(1_000 * SECOND)
"""Everything happens at this instant; what is remembered of earlier ones is moved back before it."""

RECENT = Instant(NOW - SECOND // 20)
LONG_AGO = Instant(NOW - 3 * SECOND)
LATE = Instant(NOW - 4 * SECOND)
"""The stamp of an event that is heard of late: older than whatever else was heard since the one before."""

NEVER = Instant(0)

BEFORE = "before"
"""The playback of what was heard by somebody who was on the channel before."""
