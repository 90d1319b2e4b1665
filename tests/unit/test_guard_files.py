"""What the guard takes away, and what nobody can make it take; what it reads of the spool."""

import hashlib
import json
import os
import stat
from pathlib import Path

import pytest

from ari_app import clock
from ari_app.core.incident import Why
from ari_app.core.names import ChannelId, Instant, RunId
from ari_app.guard.quarantine import Quarantine, on_disk
from ari_app.guard.vitals import Vitals, instant_of
from ari_app.layout import Layout

RECORDING = "01M89EP1ZYXF1YNMXJBPC6YR8E"
RUN, LATER = RunId("01M89EP1ZYXF1YNMXJBPC6YR8R"), RunId("01M89EP1ZYXF1YNMXJBPC6YR8S")
SOUND = bytes(range(256)) * 9


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(tmp_path / "spool")
    for folder in (made.quarantine, made.audio, made.live, made.heartbeats, made.calls, made.sealed, made.shipped):
        folder.mkdir(parents=True)
    (tmp_path / "monitor" / "2026").mkdir(parents=True)
    return made


@pytest.fixture
def monitor(tmp_path: Path, layout: Layout) -> Path:
    assert layout.quarantine.is_dir()
    return tmp_path / "monitor"


def quarantine(layout: Layout, monitor: Path) -> Quarantine:
    return Quarantine(layout, [monitor])


# ---- taking away


def test_what_is_taken_is_kept_whole_and_for_its_owner_alone(layout: Layout, monitor: Path) -> None:
    file = monitor / "2026" / "secret.wav"
    file.write_bytes(SOUND)
    taken = quarantine(layout, monitor).take(file, "ID.1")
    assert taken is not None
    assert not file.exists()
    kept = quarantine(layout, monitor).settle(taken)
    assert (kept.sha256, kept.bytes, kept.quarantined_as) == (hashlib.sha256(SOUND).hexdigest(), len(SOUND), "ID.1")
    assert stat.S_IMODE((layout.quarantine / "ID.1").stat().st_mode) == 0o600
    assert [one.name for one in layout.quarantine.iterdir()] == ["ID.1"]


def test_what_is_written_after_it_was_taken_is_lost(layout: Layout, monitor: Path) -> None:
    """An application that nothing can end goes on writing; what it writes has no name and ends with it."""
    file = monitor / "secret.wav"
    with file.open("wb", buffering=0) as writer:
        writer.write(SOUND)
        taken = quarantine(layout, monitor).take(file, "ID.1")
        writer.write(SOUND)
        assert taken is not None
        assert quarantine(layout, monitor).settle(taken).bytes == 2 * len(SOUND)
        writer.write(SOUND)
    assert (layout.quarantine / "ID.1").read_bytes() == 2 * SOUND
    assert not file.exists()


