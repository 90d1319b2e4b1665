"""A manifest that contradicts itself is told by the very field, whatever it is."""

from typing import Any

import pytest
from sealed_calls import at, minted
from unit.kept_recordings import NOTED, OPT_IN, WHOLE, altered

from ari_app.core import names


def when(seconds: float) -> str:
    return names.iso(at(seconds))


GAP = {"began_at": when(5), "ended_at": when(6), "reason": "held"}
BREACHES: list[tuple[dict[str, Any], str, str]] = [
    # the call
    ({"call.outcome": "not_recorded"}, "call.outcome", "is not_recorded, and of 3 tracks something is stored"),
    ({"call.reason": "held"}, "call.reason", "is held, and the outcome is recorded"),
    ({"call.ended_at": when(-1)}, "call.ended_at", "before its beginning"),
    ({"call.number": None}, "call.number_hash", "not both there"),
    ({"call.number_hash": None}, "call.number_hash", "not both there"),
    ({"journal": None}, "journal", "although the gate attests the call"),
    ({"journal": None, "call.source": "fallback"}, "tracks", "no journal to prove them"),
    ({"journal": None, "call.source": "fallback"}, "permits", "no journal to prove them"),
    ({"journal": None, "call.source": "fallback"}, "segments", "no journal to prove them"),
    ({"journal": None, "call.source": "fallback"}, "parties", "no journal to prove them"),
    ({"journal": None, "call.source": "fallback"}, "notices", "no journal to prove them"),
    # who was there, and what they heard
    ({"parties[1].party": "p01"}, "parties[1]", "p01 stands there twice"),
    ({"parties[0].recording": minted(9)}, "parties", "is recorded elsewhere"),
    ({"objections": [WHOLE["objections"][0]] * 2}, "objections[1]", "p02 stands there twice"),
    ({"objections[0].party": "p09"}, "objections[0].party", "never entered"),
    ({"notices[1].notice": 3}, "notices[1].notice", "is 3, and it is the 2. of the list"),
    ({"notices[2].party": "p09"}, "notices[2].party", "never entered"),
    ({"notices[1].began_at": when(3.000_001)}, "notices[1].completed_at", "is before its beginning"),
    ({"notices[1].packets_sent": 124}, "notices[1].packets_sent", "is 124, and 125 had to be sent"),
    ({"notices[1].packets_sent": 128}, "notices[1].packets_sent", "is 128, and 125 had to be sent"),
    # permits
    ({"permits[1].permit": 1}, "permits[1]", "1 stands there twice"),
    ({"permits[0].granted_at": when(-1)}, "permits[0].granted_at", "is before the call"),
    ({"permits[0].granted_at": when(2.999_999)}, "permits[0].granted_at", "is before it names anybody"),
    ({"permits[0].revoked_at": None}, "permits[0].reason", "not both there"),
    ({"permits[0].reason": None}, "permits[0].reason", "not both there"),
    ({"permits[0].covered_until": when(2.9)}, "permits[0].covered_until", "is before its beginning"),
    ({"permits[0].revoked_at": when(14.999_999)}, "permits[0].covered_until", "less than 40 ms before its revocation"),
    ({"permits[1].granted_at": when(14.999_999)}, "permits[0].covered_until", "less than 40 ms before a later permit"),
    ({"journal.heartbeat_at": when(24.959_999)}, "permits[1].covered_until", "nobody watched any more"),
    ({"journal.heartbeat_at": None}, "permits[0].covered_until", "nobody watched any more"),
    ({"call.ended_at": when(24.959_999)}, "permits[1].covered_until", "is after the call"),
    # whom they name
    ({"permits[0].parties[1].party": "p01"}, "permits[0].parties[1]", "p01 stands there twice"),
    ({"permits[0].parties[1].party": "p09"}, "permits[0].parties[1].party", "never entered"),
    ({"permits[0].granted_at": when(3.000_001)}, "permits[0].parties[0].since", "is before the permit"),
    ({"permits[0].parties[0].covered_until": when(2.9)}, "permits[0].parties[0].covered_until", "before its beginning"),
    (
        {"permits[0].parties[2].left_at": when(8.999_999)},
        "permits[0].parties[2].covered_until",
        "is less than 40 ms before the party left",
    ),
    ({"objections[0].at": when(21.999_999)}, "permits[1].parties[1].covered_until", "before the party objected"),
    (
        {"permits[0].covered_until": when(14.959_999)},
        "permits[0].parties[1].covered_until",
        "is after that of the permit",
    ),
    ({"parties[1].contract": False}, "permits[0].parties[2].notice", "is not told by contract"),
    ({"permits[0].parties[2].told_at": when(3)}, "permits[0].parties[2].notice", "is not told by contract"),
    ({"permits[0].parties[0].notice": None}, "permits[0].parties[0].notice", "is not told by contract"),
    ({"permits[0].parties[0].notice": 1}, "permits[0].parties[0].notice", "none that this party heard to its end"),
    ({"permits[0].parties[0].notice": 0}, "permits[0].parties[0].notice", "none that this party heard to its end"),
    ({"permits[0].parties[0].notice": 4}, "permits[0].parties[0].notice", "none that this party heard to its end"),
    (
        {"permits[0].parties[0].notice": 3, "notices[2].party": "p01"},
        "permits[0].parties[0].notice",
        "none that this party heard to its end",
    ),
    ({"permits[0].parties[0].told_at": when(2)}, "permits[0].parties[0].told_at", "is not the end of that notice"),
    (
        {"notices[1].completed_at": when(3.000_001), "permits[0].parties[0].told_at": when(3.000_001)},
        "permits[0].parties[0].since",
        "is before the party had been told",
    ),
    # tracks
    ({"tracks[1].party": "p01"}, "tracks[1]", "segment 1 of p01 stands there twice"),
    ({"tracks[0].permit": 2}, "tracks[0].permit", "is none that names this party in this segment"),
    ({"tracks[0].permit": 3}, "tracks[0].permit", "is none that names this party in this segment"),
    ({"tracks[0].party": "p03"}, "tracks[0].permit", "is none that names this party in this segment"),
    ({"tracks[0].segment": 2}, "tracks[0].permit", "is none that names this party in this segment"),
    ({"parties[1].recording": minted(9)}, "tracks[1].party", "is a guest"),
    ({"tracks[0].stored_samples": 0}, "tracks[0].stored_samples", "is 0, and it is said otherwise"),
    ({"tracks[3].stored_samples": 1}, "tracks[3].stored_samples", "is 1, and it is said otherwise"),
    *(
        ({f"tracks[0].{name}": None}, "tracks[0].stored_samples", "it is said otherwise where they lie")
        for name in ("channel", "offset", "stored_from", "stored_until")
    ),
    ({"segments": WHOLE["segments"][:1]}, "tracks[2].segment", "is not stored"),
    ({"permits[0].parties[0].since": when(4.000_001)}, "tracks[0].stored_from", "before the permit names this party"),
    (
        {"permits[0].parties[0].covered_until": when(14.959_999)},
        "tracks[0].stored_until",
        "is after what is covered of this party",
    ),
    ({"tracks[0].origin_at": None}, "tracks[0].origin_at", "nobody can say when its samples were spoken"),
    ({"tracks[2].origin_at": when(17.500_001)}, "tracks[2].stored_from", "is not where its first sample lies"),
    ({"tracks[2].first_sample": 4001}, "tracks[2].stored_from", "is not where its first sample lies"),
    ({"tracks[0].stored_until": when(14.959_999)}, "tracks[0].stored_until", "is not where its last sample lies"),
    ({"tracks[0].stored_samples": 87_679}, "tracks[0].stored_until", "is not where its last sample lies"),
    ({"tracks[2].destroyed_samples": 3999}, "tracks[2].destroyed_samples", "are less than what lies before"),
    ({"tracks[2].cut_before_ms": 501}, "tracks[2].cut_before_ms", "is 501, and 4000 samples were cut"),
    ({"tracks[0].cut_after_ms": 5041}, "tracks[0].cut_after_ms", "is 5041, and 40320 samples were cut"),
    ({"tracks[0].destroyed_samples": 40_321}, "tracks[0].cut_after_ms", "is 5040, and 40321 samples were cut"),
    ({"tracks[0].channel": 2}, "tracks[0].channel", "is not this party's in its segment"),
    ({"tracks[0].channel": 0}, "tracks[0].channel", "is not this party's in its segment"),
    ({"tracks[0].channel": 3}, "tracks[0].channel", "is not this party's in its segment"),
    ({"tracks[0].offset": 81}, "tracks[0].offset", "lays it 20.1 ms from where it was spoken"),
    ({"tracks[0].offset": 8000}, "tracks[0].offset", "lays it 1010.0 ms from where it was spoken"),
    ({"segments[0].began_at": when(4.020_001)}, "tracks[1].offset", "lays it 20.0 ms from where it was spoken"),
    ({"segments[0].began_at": when(3.999_873)}, "tracks[1].offset", "lays it -0.1 ms from where it was spoken"),
    # segments
    ({"segments[1].segment": 1}, "segments[1]", "1 stands there twice"),
    ({"segments[0].object": "seg-002.flac"}, "segments[0].object", "is not the name of this segment"),
    ({"segments[0].samples": 87_681}, "segments[0].samples", "is 87681, and its tracks end at 87680"),
    ({"tracks[0].offset": 1}, "segments[0].samples", "is 87680, and its tracks end at 87681"),
    ({"segments[0].channels": ["p02", "p01"]}, "segments[0].channels", "are p02, p01, and its tracks p01, p02"),
    ({"segments[0].channels": ["p01"]}, "segments[0].channels", "are p01, and its tracks p01, p02"),
    ({"segments[0].segment": 3}, "segments[0].samples", "its tracks end at 0"),
    # time
    ({"gaps": WHOLE["gaps"][1:]}, "gaps", f"do not say why nothing is stored from {when(0)} to {when(4)}"),
    ({"gaps": WHOLE["gaps"][:-1]}, "gaps", f"do not say why nothing is stored from {when(24.96)} to {when(30)}"),
    ({"gaps[2].began_at": when(14.95)}, "gaps", f"say that nothing is stored from {when(14.95)} to {when(18)}, which"),
    ({"gaps[2].ended_at": when(17)}, "gaps", f"do not say why nothing is stored from {when(14.96)} to {when(18)}"),
    ({"gaps": [*WHOLE["gaps"], GAP]}, "gaps", f"say that nothing is stored from {when(5)} to {when(6)}"),
    ({"gaps[3].ended_at": when(24.96)}, "gaps[3].ended_at", "is not after its beginning"),
    ({"gaps[3].ended_at": when(24)}, "gaps[3].ended_at", "is not after its beginning"),
    ({"call.ended_at": when(30.1)}, "gaps", "do not say why nothing is stored"),
    ({"call.began_at": when(-0.1)}, "gaps", "do not say why nothing is stored"),
]


