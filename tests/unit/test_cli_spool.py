"""`consentgate spool`: what people see of what waits, and their word to ship."""

import json
import os
import sys
import threading
from pathlib import Path

import pytest
from sealed_calls import BEGAN, SECOND, SyntheticSpool, incident, minted
from unit.config_world import write
from unit.ship_world import World, failing, said
from unit.test_ship_spool import note

from ari_app import attempts, cli, clock
from ari_app.attempts import Attempts
from ari_app.commands import spool
from ari_app.core.names import Instant
from ari_app.errors import FINDING, GOOD, USAGE, ConsentgateError, TransientError
from ari_app.ports import ConflictError
from ari_app.ship import Ship

NOW = Instant(BEGAN + 3_725 * SECOND)
CONFLICT = ConflictError("S3 holds another object under this name", on="calls/x")


@pytest.fixture(autouse=True)
def frozen(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOW)


@pytest.fixture
def synthetic(tmp_path):
    return SyntheticSpool(tmp_path / "spool").prepare()


@pytest.fixture
def config(tmp_path, synthetic):
    return write(tmp_path, ("spool.path", str(synthetic.root)))


@pytest.fixture
def ask(config, capsys):
    """Return the code and the lines of a command."""

    def asked(action, recording=None, **options):
        capsys.readouterr()
        code = spool.run(config, action=action, recording=recording, **options)
        return code, capsys.readouterr().out.splitlines()

    return asked


def kept(synthetic, tries=1):
    """Let ship, which then goes on running, try a call in vain; return it."""
    account = Attempts(synthetic.layout)
    recording = synthetic.good()
    for number in range(tries):
        at = Instant(NOW - (tries - number) * 60 * SECOND)
        account.note(recording, str(CONFLICT), at, Instant(at + 60 * SECOND), failed=True)
    account.write(NOW)
    return recording


def test_nothing_waits(ask):
    assert ask("list") == (GOOD, ["nothing waits in the spool"])


def test_the_list_says_of_each_where_it_stands_and_why(synthetic, ask):
    first, second = kept(synthetic, 3), synthetic.good()
    layout = synthetic.layout
    (layout.calls / minted(3)).mkdir(parents=True)
    (layout.shipped / minted(4)).mkdir(parents=True)
    for number in (4, 5):
        layout.audio_of(minted(number)).mkdir()
    (layout.audio_of(minted(5)) / "seg-001.p01.wav").write_bytes(bytes(2048))
    (layout.shipped / minted(8)).mkdir()
    (layout.incidents / f"{minted(6)}.json").write_text(json.dumps(incident(6)))
    (layout.fallback / "07700900123.json").write_text(note())
    code, lines = ask("list")
    assert code == GOOD
    assert lines[-2] == "2 call(s) are over and not stored yet; the oldest of them began 1 h 2 min ago."
    assert [line.split()[0] for line in lines[1:-2]] == [first, second, *(minted(number) for number in (3, 4, 5, 6))]
    assert lines[0].split() == ["recording", "state", "age", "size", "tries", "why"]
    rows = [" ".join(line.split()[1:]) for line in lines[1:-2]]
    assert rows[0].startswith("kept 1 h 2 min 12")
    assert "KiB 3 S3 holds another object under this name (calls/x)" in rows[0]
    assert "in turn 1 h 2 min" in rows[1]
    assert rows[1].endswith("ship has not tried it since it started")
    assert rows[2].startswith("in progress 1 h 2 min 0 B the gate has not handed it over")
    assert rows[3].startswith("stored 1 h 2 min 0 B it is stored and proved")
    assert rows[4].startswith("sound alone 1 h 2 min 2.0 KiB the gate has no call to it")
    assert rows[5].startswith("incident, in turn 1 h 2 min")
    assert lines[-1].startswith("1 note(s) of scripts")
    assert "07700900123" not in "".join(lines)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-5, "0 s"), (0, "0 s"), (59, "59 s"), (60, "1 min 0 s"), (3599, "59 min 59 s"), (90_061, "1 d 1 h")],
)
def test_an_age_has_two_units(seconds, words):
    assert spool.age_text(Instant(NOW - seconds * SECOND), NOW) == words


def test_a_line_of_json_for_each_and_one_for_the_sum(synthetic, ask):
    recording = kept(synthetic, 2)
    code, lines = ask("list", as_json=True)
    item, total = (json.loads(line) for line in lines)
    assert code == GOOD
    assert (item["id"], item["kind"], item["state"], item["attempts"]) == (recording, "call", "kept", 2)
    assert item["attempt"]["next_at"] == NOW
    assert {one["file"] for one in item["files"]} == {
        f"sealed/{recording}/journal.jsonl",
        *(f"audio/{recording}/seg-001.p0{number}.wav" for number in (1, 2)),
    }
    oldest = {"unstored": 1, "oldest_unstored": item["since"]}
    assert total == {"waiting": 1, "bytes": item["bytes"], "notes": 0, "not_reached": None, "strays": [], **oldest}
    assert item["bytes"] == sum(one["bytes"] for one in item["files"])
    assert json.loads(ask("show", recording, as_json=True)[1][0]) == item


