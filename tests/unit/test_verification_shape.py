"""Every field of a manifest: missing, of another kind, or with what cannot stand there, it is told by its path."""

from collections.abc import Iterator
from typing import Any

import pytest
from unit.kept_recordings import NOTED, OPT_IN, WHOLE, altered


def leaves(value: Any, path: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from leaves(inner, f"{path}[{number}]")
    else:
        yield path


TAKEN_OVER = altered(
    WHOLE, "journal.taken_over", [{"run": "run-2", "at": "2026-11-22T09:00:05.000000Z", "heartbeat_at": None}]
)


@pytest.mark.parametrize("said", [WHOLE, OPT_IN, NOTED, TAKEN_OVER])
def test_what_ship_writes_is_of_the_right_shape(core, said):
    assert core.shape.faults(said) == []


def test_no_field_may_hold_something_of_another_kind(core):
    for path in leaves(TAKEN_OVER):
        wrong = altered(TAKEN_OVER, path, {"of": "another kind"})
        assert [one for one, _ in core.shape.faults(wrong)] == [path], path


def test_no_field_may_be_missing_but_those_that_the_first_manifests_did_not_have(core):
    later = {"call.attested_by", "choices"}
    in_lists = {"long_ms", "truncated", "missing_ms", "text"}
    for path in leaves(TAKEN_OVER):
        way, _, last = path.rpartition(".")
        if not last or "]" in last:
            continue
        made = altered(TAKEN_OVER, path, None)
        place: Any = made
        for one in way.replace("]", "").replace("[", ".").split(".") if way else ():
            place = place[int(one) if one.isdigit() else one]
        del place[last]
        missing = [] if path in later or last in in_lists else [(path, "is missing")]
        if last == "failed_at":
            # Then it is the account of one that was heard, of which everything else is missing.
            assert ("notices[2].completed_at", "is missing") in core.shape.faults(made)
        else:
            assert core.shape.faults(made) == missing, path


@pytest.mark.parametrize("name", sorted(WHOLE))
def test_no_part_may_be_missing(core, name):
    said = {key: value for key, value in WHOLE.items() if key != name}
    assert [path for path, _ in core.shape.faults(said)] == ([] if name == "choices" else [name])


@pytest.mark.parametrize("name", [name for name, value in WHOLE.items() if isinstance(value, list)])
def test_a_list_is_a_list_and_an_object_is_an_object(core, name):
    assert [path for path, _ in core.shape.faults({**WHOLE, name: {}})] == [name]
    assert {path.partition(".")[0] for path, _ in core.shape.faults({**WHOLE, name: [7]})} == {f"{name}[0]"}


@pytest.mark.parametrize("said", [None, [], 7, "text"])
def test_what_is_no_object_is_told(core, said):
    assert core.shape.faults(said) == [("", "is no object")]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("call.direction", ["incoming", "outgoing", "join", None]),
        ("call.attested_by", ["gate", "agi", None]),
        ("call.mode", ["never", "announce", "announce_opt_out", "opt_in", "", None]),
        ("call.capture", ["conversation", "after_announcement", "", None]),
        ("call.source", ["gate", "fallback"]),
    ],
)
def test_what_may_stand_there_is_right(core, path, words):
    for word in words:
        assert core.shape.faults(altered(WHOLE, path, word)) == [], word


def test_what_a_later_version_adds_is_left_alone(core):
    assert core.shape.faults({**WHOLE, "more": 1, "call": {**WHOLE["call"], "more": [2]}}) == []


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        ("format", [2, 0, True, "1", None]),
        ("folder", [None]),
        ("call.recording", ["../../etc/passwd", "01m817qnm00000000000000001", None]),
        ("call.source", ["elsewhere", None]),
        ("call.mode", ["covert", 1]),
        ("call.attested_by", ["somebody"]),
        ("call.capture", ["always"]),
        ("call.direction", ["sideways"]),
        ("call.outcome", ["lost", None]),
        ("call.reason", ["because"]),
        ("call.began_at", ["2026-11-22T09:00:00Z", "2026-11-22 09:00:00.000000Z", "yesterday", None, 1, "9" * 99]),
        ("call.ended_at", ["2026-11-22T10:00:00.000000+01:00", "2026-13-22T09:00:00.000000Z"]),
        ("call.number_hash", ["ab" * 31, "AB" * 32, "ab" * 33, f"{'ab' * 32}\n"]),
        ("parties[0].party", ["p1", "p001", "x01", "p01\n", None]),
        ("parties[0].contract", [0, "true", None]),
        ("parties[1].recording", ["elsewhere"]),
        ("notices[0].packets_sent", [-1, True, 1.5, "1", None]),
        ("notices[2].reason", ["because", None]),
        ("permits[0].permit", [-1, None]),
        ("permits[0].parties[0].notice", [-1, "1"]),
        ("permits[0].parties[0].told_at", ["then"]),
        ("segments[0].rate_hz", [0, -8000, True]),
        ("segments[0].channels[0]", ["p1"]),
        ("tracks[0].channel", [-1, "1"]),
        ("tracks[0].stored_from", ["then"]),
        ("gaps[0].reason", ["because", None]),
        ("objections[0].at", [None]),
    ],
)
def test_what_cannot_stand_there_is_told(core, path, wrong):
    for value in wrong:
        assert core.shape.faults(altered(WHOLE, path, value)) == [(path, "does not hold what belongs there")], value


def test_an_instant_before_time_is_told(core):
    early = altered(WHOLE, "call.began_at", "0001-01-01T00:00:00.000000+23:59")
    assert core.shape.faults(early) == [("call.began_at", "does not hold what belongs there")]
