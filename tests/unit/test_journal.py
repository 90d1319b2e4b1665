"""The gate's files on a real disk: the chain, the order, what is refused, and what a dead run left."""

import json
import os
import shutil
import time

import pytest
from unit.calls import CALLER, P02, RECORDING, ms
from unit.journal_desk import CLOSED, DEAD_RUN, ENDED, FORGET, GRANTED, OPENED, RUN, SECOND, Desk

from ari_app import journals
from ari_app.adapters import journal
from ari_app.adapters.journal import Beat, Forget
from ari_app.core import evidence as ev
from ari_app.core.orders import Live
from ari_app.core.reasons import Reason
from ari_app.core.standstill import Standstill
from ari_app.layout import Layout


@pytest.fixture
def desk(tmp_path):
    with Desk(tmp_path) as started:
        yield started


def dead(tmp_path, *entries, torn=b""):
    """Leave a journal as a run leaves it that died; return a fresh desk that has taken it over."""
    with Desk(tmp_path, DEAD_RUN) as former:
        former.note(*entries)
    path = former.layout.journal_of(RECORDING)
    path.write_bytes(path.read_bytes() + torn)
    desk = Desk(tmp_path)
    ((recording, text),) = journals.leftovers(desk.layout)
    assert recording == RECORDING
    desk.journalist.resume(recording, ev.read(text)[1], text.rfind(b"\n") + 1)
    return desk


def test_the_spool_is_made_with_folders_that_asterisk_may_use_and_others_not(desk):
    modes = {folder.name: folder.stat().st_mode & 0o7777 for folder in desk.layout.root.iterdir()}
    assert modes == {
        "audio": 0o2770,
        "fallback": 0o2770,
        "live": 0o2750,
        "announcements": 0o2750,
        "calls": 0o700,
        "sealed": 0o700,
        "shipped": 0o700,
        "heartbeat": 0o700,
        "quarantine": 0o700,
    }


def test_entries_are_a_chain_in_the_order_given(tmp_path):
    with Desk(tmp_path) as desk:
        desk.note(OPENED)
        desk.note(CLOSED, ENDED)
    assert desk.entries() == [OPENED, CLOSED, ENDED]
    lines = desk.layout.journal_of(RECORDING).read_bytes().splitlines()
    assert json.loads(lines[0])["prev"] == "0" * 64
    assert desk.layout.journal_of(RECORDING).stat().st_mode & 0o777 == 0o600
    assert desk.journalist.trouble == ""


def test_journals_of_two_calls_are_two_chains(tmp_path):
    with Desk(tmp_path) as desk:
        desk.note(OPENED)
        desk.note(CLOSED, recording=SECOND)
        desk.note(ENDED)
    assert desk.entries() == [OPENED, ENDED]
    assert desk.entries(SECOND) == [CLOSED]


# -- attested


def test_an_attestation_is_on_the_disk_and_named_in_live_before_it_is_answered(desk):
    desk.note(OPENED)
    assert desk.attest(GRANTED) == (True, "")
    assert desk.entries() == [OPENED, GRANTED]
    assert desk.live() == {
        "format": 1,
        "run": "run-2",
        "recording": RECORDING,
        "party": "p01",
        "permit": 1,
        "file": "seg-001.p01.wav",
    }
    assert desk.layout.audio_of(RECORDING).stat().st_mode & 0o7777 == 0o2770


def test_a_capture_that_takes_the_place_of_another_on_its_channel_is_named_instead(desk):
    """The other is being stopped for it, and may be another recording's."""
    desk.note(OPENED)
    assert desk.attest(GRANTED) == (True, "")
    assert desk.attest(CLOSED, live=Live(CALLER, P02, 2, "seg-002.p02.wav")) == (True, "")
    live = desk.live()
    assert (live["party"], live["permit"], live["file"]) == ("p02", 2, "seg-002.p02.wav")
    assert desk.entries() == [OPENED, GRANTED, CLOSED]
    assert [path.name for path in desk.layout.live.iterdir()] == [CALLER]


