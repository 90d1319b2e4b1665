"""What ship relies on of a place for objects, asked of the real S3 server and of the one in memory."""

import hashlib

import pytest
import servers

from ari_app.adapters.folder import FolderArchive
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


def test_what_was_put_is_listed_and_read_again(store, key, file, tmp_path):
    folder = key.rpartition("/")[0]
    other = tmp_path / "other"
    other.write_bytes(b"another call")
    store.put(key, file, found(file).sha256, "audio/flac")
    store.put(f"{folder}/manifest.json", other, found(other).sha256, "application/json")
    store.put(f"{folder}-not/manifest.json", other, found(other).sha256, "application/json")
    assert sorted(store.list(f"{folder}/")) == [f"{folder}/manifest.json", key]
    assert b"".join(store.read(key)) == file.read_bytes()
    assert b"".join(store.read(f"{folder}/manifest.json")) == b"another call"


def test_where_nothing_is_nothing_is_listed_and_reading_it_is_told(store, key):
    assert list(store.list(f"{key}/")) == []
    with pytest.raises(NotThereError):
        list(store.read(key))


def copied(store, prefix, folder):
    """Copy what is stored below a prefix into a folder, as an auditor would."""
    for key in store.list(prefix):
        target = folder / key
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(b"".join(store.read(key)))
    return FolderArchive(folder)


def test_a_copy_in_a_folder_is_the_same_archive(store, key, file, tmp_path):
    folder = key.rpartition("/")[0]
    for name in ("b/1", "a/2", "a/1", "c"):
        store.put(f"{folder}/{name}", file, found(file).sha256, "audio/flac")
    copy = copied(store, f"{folder}/", tmp_path / "copy")
    assert sorted(copy.list(f"{folder}/")) == sorted(store.list(f"{folder}/"))
    assert b"".join(copy.read(f"{folder}/c")) == file.read_bytes()
    assert list(copy.list(f"{folder}/nowhere/")) == []
    with pytest.raises(NotThereError):
        list(copy.read(f"{folder}/nowhere"))


def test_the_keys_of_a_folder_come_one_after_the_other(store, key, file):
    folder = key.rpartition("/")[0]
    for name in ("b/1", "a/2", "a/1", "b/2", "c/3", "a/3"):
        store.put(f"{folder}/{name}", file, found(file).sha256, "audio/flac")
    listed = [one.rpartition("/")[0] for one in store.list(f"{folder}/")]
    assert [one.removeprefix(f"{folder}/") for one in listed] == ["a", "a", "a", "b", "b", "c"]
