"""What `./tests/bench rooms` counts and compares, without a server: no figure of it is worth more than this."""

import json
import math
from pathlib import Path
from typing import Any

from benchmarks import emergency, guard, rooms, transfers
from benchmarks.figures import Report
from benchmarks.rooms_world import without_us
from benchmarks.transfers import Played, Voice
from telephone import Instant

ROOT = Path("/var/consentgate/world")
WITH_US = """\
#tryinclude "/var/consentgate/world/dialplan/consentgate.conf"
#include "/var/consentgate/world/etc/routes.conf"
[house]
exten => 1,1,Gosub(consentgate,s,1(switchboard))
 same => n,Dial(PJSIP/2001,30,tTkU(consentgate-party^outgoing))
exten => 999,1,Dial(PJSIP/999@trunk)
 same => n,Hangup()
"""
WITHOUT_US = """\
#include "/var/consentgate/world/etc/routes.conf"
[house]
exten => 1,1,NoOp()
 same => n,Dial(PJSIP/2001,30,tTk)
exten => 999,1,Dial(PJSIP/999@trunk)
 same => n,Hangup()
"""


def test_every_kind_of_transfer_is_played_in_each_run_and_never_twice_at_a_time() -> None:
    played = transfers.rounds(tuple(transfers.KINDS), 3)
    assert all(len(set(one)) == len(one) <= transfers.AT_ONCE for one in played)
    assert sorted(kind for one in played for kind in one) == sorted([*transfers.KINDS] * 3)


def test_a_voice_that_is_never_stored_is_no_quick_one() -> None:
    voices = [Voice("pickup", 12.0, "BridgeEnter", 0.0), Voice("pickup", math.inf, "BridgeEnter", 40.0)]
    spread = transfers.spread(voices)
    assert (spread["voices"], spread["p50"], spread["p99"]) == (2, 12.0, math.inf)
    report = Report("rooms", {"spread": spread})
    report.at_most("first_sample_ms_p99", math.inf, 80.0)
    assert not report.ok
    assert json.loads(report.line())["figures"]["spread"]["p99"] is None


def test_a_change_of_bridges_that_no_packet_sees_begins_nothing() -> None:
    spans = [(0, 450_000), (450_030, 900_000), (919_999, 1_000_000), (1_020_000, 2_000_000)]
    assert transfers.joined([(Instant(begin), Instant(end)) for begin, end in spans]) == [
        (0, 1_000_000),
        (1_020_000, 2_000_000),
    ]


def test_what_is_played_one_after_the_other_adds_up() -> None:
    first = Played(2, 6, [Voice("pickup", 12.0, "BridgeEnter", 0.0)], ["dropped"], ["a fault"], 20.0, 1)
    first.add(Played(3, 9, [], [], ["another"], 0.5, 0))
    assert first == Played(
        5, 15, [Voice("pickup", 12.0, "BridgeEnter", 0.0)], ["dropped"], ["a fault", "another"], 20.5, 1
    )


def test_states_take_turns_and_each_has_all_its_calls() -> None:
    turns = list(emergency.blocks(50))
    assert [state for state, _ in turns] == [*emergency.STATES] * 3
    assert {state: sum(calls for one, calls in turns if one == state) for state in emergency.STATES} == dict.fromkeys(
        emergency.STATES, 50
    )


def test_neither_asterisk_is_always_the_first() -> None:
    assert [emergency.in_turns("ab", number) for number in range(3)] == [["a", "b"], ["b", "a"], ["a", "b"]]


def test_set_up_is_compared_by_medians() -> None:
    found = emergency.Compared()
    found.add(emergency.Compared(emergency.SetUp([1.0], [3.0, 3.2, 90.0]), emergency.SetUp([1.0], [2.0, 3.2, 3.3], 1)))
    assert (found.ratio, found.plain.failed) == (1.0, 1)


def test_doors_are_all_that_the_tests_open() -> None:
    doors = guard.every_door()
    assert len(doors) >= 15
    assert "a stranger is stopped and ours goes on (AMI)" in doors
    assert {tuple(sorted(rooms.RUNS))} == {tuple(sorted(rooms.PARTS))}


def test_what_lies_in_s3_without_a_permit_is_neither_ours_nor_an_account() -> None:
    tracks = [{"segment": 1, "permit": 1}, {"segment": 2, "permit": 1}, {"segment": 2, "permit": 7}]
    segments = [{"segment": number, "object": f"seg-00{number}.flac"} for number in (1, 2)]
    manifests: list[dict[str, Any]] = [
        {"folder": "prod/2026/a", "segments": segments, "tracks": tracks, "permits": [{"permit": 1}]},
        {"folder": "prod/2026/b", "segments": [], "tracks": [], "permits": []},
    ]
    ours = {"prod/2026/a/manifest.json", "prod/2026/a/seg-001.flac", "prod/2026/b/manifest.json"}
    ours |= {"prod/2026/a/manifest.json.sig", "prod/2026/b/manifest.json.sig"}
    others = {
        "prod/2026/a/seg-002.flac",
        "prod/2026/a/seg-003.flac",
        "prod/2026/c/manifest.json",
        "prod/incidents/d.wav",
    }
    said = {"prod/incidents/d.json"}
    assert guard.accounts(ours | others | said, {"d"}) == said
    assert guard.unpermitted(ours | others, manifests) == others


def test_a_dialplan_less_the_suite_is_the_sites_own() -> None:
    assert without_us(WITH_US, ROOT) == WITHOUT_US
