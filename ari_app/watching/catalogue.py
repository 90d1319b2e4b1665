"""Every metric of consentgate: the one place where their names, labels and meanings stand.

Labels are lines of the configuration, reasons and words of enumerations of ours, servers and operations: all of them
few and known beforehand. A caller's number or name, an endpoint, a channel and a recording's id are none of these, and
`known_line` sees to it that a dialplan that passes `${EXTEN}` as its LINE does not make a label of a number.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ari_app.core.reasons import Reason

GATE, GUARD, SHIP = "gate", "guard", "ship"
PROCESSES: Final = (GATE, GUARD, SHIP)

NO_LINE, UNKNOWN_LINE = "none", "unknown"
"""A call that was dialled past every line, and a LINE of the dialplan that the configuration does not know."""


class Kind(StrEnum):
    """As Prometheus calls them."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. `by`: which processes have it; `buckets`: of a histogram, its upper bounds in the metric's unit."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    by: tuple[str, ...] = PROCESSES
    buckets: tuple[float, ...] = ()


MOMENTS: Final = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Seconds that somebody on a telephone notices, or does not."""

TRIPS: Final = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Seconds that a server takes."""


def _of(by: str, name: str, kind: Kind, text: str, *labels: str, buckets: tuple[float, ...] = ()) -> Metric:
    return Metric(f"consentgate_{name}", kind, text, labels, (by,), buckets)


C, G, H = Kind.COUNTER, Kind.GAUGE, Kind.HISTOGRAM

# -- every process
BUILD = Metric("consentgate_build_info", G, "Always 1; the labels say which version runs.", ("process", "version"))
READY = Metric("consentgate_ready", G, "1 while the process is ready (what /readyz says), else 0.", ("process",))
STARTED = Metric("consentgate_start_time_seconds", G, "When the process started, in seconds since 1970.", ("process",))
EVENTS = Metric(
    "consentgate_log_events_total",
    C,
    "Lines of the log at warning and error, by their `event` (docs/watching.md lists them).",
    ("process", "level", "event"),
)
CONNECTED = Metric(
    "consentgate_stream_connected",
    G,
    "1 while a stream from Asterisk is open: ari, ami; of the guard also `files`, its eye on ARI's recordings.",
    ("process", "stream"),
    (GATE, GUARD),
)
FREE = Metric(
    "consentgate_spool_free_bytes", G, "Room that is left in the spool's file system.", ("process",), (GATE, GUARD)
)
TOTAL = Metric("consentgate_spool_size_bytes", G, "Size of the spool's file system.", ("process",), (GATE, GUARD))
FILES = Metric("consentgate_spool_free_files", G, "Inodes left there, if it counts them.", ("process",), (GATE, GUARD))
LEVEL = Metric(
    "consentgate_spool_level",
    G,
    "0 ample; 1 low: no new recording begins; 2 scarce: those under way are ended.",
    ("process",),
    (GATE, GUARD),
)

# -- the gate
CALLS = _of(
    GATE,
    "calls_total",
    C,
    "Calls that are over. outcome: recorded, declined, not_recorded; reason: why not, else empty.",
    "line",
    "outcome",
    "reason",
)
CALLS_NOW = _of(GATE, "calls_active", G, "Calls that the gate follows now, by line.", "line")
ROOMS_NOW = _of(GATE, "rooms_active", G, "Rooms now in which a gated party talks with somebody.")
PERMITS_NOW = _of(GATE, "permits_active", G, "Permits that hold now.")
CAPTURES_NOW = _of(GATE, "captures_running", G, "Parties that are being captured now.")
PLAYED = _of(
    GATE,
    "announcements_total",
    C,
    "Announcements, by result: played (proved to its end) or failed, with the reason.",
    "line",
    "result",
    "reason",
)
ANNOUNCE_WAIT = _of(
    GATE,
    "announcement_wait_seconds",
    H,
    "From a caller's arrival at the gate to the first sound of the announcement: silence for whoever calls.",
    buckets=MOMENTS,
)
GRANTED = _of(GATE, "permits_granted_total", C, "Permits granted.", "line")
REVOKED = _of(GATE, "permits_revoked_total", C, "Permits revoked, by reason.", "line", "reason")
CAPTURED = _of(GATE, "captures_started_total", C, "Captures that Asterisk has begun for us.", "line")
CAPTURE_START = _of(
    GATE,
    "capture_start_seconds",
    H,
    "From the instant a permit holds from (usually the bridge) to the first sample: what is said then is not recorded.",
    buckets=MOMENTS,
)
OBJECTIONS = _of(GATE, "objections_total", C, "Parties who said no.", "line")
FOREIGN = _of(GATE, "foreign_captures_total", C, "MixMonitors of others that began on a gated call.", "line")
HEARTBEAT = _of(
    GATE, "heartbeat_age_seconds", G, "Age of the instant up to which both event streams have been handled."
)
UNSEALED = _of(GATE, "calls_unsealed", G, "Calls that are over and not handed to ship yet.")
JOURNAL = _of(GATE, "journal_failing", G, "1 while the last write to the journal failed: nothing is captured.")
UNUSABLE = _of(
    GATE, "line_unusable", G, "1 for a line that is not recorded because its announcement cannot be used.", "line"
)

