"""What ship relies on of a place for objects, asked of the real S3 server and of the one in memory."""

import hashlib

import pytest
import servers
from demo_world.seaweed import BUCKET

from ari_app import clock
from ari_app.adapters.folder import FolderArchive
from ari_app.adapters.memory import MemoryStore
from ari_app.core.names import Instant
from ari_app.core.retention import LockMode
from ari_app.errors import NotThereError, TransientError
from ari_app.ports import ConflictError, Found, NotLockableError

SECOND = 1_000_000


@pytest.fixture(params=["seaweedfs", "memory"])
def store(request):
    return servers.running().store() if request.param == "seaweedfs" else MemoryStore()


@pytest.fixture(params=["seaweedfs", "memory"])
def unlocked(request):
    """A store whose bucket was made without Object Lock."""
    if request.param == "memory":
        return MemoryStore(lockable=False)
    return servers.running().store(bucket=servers.running().bucket("unlocked"))


def lock_of(store, key):
    """Return how and until when an object is locked, in seconds since 1970."""
    if isinstance(store, MemoryStore):
        mode, until = store.locks[key]
        return mode, -(-until // SECOND)
    found = store._client.get_object_retention(Bucket=BUCKET, Key=key)["Retention"]
    return LockMode(found["Mode"].lower()), round(found["RetainUntilDate"].timestamp())


def is_held(store, key):
    if isinstance(store, MemoryStore):
        return key in store.held
    return store._client.get_object_legal_hold(Bucket=BUCKET, Key=key)["LegalHold"]["Status"] == "ON"


def release(store, key):
    if not isinstance(store, MemoryStore):
        store._client.put_object_legal_hold(Bucket=BUCKET, Key=key, LegalHold={"Status": "OFF"})


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


def test_what_the_store_says_of_what_it_has_taken_is_so(store, key, file):
    assert [store.put(key, file, found(file).sha256, "audio/flac") for _ in range(2)] == [found(file)] * 2


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


def test_a_taken_key_is_left_alone_and_a_person_must_settle_it(store, key, file, tmp_path):
    store.put(key, file, found(file).sha256, "audio/flac")
    other = tmp_path / "other"
    other.write_bytes(b"another call")
    with pytest.raises(ConflictError, match=r"another object under this name.*Find out where it came from"):
        store.put(key, other, found(other).sha256, "audio/flac")
    assert store.head(key) == store.read_back(key) == found(file)


def test_what_is_read_back_is_told_from_all_of_its_bytes(store, key, file):
    with pytest.raises(NotThereError):
        store.read_back(key)
    store.put(key, file, found(file).sha256, "audio/flac")
    assert store.read_back(key) == found(file)


@pytest.mark.parametrize("mode", [LockMode.GOVERNANCE, LockMode.COMPLIANCE])
def test_what_is_locked_once_stays_locked_when_it_is_locked_again(store, key, file, mode):
    store.put(key, file, found(file).sha256, "audio/flac")
    until = Instant(clock.now() + 2 * SECOND)
    for _ in range(2):
        store.retain(key, mode, until)
    assert lock_of(store, key) == (mode, -(-until // SECOND))


def test_a_lock_is_made_longer_and_never_shorter(store, key, file):
    store.put(key, file, found(file).sha256, "audio/flac")
    now = clock.now()
    for seconds in (2, 4, 3):
        store.retain(key, LockMode.GOVERNANCE, Instant(now + seconds * SECOND))
    assert lock_of(store, key) == (LockMode.GOVERNANCE, -(-(now + 4 * SECOND) // SECOND))


def test_what_is_held_once_stays_held(store, key, file):
    store.put(key, file, found(file).sha256, "audio/flac")
    for _ in range(2):
        store.hold(key)
    assert is_held(store, key)
    release(store, key)


def test_what_is_not_there_cannot_be_locked(store, key):
    with pytest.raises(NotThereError):
        store.retain(key, LockMode.GOVERNANCE, Instant(clock.now() + 2 * SECOND))


def test_a_store_without_locks_says_so(unlocked, key, file):
    unlocked.put(key, file, found(file).sha256, "audio/flac")
    with pytest.raises(NotLockableError):
        unlocked.retain(key, LockMode.GOVERNANCE, Instant(clock.now() + 2 * SECOND))
    with pytest.raises(NotLockableError):
        unlocked.hold(key)


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
