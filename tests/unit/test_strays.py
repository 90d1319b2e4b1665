"""Every file of the spool has a record, or is told of: names, sounds without accounts, and what was never finished."""

import json
import os
from pathlib import Path

import pytest
import structlog
from sealed_calls import SyntheticSpool, minted, noise, wav
from unit.ship_world import World

from ari_app import clock, strays
from ari_app.core.names import Instant
from ari_app.core.strays import KNOWN, TO_DO, Kind
from ari_app.layout import JOURNAL, Layout

ID, OTHER, CHANNEL = minted(1), minted(2), "1763802000.7"
SHA256 = "ab" * 32


@pytest.mark.parametrize(
    ("folder", "name", "is_folder"),
    [
        *(("", one, True) for one in KNOWN if one),
        ("", "quarantine", True),
        ("", "lost+found", True),
        *(("", one, False) for one in ("policy.json", "lines.conf", "spool.full", "ship.waiting.json", "retry-all")),
        *(("", one, False) for one in ("gate.lock", "gate-standby.lock", "guard.ready", f"retry-{ID}")),
        *((one, ID, True) for one in ("audio", "calls", "sealed", "shipped")),
        ("live", CHANNEL, False),
        ("fallback", CHANNEL, True),
        ("fallback", f"{CHANNEL}.json", False),
        *(("keeper", f"{ID}{one}", False) for one in (".jsonl", ".kept", ".taken")),
        ("heartbeat", f"{ID}.jsonl", False),
        ("announcements", f"{SHA256}.wav", False),
        ("incidents", f"{ID}.json", False),
        ("incidents", "shipped", True),
        ("incidents", "destroyed.jsonl", False),
        *(("anchors", f"2026-11-22.{one}", False) for one in ("jsonl", "json", "json.sig", "001.jsonl.gz")),
    ],
)
def test_what_has_its_place(core, folder, name, is_folder):
    assert core.strays.of_name(folder, name, is_folder=is_folder) is None
    # The same name as the other kind of thing has not.
    assert core.strays.of_name(folder, name, is_folder=not is_folder).value == "unknown"


@pytest.mark.parametrize(
    ("folder", "name", "is_folder"),
    [
        ("", "core.1234", False),
        ("", "audio.old", True),
        ("", "policy.json~", False),
        ("", "retry-a/b", False),
        ("audio", f"{ID}x", True),
        ("sealed", f"{ID}.old", True),
        ("live", "a b", False),
        ("fallback", "x y.json", False),
        ("fallback", f"{CHANNEL}.json.json~", False),
        ("keeper", f"{ID}", False),
        ("keeper", "x.kept", False),
        ("heartbeat", f"{ID}.json", False),
        ("announcements", f"{SHA256[1:]}.wav", False),
        ("announcements", f"{SHA256}.mp3", False),
        ("incidents", "x.json", False),
        ("anchors", "2026-11-22", False),
        ("anchors", "anchors.json", False),
    ],
)
def test_what_has_none(core, folder, name, is_folder):
    assert core.strays.of_name(folder, name, is_folder=is_folder).value == "unknown"


def test_every_place_of_the_layout_is_known(core):
    layout = Layout(Path("/spool"))
    for name, value in vars(Layout).items():
        if isinstance(value, property):
            place = getattr(layout, name)
            is_folder = "." not in place.name
            assert core.strays.of_name("", place.name, is_folder=is_folder) is None, name
            assert not is_folder or place.name in {*KNOWN, "quarantine"}, name


@pytest.mark.parametrize("folder", list(KNOWN))
def test_what_begins_with_a_dot_was_never_finished(core, folder):
    for is_folder in (True, False):
        assert core.strays.of_name(folder, ".x.123.tmp", is_folder=is_folder).value == "unfinished"


def test_what_may_be_swept(core):
    assert core.strays.sweepable(".policy.json.123.tmp") == 123
    for name in ("policy.json.123.tmp", ".policy.json.123", ".policy.json.x.tmp", ".123.tmp.new", f".x.{'1' * 11}.tmp"):
        assert core.strays.sweepable(name) is None, name


