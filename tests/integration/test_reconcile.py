"""A day of calls in the real PostgreSQL and S3: nothing is found, then each fault is really made, and found."""

import json
from datetime import date

import numpy as np
import pytest
from integration.day_site import CALLS, channel, talk, told, voices
from sealed_calls import at, minted, noise, opened, wav

from ari_app import clock
from ari_app.commands import reconcile
from ari_app.core import evidence as ev
from ari_app.core.reasons import Reason
from ari_app.errors import FINDING, GOOD


def test_in_a_whole_world_nothing_is_found(site, capsys):
    code, findings, total = site.whole().reconcile(capsys)
    assert (code, findings) == (GOOD, [])
    counted = {name: total[name] for name in ("calls", "recorded", "not_recorded_by_policy", "unexplained")}
    assert counted == {"calls": 6, "recorded": CALLS, "not_recorded_by_policy": 1, "unexplained": 0}
    assert (total["not_recorded_with_reason"], total["waiting"], total["not_asked"], total["notes"]) == (2, 0, {}, [])
    assert reconcile.run(site.config, since=date(2026, 11, 20), until=date(2026, 11, 24)) == GOOD
    out = capsys.readouterr().out
    assert "2026-11-20 to 2026-11-24 (UTC): 6 calls, 5 of which should have been recorded" in out
    assert "Nothing is wrong with what was compared." in out
    # Another day's account is not missed on this one, although the witness saw it then.
    code, findings, total = site.reconcile(capsys, listen=False)
    assert (code, findings, list(total["not_asked"])) == (GOOD, [], ["the sound"])


def test_a_conversation_of_which_nobody_gives_account_is_missing(site, capsys):
    site.whole()
    site.saw("1763802000.55", context="from-trunk")
    code, findings, total = site.reconcile(capsys)
    assert (code, told(findings), total["unexplained"]) == (FINDING, [("missing", "1763802000.55")], 1)
    site.configure(("assurance.unrecorded_contexts", ["from-trunk"]))
    code, findings, total = site.reconcile(capsys)
    assert (code, findings, total["not_recorded_by_policy"]) == (GOOD, [], 2)


def test_an_emergency_call_has_its_account_under_the_telephone_that_dialled(site, capsys):
    telephone, trunk = "1763802000.60", "1763802000.61"
    never = [opened(minted(60), mode="", channel=telephone), ev.NotRecorded(at=at(0), reason=Reason.EMERGENCY_NUMBER)]
    site.synthetic.seal([*never, ev.Ended(at=at(9), reason=None)], {})
    site.saw(trunk, linked=telephone, context="from-trunk")
    code, findings, total = site.whole().reconcile(capsys)
    assert (code, findings, total["calls"], total["not_recorded_by_policy"]) == (GOOD, [], 7, 2)
    # Whoever is called besides in the same call is another matter.
    site.saw("1763802000.62", linked=channel(1))
    assert told(site.reconcile(capsys)[1]) == [("missing", "1763802000.62")]


def test_a_call_whose_every_trace_was_removed_is_missed_by_the_witness_alone(site, capsys):
    """Row, objects and journal are gone: nobody of ours knows it any more, and Asterisk's note does."""
    site.whole()
    site.sql(
        f"DELETE FROM recordings WHERE recording = '{minted(2)}'",  # noqa: S608
        f"DELETE FROM calls WHERE channel = '{channel(2)}'",  # noqa: S608
    )
    for name in ("manifest.json", "manifest.json.sig", "seg-001.flac"):
        site.delete(f"{site.folder(2)}/{name}")
    for file in (site.synthetic.layout.shipped / minted(2)).iterdir():
        file.unlink()
    code, findings, _ = site.reconcile(capsys)
    assert (code, told(findings)) == (FINDING, [("missing", channel(2))])


