"""What a disk does not let go of `live/` is removed as soon as it can be, and nobody else's name with it."""

import errno
import os
import threading
import time
from pathlib import Path

import pytest
from unit.calls import CALLER, P02
from unit.journal_desk import CLOSED, FORGET, GRANTED, OPENED, Desk

from ari_app.adapters import journal
from ari_app.core.orders import Live


@pytest.fixture
def refused_once(monkeypatch):
    """Let the disk be read-only for the first removal; tell when that was."""
    real, refused = Path.unlink, threading.Event()

    def unlink(self, *, missing_ok=False):
        if not refused.is_set():
            refused.set()
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(self))
        real(self, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", unlink)
    return refused


def test_a_name_that_a_read_only_disk_did_not_let_go_is_removed_when_it_can_be(tmp_path, monkeypatch, refused_once):
    monkeypatch.setattr(journal, "RETRY_SECONDS", 0.01)
    with Desk(tmp_path) as desk:
        desk.note(OPENED)
        desk.attest(GRANTED)
        desk.journalist.submit(FORGET)
        assert refused_once.wait(5)
        for _ in range(500):
            if not list(desk.layout.live.iterdir()) and not desk.journalist.trouble:
                break
            time.sleep(0.01)
        assert list(desk.layout.live.iterdir()) == []
        assert desk.journalist.trouble == ""


def test_a_name_that_was_not_let_go_is_removed_at_the_end_at_the_latest(tmp_path, refused_once):
    with Desk(tmp_path) as desk:
        desk.note(OPENED)
        desk.attest(GRANTED)
        desk.journalist.submit(FORGET)
    assert refused_once.is_set()
    assert list(desk.layout.live.iterdir()) == []


def test_a_name_that_was_not_let_go_and_is_another_capture_s_by_now_stays(tmp_path, refused_once):
    with Desk(tmp_path) as desk:
        desk.note(OPENED)
        desk.attest(GRANTED)
        desk.journalist.submit(FORGET)
        assert desk.attest(CLOSED, live=Live(CALLER, P02, 2, "seg-002.p02.wav")) == (True, "")
    assert refused_once.is_set()
    assert desk.live()["file"] == "seg-002.p02.wav"
