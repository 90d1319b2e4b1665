"""The days' bundles: made by ship with the anchor, read instead of thousands of objects, believed only if proved."""

import gzip
import json
from hashlib import sha256

import pytest
from sealed_calls import BEGAN, SECOND, SyntheticSpool
from unit.ship_world import World, failing

from ari_app import bundles as bundles_module
from ari_app import clock
from ari_app.adapters.ledger import Ledger
from ari_app.adapters.memory import MemoryDatabase
from ari_app.anchoring import Anchoring
from ari_app.commands import verify
from ari_app.commands.rebuild_index import Rebuilding
from ari_app.core import anchor
from ari_app.core.names import Instant
from ari_app.errors import FINDING, GOOD, TransientError
from ari_app.inspection import Inspection
from ari_app.safekeeping import Safekeeping
from ari_app.signing import Keyring, Signer

SIGNER, NEXT = Signer(bytes(range(32))), Signer(bytes(range(1, 33)))
DAY = 86_400 * SECOND
CALLS, ANCHORS = "calls/2026/11/22", "calls/anchors/2026/11"
ANCHOR, BUNDLE = f"{ANCHORS}/22.pbx1.json", f"{ANCHORS}/22.pbx1.001.jsonl.gz"


class Days(World):
    """A world whose clock can be set: so much later than the synthetic calls began."""

    later = 3600 * SECOND
    recordings: tuple[str, ...] | list[str] = ()

    def shipped(self, *, later=None, calls=0):
        self.later = self.later if later is None else later
        recordings = [self.synthetic.good() for _ in range(calls)]
        assert self.run() == 0
        return recordings

    def looking(self, *keys):
        return Inspection(self.store, Keyring([one.public_key for one in keys or (SIGNER,)]), "calls")


@pytest.fixture
def world(tmp_path, monkeypatch):
    """Two calls that were stored on the first day, which is over."""
    made = Days(SyntheticSpool(tmp_path / "spool").prepare())
    made.signer = SIGNER
    monkeypatch.setattr(clock, "now", lambda: Instant(BEGAN + made.later))
    made.recordings = made.shipped(calls=2)
    made.shipped(later=DAY)
    return made


@pytest.fixture
def ask(world, capsys):
    def asked(*, day=None, as_json=False, listed=False, recording=None):
        capsys.readouterr()
        everything = day is None and recording is None
        code = verify.inspect(
            world.looking(), recording=recording, day=day, everything=everything, as_json=as_json, listed=listed
        )
        return code, capsys.readouterr().out.splitlines()

    return asked


@pytest.fixture
def rebuild(world, capsys):
    def rebuilt():
        database = MemoryDatabase()
        capsys.readouterr()
        code = Rebuilding(world.looking(), database).run()
        return code, capsys.readouterr().out.splitlines(), database

    return rebuilt


@pytest.fixture
def read(world, monkeypatch):
    """Return the keys of all objects that were read."""
    reads, asked = world.store.read, []

    def noted(key):
        asked.append(key)
        return reads(key)

    monkeypatch.setattr(world.store, "read", noted)
    return asked


def manifest_of(world, number):
    return f"{CALLS}/{world.recordings[number]}/manifest.json"


def replaced(world, content):
    """Put another bundle there, and an anchor of the key's holder that names it."""
    said = anchor.read(world.store.objects[ANCHOR])
    bundle = anchor.Bundle(len(content), sha256(content).hexdigest())
    text = anchor.to_json(anchor.Anchor(said.node, said.day, said.before, said.manifests, (bundle,)))
    world.store.objects |= {BUNDLE: content, ANCHOR: text, f"{ANCHOR}.sig": SIGNER.sign(text)}


def test_a_bundle_is_the_manifests_and_their_signatures_line_by_line(world):
    lines = gzip.decompress(world.store.objects[BUNDLE]).split(b"\n")
    keys = sorted(manifest_of(world, number) for number in (0, 1))
    assert lines == [*(world.store.objects[f"{key}{end}"] for key in keys for end in ("", ".sig")), b""]
    (named,) = anchor.read(world.store.objects[ANCHOR]).bundles
    found = world.store.head(BUNDLE)
    assert (named.size, named.sha256) == (found.size, found.sha256)
    assert not list(world.layout.anchors.glob("*.gz")), "what is stored is not kept twice"


def test_a_day_of_many_calls_has_several(world, ask, monkeypatch, rebuild):
    monkeypatch.setattr(anchor, "BUNDLED", 2)
    (third, *others) = world.shipped(calls=4)
    world.shipped(later=2 * DAY, calls=1)
    names = [f"{ANCHORS}/23.pbx1.00{number}.jsonl.gz" for number in (1, 2)]
    assert [name for name in world.store.objects if "23.pbx1.0" in name] == names
    first = gzip.decompress(world.store.objects[names[0]])
    assert third in first.decode()
    assert others[-1] not in first.decode()
    monkeypatch.setattr(bundles_module, "KEPT", 1)
    for listed in (False, True):
        code, lines = ask(listed=listed)
        assert (code, len(lines)) == (GOOD, 1)
    code, _, database = rebuild()
    assert (code, database.manifests) == (GOOD, world.database.manifests)