def test_what_was_put_aside_is_missing(site, capsys):
    site.whole()
    entries = talk(minted(5), channel=channel(5))
    recording = site.synthetic.seal([*entries[:3], *entries[4:]], voices(5))
    site.ship(FINDING)
    assert (site.synthetic.layout.quarantine / recording).is_dir()
    code, findings, _ = site.reconcile(capsys)
    assert (code, told(findings)) == (FINDING, [("missing", recording)])
    assert findings[0]["channel"] == channel(5)


def test_what_is_not_shipped_in_time_is_late(site, capsys, monkeypatch):
    site.whole()
    recording = site.seal(6)
    code, findings, total = site.reconcile(capsys)
    assert (code, findings, total["waiting"]) == (GOOD, [], 1)
    assert (total["recorded"], total["oldest_waiting"]["recording"]) == (CALLS + 1, recording)
    monkeypatch.setattr(clock, "now", lambda: at(14.1 + 4 * 3600 + 1))
    code, findings, total = site.reconcile(capsys)
    assert (code, told(findings)) == (FINDING, [("late", recording)])
    # On the next day's sheet it still waits.
    capsys.readouterr()
    assert reconcile.run(site.config, day=date(2026, 11, 23), as_json=True) == FINDING
    *found, total = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (told(found), total["calls"], total["waiting"]) == ([("late", recording)], 0, 1)


def test_a_file_that_ends_early_is_short(site, capsys):
    audio = voices(7)
    audio["seg-001.p02.wav"] = wav(noise(7, 4))
    recording = site.seal(7, audio)
    site.whole()
    code, findings, _ = site.reconcile(capsys)
    assert (code, told(findings)) == (FINDING, [("short", recording)])
    assert "the house (p02)" in findings[0]["what"]


@pytest.mark.parametrize("level", [0, 8])
def test_a_recording_without_a_sound_is_silent(level, site, capsys):
    """Digital silence, and the one step by which a silent telephone may flicker."""
    quiet = [np.random.default_rng(one).choice([-level, 0, level], 80_000).astype("<i2") for one in (1, 2)]
    recording = site.seal(8, {"seg-001.p01.wav": wav(quiet[0]), "seg-001.p02.wav": wav(quiet[1][:79_600])})
    site.whole()
    code, findings, _ = site.reconcile(capsys)
    assert (code, told(findings)) == (FINDING, [("silent", recording)])
    assert site.reconcile(capsys, listen=False)[:2] == (GOOD, [])


@pytest.mark.parametrize("party", ["p01", "p02"])
def test_a_recording_of_one_side_is_one_sided(party, site, capsys):
    audio = voices(9)
    audio[f"seg-001.{party}.wav"] = wav(np.zeros(80_000 if party == "p01" else 79_600, dtype="<i2"))
    recording = site.seal(9, audio)
    site.whole()
    code, findings, _ = site.reconcile(capsys)
    assert (code, told(findings)) == (FINDING, [("one_sided", recording)])


def test_a_file_that_never_came_is_one_sided(site, capsys):
    audio = voices(9)
    del audio["seg-001.p02.wav"]
    recording = site.seal(9, audio)
    site.whole()
    assert told(site.reconcile(capsys)[1]) == [("one_sided", recording)]


def test_a_file_of_a_header_alone_is_told(site, capsys):
    audio = voices(10)
    audio["seg-001.p02.wav"] = wav(np.zeros(0, dtype="<i2"))
    recording = site.seal(10, audio)
    code, findings, _ = site.reconcile(capsys)
    # Even before it is shipped.
    assert (code, told(findings)) == (FINDING, [("header_only", recording), ("one_sided", recording)])
    site.whole()
    assert told(site.reconcile(capsys)[1]) == [("header_only", recording), ("one_sided", recording)]