def told(core, said, **changes):
    for path, value in changes.items():
        said = altered(said, path, value)
    return core.arithmetic.breaches(said)


@pytest.mark.parametrize("said", [WHOLE, OPT_IN, NOTED])
def test_a_whole_one_has_none(core, said):
    assert core.arithmetic.breaches(said) == []


@pytest.mark.parametrize(("changes", "field", "words"), BREACHES)
def test_a_breach_is_told_by_its_field(core, changes, field, words):
    assert any(path == field and words in what for path, what in told(core, WHOLE, **changes)), told(
        core, WHOLE, **changes
    )


PERMITS = WHOLE["permits"]
INSTANTS = ("granted_at", "revoked_at", "covered_until")
FINE: list[dict[str, Any]] = [
    {"notices[1].packets_sent": 127},
    {"notices[1].began_at": when(3)},
    # The times of the other runs count as well.
    {
        "journal.heartbeat_at": None,
        "journal.taken_over": [{"run": "r", "at": when(1), "heartbeat_at": when(24.96)}, {"heartbeat_at": None}],
    },
    {"journal.heartbeat_at": when(24.96)},
    {"segments[0].began_at": when(4.02)},
    {"segments[0].began_at": when(3.999_874)},
    {"permits[0].parties[1].covered_until": when(3)},
    {"permits[0].parties[1].since": when(5), "permits[0].parties[1].covered_until": when(5)},
    {"parties[0].contract": True},
    {"tracks[2].destroyed_samples": 4000, "tracks[2].cut_after_ms": 0},
    {"notices": WHOLE["notices"][:2]},
    {"permits": [{**WHOLE["permits"][0], "permit": 9, **dict.fromkeys(INSTANTS, when(0)), "parties": []}, *PERMITS]},
    # The colleague alone is stored there, and channel 1 is the outside party's all the same.
    {"tracks": WHOLE["tracks"][1:], "segments[0].samples": 39_680, "gaps[2].began_at": when(8.96)},
]


