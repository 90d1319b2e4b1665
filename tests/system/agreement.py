"""Do the row, the manifest and the object say the same of a call, and does the audio hold what they say?"""

import hashlib
import re
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
from canary import Match, assert_complete, assert_nothing_before, assert_only, find_reference, heard_span, offsets_ms
from demo_world.world import World
from telephone import Call, now_us
from telephone.mulaw import Pcm

from ari_app.core import evidence as ev
from ari_app.core.names import MICROSECONDS, Instant, instant_of, iso
from ari_app.core.signature import MANIFEST, SIGNATURE
from ari_app.core.verification import HEAD_BYTES, Lying, Object, judge
from ari_app.signing import Keyring, Signer

from .case import behind_ms
from .evidence import TABLES, Evidence
from .hospital import Talk

FRAME_MS: Final = 20.0
EDGE_MS: Final = 60.0
"""At each edge of what must be stored: one frame that was half inside, one that Asterisk had in its hands when the
bridge began, and one that it throws away as the other direction's first packet comes (`pairing`)."""
WAIT_MS: Final = 20.0
"""How long a packet may wait before a monitor takes it: a frame's length. Of 30 pairs of tracks on a quiet machine 28
lay within 20 ms, one 21.2 ms and one 36.7 ms apart, each in step to its end: what stays behind once stays behind
(`pairing`), also on a machine that is not busy."""
_KEY: Final = re.compile(r"calls/\d{4}/\d\d/\d\d/[0-9A-HJKMNP-TV-Z]{26}/(seg-\d{3}\.flac|manifest\.json(\.sig)?)\Z")


# -- row, manifest, object


def assert_agrees(found: Evidence, world: World) -> None:
    """Hashes, lengths, keys, parties, notices, permits, tracks and gaps agree, and gaps sum to the wall time."""
    _summary(found)
    if found.manifest["journal"] is None:
        _told_by_the_dialplan(found, world)
        return
    _journal(found)
    _objects(found)
    for table in ("parties", "notices", "objections", "permits", "segments", "tracks", "gaps", "foreign_captures"):
        _same(found, table, found.manifest[table])
    members = [one | {"permit": permit["permit"]} for permit in found.manifest["permits"] for one in permit["parties"]]
    _same(found, "permit_parties", members)
    _covered(found, members)
    _time_is_whole(found)
    _verified(found, world)
    spool = world.spool
    assert sorted(one.name for one in (spool / "shipped" / found.recording).iterdir()) == [
        "journal.jsonl",
        "manifest.json",
        "manifest.json.sig",
    ]
    assert not (spool / "audio" / found.recording).exists(), "the local audio is still there"


def _summary(found: Evidence) -> None:
    said, row = found.manifest["call"], found.call
    (recording,) = found.rows["recordings"]
    assert hashlib.sha256(found.manifest_bytes).hexdigest() == recording["manifest_sha256"]
    assert found.objects[recording["manifest_object"]] == found.manifest_bytes, "S3 holds another manifest"
    for name in ("line", "direction", "channel", "node"):
        assert row[name] == said[name], name
    for name in ("outcome", "reason"):
        assert recording[name] == said[name], name
    # A call that was told anew by the next gate has two accounts: it is recorded if either is, and as long as both;
    # if neither is, the later one says why.
    recorded = any(one["outcome"] == "recorded" for one in found.accounts)
    assert row["outcome"] == ("recorded" if recorded else "not_recorded")
    assert row["reason"] == (None if recorded else found.accounts[-1]["reason"])
    for name in ("began_at", "ended_at"):
        assert _text(recording[name]) == said[name], name
    assert _text(row["began_at"]) <= said["began_at"] <= said["ended_at"] <= _text(row["ended_at"])
    assert (row["number_hash"].hex() if row["number_hash"] else None) == said["number_hash"]


def _told_by_the_dialplan(found: Evidence, world: World) -> None:
    """A call that never came to the gate: its outcome and its reason are all that is known, and nothing is stored."""
    assert (found.manifest["call"]["source"], found.manifest["call"]["outcome"]) == ("fallback", "not_recorded")
    assert list(found.objects) == [f"{found.folder}/manifest.json", f"{found.folder}/manifest.json.sig"]
    assert [len(found.rows[table]) for table in TABLES] == [1, *[0] * (len(TABLES) - 1)], "only `recordings` has a row"
    assert sorted(one.name for one in (world.spool / "shipped" / found.recording).iterdir()) == [
        "manifest.json",
        "manifest.json.sig",
    ]
    _verified(found, world)
    assert not (world.spool / "audio" / found.recording).exists(), "there is local audio"