def test_a_capture_that_is_over_is_named_no_more(desk):
    desk.note(OPENED)
    desk.attest(GRANTED)
    desk.journalist.submit(FORGET)
    assert desk.seal() == (True, "")
    assert list(desk.layout.live.iterdir()) == []


@pytest.mark.parametrize(
    "other", [Forget(CALLER, SECOND, "seg-001.p01.wav"), Forget(CALLER, RECORDING, "seg-002.p01.wav")], ids=repr
)
def test_a_capture_that_is_over_takes_the_name_of_no_other_along(desk, other):
    desk.note(OPENED)
    desk.attest(GRANTED)
    desk.journalist.submit(other)
    assert desk.seal() == (True, "")
    assert desk.live()["file"] == "seg-001.p01.wav"
    assert desk.journalist.trouble == ""


@pytest.mark.parametrize("content", ['{"run": "run-1"}', "", "{}", "[]", "nonsense"])
def test_what_a_dead_run_left_in_live_is_replaced_whatever_it_is(desk, content):
    desk.layout.live_of(CALLER).write_text(content)
    assert desk.attest(GRANTED) == (True, "")
    assert desk.live()["run"] == "run-2"
    assert [path.name for path in desk.layout.live.iterdir()] == [CALLER]


@pytest.mark.parametrize("content", ["{}", "[]", "nonsense", '{"recording": 1}'])
def test_what_is_nonsense_in_live_is_left_there_and_ends_no_recording(desk, content):
    desk.layout.live_of(CALLER).write_text(content)
    desk.journalist.submit(FORGET)
    desk.note(OPENED)
    assert desk.seal() == (True, "")
    assert desk.layout.live_of(CALLER).read_text() == content


def test_a_live_folder_that_is_gone_refuses_the_capture(desk):
    desk.layout.live.rmdir()
    ok, why = desk.attest(GRANTED)
    assert ok is False
    assert why.startswith(str(desk.layout.live_of(CALLER)))


# -- what cannot be written


def test_a_capture_whose_evidence_cannot_be_written_is_refused_and_forgotten(desk):
    shutil.rmtree(desk.layout.calls)
    ok, why = desk.attest(GRANTED)
    assert ok is False
    assert "No such file" in why
    assert desk.journalist.trouble == why


def test_a_note_that_cannot_be_written_holds_every_heartbeat_back_and_is_written_later(tmp_path, monkeypatch):
    monkeypatch.setattr(journal, "RETRY_SECONDS", 0.01)
    with Desk(tmp_path) as desk:
        desk.layout.calls.rmdir()
        desk.note(OPENED)
        desk.beat(10)
        assert desk.attest(GRANTED)[0] is False
        # Answered after the beat, so what was to become of it has.
        assert desk.seal()[0] is False
        assert desk.beats() == []
        desk.layout.calls.mkdir()
        desk.note(CLOSED)
        desk.beat(20)
    assert desk.entries() == [OPENED, CLOSED]
    assert desk.beats() == [ms(20)]


