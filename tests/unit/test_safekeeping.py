"""When the audio here may go: proved, locked, old enough, and proved again; whatever the store does meanwhile."""

import json

import pytest
from sealed_calls import BEGAN, SECOND, SyntheticSpool, at, incident, minted, opened
from unit.config_world import write
from unit.ship_world import World, failing, said, sound

from ari_app import attempts, clock
from ari_app.adapters.memory import MemoryStore
from ari_app.commands import spool
from ari_app.core import evidence as ev
from ari_app.core.names import Instant, instant_of
from ari_app.core.reasons import Reason
from ari_app.core.retention import Keep, Locking, LockMode
from ari_app.safekeeping import STORED, Proof, Terms
from ari_app.signing import Signer

MINUTE = 60 * SECOND
CLASS = Keep(8, "year")
LOCKING = Locking(LockMode.GOVERNANCE, lines={"switchboard": CLASS}, classes=(CLASS, Keep(30, "day")))


class Clocked(World):
    """A world with a clock that can be set, and a site that demands something."""

    later = 60 * MINUTE
    terms = Terms(keep_audio_seconds=300)

    def ship(self):
        made = super().ship()
        made.terms = self.terms
        return made


@pytest.fixture
def world(tmp_path, monkeypatch):
    made = Clocked(SyntheticSpool(tmp_path / "spool").prepare())
    monkeypatch.setattr(clock, "now", lambda: Instant(BEGAN + made.later))
    return made


def asked(world):
    """Count what the store is asked, by method."""
    counted: list[str] = []
    for name in ("put", "head", "read_back", "retain"):
        method = getattr(world.store, name)

        def call(*arguments, name=name, method=method):
            counted.append(name)
            return method(*arguments)

        setattr(world.store, name, call)
    return counted


def test_the_audio_stays_for_so_long_after_the_call_was_stored(world, capsys):
    recording = world.synthetic.good()
    assert world.run() == 0
    assert world.database.manifests[recording]["call"]["outcome"] == "recorded"
    assert (world.names("sealed"), world.names("audio")) == ([recording], [recording])
    assert "call.waits" in said(capsys)
    for later in (61, 64):
        world.later = later * MINUTE
        assert world.run() == 0
        assert world.names("audio") == [recording]
    world.later = 65 * MINUTE
    assert world.run() == 0
    assert (world.names("sealed"), world.names("audio"), world.names("shipped")) == ([], [], [recording])


def test_meanwhile_it_says_until_when_it_waits_and_is_not_stored_again(world):
    recording = world.synthetic.good()
    ship = world.ship()
    ship.run()
    world.later += MINUTE
    counted = asked(world)
    assert world.run() == 0
    assert counted == []
    assert (world.layout.sealed / recording / STORED).read_text() == str(BEGAN + 60 * MINUTE)
    assert attempts.read(world.layout) is None


def test_people_see_what_is_stored_and_whose_sound_is_still_here(world, tmp_path, capsys):
    recording = world.synthetic.good()
    world.run()
    config = write(tmp_path, ("spool.path", str(world.layout.root)))
    capsys.readouterr()
    spool.run(config, action="list", as_json=True)
    (found, _) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (found["id"], found["state"]) == (recording, "waits")
    assert "s3.keep_audio_seconds" in found["why"]
    spool.run(config, action="show", recording=recording)
    assert "stored, proved and entered; its sound is still here" in capsys.readouterr().out


def test_a_call_of_which_nothing_is_stored_but_the_account_need_not_wait(world):
    recording = world.synthetic.seal(
        [opened(minted(9), mode="never"), ev.Ended(at=at(3), reason=Reason.LINE_NEVER)], {}
    )
    world.run()
    assert world.names("shipped") == [recording]


