"""The gate is killed, or the machine loses power, before every step of a call's evidence; the next one goes on with it.

What was answered "durable" is there whatever happens. No heartbeat says more than the journals hold, not even where
chance keeps the heartbeats and nothing else. And the call ends in one place, with one unbroken chain.
"""

import json
import shutil

import pytest
from sealed_calls import journal
from unit.calls import CALLER, P01, RECORDING, ms
from unit.crashes import Disk, Left, Tree, lay_out
from unit.journal_desk import ENDED, FORGET, GRANTED, OPENED, Desk
from unit.switchboard import RULES

from ari_app import inherited
from ari_app.adapters.journal import Append, Journalist, SealCall
from ari_app.core import evidence as ev
from ari_app.core.names import Instant, RunId
from ari_app.core.reasons import Reason
from ari_app.layout import JOURNAL, Layout

REQUESTED = ev.CaptureRequested(at=ms(3), permit=1, segment=1, party=P01, file="seg-001.p01.wav", bridged_only=True)
ENTERED = ev.PartyEntered(at=ms(1), party="p01", side="outside", channel=CALLER, endpoint="PJSIP/trunk", contract=False)
REVOKED = ev.PermitRevoked(at=ms(5), permit=1, reason=Reason.HELD)
TOLD = [OPENED, ENTERED]
STORY = [*TOLD, GRANTED, REQUESTED, REVOKED, ENDED]
BEFORE_BEAT = {ms(4): 4, ms(6): 5}
"""How many entries of the story a heartbeat of an instant stands for."""


@pytest.fixture(scope="module")
def crashes(tmp_path_factory):
    """Let a gate live through a call; return everything that may have been left, with how much was promised by then."""
    promised: list[int] = [0]
    folder = tmp_path_factory.mktemp("gate")
    desk = Desk(folder)
    desk.layout.root.mkdir()
    disk = Disk(desk.layout.root, outside=lambda: promised[0])
    with disk.watched(), desk:
        desk.note(OPENED)
        desk.note(ENTERED)
        assert desk.attest(GRANTED, REQUESTED) == (True, "")
        promised[0] = 4
        desk.beat(4)
        desk.note(REVOKED)
        desk.beat(6)
        desk.journalist.submit(FORGET)
        desk.note(ENDED)
        assert desk.seal() == (True, "")
        promised[0] = len(STORY)
    found = disk.crashes()
    assert len(found) > 30
    return found


def entries(layout: Layout) -> list[ev.Entry]:
    """Return the call's journal, wherever it is; in two places it must never be."""
    places = [one / RECORDING / JOURNAL for one in (layout.calls, layout.sealed, layout.shipped, layout.quarantine)]
    there = [one for one in places if one.is_file()]
    assert len(there) <= 1, "one call lies in two places"
    return ev.read(there[0].read_bytes())[0] if there else []


def beats(tree: Tree) -> list[Instant]:
    lines = b"".join(content or b"" for path, content in tree.items() if path.startswith("heartbeat/"))
    return [Instant(json.loads(one)["consumed_at"]) for one in lines.split(b"\n") if one.endswith(b"}")]


def go_on(layout: Layout) -> None:
    """Come as the next gate, take over what is there, and hand it to ship."""
    journalist = Journalist(layout, RunId("run-3"))
    layout.quarantine.mkdir(exist_ok=True)
    found = inherited.inherit(layout, journalist, RULES)
    journalist.start()
    answers: list[tuple[bool, str]] = []
    for one in found:
        journalist.submit(Append(one.recording, one.ending))
        if not one.over:
            journalist.submit(Append(one.recording, (ev.Ended(at=ms(20), reason=None),)))
        journalist.submit(SealCall(one.recording, lambda ok, why: answers.append((ok, why))))
    journalist.close()
    assert answers == [(True, "")] * len(found)