@pytest.mark.parametrize("changes", FINE)
def test_what_is_just_right_is_no_breach(core, changes):
    assert told(core, WHOLE, **changes) == []


def test_a_permit_that_covers_nothing_may_end_whenever_it_ended(core):
    """Nobody watched, it was revoked in the same instant, and the call was over."""
    member = {"party": "p01", "notice": 2, "told_at": when(3), "left_at": None}
    nothing = {
        "permit": 3,
        "granted_at": when(40),
        "revoked_at": when(40),
        "reason": "hung_up",
        "covered_until": when(40),
        "parties": [member | {"since": when(40), "covered_until": when(40)}],
    }
    changes = {"permits": [*WHOLE["permits"], nothing], "journal.heartbeat_at": when(24.96)}
    assert told(core, WHOLE, **changes) == []
    assert told(core, WHOLE, **(changes | {"permits": [*WHOLE["permits"], nothing | {"covered_until": when(40.1)}]}))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"choices[0].at": when(3.000_001)}, "permits[0].parties[0].since"),
        ({"choices[0].choice": "declined"}, "permits[1].parties[0].since"),
        ({"choices": []}, "permits[0].parties[0].since"),
    ],
)
def test_on_a_line_where_only_a_yes_counts_it_came_first(core, changes, field):
    words = "is before their yes, on a line where only that counts"
    assert (field, words) in told(core, OPT_IN, **changes)
    assert told(core, WHOLE, **changes) == []
    assert told(core, OPT_IN, **{"choices[0].at": when(3)}) == []