def test_a_row_without_its_object_is_orphaned_and_its_call_is_lost(site, capsys):
    site.whole()
    site.delete(f"{site.folder(1)}/seg-001.flac")
    site.delete(f"{site.folder(2)}/manifest.json")
    code, findings, total = site.reconcile(capsys)
    assert (code, told(findings)) == (FINDING, [("orphaned", minted(1)), ("orphaned", minted(2))])
    assert [one["what"] for one in findings] == [
        f"lacks an object in S3: {site.folder(1)}/seg-001.flac",
        f"lacks an object in S3: {site.folder(2)}/manifest.json",
    ]
    assert (total["recorded"], total["unexplained"], total["calls"]) == (CALLS - 1, 1, 6)


@pytest.mark.parametrize("local", [True, False])
def test_an_object_without_its_row_is_orphaned(local, site, capsys):
    """Known to the spool, or to nobody but S3."""
    site.whole()
    site.sql(
        f"DELETE FROM recordings WHERE recording = '{minted(1)}'",  # noqa: S608
        f"DELETE FROM calls WHERE channel = '{channel(1)}'",  # noqa: S608
    )
    if not local:
        for file in (site.synthetic.layout.shipped / minted(1)).iterdir():
            file.unlink()
    code, findings, total = site.reconcile(capsys)
    assert (code, told(findings)) == (FINDING, [("orphaned", minted(1))])
    assert findings[0]["what"] == "has no row in the database"
    assert (total["recorded"], total["calls"]) == (CALLS, 6)


def test_what_nobody_can_account_for_is_orphaned(site, capsys):
    site.whole()
    site.copy(f"{site.folder(1)}/manifest.json", f"{site.folder(1)}/seg-002.flac")
    site.copy(f"{site.folder(1)}/manifest.json", f"{site.folder(77)}/seg-001.flac")
    site.copy(f"{site.folder(1)}/manifest.json", f"{site.prefix}/2026/11/22/readme.txt")
    site.synthetic.layout.audio_of(minted(78, at(-4 * 3600))).mkdir()
    site.synthetic.layout.audio_of(minted(79)).mkdir()
    code, findings, total = site.reconcile(capsys)
    found = {(one["fault"], one["recording"], one["what"].partition(":")[0]) for one in findings}
    assert found == {
        ("orphaned", minted(1), "has an object in S3 beside it that it does not name"),
        ("orphaned", minted(77), "lies in S3 without an account that can be read"),
        ("orphaned", "", "lies in S3 without an account that can be read"),
        ("orphaned", minted(78, at(-4 * 3600)), "lies in the spool as sound that belongs to no call"),
    }
    assert (code, len(findings), total["calls"]) == (FINDING, 4, 6)


def test_sound_that_was_stored_and_not_destroyed_is_told_when_it_should_be_gone(site, capsys, monkeypatch):
    site.whole()
    sound = site.synthetic.layout.audio_of(minted(1))
    sound.mkdir(exist_ok=True)
    for seconds, expected in ((4 * 3600 + 299, []), (4 * 3600 + 301, [("orphaned", minted(1))])):
        monkeypatch.setattr(clock, "now", lambda seconds=seconds: at(seconds))
        assert told(site.reconcile(capsys)[1]) == expected
    for one in (*sound.iterdir(), sound):
        one.rmdir() if one.is_dir() else one.unlink()
    assert site.reconcile(capsys)[1] == []


def test_the_same_sound_under_two_calls_is_a_duplicate(site, capsys):
    site.seal(20, voices(20))
    site.seal(21, voices(20))
    site.whole()
    code, findings, _ = site.reconcile(capsys)
    assert (code, told(findings)) == (FINDING, [("duplicate", minted(20)), ("duplicate", minted(21))])


def test_the_same_time_of_the_same_channel_twice_is_a_duplicate(site, capsys):
    site.seal(22)
    site.seal(23, run="run-2", channel=channel(22))
    site.synthetic.beat(at(60), run="run-2")
    site.whole()
    code, findings, total = site.reconcile(capsys)
    assert (code, told(findings)) == (FINDING, [("duplicate", minted(23))])
    assert (total["recorded"], total["calls"]) == (CALLS + 1, 7)
