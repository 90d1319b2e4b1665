"""`consentgate verify` of what ship really stored in the real S3, by the configuration alone."""

import pytest
import servers
from demo_world.seaweed import BUCKET, REGION
from sealed_calls import BEGAN, SECOND, SyntheticSpool, minted
from unit.config_world import SECRETS, write

from ari_app import clock
from ari_app.adapters.memory import MemoryDatabase
from ari_app.commands import verify
from ari_app.core.names import Instant
from ari_app.errors import FINDING, GOOD, PermanentError
from ari_app.inspection import Inspection
from ari_app.ship import Ship
from ari_app.signing import Keyring, Signer

DAY = "2026-11-22"


@pytest.fixture
def stored(tmp_path):
    """Three recordings in S3: return the configuration that knows of the bucket, and their prefix."""
    running = servers.running()
    synthetic = SyntheticSpool(tmp_path / "spool").prepare()
    for _ in range(3):
        synthetic.good()
    prefix, signer = running.prefix(), Signer.from_text(SECRETS["signing.key"])
    shipped = Ship(synthetic.layout, running.store(), MemoryDatabase(), prefix, "pbx1", once=True, signer=signer)
    assert shipped.run() == 0
    changes = {"bucket": BUCKET, "region": REGION, "endpoint_url": running.seaweed.endpoint, "prefix": prefix}
    file = write(tmp_path, *((f"s3.{key}", value) for key, value in changes.items()))
    (tmp_path / "s3.access_key").write_text(running.seaweed.key.access)
    (tmp_path / "s3.secret_key").write_text(running.seaweed.key.secret)
    return file, prefix


def test_what_was_stored_is_whole_and_what_was_altered_is_found(stored, capsys):
    file, prefix = stored
    folder = f"{prefix}/2026/11/22/{minted(2)}"
    for asked in ({"everything": True}, {"day": DAY}, {"recording": minted(2)}):
        assert verify.run(file, as_json=False, **asked) == GOOD, capsys.readouterr()
    client = servers.running().seaweed.client()
    sound = client.get_object(Bucket=BUCKET, Key=f"{folder}/seg-001.flac")["Body"].read()
    client.put_object(Bucket=BUCKET, Key=f"{folder}/seg-001.flac", Body=sound[:-1] + bytes([sound[-1] ^ 1]))
    capsys.readouterr()
    assert verify.run(file, as_json=False, everything=True) == FINDING
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith(f"{folder}/seg-001.flac has the SHA-256 ")
    assert lines[1] == "3 recordings: 1 is not whole."


def test_a_bucket_of_many_pages_is_looked_at_whole(stored, capsys, monkeypatch):
    file, _ = stored
    from ari_app.adapters import s3  # noqa: PLC0415  beside what is changed in it

    asked = s3.configured

    def of_two_keys_a_page(settings):
        store = asked(settings)
        pages = store._client.get_paginator
        monkeypatch.setattr(store._client, "get_paginator", lambda name: _Small(pages(name)))
        return store

    monkeypatch.setattr(s3, "configured", of_two_keys_a_page)
    assert verify.run(file, as_json=False, everything=True) == GOOD
    assert capsys.readouterr().out.startswith("3 recordings, all whole")


class _Small:
    """A paginator that asks for two keys at a time: folders begin and end within pages."""

    def __init__(self, paginator):
        self._paginator = paginator

    def paginate(self, **asked):
        return self._paginator.paginate(**asked, PaginationConfig={"PageSize": 2})


def test_a_wrong_secret_ends_it_with_4_and_names_the_file(stored):
    file, _ = stored
    (file.parent / "s3.secret_key").write_text("hunter2")
    with pytest.raises(PermanentError, match=r"s3\.secret_key_file") as caught:
        verify.run(file, as_json=False, everything=True)
    assert caught.value.exit_code == 4


def test_what_was_removed_after_its_day_was_anchored_is_found(tmp_path, monkeypatch, capsys):
    running = servers.running()
    synthetic = SyntheticSpool(tmp_path / "spool").prepare()
    prefix, signer = running.prefix(), Signer.from_text(SECRETS["signing.key"])
    synthetic.good()
    for days in (0, 1):
        monkeypatch.setattr(clock, "now", lambda days=days: Instant(BEGAN + (1 + 24 * days) * 3600 * SECOND))
        store = running.store()
        assert Ship(synthetic.layout, store, MemoryDatabase(), prefix, "pbx1", once=True, signer=signer).run() == 0

    def ask():
        looking = Inspection(running.store(), Keyring([signer.public_key]), prefix)
        return verify.inspect(looking, recording=None, day=None, everything=True, as_json=False)

    assert ask() == GOOD
    assert capsys.readouterr().out.splitlines()[-1].endswith("1 day anchored, unbroken.")
    folder = f"{prefix}/2026/11/22/{minted(1)}"
    for name in ("manifest.json", "manifest.json.sig", "seg-001.flac"):
        running.seaweed.client().delete_object(Bucket=BUCKET, Key=f"{folder}/{name}")
    assert ask() == FINDING
    line = f"{folder}/manifest.json was anchored on 2026-11-22, and is not there"
    assert capsys.readouterr().out.splitlines()[0] == line
