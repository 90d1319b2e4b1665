"""Which call is next, when a hundred thousand wait, several workers take, and people take some away."""

import pytest
from sealed_calls import minted

from ari_app.core import names
from ari_app.core.names import Instant
from ari_app.ship.queue import Queue

NOW = Instant(1_000_000)
LATER = Instant(2_000_000)


@pytest.fixture
def make(tmp_path):
    def made(*numbers):
        for number in numbers:
            (tmp_path / minted(number)).mkdir()

    return made


@pytest.fixture
def queue(tmp_path):
    return Queue(tmp_path)


def taken(queue, now=NOW):
    found = []
    while (one := queue.take(now)) is not None:
        found.append(one)
    return found


def test_the_oldest_first_and_each_once(queue, make, tmp_path):
    make(3, 1, 2)
    (tmp_path / f".{minted(4)}.new").mkdir()
    (tmp_path / "lost+found").mkdir()
    queue.look()
    assert (len(queue), queue.oldest) == (3, names.minted_at(minted(1)))
    assert taken(queue) == [minted(1), minted(2), minted(3)]
    queue.look()
    assert taken(queue) == []
    assert (len(queue), queue.idle(NOW)) == (3, False)


def test_what_waits_comes_when_its_time_has_come(queue, make, tmp_path):
    make(1, 2)
    queue.look()
    queue.put_back(queue.take(NOW), LATER)
    assert taken(queue) == [minted(2)]
    (tmp_path / minted(2)).rmdir()
    queue.done(minted(2))
    assert queue.idle(NOW)
    assert not queue.idle(LATER)
    queue.look()
    assert taken(queue, LATER) == [minted(1)]


@pytest.mark.parametrize("everything", [True, False])
def test_people_have_it_tried_at_once_and_not_twice(queue, make, everything):
    make(1)
    queue.look()
    queue.put_back(queue.take(NOW), LATER)
    queue.hurry(minted(9))
    for _ in range(2):
        if everything:
            queue.hurry_all()
        else:
            queue.hurry(minted(1))
    assert taken(queue) == [minted(1)]
    queue.done(minted(1))
    assert taken(queue, LATER) == []


def test_what_somebody_took_away_is_forgotten(queue, make, tmp_path):
    make(1, 2)
    queue.look()
    (tmp_path / minted(1)).rmdir()
    queue.look()
    assert taken(queue) == [minted(2)]
    (tmp_path / minted(2)).rmdir()
    queue.look()
    assert len(queue) == 1, "it is with a worker, who will say what became of it"
    queue.done(minted(2))
    assert (len(queue), queue.idle(NOW)) == (0, True)
    queue.look()
    assert queue.oldest is None


def test_a_call_that_is_done_while_its_folder_is_listed_is_not_taken_again(queue, make, tmp_path, monkeypatch):
    make(1)
    queue.look()
    recording = queue.take(NOW)
    listed = queue._listed

    def list_and_be_done():
        names_there = listed()
        (tmp_path / recording).rmdir()
        queue.done(recording)
        return names_there

    monkeypatch.setattr(queue, "_listed", list_and_be_done)
    queue.look()
    assert taken(queue) == []
    monkeypatch.undo()
    queue.look()
    assert taken(queue) == []


def test_a_long_listing_is_seldom(queue, monkeypatch):
    looks: list[int] = []
    seconds = iter(range(1000))

    def listed():
        looks.append(1)
        return []

    monkeypatch.setattr(queue, "_listed", listed)
    monkeypatch.setattr("time.monotonic", lambda: float(next(seconds)))
    for _ in range(30):
        queue.look()
    assert len(looks) == 2, "each takes a second here, so it waits twenty"


def test_a_folder_that_is_not_there_holds_nothing(tmp_path):
    queue = Queue(tmp_path / "nowhere")
    queue.look()
    assert queue.take(NOW) is None


def test_what_is_stored_comes_before_what_is_new_when_its_time_has_come(queue, make):
    make(1, 2, 3)
    queue.look()
    queue.put_back(queue.take(NOW), LATER, stored=True)
    queue.look()
    assert (len(queue), queue.oldest) == (2, names.minted_at(minted(2)))
    assert queue.take(NOW) == minted(2)
    assert queue.take(LATER) == minted(1)
    queue.put_back(minted(1), LATER)
    queue.look()
    assert (len(queue), queue.oldest) == (3, names.minted_at(minted(1))), "it was lost, and is to be stored once more"