def test_it_is_made_once_and_stored_as_it_was_made(world, monkeypatch):
    world.shipped(calls=1)
    with monkeypatch.context() as patch:
        patch.setattr(world.store, "put", failing(TransientError("S3 is away")))
        with pytest.raises(TransientError):
            world.shipped(later=2 * DAY)
    ledger = Ledger(world.layout.anchors)
    decided = ledger.bundle("2026-11-23", 1).read_bytes()
    world.signer = NEXT
    world.shipped(later=3 * DAY)
    assert world.store.objects[f"{ANCHORS}/23.pbx1.001.jsonl.gz"] == decided
    assert not ledger.bundle("2026-11-23", 1).exists()


def test_killed_before_the_day_is_closed_it_is_made_again_and_no_rest_stays(world, monkeypatch):
    world.shipped(calls=1)
    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "signature", failing(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            world.shipped(later=2 * DAY)
    (world.layout.anchors / "2026-11-22.002.jsonl.gz").write_bytes(b"left by a kill after its day was stored")
    world.shipped(later=2 * DAY)
    assert f"{ANCHORS}/23.pbx1.001.jsonl.gz" in world.store.objects
    assert not list(world.layout.anchors.glob("*.gz"))


@pytest.mark.parametrize("listed", [False, True])
def test_verify_finds_them_whole(ask, listed):
    code, lines = ask(listed=listed)
    assert (code, len(lines)) == (GOOD, 1)
    assert lines[0].endswith("1 day anchored, unbroken.")
    assert ("no sound was fetched" in lines[0]) == listed
    assert ask(listed=listed, day="2026-11-22") == (code, lines)
    said = json.loads(ask(listed=listed, as_json=True)[1][-1])
    assert (said["bundles"], said["bundles_whole"]) == (1, 1)


def test_without_the_sound_a_day_is_one_request(ask, read, rebuild):
    ask(listed=True)
    assert read == [ANCHOR, f"{ANCHOR}.sig", BUNDLE]
    read.clear()
    rebuild()
    assert read == [ANCHOR, f"{ANCHOR}.sig", BUNDLE]


def test_each_byte_of_a_bundle_is_looked_at(world):
    whole = world.store.objects[BUNDLE]
    for place, byte in enumerate(whole):
        for other in (whole[:place] + bytes([byte ^ 1 << place % 8]) + whole[place + 1 :], whole[:place]):
            world.store.objects[BUNDLE] = other
            found = world.looking().anchors("", whole=True)
            reading = bundles_module.Bundles(world.looking(), found.shares, found.anchored)
            reading.read_all()
            assert reading.faults, place
    world.store.objects[BUNDLE] = whole + b"\0"
    assert read_faults(world) == ["is not the one that its anchor names: it was altered"]


def read_faults(world):
    found = world.looking().anchors("", whole=True)
    reading = bundles_module.Bundles(world.looking(), found.shares, found.anchored, found.stray)
    reading.read_all()
    return list(reading.faults.values())


ALTERED = "is not the one that its anchor names: it was altered"
GONE = "is not there, and its anchor names it"


@pytest.mark.parametrize(("content", "what"), [(b"another", ALTERED), (None, GONE)])
@pytest.mark.parametrize("listed", [False, True])
def test_a_bundle_that_is_another_is_told_and_its_manifests_are_read_singly(
    world, ask, rebuild, read, content, what, listed
):
    if content is None:
        del world.store.objects[BUNDLE]
    else:
        world.store.objects[BUNDLE] = content
    for day in (None, "2026-11-22"):
        code, lines = ask(listed=listed, day=day)
        assert (code, lines[0]) == (FINDING, f"{BUNDLE} {what}")
        assert lines[1].endswith("1 day anchored, unbroken. 1 of 1 bundles not whole.")
    assert manifest_of(world, 0) in read
    code, lines, database = rebuild()
    assert (code, lines[0]) == (FINDING, f"{BUNDLE} {what}")
    assert database.manifests == world.database.manifests


def test_a_bundle_of_no_anchor_is_told(world, ask, rebuild):
    world.store.objects[f"{ANCHORS}/23.pbx1.001.jsonl.gz"] = b"x"
    line = f"{ANCHORS}/23.pbx1.001.jsonl.gz belongs to no anchor"
    assert ask()[1][0] == line
    assert rebuild()[1][-2] == line


@pytest.mark.parametrize(
    ("made", "what"),
    [
        (lambda _: b"no gzip", "cannot be unpacked, although it is what its anchor names"),
        (lambda lines: gzip.compress(lines)[:-9], "is cut off, although it is what its anchor names"),
        (lambda lines: gzip.compress(lines) + b"more", "is cut off, although it is what its anchor names"),
        (lambda lines: gzip.compress(lines + b"\n"), "has 5 lines, and the anchor names 2 manifests of it"),
        (lambda lines: gzip.compress(lines[1:]), "holds another"),
    ],
)
def test_what_the_holder_of_the_key_packed_wrongly_is_told(world, made, what):
    replaced(world, made(gzip.decompress(world.store.objects[BUNDLE])))
    (found,) = read_faults(world)
    assert what in found


def test_a_manifest_or_signature_that_differs_from_its_bundle_is_told(world, ask):
    key = manifest_of(world, 0)
    whole = dict(world.store.objects)
    world.store.objects[f"{key}.sig"] = NEXT.sign(whole[key])
    assert f"{key}.sig is not the one in the bundle of the day on which it was stored" in ask()[1]
    world.store.objects = whole | {key: whole[manifest_of(world, 1)]}
    assert f"{key} is not the one that was anchored on 2026-11-22" in ask()[1]
    # Without the sound the objects are not read: what it says is of the bundles, and it says so.
    assert ask(listed=True)[0] == GOOD


def test_without_the_sound_what_is_missing_or_too_much_is_told(world, ask):
    folder = f"{CALLS}/{world.recordings[0]}"
    del world.store.objects[f"{folder}/seg-001.flac"]
    world.store.objects[f"{folder}/seg-002.flac"] = b"x"
    del world.store.objects[f"{CALLS}/{world.recordings[1]}/manifest.json"]
    code, lines = ask(listed=True)
    assert (code, lines[:3]) == (
        FINDING,
        [
            f"{folder}/seg-001.flac is not there",
            f"{folder}/seg-002.flac is not in the manifest",
            f"{CALLS}/{world.recordings[1]}/manifest.json is not there",
        ],
    )


def test_a_recording_that_is_gone_has_no_rows_although_its_bundle_knows_it(world, rebuild):
    del world.store.objects[manifest_of(world, 0)]
    code, lines, database = rebuild()
    assert code == FINDING
    assert f"{manifest_of(world, 0)} is not there" in lines
    assert set(database.manifests) == {world.recordings[1]}


def test_what_ship_does_not_hold_any_more_is_fetched_singly(world, ask, read, rebuild):
    (kept,) = world.shipped(calls=1)
    (gone,) = world.shipped(calls=1)
    (altered,) = world.shipped(calls=1)
    (world.layout.shipped / gone / "manifest.json").unlink()
    (world.layout.shipped / altered / "manifest.json").write_bytes(b"{}")
    world.shipped(later=2 * DAY)
    for listed in (False, True):
        assert ask(listed=listed)[0] == GOOD
    singly = {key.split("/")[-2] for key in read if key.endswith("manifest.json")}
    assert {gone, altered, kept} <= singly
    read.clear()
    code, _, database = rebuild()
    assert (code, database.manifests) == (GOOD, world.database.manifests)
    assert {key.split("/")[-2] for key in read if key.endswith("manifest.json")} == {gone, altered}


def test_a_call_whose_sound_is_still_kept_in_the_spool_is_in_its_bundle_as_well(world, read, rebuild):
    (waiting,) = world.shipped(calls=1)
    (world.layout.shipped / waiting).rename(world.layout.root / "aside")
    (world.layout.sealed / waiting).mkdir()
    for name in ("manifest.json", "manifest.json.sig"):
        (world.layout.sealed / waiting / name).write_bytes((world.layout.root / "aside" / name).read_bytes())
    signer = world.signer
    list(
        Anchoring(world.layout.anchors, (world.layout.shipped, world.layout.sealed)).store(
            Safekeeping(world.store), signer, "pbx1", "calls", Instant(BEGAN + 2 * DAY)
        )
    )
    read.clear()
    code, _, database = rebuild()
    assert (code, set(database.manifests)) == (GOOD, {*world.recordings, waiting})
    assert not [key for key in read if key.endswith("manifest.json")]


def test_a_call_that_was_decided_and_is_not_in_the_bucket_is_in_no_bundle_and_no_anchor(world):
    waiting = world.synthetic.good()
    world.store.objects[f"{CALLS}/{waiting}/manifest.json"] = b"another, so this one is kept here"
    stored = world.synthetic.good()
    for later in (DAY, 2 * DAY):
        world.later = later
        world.run()
    assert (world.layout.sealed / waiting / "manifest.json").exists()
    bundled = gzip.decompress(world.store.objects[f"{ANCHORS}/23.pbx1.001.jsonl.gz"]).decode()
    assert stored in bundled
    assert waiting not in bundled
    assert list(anchor.read(world.store.objects[f"{ANCHORS}/23.pbx1.json"]).manifests) == [
        f"{CALLS}/{stored}/manifest.json"
    ]