@pytest.mark.parametrize("how", ["is gone", "is another"])
def test_what_the_store_lost_meanwhile_is_stored_once_more_from_the_audio(world, how, capsys):
    """As a server does that answered before anything was on its disks, and then lost its power."""
    recording = world.synthetic.good()
    world.run()
    key = f"calls/2026/11/22/{recording}/seg-001.flac"
    whole = world.store.objects.pop(key)
    world.later += 6 * MINUTE
    if how == "is another":
        world.store.objects[key] = b"cut short"
    assert world.run() == 1
    assert "S3 lost or changed what it had taken" in said(capsys)
    assert (world.names("sealed"), world.names("audio")) == ([recording], [recording])
    if how == "is another":
        # What another one has put there is for a person to settle, and never overwritten.
        assert world.run() == 1
        assert "S3 holds another object" in said(capsys)
        del world.store.objects[key]
    assert world.run() == 0
    assert world.store.objects[key] == whole
    world.later += 6 * MINUTE
    assert world.run() == 0
    assert (world.names("audio"), world.names("shipped")) == ([], [recording])


@pytest.mark.parametrize(
    ("terms", "silent", "first", "later"),
    [
        (Terms(), False, ["put", "read_back"], None),
        (Terms(proof=Proof.HEAD), False, ["put", "head"], None),
        (Terms(keep_audio_seconds=300), False, ["put"], "read_back"),
        (Terms(keep_audio_seconds=300), True, ["put", "head"], "read_back"),
        (Terms(proof=Proof.HEAD, keep_audio_seconds=300), False, ["put"], "head"),
    ],
)
def test_what_is_proved_and_when(world, terms, silent, first, later):
    """silent: the store does not say what it has taken."""
    recording = world.synthetic.good()
    world.terms, counted = terms, asked(world)
    if silent:
        taken = world.store.put
        world.store.put = lambda *arguments: taken(*arguments) and None
    world.run()
    assert counted == first * 2
    if later:
        counted.clear()
        world.later += 6 * MINUTE
        world.run()
        assert counted == [later] * 2
    assert world.names("shipped") == [recording]


def test_what_was_to_be_proved_later_is_proved_though_the_terms_changed_meanwhile(world):
    """A reload may say that no audio is to lie: what the store had only given its word for is fetched all the same."""
    world.synthetic.good()
    world.terms = Terms(keep_audio_seconds=300)
    world.run()
    world.terms, counted = Terms(), asked(world)
    key = next(iter(world.store.objects))
    lost = world.store.objects.pop(key)
    assert world.run() == 1
    assert world.names("audio") != []
    world.later += 2 * MINUTE
    assert world.run() == 0
    assert world.store.objects[key] == lost
    assert "read_back" in counted
    assert world.names("audio") == []


def test_what_nothing_proves_later_is_proved_at_once_also_where_audio_lies(world):
    """A call without sound, an incident, an anchor: of them no audio is left here by which they could be made anew."""
    world.terms = Terms(keep_audio_seconds=300)
    world.synthetic.seal([opened(minted(7)), ev.Ended(at=at(2), reason=Reason.HUNG_UP)], {})
    world.layout.incidents.mkdir(exist_ok=True)
    (world.layout.incidents / f"{minted(6)}.json").write_text(json.dumps(incident(6)))
    counted = asked(world)
    assert world.run() == 0
    assert counted.count("put") == counted.count("read_back") == 2


@pytest.mark.parametrize("mark", ["", "soon", str(BEGAN + 10**15)])
def test_a_mark_that_is_torn_or_of_a_clock_set_back_only_repeats_what_was_done(world, mark):
    recording = world.synthetic.good()
    world.run()
    (world.layout.sealed / recording / STORED).write_text(mark)
    world.later += MINUTE
    world.run()
    world.later += 4 * MINUTE
    world.run()
    assert world.names("audio") == [recording]
    world.later += MINUTE
    world.run()
    assert (world.names("audio"), world.names("shipped")) == ([], [recording])