def test_a_half_written_line_is_written_over(tmp_path, monkeypatch):
    real, lengths = os.pwrite, [20]

    def pwrite(descriptor, text, position):
        return real(descriptor, text[: lengths.pop() if lengths else None], position)

    monkeypatch.setattr(journal, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(os, "pwrite", pwrite)
    with Desk(tmp_path) as desk:
        desk.note(OPENED)
        desk.note(CLOSED)
        # Refused until what is owed is written.
        for _ in range(200):
            if desk.seal()[0]:
                break
            time.sleep(0.01)
    assert lengths == []
    text = (desk.layout.sealed / RECORDING / "journal.jsonl").read_bytes()
    assert ev.read(text)[0] == [OPENED, CLOSED]


def test_a_live_file_that_cannot_be_removed_ends_no_recording(desk):
    desk.layout.live_of(CALLER).mkdir()
    desk.journalist.submit(FORGET)
    desk.note(OPENED)
    assert desk.seal() == (True, "")


# -- heartbeats


def test_a_beat_comes_after_all_notes_before_it(tmp_path, monkeypatch):
    written = []
    for writer in (journal, journals):
        monkeypatch.setattr(writer, "put", lambda _, text, __: written.append(json.loads(text.splitlines()[-1])))
    with Desk(tmp_path) as desk:
        desk.note(OPENED)
        desk.beat(4)
        desk.note(CLOSED)
        desk.beat(8)
    order = [one.get("kind") or one["consumed_at"] for one in written]
    assert order == ["opened", ms(4), "not_recorded", ms(8)]


def test_beats_are_lines_of_one_file_a_run(tmp_path):
    with Desk(tmp_path) as desk:
        desk.beat(4)
        desk.beat(8)
    first, second = desk.layout.heartbeat_of(RUN).read_bytes().splitlines()
    assert json.loads(first) == {"boot": "boot", "consumed_at": ms(4), "written_at": ms(5)}
    assert json.loads(second)["consumed_at"] == ms(8)


def test_that_asterisk_stood_still_is_said_until_a_heartbeat_has_said_it(tmp_path, monkeypatch):
    monkeypatch.setattr(journal, "RETRY_SECONDS", 0.01)
    with Desk(tmp_path) as desk:
        desk.layout.calls.rmdir()
        desk.note(OPENED)
        for begin in (10, 20):
            desk.journalist.submit(Beat(ms(begin + 5), ms(begin + 6), "boot", (Standstill(ms(begin), ms(begin + 5)),)))
        assert desk.seal()[0] is False
        assert desk.beats() == []
        desk.layout.calls.mkdir()
        desk.beat(30)
        desk.beat(40)
    first, second = map(json.loads, desk.layout.heartbeat_of(RUN).read_bytes().splitlines())
    assert first["stood_still"] == [[ms(10), ms(15)], [ms(20), ms(25)]]
    assert "stood_still" not in second


# -- the end


def test_a_sealed_call_has_left_the_running_ones(desk):
    desk.note(OPENED, ENDED)
    assert desk.seal() == (True, "")
    assert list(desk.layout.calls.iterdir()) == []
    text = (desk.layout.sealed / RECORDING / "journal.jsonl").read_bytes()
    assert ev.read(text)[0] == [OPENED, ENDED]


def test_a_call_that_was_never_written_cannot_be_sealed(desk):
    ok, why = desk.seal()
    assert ok is False
    assert "No such file" in why


def test_a_call_whose_entries_are_owed_is_not_sealed(desk):
    desk.layout.calls.rmdir()
    desk.note(OPENED, ENDED)
    assert desk.seal() == (False, "entries of the call are not written yet")


def test_closing_finishes_what_is_queued(tmp_path):
    with Desk(tmp_path) as desk:
        for at in range(1200):
            desk.note(ev.NotRecorded(at=ms(at), reason=Reason.EVENTS_LOST))
    assert len(desk.entries()) == 1200


# -- after a death


def test_a_journal_of_a_dead_run_goes_on_in_the_same_chain(tmp_path):
    with dead(tmp_path, OPENED) as desk:
        desk.note(CLOSED)
        assert desk.seal() == (True, "")
    text = (desk.layout.sealed / RECORDING / "journal.jsonl").read_bytes()
    assert ev.read(text)[0] == [OPENED, CLOSED]


def test_a_torn_last_line_is_written_over(tmp_path):
    with dead(tmp_path, OPENED, torn=b'{"at":180000000000' + b"x" * 500) as desk:
        desk.note(CLOSED)
    assert desk.entries() == [OPENED, CLOSED]


def test_a_spool_without_calls_has_no_leftovers(tmp_path):
    assert journals.leftovers(Layout(tmp_path)) == []


def test_a_folder_without_a_journal_is_a_leftover_without_text(desk):
    desk.layout.journal_of(RECORDING).parent.mkdir()
    assert journals.leftovers(desk.layout) == [(RECORDING, b"")]
