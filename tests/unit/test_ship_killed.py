"""Ship is killed at any step of any of the calls that its workers have in hand: the next one ends in the same state."""

import threading

import pytest
from sealed_calls import SyntheticSpool
from unit.ship_world import World

from ari_app.adapters.ledger import Ledger
from ari_app.adapters.memory import MemoryDatabase, MemoryStore
from ari_app.adapters.spool import Spool
from ari_app.signing import Signer

CALLS = 4
STEPS = [
    (Spool, "decide"),
    (MemoryStore, "put"),
    (MemoryStore, "read_back"),
    (Spool, "sign"),
    (MemoryDatabase, "store_all"),
    (Ledger, "note"),
    (Spool, "finish"),
    (Spool, "delete_audio"),
]


class KilledError(BaseException):
    """What stands for SIGKILL: no step after it is done, by no worker."""


def kill_at(monkeypatch, owner, name, turn, *, done):
    """Have the turn-th use of a step be the last thing that happens: before it takes effect, or just after."""
    real, count, over, lock = getattr(owner, name), [0], threading.Event(), threading.Lock()

    def step(*arguments, **options):
        with lock:
            count[0] += 1
            mine = count[0] == turn
        if mine and done:
            real(*arguments, **options)
        if mine:
            over.set()
            raise KilledError
        return real(*arguments, **options)

    monkeypatch.setattr(owner, name, step)
    # Nobody else goes on either: whatever comes next of any call does not come any more.
    for one, other in STEPS:
        if (one, other) != (owner, name):
            monkeypatch.setattr(one, other, _unless(over, getattr(one, other)))


def _unless(over, real):
    def step(*arguments, **options):
        if over.is_set():
            raise KilledError
        return real(*arguments, **options)

    return step


def made(path):
    world = World(SyntheticSpool(path / "spool").prepare())
    world.signer = Signer(bytes(range(32)))
    return world, [world.synthetic.good() for _ in range(CALLS)]


def told(world):
    """Return all that a run leaves."""
    ledger = b"".join(file.read_bytes() for file in world.layout.anchors.iterdir())
    return {
        "objects": world.store.objects,
        "rows": world.database.manifests,
        "folders": {name: world.names(name) for name in ("sealed", "shipped", "audio", "quarantine")},
        "files": sorted(str(one.relative_to(world.layout.root)) for one in world.layout.shipped.rglob("*")),
        "ledger": set(ledger.split(b"\n")),
    }


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    world, _ = made(tmp_path_factory.mktemp("undisturbed"))
    assert world.run() == 0
    return told(world)


@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("turn", [1, 3])
@pytest.mark.parametrize(("owner", "name"), STEPS, ids=lambda one: one if isinstance(one, str) else one.__name__)
def test_wherever_it_is_killed_the_next_one_ends_in_the_same_state(
    tmp_path, undisturbed, monkeypatch, owner, name, turn, done
):
    world, recordings = made(tmp_path)
    with monkeypatch.context() as patch:
        kill_at(patch, owner, name, turn, done=done)
        ship = world.ship()
        ship.workers = 4
        try:
            ship.run()
        except KilledError:
            pass
        else:
            # Workers that come together share a transaction, so there may be fewer turns than calls.
            assert (name, turn) == ("store_all", 3)
    for recording in recordings:
        # Local audio goes last: until the call is stored and proved, all of it is here.
        if not (world.layout.shipped / recording).exists():
            assert len(list(world.layout.audio_of(recording).iterdir())) == 2
    assert world.run() == 0
    assert told(world) == undisturbed
