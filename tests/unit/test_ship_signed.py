"""Ship signs each manifest once, before its rows, whatever becomes of the key meanwhile."""

import pytest
from sealed_calls import SyntheticSpool, at, minted, opened
from unit.ship_world import World, failing, said

from ari_app.core import evidence as ev
from ari_app.core.reasons import Reason
from ari_app.errors import TransientError
from ari_app.signing import Keyring, Signer

SIGNER, NEXT = Signer(bytes(range(32))), Signer(bytes(range(1, 33)))


@pytest.fixture
def synthetic(tmp_path):
    return SyntheticSpool(tmp_path / "spool").prepare()


@pytest.fixture
def world(synthetic):
    made = World(synthetic)
    made.signer = SIGNER
    return made


def stored(world, recording):
    folder = f"calls/2026/11/22/{recording}"
    return world.store.objects[f"{folder}/manifest.json"], world.store.objects.get(f"{folder}/manifest.json.sig")


def test_every_manifest_is_signed_also_that_of_a_call_that_was_not_recorded(world, synthetic):
    recordings = [
        synthetic.good(),
        synthetic.seal([opened(minted(9), mode="never"), ev.Ended(at=at(3), reason=Reason.LINE_NEVER)], {}),
    ]
    assert world.run() == 0
    for recording in recordings:
        text, signed = stored(world, recording)
        assert Keyring([SIGNER.public_key]).refusal(text, signed) == ""
        assert (world.layout.shipped / recording / "manifest.json.sig").read_bytes() == signed


def test_it_is_stored_before_the_rows(world, synthetic, monkeypatch):
    recording = synthetic.good()
    monkeypatch.setattr(world.database, "store", failing(TransientError("PostgreSQL is away")))
    with pytest.raises(TransientError):
        world.run()
    assert stored(world, recording)[1] is not None
    assert world.names("sealed") == [recording]


@pytest.mark.parametrize("later", [NEXT, None])
def test_a_manifest_is_signed_once_although_the_key_is_changed_or_taken_away(world, synthetic, monkeypatch, later):
    recording = synthetic.good()
    with monkeypatch.context() as patch:
        patch.setattr(world.database, "store", failing(TransientError("PostgreSQL is away")))
        with pytest.raises(TransientError):
            world.run()
    world.signer = later
    assert world.run() == 0
    text, signed = stored(world, recording)
    assert Keyring([SIGNER.public_key]).refusal(text, signed) == ""


def test_without_a_key_calls_are_stored_all_the_same_and_the_log_says_so_once(world, synthetic, capsys):
    world.signer = None
    recordings = [synthetic.good(), synthetic.good()]
    assert world.run() == 0
    assert [stored(world, one)[1] for one in recordings] == [None, None]
    assert said(capsys).count("ship.unsigned") == 1


def test_with_a_key_nothing_is_said_of_that(world, synthetic, capsys):
    synthetic.good()
    world.run()
    assert "ship.unsigned" not in said(capsys)


def test_a_foreign_signature_in_its_place_is_left_for_a_person(world, synthetic, capsys):
    recording = synthetic.good()
    world.store.objects[f"calls/2026/11/22/{recording}/manifest.json.sig"] = b"another"
    assert world.run() == 1
    assert world.names("sealed") == [recording]
    assert recording not in world.database.manifests
    assert "S3 holds another object under this name" in said(capsys)
