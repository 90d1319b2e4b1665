"""What the keeper writes, and in which order; and how ship takes it away under its hand."""

import json
from dataclasses import replace
from typing import Any

import pytest
from unit.calls import CALLER, RECORDING, ms
from unit.test_fallback_core import RUN, account

from ari_app.adapters.attested import Attested
from ari_app.adapters.heartbeats import Heartbeats
from ari_app.core import evidence as ev
from ari_app.core import fallback, keeper
from ari_app.core.guard import Live, read_live
from ari_app.core.reasons import Reason
from ari_app.core.standstill import Standstill
from ari_app.guard.kept_files import KeptFiles
from ari_app.layout import Layout

KEPT = keeper.Kept(CALLER, RECORDING, ms(60_000), ms(0))
REVOKED = ev.PermitRevoked(at=ms(5000), permit=1, reason=Reason.HELD)
ENDED = ev.Ended(at=ms(9000), reason=None)


@pytest.fixture
def layout(tmp_path):
    found = Layout(tmp_path)
    for folder in (found.live, found.audio, found.fallback, found.sealed, found.shipped, found.quarantine):
        folder.mkdir()
    return found


@pytest.fixture
def written():
    return []


@pytest.fixture
def files(layout, written):
    made = KeptFiles(layout, RUN, written.append)
    made.prepare()
    yield made
    made.close()


def attest(layout):
    """Write a script's journal; return the hash that follows."""
    text = fallback.journal(account())
    layout.fallback_of(CALLER).parent.mkdir()
    layout.fallback_of(CALLER).write_bytes(text)
    return ev.read(text)[1]


def beats(layout):
    file = layout.keeper / f"{RUN}.jsonl"
    return [json.loads(one)["consumed_at"] for one in file.read_text().splitlines()] if file.exists() else []


def test_a_capture_is_named_and_has_a_place_before_the_script_is_told(layout, files):
    files.name(KEPT)
    live = read_live(layout.live_of(CALLER).read_bytes())
    assert live == Live(RUN, RECORDING, fallback.CALLER, 1, "seg-001.p01.wav")
    assert layout.audio_of(RECORDING).stat().st_mode & 0o7777 == 0o2770
    assert layout.kept_of(RECORDING).read_bytes() == b""
    assert layout.keeper.stat().st_mode & 0o7777 == 0o2750


def test_a_channel_that_is_named_already_is_not_taken_over(layout, files):
    layout.live_of(CALLER).write_text("another's")
    with pytest.raises(FileExistsError):
        files.name(KEPT)
    assert layout.live_of(CALLER).read_text() == "another's"
    assert list(layout.audio.iterdir()) == []


@pytest.mark.parametrize("there", ["audio", "kept"])
def test_what_was_there_before_is_refused_and_named_no_more(layout, files, there):
    if there == "audio":
        layout.audio_of(RECORDING).mkdir()
    else:
        layout.kept_of(RECORDING).touch()
    with pytest.raises(FileExistsError):
        files.name(KEPT)
    assert not layout.live_of(CALLER).exists()


def test_a_heartbeat_comes_after_what_was_to_be_written_before_it(layout, files, written):
    files.name(KEPT)
    files.append(RECORDING, b"one\n")
    files.beat("boot", ms(100), ms(101))
    files.append(RECORDING, b"two\n")
    files.forget(CALLER)
    files.forget(CALLER)
    files.beat("boot", ms(200), ms(201))
    files.close()
    assert layout.kept_of(RECORDING).read_bytes() == b"one\ntwo\n"
    assert beats(layout) == [ms(100), ms(200)]
    assert written == [ms(101), ms(201)]
    assert not layout.live_of(CALLER).exists()
    assert files.trouble == ""


def test_a_heartbeat_says_when_asterisk_may_have_stood_still(layout, files):
    files.beat("boot", ms(100), ms(101), Standstill(ms(50), ms(100)))
    files.beat("boot", ms(200), ms(201))
    files.close()
    heard = Heartbeats(layout.keeper)
    heard.refresh()
    assert heard.stood_still(files.run) == (Standstill(ms(50), ms(100)),)
    assert heard.last(files.run) == ms(200)


def test_after_one_failure_no_heartbeat_ever_is(layout, files, written):
    files.name(KEPT)
    files.beat("boot", ms(100), ms(101))
    layout.kept_of(RECORDING).unlink()
    files.append(RECORDING, b"lost\n")
    files.beat("boot", ms(200), ms(201))
    files.close()
    assert beats(layout) == [ms(100)]
    assert written == [ms(101)]
    assert "No such file" in files.trouble
    assert not layout.kept_of(RECORDING).exists()


# -- ship's side


