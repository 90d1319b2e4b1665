"""Ship's side of the spool: heartbeats grow and tear, folders come from outside, locks are held."""

import json
import os

import pytest
from sealed_calls import BEGAN, SyntheticSpool, at, minted

from ari_app.adapters import spool as spool_adapter
from ari_app.adapters.heartbeats import Heartbeats
from ari_app.adapters.spool import Spool, read_fallback
from ari_app.core.reasons import Reason
from ari_app.errors import SpoolError
from ari_app.layout import Layout

# -- heartbeats


@pytest.fixture
def synthetic(tmp_path):
    made = SyntheticSpool(tmp_path)
    made.layout.heartbeats.mkdir()
    return made


@pytest.fixture
def heartbeats(synthetic):
    return Heartbeats(synthetic.layout.heartbeats)


def test_the_greatest_consumed_instant_counts(synthetic, heartbeats):
    for seconds in (1, 3, 2):
        synthetic.beat(at(seconds), written=at(9))
    heartbeats.refresh()
    assert heartbeats.last("run-1") == at(3)
    assert heartbeats.last("run-2") is None


def test_what_was_heard_before_the_clock_was_set_back_proves_nothing_of_what_came_after(synthetic, heartbeats):
    for seconds in (3600, 3601, 3600.5, 10, 11):
        synthetic.beat(at(seconds), written=at(9))
    heartbeats.refresh()
    assert heartbeats.last("run-1", at(9)) == at(11), "a call from after it"
    assert heartbeats.last("run-1", at(3500)) == at(3601), "a call from before it"
    assert heartbeats.last("run-1", at(4000)) == at(3601), "nothing was heard of this one"


def test_a_torn_last_line_is_read_when_it_is_whole(synthetic, heartbeats):
    file = synthetic.layout.heartbeats / "run-1.jsonl"
    synthetic.beat(at(1))
    line = json.dumps({"boot": "b", "consumed_at": at(2), "written_at": at(2)})
    with file.open("a") as stream:
        stream.write(line[:20])
    heartbeats.refresh()
    assert heartbeats.last("run-1") == at(1)
    with file.open("a") as stream:
        stream.write(line[20:] + "\n")
    heartbeats.refresh()
    assert heartbeats.last("run-1") == at(2)


@pytest.mark.parametrize(
    "garbage", ["not json", "[]", "{}", '{"boot":1}', '{"boot":"b","consumed_at":"x","written_at":1}']
)
def test_a_damaged_line_proves_nothing_and_hides_nothing(synthetic, heartbeats, garbage):
    synthetic.beat(at(1))
    with (synthetic.layout.heartbeats / "run-1.jsonl").open("a") as stream:
        stream.write(garbage + "\n")
    synthetic.beat(at(2))
    heartbeats.refresh()
    assert heartbeats.last("run-1") == at(2)


def test_when_asterisk_stood_still_is_read_once_and_hides_nothing(synthetic, heartbeats):
    synthetic.beat(at(2), stood_still=((at(1), at(2)),))
    heartbeats.refresh()
    synthetic.beat(at(9), stood_still=((at(5), at(6)), (at(8), at(9))))
    for _ in range(2):
        heartbeats.refresh()
    found = [(one.since, one.until) for one in heartbeats.stood_still("run-1")]
    assert found == [(at(1), at(2)), (at(5), at(6)), (at(8), at(9))]
    assert heartbeats.last("run-1") == at(9)
    assert heartbeats.stood_still("another") == ()


def test_only_what_was_appended_is_read_again(synthetic, heartbeats):
    synthetic.beat(at(1))
    heartbeats.refresh()
    file = synthetic.layout.heartbeats / "run-1.jsonl"
    file.write_bytes(b"x" * file.stat().st_size)
    synthetic.beat(at(2))
    heartbeats.refresh()
    assert heartbeats.last("run-1") == at(2)


def test_no_heartbeats_at_all_is_no_error(tmp_path):
    heartbeats = Heartbeats(tmp_path / "nowhere")
    heartbeats.refresh()
    assert heartbeats.last("run-1") is None
    assert not heartbeats.superseded("run-1")
    assert not heartbeats.asterisk_gone("run-1", BEGAN)


def test_a_later_run_supersedes(synthetic, heartbeats):
    synthetic.beat(at(5))
    synthetic.beat(at(4), run="run-0")
    heartbeats.refresh()
    assert not heartbeats.superseded("run-1")
    assert heartbeats.superseded("run-0")
    assert heartbeats.superseded("run-that-wrote-nothing")


@pytest.mark.parametrize(
    ("beats", "gone"),
    [
        ([("run-1", "a", 1), ("run-1", "a", 9)], False),
        ([("run-1", "a", 1), ("run-1", "b", 9)], True),
        ([("run-1", "a", 1), ("run-2", "b", 9)], True),
        ([("run-1", "a", 1), ("run-2", "a", 9)], False),
        # The capture was begun under b; that a went before says nothing about b.
        ([("run-1", "a", 1), ("run-1", "b", 4), ("run-1", "b", 9)], False),
        ([("run-0", "z", 0), ("run-1", "a", 1)], False),
        # The run's first line came only after the capture was asked for.
        ([("run-1", "a", 6), ("run-1", "b", 9)], True),
        ([("run-1", "a", 6)], False),
    ],
)
def test_when_an_asterisk_is_gone(synthetic, heartbeats, beats, gone):
    for run, boot, seconds in beats:
        synthetic.beat(at(seconds), run=run, boot=boot)
    heartbeats.refresh()
    assert heartbeats.asterisk_gone("run-1", at(5)) is gone