def _journal(found: Evidence) -> None:
    (recording,) = found.rows["recordings"]
    journal = found.manifest["journal"]
    assert (journal["lines"], journal["sha256"]) == (len(found.entries), found.chain)
    assert (recording["journal_lines"], recording["journal_sha256"]) == (len(found.entries), found.chain)
    assert [entry.at for entry in found.of(ev.Opened)] == [instant_of(found.manifest["call"]["began_at"])]


def _objects(found: Evidence) -> None:
    expected = {f"{found.folder}/manifest.json", f"{found.folder}/manifest.json.sig"}
    for segment in found.manifest["segments"]:
        key = f"{found.folder}/{segment['object']}"
        expected.add(key)
        content = found.objects[key]
        assert (hashlib.sha256(content).hexdigest(), len(content)) == (segment["sha256"], segment["bytes"])
        samples, rate_hz = found.decoded(segment["segment"])
        assert samples.shape == (segment["samples"], len(segment["channels"]))
        assert rate_hz == segment["rate_hz"]
        assert segment["channels"][0] == "p01", "channel 1 is the outside party's"
    assert set(found.objects) == expected, "S3 holds something else below the call's folder"
    assert all(_KEY.match(key) for key in found.objects), sorted(found.objects)


def _verified(found: Evidence, world: World) -> None:
    """Whoever has the objects and the public key alone finds nothing wrong with them."""
    objects = {key.removeprefix(f"{found.folder}/"): content for key, content in found.objects.items()}
    manifest, signed = objects.pop(MANIFEST), objects.pop(SIGNATURE)
    refusal = Keyring([Signer.from_text(world.secrets.signing).public_key]).refusal(manifest, signed)
    sounds = {
        name: Object(len(content), hashlib.sha256(content).hexdigest(), content[:HEAD_BYTES])
        for name, content in objects.items()
    }
    verdict = judge(Lying(found.folder, manifest, refusal, sounds, Instant(now_us())))
    assert not verdict.faults, [str(one) for one in verdict.faults]


def _text(value: Any) -> Any:
    return iso(instant_of(value.isoformat())) if isinstance(value, datetime) else value


def _covered(found: Evidence, members: list[dict[str, Any]]) -> None:
    """What the manifest says is covered of each party follows from the journal."""
    covered = {
        (one["permit"], one["party"]): (instant_of(one["since"]), instant_of(one["covered_until"])) for one in members
    }
    assert covered == found.intervals


def _same(found: Evidence, table: str, said: list[dict[str, Any]]) -> None:
    rows = [{name: _text(value) for name, value in row.items()} for row in found.rows[table]]
    assert len(rows) == len(said), f"{table}: {len(rows)} rows, {len(said)} in the manifest"
    known = [{name: value for name, value in one.items() if name in (rows[0] if rows else {})} for one in said]
    if table == "parties":
        # In every table `recording` is whose account the row belongs to.
        known = [one | {"recording": found.recording, "recorded_in": one["recording"]} for one in known]
    if table == "segments":
        known = [one | {"object": f"{found.folder}/{one['object']}"} for one in known]
        rows = [row | {"object": row["object"]} for row in rows]
    for one in known:
        assert any(all(row[name] == value for name, value in one.items()) for row in rows), f"no row in {table}: {one}"


def _time_is_whole(found: Evidence) -> None:
    """Every microsecond of the call is either stored or in exactly one gap."""
    began, ended = (instant_of(found.manifest["call"][name]) for name in ("began_at", "ended_at"))
    spans = [
        (instant_of(one[first]), instant_of(one[last]))
        for part, first, last in (("gaps", "began_at", "ended_at"), ("tracks", "stored_from", "stored_until"))
        for one in found.manifest[part]
        if one[first] is not None
    ]
    gaps = sum(instant_of(one["ended_at"]) - instant_of(one["began_at"]) for one in found.manifest["gaps"])
    stored, position = 0, 0
    for begin, end in sorted(spans[len(found.manifest["gaps"]) :]):
        stored += max(0, end - max(begin, position))
        position = max(position, end)
    assert abs(gaps + stored - (ended - began)) <= len(spans), (
        f"gaps of {gaps} and {stored} stored make {gaps + stored} us, the call lasted {ended - began} us"
    )


# -- the announcement


