"""Why a call, or a part of one, is not in a recording: one enumeration for journal, manifest, row and metric.

A refused recording is evidence too (requirement R57), so every path that ends without one names a member of
this list. Members are added, never renamed: rows written years ago must still be readable.
"""

from enum import StrEnum


class Reason(StrEnum):
    """The reason is about the recording; the call itself went on in every one of these cases."""

    # the line
    LINE_NEVER = "line_never"
    LINE_UNKNOWN = "line_unknown"
    ANNOUNCEMENT_UNUSABLE = "announcement_unusable"
    # the announcement
    ANNOUNCEMENT_REFUSED = "announcement_refused"
    ANNOUNCEMENT_FAILED = "announcement_failed"
    ANNOUNCEMENT_CUT_SHORT = "announcement_cut_short"
    ANNOUNCEMENT_OVERRAN = "announcement_overran"
    ANNOUNCEMENT_PACKETS_MISSING = "announcement_packets_missing"
    ANNOUNCEMENT_PACKETS_UNPROVABLE = "announcement_packets_unprovable"
    ANNOUNCEMENT_COPY_CHANGED = "announcement_copy_changed"
    ANNOUNCE_TIMEOUT = "announce_timeout"
    HELD_DURING_ANNOUNCEMENT = "held_during_announcement"
    BRIDGED_DURING_ANNOUNCEMENT = "bridged_during_announcement"
    HUNG_UP_BEFORE_TOLD = "hung_up_before_told"
    LEFT_BEFORE_TOLD = "left_before_told"
    ANSWER_FAILED = "answer_failed"
    OUTGOING_ANNOUNCEMENT_MISSING = "outgoing_announcement_missing"
    ANSWERING_MACHINE = "answering_machine"
    PRIVATE = "private"
    # the permit
    STALE_FACTS = "stale_facts"
    EVENTS_LOST = "events_lost"
    NOT_TOLD = "not_told"
    # the capture
    JOURNAL_UNWRITABLE = "journal_unwritable"
    CAPTURE_FAILED = "capture_failed"
    CAPTURE_TIMEOUT = "capture_timeout"
    NOT_READY = "not_ready"
    SPOOL_FULL = "spool_full"
    # what ends a capture that was permitted
    HUNG_UP = "hung_up"
    LEFT_BRIDGE = "left_bridge"
    MAX_HOURS = "max_hours"
    TOPOLOGY_NOT_SUPPORTED = "topology_not_supported"
    GATE_RESTARTED = "gate_restarted"
    GATE_STOPPED = "gate_stopped"
    TOO_MANY_SEGMENTS = "too_many_segments"
    # what suspends a capture until it is over
    HELD = "held"
    MUSIC_ON_HOLD = "music_on_hold"
    PARKED = "parked"
    NO_CONVERSATION = "no_conversation"
    VOICEMAIL = "voicemail"
    TELEPHONE_CONFERENCE = "telephone_conference"
    CHANNEL_REPLACED = "channel_replaced"
    PAUSED = "paused"
    OBJECTED = "objected"
    NOT_CONSENTED = "not_consented"
    STOPPED_BY_STAFF = "stopped_by_staff"
    ROOM_CHANGED = "room_changed"
    # gaps of a recorded call, and calls that never came to the gate
    ANNOUNCEMENT = "announcement"
    NOT_BRIDGED = "not_bridged"
    NO_HEARTBEAT = "no_heartbeat"
    NOTHING_CAPTURED = "nothing_captured"
    CAPTURE_STARTING = "capture_starting"
    GATE_AWAY = "gate_away"
    GATE_SILENT = "gate_silent"
    OUTGOING_NOT_GATED = "outgoing_not_gated"
    EMERGENCY_NUMBER = "emergency_number"


class Cause(StrEnum):
    """Why the house pauses, stops or does not begin a recording (requirement R27): a word, never a diagnosis."""

    PAYMENT = "payment"
    DISTRESS = "distress"
    CHILD = "child"
    CAPACITY = "capacity"
    PRIVATE = "private"


UNWATCHED = frozenset({Reason.EVENTS_LOST, Reason.GATE_RESTARTED})
"""Why a room is closed for as long as nobody knows what has become of it."""