def test_a_server_that_is_away_is_said_above_the_list(synthetic, ask, monkeypatch):
    """By a ship that really runs against one; and when that is gone, that it is."""
    synthetic.good()
    world = World(synthetic)
    away = TransientError("S3 cannot be used", why="[Errno 111] refused")
    monkeypatch.setattr(world.store, "reach", failing(away))
    ship = world.ship()
    monkeypatch.setattr(Ship, "_pause", lambda *_: False)
    monkeypatch.setattr(Attempts, "close", lambda _: None)
    with pytest.raises(TransientError):
        ship.run()
    code, lines = ask("list")
    assert code == GOOD
    assert lines[0] == "Everything waits, tried 3 times in 0 s: S3 cannot be used: [Errno 111] refused"
    told = json.loads(synthetic.layout.waiting.read_text())
    synthetic.layout.waiting.write_text(json.dumps(told | {"pid": 2**22 + 1}))
    assert ask("list")[1][0] == "The ship that said this is gone: it was so 0 s ago."
    assert json.loads(ask("list", as_json=True)[1][-1])["not_reached"]["attempts"] == 3


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format":2}', '{"format":1,"at":0,"pid":1,"waiting":{"x":{}}}'])
def test_an_account_that_cannot_be_read_is_none(synthetic, ask, text):
    synthetic.good()
    synthetic.layout.waiting.write_text(text)
    assert "ship has not tried it" in ask("list")[1][1]


def test_one_is_shown_with_its_files_and_how_far_it_has_come(synthetic, ask):
    recording = kept(synthetic, 2)
    sealed = synthetic.layout.sealed / recording
    text = "\n".join(ask("show", recording)[1])
    for words in (
        "state          kept\n",
        "stands         nothing of it has left this machine\n",
        "tried          2 times since 2026-11-22T10:00:05.000000Z\n",
        "last tried     2026-11-22T10:01:05.000000Z, 1 min 0 s ago\n",
        "next try       2026-11-22T10:02:05.000000Z\n",
        f"file           sealed/{recording}/journal.jsonl  ",
    ):
        assert words in text
    (sealed / "manifest.json").write_bytes(b"{}")
    assert "is decided; some of it may be in S3 already" in "\n".join(ask("show", recording)[1])
    (sealed / "manifest.json.sig").write_bytes(b"{}")
    assert spool._times(1) == "once"
    assert "is decided, and signed; some of it" in "\n".join(ask("show", recording)[1])


def test_an_incident_and_a_sound_that_is_to_go_are_shown(synthetic, ask):
    layout = synthetic.layout
    (layout.incidents / f"{minted(6)}.json").write_text(json.dumps(incident(6)))
    account = Attempts(layout)
    account.note(f"{minted(6)}.json", str(CONFLICT), NOW, NOW, failed=True)
    account.write(NOW)
    lines = ask("show", minted(6))[1]
    assert lines[0] == f"incident       {minted(6)}"
    assert "stands         it is to be stored as it is" in lines
    for folder in (layout.shipped, layout.audio):
        (folder / minted(4)).mkdir(parents=True)
    assert "stands         stored and proved" in ask("show", minted(4))[1]


@pytest.mark.parametrize(
    ("folder", "hint"), [("shipped", "consentgate verify"), ("quarantine", "quarantine show"), ("x", "spool list")]
)
def test_what_does_not_wait_is_where_it_is_said_to_be(synthetic, ask, folder, hint):
    (synthetic.root / folder / minted(7)).mkdir(parents=True)
    for action in ("show", "retry"):
        with pytest.raises(ConsentgateError, match=hint):
            ask(action, minted(7))
    with pytest.raises(ConsentgateError, match="this is no id"):
        ask(action, "../../etc/passwd")


def test_a_spool_that_may_not_be_read_is_said(synthetic, ask, monkeypatch):
    monkeypatch.setattr(Path, "iterdir", failing(PermissionError(13, "Permission denied")))
    with pytest.raises(ConsentgateError, match="Run this as the user of ship"):
        ask("list")
    monkeypatch.undo()
    monkeypatch.setattr(os, "open", failing(PermissionError(13, "Permission denied")))
    with pytest.raises(ConsentgateError, match="Run this as the user of ship"):
        attempts.ask(synthetic.layout, "all")


def test_what_goes_while_it_is_listed_is_no_fault(synthetic, ask, monkeypatch):
    kept(synthetic)
    monkeypatch.setattr(Path, "lstat", failing(FileNotFoundError()))
    assert " 0 B " in ask("list")[1][1]


def test_what_somebody_took_away_is_not_told_any_more(synthetic):
    account, recording = Attempts(synthetic.layout), synthetic.good()
    file = synthetic.layout.incidents / f"{minted(6)}.json"
    file.write_text("{}")
    for about in (recording, file.name, minted(7), f"{minted(8)}.json"):
        account.note(about, "why", NOW, NOW, failed=True)
    account.write(NOW)
    assert set(json.loads(synthetic.layout.waiting.read_text())["waiting"]) == {recording, file.name}
    file.unlink()
    (synthetic.layout.sealed / recording).rename(synthetic.root / "elsewhere")
    account.write(NOW)
    assert not synthetic.layout.waiting.exists()