# -- folders


def test_a_second_ship_is_refused(tmp_path):
    layout = Layout(tmp_path)
    with (
        spool_adapter.lock(layout, "ship"),
        pytest.raises(SpoolError, match="another ship") as caught,
        spool_adapter.lock(layout, "ship"),
    ):
        pass
    assert caught.value.exit_code == 1
    with spool_adapter.lock(layout, "ship"):
        pass


def test_a_spool_that_is_not_there_is_named(tmp_path):
    layout = Layout(tmp_path / "nowhere")
    with pytest.raises(SpoolError, match=r"nowhere.*spool\.path"), spool_adapter.lock(layout, "ship"):
        pass
    with pytest.raises(SpoolError, match="must exist"):
        Spool(layout).prepare()


def test_only_our_ids_are_calls(tmp_path):
    spool = Spool(Layout(tmp_path))
    assert spool.sealed() == []
    spool.prepare()
    for name in (minted(2), minted(1), "..x", "lost+found", f".{minted(3)}.new"):
        (spool.layout.sealed / name).mkdir()
    assert spool.sealed() == [minted(1), minted(2)]
    assert spool.layout.quarantine.stat().st_mode & 0o777 == 0o700


# -- fallback files


def note(**changes):
    raw = {
        "format": 1,
        "line": "switchboard",
        "channel": "1763802000.1",
        "at": BEGAN,
        "ended_at": BEGAN + 5_000_000,
        "reason": "gate_away",
    }
    return json.dumps(raw | changes)


def test_what_a_script_wrote_is_read(tmp_path):
    (tmp_path / "x.json").write_text(note())
    found = read_fallback(tmp_path / "x.json", "pbx1")
    assert (found.node, found.line, found.channel) == ("pbx1", "switchboard", "1763802000.1")
    assert (found.at, found.ended_at, found.reason) == (BEGAN, BEGAN + 5_000_000, Reason.GATE_AWAY)


def test_the_same_note_is_the_same_recording_and_another_is_another(tmp_path):
    for name, changes in (("a", {}), ("b", {}), ("c", {"channel": "1763802000.2"}), ("d", {"at": BEGAN + 1})):
        (tmp_path / name).write_text(note(**changes))
    a, b, c, d = (read_fallback(tmp_path / name, "pbx1").recording for name in "abcd")
    elsewhere = read_fallback(tmp_path / "a", "pbx2").recording
    assert a == b
    assert len({a, c, d, elsewhere}) == 4


def test_a_clock_set_back_makes_no_call_that_ends_before_it_begins(tmp_path):
    (tmp_path / "x.json").write_text(note(ended_at=BEGAN - 1))
    assert read_fallback(tmp_path / "x.json", "pbx1").ended_at == BEGAN


@pytest.mark.parametrize(
    "content",
    [
        "",
        "null",
        "[]",
        "{}",
        "\xff\xfe",
        "[" * 4000,
        "x" * 5000,
        note(format=2),
        note(format=True),
        note(format="1"),
        note(extra=1),
        note(recording="00000000000000000000000000"),
        note(line=None),
        note(ended_at="now"),
        note(channel="../x"),
        note(channel="1,x"),
        note(line="a b"),
        note(line="'; DROP TABLE calls"),
        note(at="now"),
        note(at=True),
        note(at=0),
        note(at=10**18),
        note(at=1.5),
        note(reason="because"),
        note(reason=["gate_away"]),
        note().replace('"at"', '"at": 1, "at"')[:-3],
    ],
)
def test_anything_else_is_refused(tmp_path, content):
    (tmp_path / "x.json").write_bytes(content.encode("latin-1", "replace"))
    with pytest.raises(ValueError, match=r"."):
        read_fallback(tmp_path / "x.json", "pbx1")


def test_neither_links_nor_pipes_nor_folders_are_read(tmp_path):
    (tmp_path / "real.json").write_text(note())
    (tmp_path / "link.json").symlink_to(tmp_path / "real.json")
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "folder.json").mkdir()
    for name in ("link.json", "pipe.json", "folder.json", "gone.json"):
        with pytest.raises(ValueError, match=r"cannot be opened|is not a file"):
            read_fallback(tmp_path / name, "pbx1")


def test_unfinished_fallbacks_are_left_alone(tmp_path):
    spool = Spool(Layout(tmp_path))
    assert spool.fallbacks() == []
    spool.layout.fallback.mkdir()
    for name in ("b.json", "a.json", ".c.json", "d.json.tmp", "e.txt"):
        (spool.layout.fallback / name).touch()
    assert [file.name for file in spool.fallbacks()] == ["a.json", "b.json"]


def test_an_id_that_another_call_has_is_refused(tmp_path):
    synthetic = SyntheticSpool(tmp_path).prepare()
    spool = Spool(synthetic.layout)
    spool.prepare()
    recording = synthetic.good()
    file = synthetic.layout.fallback / "x.json"
    file.write_text(note(recording=recording))
    with pytest.raises(SpoolError, match="another call's"):
        spool.adopt_fallback(file, recording, b"{}")
    assert file.exists()