def test_the_next_gate_goes_on_with_whatever_was_left(crashes, tmp_path, monkeypatch):
    for name in ("fsync", "fdatasync"):
        monkeypatch.setattr("os." + name, lambda _: None)
    for number, (step, how, tree, promised) in enumerate(crashes):
        where = f"{how}, before {step}"
        layout = Layout(tmp_path / f"crash-{number}" / "spool")
        lay_out(layout.root, tree)
        before = entries(layout)
        assert before == STORY[: len(before)], where
        assert len(before) >= promised, f"{where}: what was answered as durable is not there"
        for beat in beats(tree):
            assert len(before) >= BEFORE_BEAT[beat], f"{where}: a heartbeat says more than is written"
        go_on(layout)
        after = entries(layout)
        assert after[: len(before)] == before, where
        assert not list(layout.calls.iterdir()), where
        assert not list(layout.quarantine.iterdir()), f"{where}: evidence that nobody damaged was put aside"
        assert [one.name for one in layout.sealed.iterdir()] == ([RECORDING] if before else []), where
        if before and promised < len(STORY):
            assert isinstance(after[-1], ev.Ended), where


def test_chance_was_looked_at(crashes):
    """So that the above is not kept by never leaving anything out."""
    assert {how for _, how, _, _ in crashes} == {Left.KILLED, Left.DURABLE, Left.NAMES, Left.HEARTBEATS}
    assert any(len(beats(tree)) == 2 for _, how, tree, _ in crashes if how == Left.HEARTBEATS)


@pytest.mark.parametrize("content", [None, b""])
def test_a_call_of_which_not_a_word_was_written_leaves_nothing(tmp_path, content):
    layout = Layout(tmp_path)
    for folder in (layout.calls / RECORDING, layout.quarantine):
        folder.mkdir(parents=True)
    if content is not None:
        layout.journal_of(RECORDING).write_bytes(content)
    assert inherited.inherit(layout, Journalist(layout, RunId("run-3")), RULES) == []
    assert list(layout.calls.iterdir()) == list(layout.quarantine.iterdir()) == []


def test_a_folder_with_anything_else_in_it_is_put_aside(tmp_path):
    layout = Layout(tmp_path)
    (layout.calls / RECORDING).mkdir(parents=True)
    layout.quarantine.mkdir()
    (layout.calls / RECORDING / "else").touch()
    assert inherited.inherit(layout, Journalist(layout, RunId("run-3")), RULES) == []
    assert [one.name for one in layout.quarantine.iterdir()] == [RECORDING]


def taken_up(layout: Layout, text: bytes) -> tuple[int, int]:
    """Let a gate find this journal; return how many calls it goes on with, and how many it has put aside."""
    for folder in (layout.calls, layout.quarantine):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    layout.journal_of(RECORDING).parent.mkdir()
    layout.journal_of(RECORDING).write_bytes(text)
    found = inherited.inherit(layout, Journalist(layout, RunId("run-3")), RULES)
    return len(found), len(list(layout.quarantine.iterdir()))


def test_a_journal_cut_off_at_every_byte_is_a_chain_up_to_its_last_whole_line():
    """A torn last line was never acted upon; what is left is a chain of its own."""
    whole = journal(STORY)
    for length in range(len(whole) + 1):
        lines = whole[:length].count(b"\n")
        if length and not lines:
            with pytest.raises(ev.DamagedJournalError, match="the only line is torn"):
                ev.read(whole[:length])
        else:
            assert ev.read(whole[:length])[0] == STORY[:lines]


def test_the_next_gate_goes_on_with_a_journal_that_was_cut_off_or_puts_it_aside(tmp_path):
    whole = journal(STORY)
    ends = [number for number, one in enumerate(whole) if one == ord("\n")]
    for length in sorted({0, *(end + more for end in ends for more in (-20, 0, 1))}):
        wanted = (0, 0) if not length else (0, 1) if length <= ends[0] else (1, 0)
        assert taken_up(Layout(tmp_path), whole[:length]) == wanted, length


def test_a_journal_of_which_any_bit_is_another_is_put_aside(tmp_path):
    whole = journal(STORY)
    # What the last line says is covered by nobody's hash before the manifest's.
    for place in range(0, whole[:-1].rfind(b"\n"), 29):
        spoiled = bytearray(whole)
        spoiled[place] ^= 1 << place % 8
        assert taken_up(Layout(tmp_path), bytes(spoiled)) == (0, 1), place