def locked(world):
    return {key.rpartition("/")[2]: lock for key, lock in world.store.locks.items()}


def test_all_of_a_call_is_locked_as_long_as_its_line_says_after_it_was_entered(world, monkeypatch):
    world.terms, world.signer = Terms(locking=LOCKING), Signer(bytes(range(32)))
    recording = world.synthetic.good()
    with monkeypatch.context() as patch:
        patch.setattr(world.database, "store", failing(OSError("the database refuses it")))
        world.run()
    assert world.store.locks == {}
    world.later += 2 * MINUTE
    assert world.run() == 0
    ended = instant_of(world.database.manifests[recording]["call"]["ended_at"])
    names = ("seg-001.flac", "manifest.json", "manifest.json.sig")
    assert locked(world) == dict.fromkeys(names, (LockMode.GOVERNANCE, CLASS.after(ended)))


def test_what_lies_is_locked_after_its_last_proof_and_before_its_audio_goes(world):
    world.terms = Terms(keep_audio_seconds=300, locking=LOCKING)
    recording = world.synthetic.good()
    world.run()
    assert (locked(world), world.names("audio")) == ({}, [recording])
    counted = asked(world)
    world.later += 6 * MINUTE
    assert world.run() == 0
    assert [one for one in counted if one != "head"] == ["read_back", "read_back", "retain", "retain"]
    assert (set(locked(world)), world.names("audio")) == ({"seg-001.flac", "manifest.json"}, [])


def test_anchors_and_incidents_are_locked_as_long_as_the_longest(world):
    world.terms, world.signer = Terms(locking=LOCKING), Signer(bytes(range(32)))
    world.synthetic.good()
    (world.layout.incidents).mkdir(exist_ok=True)
    (world.layout.incidents / f"{minted(6)}.json").write_text(json.dumps(incident(6)))
    world.run()
    world.later += 24 * 60 * MINUTE
    world.run()
    names = locked(world)
    assert {f"{minted(6)}.json", "22.pbx1.json", "22.pbx1.json.sig"} <= set(names)
    assert all(mode is LockMode.GOVERNANCE for mode, _ in names.values())


def test_a_call_whose_time_is_over_when_it_is_stored_is_not_locked(world):
    world.terms = Terms(locking=Locking(LockMode.GOVERNANCE, lines={"switchboard": Keep(1, "day")}))
    recording = world.synthetic.good()
    world.later = 48 * 60 * MINUTE
    assert world.run() == 0
    assert world.names("shipped") == [recording]
    assert world.store.locks == {}


def test_a_bucket_without_lock_is_said_once_and_keeps_nobody_waiting(world, capsys):
    world.terms, world.store = Terms(locking=LOCKING), MemoryStore(lockable=False)
    recordings = [world.synthetic.good(), world.synthetic.good()]
    assert world.run() == 0
    assert world.names("shipped") == recordings
    assert said(capsys).count("ship.unlocked") == 1


@pytest.mark.parametrize("changes", [{"demanded": True}, {"legal_hold": True}])
def test_where_a_lock_is_demanded_a_bucket_without_one_keeps_the_call_here_and_lets_it_be_stored(
    world, changes, capsys
):
    rules = {"mode": LockMode.GOVERNANCE, "lines": LOCKING.lines, "classes": LOCKING.classes}
    world.terms, world.store = Terms(locking=Locking(**(rules | changes))), MemoryStore(lockable=False)
    recording = world.synthetic.good()
    assert world.run() == 1
    assert (world.names("sealed"), world.names("audio")) == ([recording], [recording])
    assert recording in world.database.manifests
    assert "an object cannot be locked" in said(capsys)
    world.store._lockable = True
    world.later += 2 * MINUTE
    assert world.run() == 0
    assert world.names("shipped") == [recording]
    assert len(world.store.locks) == 2
    assert len(world.store.held) == (2 if "legal_hold" in changes else 0)
    assert sound(world, recording).any()