# -- the word to try now


def test_a_ship_that_does_not_run_is_said_and_the_word_stays(synthetic, config, capsys):
    recording = kept(synthetic)
    waited: list[float] = []
    assert spool.retry(synthetic.layout, recording, pause=waited.append) == FINDING
    assert "has not taken the word within 3 s" in capsys.readouterr().err
    assert round(sum(waited)) == 3
    assert (synthetic.root / f"retry-{recording}").exists()
    assert spool.run(config, action="list") == GOOD


def test_a_call_that_is_not_over_cannot_be_tried(synthetic, ask):
    (synthetic.layout.calls / minted(3)).mkdir(parents=True)
    with pytest.raises(ConsentgateError, match="when the call is over"):
        ask("retry", minted(3))


@pytest.mark.parametrize("everything", [True, False])
def test_a_running_ship_tries_at_once(synthetic, ask, monkeypatch, everything):
    """One call is in conflict and would be tried again in a minute; somebody mends it, and asks."""
    monkeypatch.undo()
    recording = synthetic.good()
    world = World(synthetic)
    puts, put = [], world.store.put

    def refusing(key, file, sha256, content_type):
        puts.append(key)
        if len(puts) < 2:
            raise CONFLICT
        put(key, file, sha256, content_type)

    monkeypatch.setattr(world.store, "put", refusing)
    ship = Ship(synthetic.layout, world.store, world.database, "calls", "pbx1")
    running = threading.Thread(target=ship.run)
    running.start()
    try:
        wait_for(lambda: [line.split()[1:2] for line in ask("list")[1][1:2]] == [["kept"]])
        code, lines = ask("retry", None if everything else recording)
        assert code == GOOD
        assert "Ship tries it now. What comes of it: `consentgate spool list`." in lines
        wait_for(lambda: (synthetic.layout.shipped / recording).is_dir() and not synthetic.layout.waiting.exists())
    finally:
        ship.stopping.set()
        running.join()
    assert ask("list")[1] == ["nothing waits in the spool"]
    assert not list(synthetic.root.glob("retry-*"))


def wait_for(there):
    for _ in range(200):
        if there():
            return
        threading.Event().wait(0.05)
    raise AssertionError("it did not come")


def test_a_ship_that_waits_for_a_server_takes_the_word(synthetic, monkeypatch):
    ship = World(synthetic).ship()
    waited: list[float] = []

    def wait(seconds):
        waited.append(seconds)
        return len(waited) == 5

    monkeypatch.setattr(ship.stopping, "wait", wait)
    assert not ship._pause(1.2)
    assert [round(one, 1) for one in waited] == [0.5, 0.5, 0.2]
    attempts.ask(synthetic.layout, minted(1))
    assert not ship._pause(60)
    assert len(waited) == 3
    assert ship._pause(60), "it was asked to end"


def test_a_discard_window_is_not_cut_short(synthetic, monkeypatch, capsys):
    recording = synthetic.good()
    world = World(synthetic)
    monkeypatch.setattr("ari_app.ship.windows.DiscardWindows.seconds", lambda *_: 10_000)
    attempts.ask(synthetic.layout, "all")
    ship = world.ship()
    monkeypatch.setattr(Attempts, "close", lambda _: None)
    assert ship.run() == 0
    assert (synthetic.layout.sealed / recording).is_dir()
    assert "ship.asked_to_retry" in said(capsys)
    item = spool.items(synthetic.layout, attempts.read(synthetic.layout))[0]
    assert (item.state, item.attempts) == ("waits", None)
    assert item.why.startswith("its line's discard window is not over")


def test_the_account_is_written_once_a_second_and_a_full_disk_is_borne(synthetic, monkeypatch):
    account = Attempts(synthetic.layout)

    def note_and_write(seconds, **options):
        now = Instant(NOW + round(seconds * SECOND))
        account.note("anchor", "why", now, now, failed=True)
        account.write(now, **options)
        there = attempts.read(synthetic.layout)
        assert there is not None
        return there.found["anchor"].attempts

    assert [note_and_write(0), note_and_write(0.5), note_and_write(0.6, at_once=True)] == [1, 1, 3]
    with monkeypatch.context() as full:
        full.setattr(os, "open", failing(OSError(28, "No space left on device")))
        assert note_and_write(2) == 3
    assert note_and_write(2.2) == 5
    account.forget("other")
    account.forget("anchor")
    account.write(Instant(NOW + round(2.3 * SECOND)))
    assert not synthetic.layout.waiting.exists()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        *((["list"], GOOD), (["list", "--json"], GOOD), (["show", "x"], FINDING), (["retry", "x"], FINDING)),
        *((["retry"], USAGE), (["retry", "X", "--all"], USAGE), (["retry", "--all"], FINDING)),
    ],
)
def test_the_command_line(config, monkeypatch, words, code):
    monkeypatch.setattr(spool, "TAKEN_SECONDS", 0.0)
    monkeypatch.setattr(sys, "argv", ["consentgate", "spool", *words, "--config", str(config)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == code