def test_the_scripts_lines_and_the_keepers_become_one_journal(layout, files):
    previous = attest(layout)
    files.name(KEPT)
    files.append(RECORDING, keeper.lines((REVOKED, ENDED), previous)[0])
    files.close()
    attested = Attested(layout)
    found = attested.of(CALLER)
    assert found is not None
    assert (found.kept, found.ended) == (True, ms(9000))
    assert attested.adopt(found, ms(8000))
    entries, _ = ev.read((layout.sealed / RECORDING / "journal.jsonl").read_bytes())
    assert entries == [*account(), REVOKED, ENDED]
    assert list(layout.fallback.iterdir()) == []
    assert [one.name for one in layout.keeper.iterdir()] == []
    assert attested.of(CALLER) is None
    assert attested.all() == []


@pytest.mark.parametrize("torn", [b"", b'{"kind":"permit_rev'])
def test_a_journal_that_nobody_ended_ends_with_the_note(layout, files, torn):
    previous = attest(layout)
    files.name(KEPT)
    files.append(RECORDING, keeper.lines((REVOKED,), previous)[0] + torn)
    files.close()
    attested = Attested(layout)
    (found,) = attested.all()
    assert found.ended is None
    assert attested.adopt(found, ms(8000))
    entries, _ = ev.read((layout.sealed / RECORDING / "journal.jsonl").read_bytes())
    assert entries[-2:] == [REVOKED, ev.Ended(at=ms(8000), reason=None)]


def test_what_the_keeper_says_after_it_was_taken_is_not_said(layout, files, written):
    previous = attest(layout)
    files.name(KEPT)
    attested = Attested(layout)
    found = attested.of(CALLER)
    assert found is not None
    attested.adopt(found, ms(8000))
    files.append(RECORDING, keeper.lines((REVOKED,), previous)[0])
    files.beat("boot", ms(9000), ms(9001))
    files.close()
    assert files.trouble
    assert written == []


def test_a_kill_in_between_is_made_good(layout, files):
    previous = attest(layout)
    files.name(KEPT)
    files.append(RECORDING, keeper.lines((REVOKED, ENDED), previous)[0])
    files.close()
    kept = layout.kept_of(RECORDING)
    kept.rename(kept.with_suffix(".taken"))
    (layout.sealed / f".{RECORDING}.new").mkdir()
    (found,) = Attested(layout).all()
    assert (found.kept, found.ended) == (True, ms(9000))
    assert Attested(layout).adopt(found, ms(8000))
    assert (layout.sealed / RECORDING / "journal.jsonl").exists()
    assert list(layout.keeper.iterdir()) == []


@pytest.mark.parametrize("stage", ["sealed", "shipped"])
def test_a_call_that_is_sealed_already_is_not_sealed_again(layout, files, stage):
    attest(layout)
    files.name(KEPT)
    files.close()
    (getattr(layout, stage) / RECORDING).mkdir()
    (found,) = Attested(layout).all()
    Attested(layout).adopt(found, ms(8000))
    assert list((getattr(layout, stage) / RECORDING).iterdir()) == []
    assert list(layout.fallback.iterdir()) == []


def test_what_nobody_kept_is_forgotten(layout, files):
    attest(layout)
    (found,) = Attested(layout).all()
    assert not found.kept
    assert not Attested(layout).adopt(found, ms(8000))
    assert list(layout.fallback.iterdir()) == list(layout.sealed.iterdir()) == list(layout.quarantine.iterdir()) == []
    files.close()


@pytest.mark.parametrize("text", [b"", b"torn", None])
def test_what_a_script_that_died_has_left_is_forgotten(layout, text):
    layout.fallback_of(CALLER).parent.mkdir()
    if text is not None:
        layout.fallback_of(CALLER).write_bytes(text)
    (found,) = Attested(layout).all()
    assert found.opened is None
    assert not Attested(layout).adopt(found, ms(8000))
    assert list(layout.fallback.iterdir()) == list(layout.quarantine.iterdir()) == []


@pytest.mark.parametrize("how", ["damaged", "gate's", "of another channel", "no recording"])
def test_what_is_no_scripts_account_is_put_aside(layout, how):
    attest(layout)
    file = layout.fallback_of(CALLER)
    lines = file.read_bytes()
    changes = {"gate's": {"attested_by": "gate"}, "of another channel": {"channel": "9.9"}}
    changes["no recording"] = {"recording": "../x"}
    if how == "damaged":
        file.write_bytes(lines.replace(b'"pbx1"', b'"pbx2"', 1))
    else:
        opened: Any = account()[0]
        file.write_bytes(fallback.journal([replace(opened, **changes[how]), *account()[1:]]))
    (found,) = Attested(layout).all()
    assert not Attested(layout).adopt(found, ms(8000))
    assert list(layout.fallback.iterdir()) == []
    (aside,) = layout.quarantine.iterdir()
    assert aside.name.startswith("fallback-")


def test_links_and_other_names_are_no_accounts(layout):
    (layout.fallback / "note.json").write_text("{}")
    (layout.fallback / "-x").mkdir()
    (layout.fallback / "9.9").symlink_to("/etc")
    assert Attested(layout).all() == []
    layout.fallback.joinpath("note.json").unlink()
    assert Attested(Layout(layout.root / "nowhere")).all() == []
