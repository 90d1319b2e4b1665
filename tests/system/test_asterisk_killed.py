"""Asterisk is killed in the middle of a conversation: what it had written is stored, and what it held is reported."""

import asyncio
from typing import Final

from canary import find_reference
from canary.checks import missing_between
from system.agreement import EDGE_MS, assert_agrees, assert_nothing_untold
from system.evidence import Evidence
from system.hospital import Hospital, Talk
from telephone import Call, now_us

from ari_app.core.names import Instant

TALK_SECONDS: Final = 3.0
HELD_MS: Final = 2048
"""32 KiB at 8 kHz: what Asterisk holds of a file before it writes (format.c, setvbuf)."""


def assert_only_what_was_held_is_missing(found: Evidence, call: Call, party: str, killed_at: Instant) -> None:
    """Of what is covered up to the kill no more is missing than is reported, nor than Asterisk holds."""
    track = found.track(party)
    assert track["truncated"], "the manifest does not say that nobody closed the file"
    assert (track["short_ms"], track["ambiguous"]) == (0, False)
    (row,) = [one for one in found.rows["tracks"] if one["party"] == party]
    assert (row["truncated"], row["missing_ms"]) == (True, track["missing_ms"])
    match = find_reference(found.channel(track["channel"]), call.sent)
    covered = Instant(min(found.covered[1], killed_at))
    missing = missing_between(match, call.sent, found.origin(party), covered)
    lost_ms = sum(one.ms for one in missing)
    assert lost_ms <= HELD_MS + EDGE_MS, f"{party} lacks {lost_ms:.0f} ms: more than Asterisk holds"
    assert lost_ms <= track["missing_ms"] + EDGE_MS, f"{party} lacks {lost_ms:.0f} ms: more than is reported"
    assert track["missing_ms"] <= HELD_MS + EDGE_MS
    # A file that was written a moment ago holds more than is covered; of any other nothing is destroyed.
    if track["missing_ms"] > EDGE_MS:
        assert track["destroyed_samples"] == 0


def test_what_it_had_written_is_stored_and_what_it_held_is_said(hospital: Hospital) -> None:
    async def scenario() -> tuple[Talk, Evidence, Instant]:
        async with hospital.house() as house:
            async with hospital.conversation(house) as talk:
                await asyncio.sleep(TALK_SECONDS)
                killed_at = Instant(now_us())
                await hospital.kill("asterisk")
                await hospital.start("asterisk")
                await hospital.do(hospital.await_alive)
            (found,) = await hospital.evidence(talk.number, patience_seconds=30.0)
            return talk, found, killed_at

    talk, found, killed_at = asyncio.run(scenario())
    assert found.recorded, found.reason
    assert_agrees(found, hospital.world)
    assert_nothing_untold(found, talk.caller, hospital.announcements("switchboard"))
    for call, party in ((talk.caller, "p01"), (talk.house, "p02")):
        assert_only_what_was_held_is_missing(found, call, party, killed_at)
