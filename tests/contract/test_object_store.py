"""What ship relies on of a place for objects, asked of the real S3 server and of the one in memory."""

import hashlib

import pytest
import servers

from ari_app.adapters.memory import MemoryStore
from ari_app.errors import NotThereError, TransientError
from ari_app.ports import Found


@pytest.fixture(params=["seaweedfs", "memory"])
def store(request):
    return servers.running().store() if request.param == "seaweedfs" else MemoryStore()


@pytest.fixture
def key():
    return f"{servers.running().prefix()}/2026/11/22/x/seg-001.flac"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "seg-001.flac"
    path.write_bytes(b"\x00\xff sound " * 20_000)
    return path


def found(file):
    content = file.read_bytes()
    return Found(len(content), hashlib.sha256(content).hexdigest())


def test_it_answers(store):
    store.reach()


def test_what_was_put_is_there(store, key, file):
    store.put(key, file, found(file).sha256, "audio/flac")
    assert store.head(key) == found(file)


def test_an_empty_object_is_an_object(store, key, tmp_path):
    empty = tmp_path / "empty"
    empty.touch()
    store.put(key, empty, found(empty).sha256, "audio/flac")
    assert store.head(key) == found(empty)


def test_what_was_not_put_is_not_there(store, key):
    with pytest.raises(NotThereError):
        store.head(key)


def test_putting_again_changes_nothing(store, key, file):
    for _ in range(2):
        store.put(key, file, found(file).sha256, "audio/flac")
    assert store.head(key) == found(file)


def test_a_taken_key_is_left_alone(store, key, file, tmp_path):
    store.put(key, file, found(file).sha256, "audio/flac")
    other = tmp_path / "other"
    other.write_bytes(b"another call")
    store.put(key, other, found(other).sha256, "audio/flac")
    assert store.head(key) == found(file)


def test_bytes_that_have_another_hash_are_not_stored(store, key, file):
    with pytest.raises(TransientError):
        store.put(key, file, "0" * 64, "audio/flac")
    with pytest.raises(NotThereError):
        store.head(key)