# -- the guard
INCIDENTS = _of(
    GUARD,
    "incidents_total",
    C,
    "What the guard found, by the door and by what it did: stopped, reported, failed, continued.",
    "door",
    "action",
)
STOP_TIME = _of(
    GUARD, "stop_seconds", H, "From the beginning of a capture to its confirmed stop.", "door", buckets=MOMENTS
)
GATE_SILENT = _of(GUARD, "gate_silent", G, "1 while the gate gives no sign of life: its callers are let go.")
GATE_HEARTBEAT = _of(GUARD, "gate_heartbeat_age_seconds", G, "Age of the gate's last heartbeat, as the guard reads it.")
KEEPING = _of(GUARD, "keeper_captures", G, "Captures of scripts that the guard keeps while no gate lives.")
QUARANTINED = _of(GUARD, "quarantine_entries", G, "Files and folders in the spool's quarantine: somebody must look.")

# -- ship
UNSHIPPED = _of(SHIP, "unshipped_calls", G, "Calls that are over and not stored in S3 and PostgreSQL.")
OLDEST = _of(SHIP, "oldest_unshipped_age_seconds", G, "How long ago the oldest of them began; 0 if there is none.")
WAITING = _of(SHIP, "shipments_waiting", G, "Calls that wait by themselves (discard window, file still open, …).")
FAILING = _of(SHIP, "shipments_failing", G, "Calls and incidents that were tried in vain: a person must look.")
SHIPPED = _of(SHIP, "shipments_total", C, "Calls stored and proved, by what became of them.", "outcome", "reason")
INCIDENTS_SHIPPED = _of(SHIP, "incidents_shipped_total", C, "Incidents stored and proved.", "door", "action")
ANCHORS = _of(SHIP, "anchors_stored_total", C, "Signed anchors of days, stored.")
ATTEMPTS = _of(
    SHIP,
    "attempts_failed_total",
    C,
    "Tries in vain, by what about (call, incident, anchor, s3, postgres) and kind of failure.",
    "about",
    "kind",
)
LAST_SHIPPED = _of(SHIP, "last_shipment_time_seconds", G, "When a call was last stored, in seconds since 1970; or 0.")
REACHABLE = _of(SHIP, "server_reachable", G, "1 while S3, or PostgreSQL, answers and lets us in.", "server")
REQUESTS = _of(
    SHIP,
    "request_seconds",
    H,
    "How long S3 and PostgreSQL take, by operation; also of requests that failed.",
    "server",
    "operation",
    buckets=TRIPS,
)
STORED = _of(SHIP, "stored_bytes_total", C, "Bytes put into S3.")

# -- what must be there from the start: a counter that appears with its first event has never risen, for Prometheus, and
# nobody would be told of that first one.
ALARMS: Final = {
    GATE: (
        "call.not_sealed", "call.quarantined", "capture.no_file", "capture.not_stopped", "config.not_taken_up",
        "event.unreadable", "gate.replaced", "metrics.failed", "order.failed",
    ),
    GUARD: (
        "event.unreadable", "folder.not_guarded", "folder.overflow", "gate.ended", "gate.not_ended", "guard.failed",
        "guard.replaced", "incident.not_written", "keeper.not_ready", "metrics.failed",
    ),
    SHIP: ("call.quarantined", "fallback.quarantined", "incident.quarantined", "metrics.failed"),
}  # fmt: skip
"""Lines of the log, all of them errors, that alert rules wait for."""

OUR_FAULTS: Final = (
    Reason.ANNOUNCEMENT_UNUSABLE, Reason.CAPTURE_FAILED, Reason.CAPTURE_TIMEOUT, Reason.EVENTS_LOST,
    Reason.GATE_RESTARTED, Reason.JOURNAL_UNWRITABLE, Reason.LINE_UNKNOWN, Reason.NOT_READY, Reason.SPOOL_FULL,
    Reason.STALE_FACTS,
)  # fmt: skip
"""Why a call is not recorded by a fault of ours or of the machine, and not by what its parties did."""

METRICS: Final = tuple(value for value in list(globals().values()) if isinstance(value, Metric))


def known_line(line: str, lines: Collection[str]) -> str:
    """Return what a label and the log may say of a call's line: its name, or that it has none of ours."""
    if not line:
        return NO_LINE
    return line if line in lines else UNKNOWN_LINE