def test_another_disk_is_copied_from(layout: Layout, monitor: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = monitor / "secret.wav"
    file.write_bytes(SOUND)

    def refuse(_: Path, __: Path) -> None:
        raise OSError(18, "Invalid cross-device link")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", refuse)
        taken = quarantine(layout, monitor).take(file, "ID.1")
    assert taken is not None
    assert file.exists(), "it is copied when it is closed"
    assert quarantine(layout, monitor).settle(taken).bytes == len(SOUND)
    assert not file.exists()


def test_a_file_that_vanishes_is_no_error(layout: Layout, monitor: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert quarantine(layout, monitor).take(monitor / "gone.wav", "ID.1") is None
    file = monitor / "secret.wav"
    file.write_bytes(SOUND)
    monkeypatch.setattr(Path, "is_file", lambda _: True)
    file.unlink()
    assert quarantine(layout, monitor).take(file, "ID.1") is None


def test_nobody_makes_the_guard_move_what_is_no_recording(layout: Layout, monitor: Path, tmp_path: Path) -> None:
    """The path comes from a stranger's dialplan: a journal's, a policy's, a link's, one with dots in it."""
    journal = layout.calls / RECORDING / "journal.jsonl"
    journal.parent.mkdir()
    elsewhere = tmp_path / "elsewhere.wav"
    for file in (journal, layout.policy, elsewhere):
        file.write_bytes(b"precious")
    link = monitor / "link.wav"
    link.symlink_to(journal)
    folder = monitor / "folder"
    folder.symlink_to(journal.parent)
    monitor_and_more = tmp_path / "monitor-of-others"
    monitor_and_more.mkdir()
    other = monitor_and_more / "x.wav"
    other.write_bytes(b"precious")
    dots = monitor / ".." / "spool" / "policy.json"
    for path in (journal, layout.policy, elsewhere, link, folder / "journal.jsonl", other, dots, monitor / "2026"):
        assert quarantine(layout, monitor).take(path, "ID.1") is None, path
    assert journal.read_bytes() == layout.policy.read_bytes() == elsewhere.read_bytes() == b"precious"
    assert list(layout.quarantine.iterdir()) == []


def test_files_are_found_by_what_asterisk_lists(monitor: Path) -> None:
    for name in ("a.wav", "a.b.wav", "a.gsm", "b.strange", "b.c.strange"):
        (monitor / name).write_bytes(b"")
    assert [one.name for one in on_disk(str(monitor / "a"))] == ["a.wav", "a.gsm"]
    assert [one.name for one in on_disk(str(monitor / "b"))] == ["b.strange"]
    assert on_disk(str(monitor / "none")) == []
    assert on_disk("/nowhere/none") == []


# ---- the spool as the guard reads it


def beat(layout: Layout, run: RunId, *ages_ms: int) -> None:
    lines = [json.dumps({"boot": "x", "consumed_at": 0, "written_at": clock.now() - age * 1000}) for age in ages_ms]
    layout.heartbeat_of(run).write_text("".join(f"{line}\n" for line in lines))


def test_the_newest_run_s_last_heartbeat_counts(layout: Layout) -> None:
    vitals = Vitals(layout)
    vitals.refresh()
    assert vitals.signs.gate_dead(clock.now())
    beat(layout, RUN, 100)
    beat(layout, LATER, *range(20_000, 3_000, -500))
    vitals.refresh()
    assert vitals.newest == LATER
    assert vitals.signs.gate_dead(clock.now()), "the run of today is silent, and that of yesterday is not looked at"
    beat(layout, LATER, 5000, 300)
    vitals.refresh()
    assert not vitals.signs.gate_dead(clock.now())


def test_a_run_is_asked_after_when_its_sign_is_old(layout: Layout) -> None:
    vitals = Vitals(layout)
    beat(layout, RUN, 5000)
    assert vitals.objection(RUN) is Why.STALE_HEARTBEAT
    beat(layout, RUN, 200)
    assert vitals.objection(RUN) is None
    assert vitals.objection(LATER) is Why.OTHER_RUN
    layout.heartbeat_of(RUN).unlink()
    assert vitals.objection(RUN) is None, "what was read is still fresh"


def test_live_files(layout: Layout) -> None:
    vitals = Vitals(layout)
    named = {"format": 1, "run": RUN, "recording": RECORDING, "party": "p01", "permit": 1, "file": "seg-001.p01.wav"}
    layout.live_of(ChannelId("1.1")).write_text(json.dumps(named))
    layout.live_of(ChannelId("1.2")).write_text("torn")
    (layout.live / ".1.3.new").write_text("")
    live = vitals.live(ChannelId("1.1"))
    assert live is not None
    assert (vitals.live(ChannelId("1.2")), vitals.live(ChannelId("1.4"))) == (None, None)
    assert vitals.channels() == {"1.1", "1.2"}
    assert not vitals.began(live)
    folder = layout.audio / RECORDING
    folder.mkdir()
    (folder / "seg-001.p01.wav").write_bytes(b"")
    assert vitals.began(live)
    os.rmdir(layout.shipped)  # noqa: PTH106  so short is only this
    for name in ("1.1", "1.2", ".1.3.new"):
        (layout.live / name).unlink()
    layout.live.rmdir()
    assert vitals.channels() == set()


@pytest.mark.parametrize("stage", ["calls", "sealed", "shipped"])
def test_the_journal_of_a_file_is_found_at_each_stage(layout: Layout, stage: str) -> None:
    vitals = Vitals(layout)
    track = str(layout.audio / RECORDING / "seg-001.p01.wav")
    assert vitals.journal(track) is None
    folder = getattr(layout, stage) / RECORDING
    folder.mkdir()
    (folder / "journal.jsonl").write_bytes(b"journal")
    assert vitals.journal(track) == b"journal"
    assert vitals.journal(str(layout.audio / "planted.wav")) is None
    assert vitals.journal(f"/elsewhere/{RECORDING}/seg-001.p01.wav") is None


@pytest.mark.parametrize(("value", "at"), [("1795612413", 1_795_612_413_000_000), ("0", None), ("", None), ("x", None)])
def test_the_gate_s_mark_in_asterisk(value: str, at: Instant | None) -> None:
    assert instant_of(value) == at