def test_of_several_yeses_the_first_counts(core):
    later = {**OPT_IN["choices"][0], "at": when(20)}
    assert told(core, OPT_IN, choices=[*OPT_IN["choices"], later]) == []


def test_a_first_manifest_knew_no_choices(core):
    said = {name: value for name, value in OPT_IN.items() if name != "choices"}
    assert ("permits[0].parties[0].since", "is before their yes, on a line where only that counts") in told(core, said)


def test_more_parties_than_an_object_holds_are_told(core):
    more = [f"p{number:02d}" for number in range(3, 10)]
    tracks = [{**WHOLE["tracks"][3], "segment": 1, "permit": 1, "party": party} for party in more]
    said = altered(WHOLE, "tracks", [*WHOLE["tracks"], *tracks])
    found = told(core, said, **{"segments[0].channels": ["p01", "p02", *more]})
    assert any(path == "segments[0].channels" for path, _ in found)
    found = told(
        core, altered(said, "tracks", said["tracks"][:-1]), **{"segments[0].channels": ["p01", "p02", *more[:-1]]}
    )
    assert not any(path == "segments[0].channels" for path, _ in found)


def test_of_a_call_that_only_a_script_noted_nothing_is_known_of_its_time(core):
    assert told(core, NOTED, gaps=[GAP]) == []
    assert told(core, NOTED, **{"call.ended_at": when(0)}) == []