def assert_notices(found: Evidence, world: World) -> None:
    """Each of the line's announcements was heard whole, in order, the very files, and before any permit."""
    line = found.manifest["call"]["line"]
    wanted = world.options.lines[line]["announcements"]
    notices = found.manifest["notices"]
    assert [one["announcement"] for one in notices] == wanted
    for one in notices:
        file = Path(world.announcements / f"{one['announcement']}.wav")
        assert one["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
        assert one["packets_expected"] <= one["packets_sent"] <= one["packets_expected"] + 2
    (permit,) = found.manifest["permits"]
    assert permit["granted_at"] == notices[-1]["completed_at"]


def announcement_ends(found: Evidence, call: Call, announcements: list[Pcm]) -> tuple[Instant, Instant]:
    """When the caller heard the end of the last announcement's speech, and the end of its file."""
    for index, announcement in enumerate(announcements):
        assert heard_span(call.heard, announcement) is not None, f"announcement {index + 1} was not heard"
    last = heard_span(call.heard, announcements[-1])
    assert last is not None
    spoken_end_ms = found.manifest["notices"][-1]["spoken_end_ms"]
    return Instant(call.heard.heard_at(last.start + spoken_end_ms * 8 - 1)), Instant(last.ended_at)


# -- the audio


def assert_parties(found: Evidence, talk: Talk) -> tuple[Match, Match]:
    """Channel 1 is the caller and nothing else, channel 2 the house and nothing else."""
    one = assert_only(found.channel(1), talk.caller.sent, {"the house": talk.house.sent})
    two = assert_only(found.channel(2), talk.house.sent, {"the caller": talk.caller.sent})
    return one, two


def assert_nothing_untold(found: Evidence, call: Call, announcements: list[Pcm]) -> None:
    """Nothing of the caller's from before they had heard the end of the announcement's speech.

    Without a delay on their path also nothing from before the end of its file.
    """
    spoken, file = announcement_ends(found, call, announcements)
    match = find_reference(found.channel(1), call.sent)
    assert_nothing_before(match, call.sent_at, spoken, tolerance_ms=FRAME_MS)
    if not call.delay_us:
        assert_nothing_before(match, call.sent_at, file, tolerance_ms=FRAME_MS)


def assert_nothing_missing(found: Evidence, call: Call, party: str, *, end: Instant | None = None) -> None:
    """Everything of a party from the first instant of their track to the end of what is covered is stored.

    A packet reaches Asterisk its path's delay after it left the telephone.
    """
    channel = found.track(party)["channel"]
    match = find_reference(found.channel(channel), call.sent)
    begin, until = found.origin(party), end or found.covered[1]
    tolerance_ms = EDGE_MS + _filled_ms(match, call)
    assert_complete(match, call.sent, begin - call.delay_us, until - call.delay_us, tolerance_ms=tolerance_ms)


def assert_in_step(found: Evidence, talk: Talk) -> float:
    """Both channels lie side by side as the words reached Asterisk; return the offset in ms.

    Each track is placed to half a frame, so two lie within one of each other; to that comes what a packet may wait,
    and on a machine that is too busy what Asterisk has filled in.
    """
    one, two = (find_reference(found.channel(n), call.sent) for n, call in ((1, talk.caller), (2, talk.house)))
    offsets = offsets_ms(one, talk.caller.sent, two, talk.house.sent)
    assert len(offsets), "the parties are nowhere side by side"
    paths = (talk.caller.delay_us - talk.house.delay_us) / 1000
    median = float(np.median(offsets)) - paths
    filled = _filled_ms(one, talk.caller) + _filled_ms(two, talk.house)
    assert abs(median) <= FRAME_MS + WAIT_MS + filled, f"the channels are {median:.1f} ms apart"
    low, high = (float(one) for one in np.percentile(offsets, [1, 99]))
    assert high - low <= FRAME_MS + filled, f"the channels drift from {low:.1f} to {high:.1f} ms"
    return median


def _filled_ms(match: Match, call: Call) -> float:
    """Return how much silence lies in a track beyond a frame because its packets were late."""
    return max(0.0, behind_ms(match, call.sent.spoken_at) - FRAME_MS)


def stored_ms(found: Evidence) -> float:
    """How much of the call is stored."""
    return float(sum(one["samples"] * 1000 / one["rate_hz"] for one in found.manifest["segments"]))


def seconds(begin: int, end: int) -> float:
    """Return the distance of two instants in seconds."""
    return (end - begin) / MICROSECONDS