def test_a_copy_that_was_begun(core):
    assert [core.strays.begun_copy(name) for name in (f".{ID}.1.new", f"{ID}.1.new", f".{ID}.1")] == [
        True,
        False,
        False,
    ]


def test_a_note_that_was_begun(core):
    assert core.strays.begun_note(f".{CHANNEL}.123") == (CHANNEL, 123)
    for name in (f"{CHANNEL}.123", f".{CHANNEL}.x", f".a b.{CHANNEL}.1", ".123", f".{CHANNEL}.{'1' * 11}"):
        assert core.strays.begun_note(name) is None, name


def test_sound_and_its_account(core):
    assert core.strays.of_sound(ID, {ID}) is None
    assert core.strays.of_sound(ID, {OTHER}).value == "sound_alone"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (f"{ID}.1", None),
        (f"{OTHER}.1", "taken_alone"),
        (f"{OTHER}.1234", "taken_alone"),
        (f"{OTHER}.12345", None),
        (f"{OTHER}.audio", None),
        (OTHER, None),
        ("x.1", None),
    ],
)
def test_what_the_guard_has_taken_has_an_incident(core, name, kind):
    found = core.strays.of_taken(name, {ID})
    assert (found and found.value) == kind


def test_of_every_kind_it_is_said_what_to_do():
    assert set(TO_DO) == set(Kind)


# -- a real spool


@pytest.fixture
def world(tmp_path):
    made = World(SyntheticSpool(tmp_path / "spool").prepare())
    for folder in ("calls", "shipped", "live", "keeper", "anchors", "announcements", "quarantine"):
        (made.layout.root / folder).mkdir(exist_ok=True)
    return made


def file(path, content=b"x"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def found(world, age_seconds=-1.0):
    # The runs of these tests have names that people can read.
    (world.layout.heartbeats / "run-1.jsonl").unlink(missing_ok=True)
    looked = strays.find(world.layout, age_seconds=age_seconds)
    return {(one.kind, str(one.path.relative_to(world.layout.root))) for one in looked}


def test_a_spool_at_work_has_none(world):
    layout = world.layout
    world.synthetic.good()
    file(layout.journal_of(OTHER))
    file(layout.audio_of(OTHER) / "seg-001.p01.wav")
    file(layout.live_of(CHANNEL), json.dumps({"recording": OTHER}).encode())
    layout.audio_of(minted(30)).mkdir()
    kept = minted(31)
    file(layout.kept_of(kept))
    file(layout.audio_of(kept) / "seg-001.p01.wav")
    file(layout.fallback / "1763802000.9" / JOURNAL, json.dumps({"recording": kept}).encode() + b"\n")
    file(layout.quarantine / "anything at all")
    for number, place in ((60, layout.incidents), (61, layout.incidents / "shipped")):
        file(place / f"{minted(number)}.json")
        file(layout.quarantine / f"{minted(number)}.1")
    file(layout.quarantine / f"{minted(62)}.audio" / "seg-001.p01.wav")
    assert found(world) == set()


def test_each_kind_of_stray(world):
    layout = world.layout
    alone = minted(50)
    world.synthetic.good()
    file(layout.audio_of(alone) / "seg-001.p01.wav")
    file(layout.root / "01632960111.wav")
    file(layout.sealed / f".{ID}.new" / JOURNAL)
    file(layout.kept_of(minted(40)))
    (layout.fallback / "1763802000.9").mkdir()
    file(layout.live_of(CHANNEL), json.dumps({"recording": minted(41)}).encode())
    file(layout.live_of("1763802000.8"), b"nonsense")
    file(layout.quarantine / f"{minted(63)}.2")
    assert found(world) == {
        (Kind.SOUND_ALONE, f"audio/{alone}"),
        (Kind.UNKNOWN, "01632960111.wav"),
        (Kind.UNFINISHED, f"sealed/.{ID}.new"),
        (Kind.KEPT_ALONE, f"keeper/{minted(40)}.kept"),
        (Kind.NOT_ATTESTED, "fallback/1763802000.9"),
        (Kind.NAMED_ALONE, f"live/{CHANNEL}"),
        (Kind.TAKEN_ALONE, f"quarantine/{minted(63)}.2"),
    }


def test_what_came_just_now_is_none_yet(world):
    file(world.layout.root / "just-now")
    assert found(world, age_seconds=60.0) == set()


def test_ship_says_each_once_and_without_its_name(world):
    stray = file(world.layout.root / "01632960111.wav")
    long_ago = clock.now() // 1_000_000 - 3600
    os.utime(stray, (long_ago, long_ago))
    lookout = strays.Lookout(world.layout)
    hour = 3600 * 1_000_000
    with structlog.testing.capture_logs() as said:
        for hours in (1, 1, 2, 3):
            lookout.look(Instant(hours * hour))
        stray.rename(world.layout.quarantine / "away")
        lookout.look(Instant(4 * hour))
        (world.layout.quarantine / "away").rename(stray)
        lookout.look(Instant(5 * hour))
    assert [(one["event"], one["kind"], one["place"]) for one in said] == [("spool.stray", "unknown", "")] * 2
    assert "01632960111" not in str(said)
    assert said[0]["hint"] == TO_DO[Kind.UNKNOWN]


def test_a_spool_that_cannot_be_looked_through_is_said(world, monkeypatch):
    monkeypatch.setattr(strays, "find", lambda _, **__: (_ for _ in ()).throw(PermissionError(13, "Permission denied")))
    with structlog.testing.capture_logs() as said:
        strays.Lookout(world.layout).look(Instant(1))
    assert [one["event"] for one in said] == ["spool.not_looked_through"]


def test_what_a_dead_process_never_finished_is_swept_up(world):
    layout, long_ago = world.layout, clock.now() // 1_000_000 - 3600
    dead = file(layout.root / ".policy.json.4194999.tmp")
    living = file(layout.announcements / f".{SHA256}.wav.{os.getpid()}.tmp")
    strange = file(layout.incidents / ".swp")
    fresh = file(layout.anchors / ".x.4194999.tmp")
    for one in (dead, living, strange):
        os.utime(one, (long_ago, long_ago))
    with structlog.testing.capture_logs() as said:
        strays.Lookout(layout).look(clock.now())
    assert (dead.exists(), living.exists(), strange.exists(), fresh.exists()) == (False, True, True, True)
    assert said[0]["event"] == "spool.swept"


# -- the last step of a shipment


def test_what_lies_beside_a_calls_sound_is_not_destroyed_with_it(world):
    recording = world.synthetic.good()
    stranger = file(world.layout.audio_of(recording) / "01632960111.wav", b"somebody else's")
    another = file(world.layout.audio_of(recording) / "seg-009.p01.wav", wav(noise(3, 1)))
    with structlog.testing.capture_logs() as said:
        assert world.run() == 0
    assert (world.names("sealed"), world.names("audio")) == ([], [])
    aside = {(world.layout.quarantine / name).read_bytes() for name in world.names("quarantine")}
    assert aside == {b"somebody else's", wav(noise(3, 1))}
    assert not any("01632960111" in name for name in world.names("quarantine"))
    assert not stranger.exists()
    assert not another.exists()
    (line,) = [one for one in said if one["event"] == "spool.stray_quarantined"]
    assert (line["recording"], line["files"]) == (recording, 2)


def test_a_track_that_began_and_has_no_file_is_said(world):
    recording = world.synthetic.good()
    (world.layout.audio_of(recording) / "seg-001.p02.wav").unlink()
    with structlog.testing.capture_logs() as said:
        assert world.run() == 0
    (line,) = [one for one in said if one["event"] == "call.sound_missing"]
    assert (line["recording"], line["tracks"], line["log_level"]) == (recording, 1, "error")


def test_what_a_killed_ship_was_encoding_goes_with_the_sound(world):
    recording = world.synthetic.good()
    file(world.layout.sealed / recording / ".seg-002.flac.new")
    assert world.run() == 0
    names = sorted(path.name for path in (world.layout.shipped / recording).iterdir())
    assert names == ["journal.jsonl", "manifest.json"]
