"""`consentgate rebuild-index`: what is refused has no rows and is told, everything else has them; and how it ends."""

import json
import sys

import pytest
from sealed_calls import SyntheticSpool, at, incident, minted, opened
from unit.config_world import write
from unit.ship_world import World, failing
from unit.test_ship_spool import note

from ari_app import cli, clock
from ari_app.adapters import s3
from ari_app.adapters.memory import MemoryDatabase
from ari_app.commands import rebuild_index
from ari_app.commands.rebuild_index import Rebuilding
from ari_app.core import evidence as ev
from ari_app.core.names import MICROSECONDS, Instant
from ari_app.core.reasons import Reason
from ari_app.errors import FINDING, GOOD, UNREACHABLE, TransientError
from ari_app.inspection import Inspection
from ari_app.ports import ConflictError
from ari_app.signing import Keyring, Signer

SIGNER, STRANGER = Signer(bytes(range(32))), Signer(bytes(range(1, 33)))
DAY = "calls/2026/11/22"
FIRST, SECOND, NEVER = (f"{DAY}/{minted(number)}" for number in (1, 2, 9))
INCIDENT = f"calls/incidents/2026/11/22/{minted(1)}.json"


@pytest.fixture
def world(tmp_path):
    """Two recordings, a call that was not recorded, and an incident, all stored and signed."""
    synthetic = SyntheticSpool(tmp_path / "spool").prepare()
    made = World(synthetic)
    made.signer = SIGNER
    for _ in range(2):
        synthetic.good()
    synthetic.seal([opened(minted(9), mode="never"), ev.Ended(at=at(3), reason=Reason.LINE_NEVER)], {})
    (synthetic.layout.incidents / f"{minted(1)}.json").write_text(json.dumps(incident()))
    assert made.run() == 0
    return made


@pytest.fixture
def rebuild(world, capsys):
    """Return the code, what was said, and the database."""

    def rebuilt(database=None, *, key=SIGNER, **options):
        database = MemoryDatabase() if database is None else database
        looking = Inspection(world.store, Keyring([key.public_key]), "calls")
        looking.patience.max_attempts = 1
        capsys.readouterr()
        code = Rebuilding(looking, database, **options).run()
        return code, capsys.readouterr().out.splitlines(), database

    return rebuilt


def altered(world, key, change):
    world.store.objects[key] = change(world.store.objects[key])


def signed_anew(world, folder, **changes):
    """Let the holder of the key say something else."""
    manifest = json.loads(world.store.objects[f"{folder}/manifest.json"])
    manifest["call"] |= changes
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":")).encode()
    world.store.objects[f"{folder}/manifest.json"] = text
    world.store.objects[f"{folder}/manifest.json.sig"] = SIGNER.sign(text)


def test_all_of_it_is_entered_once(world, rebuild):
    code, lines, database = rebuild()
    assert (code, database.manifests, database.incidents) == (GOOD, world.database.manifests, world.database.incidents)
    sums = "3 recordings in S3: 3 entered, 0 were there, 0 refused. 1 incidents: 1 entered, 0 were there, 0 refused."
    assert lines == [sums]
    code, lines, _ = rebuild(database)
    assert (code, lines[0].split(",")[0]) == (GOOD, "3 recordings in S3: 0 entered")
    assert "3 were there" in lines[0]


REFUSALS = [
    (
        "altered",
        lambda w: altered(w, f"{FIRST}/manifest.json", lambda text: text + b"\n"),
        "manifest.json.sig does not",
    ),
    ("unsigned", lambda w: w.store.objects.pop(f"{FIRST}/manifest.json.sig"), "manifest.json.sig is not there"),
    ("no manifest", lambda w: w.store.objects.pop(f"{FIRST}/manifest.json"), "manifest.json is not there"),
    ("no JSON", lambda w: altered(w, f"{FIRST}/manifest.json", lambda text: text[:-1]), "manifest.json.sig does not"),
    ("another place", lambda w: moved(w, SECOND, FIRST), f"manifest.json: folder is {SECOND}, and it lies in {FIRST}"),
    (
        "the future",
        lambda w: signed_anew(w, FIRST, ended_at="2126-11-22T09:00:00.000000Z"),
        "manifest.json: call.ended",
    ),
    ("another shape", lambda w: signed_anew(w, FIRST, line=7), "manifest.json: call.line does not hold"),
    ("not permitted", lambda w: late(w, FIRST), "manifest.json: tracks[0]"),
]


def moved(world, source, target):
    for name in ("manifest.json", "manifest.json.sig"):
        world.store.objects[f"{target}/{name}"] = world.store.objects[f"{source}/{name}"]


def late(world, folder):
    """Let a track be stored from before its permit."""
    manifest = json.loads(world.store.objects[f"{folder}/manifest.json"])
    manifest["tracks"][0]["stored_from"] = "2026-11-22T09:00:01.000000Z"
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":")).encode()
    world.store.objects |= {f"{folder}/manifest.json": text, f"{folder}/manifest.json.sig": SIGNER.sign(text)}


@pytest.mark.parametrize(("change", "words"), [one[1:] for one in REFUSALS], ids=[one[0] for one in REFUSALS])
def test_what_is_refused_is_told_and_has_no_rows(world, rebuild, change, words):
    change(world)
    code, lines, database = rebuild()
    assert code == FINDING
    assert lines[0].startswith(f"{FIRST}/{words}")
    assert set(database.manifests) == {minted(2), minted(9)}
    assert "2 entered, 0 were there, 1 refused" in lines[-1]


def test_sound_that_is_lost_costs_no_row(world, rebuild):
    """That it is lost says `verify`; the row, which ship made when it was there, is what is asked for."""
    del world.store.objects[f"{FIRST}/seg-001.flac"]
    code, _, database = rebuild()
    assert (code, database.manifests) == (GOOD, world.database.manifests)


def test_what_was_never_signed_is_entered_on_demand_and_what_is_signed_wrongly_never(world, rebuild):
    del world.store.objects[f"{FIRST}/manifest.json.sig"]
    world.store.objects[f"{SECOND}/manifest.json.sig"] = STRANGER.sign(world.store.objects[f"{SECOND}/manifest.json"])
    code, lines, database = rebuild(unsigned=True)
    assert (code, set(database.manifests)) == (FINDING, {minted(1), minted(9)})
    assert lines[0].startswith(f"{SECOND}/manifest.json.sig is by the key")


def test_what_is_nothing_of_ours_is_told(world, rebuild):
    world.store.objects[f"{DAY}/n\x1b[31m.txt"] = b"x"
    code, lines, _ = rebuild()
    assert (code, lines[0]) == (FINDING, f"{DAY}/n?[31m.txt is nothing that consentgate stores")


@pytest.mark.parametrize(
    ("key", "content", "words"),
    [
        (INCIDENT, b"{", "cannot be read"),
        (INCIDENT, json.dumps(incident(node="../x")).encode(), "cannot be read"),
        (INCIDENT, json.dumps(incident(door="window")).encode(), "has an unknown door"),
        (INCIDENT, json.dumps(incident(2)).encode(), "is another one's, or of another day"),
        (INCIDENT, json.dumps(incident(at=2**62)).encode(), "has no instant of this century"),
    ],
)
def test_an_incident_that_is_refused_has_no_rows(world, rebuild, key, content, words):
    world.store.objects[key] = content
    code, lines, database = rebuild()
    assert (code, lines[0]) == (FINDING, f"{key} {words}")
    assert database.incidents == {}
    assert len(database.manifests) == 3
    assert lines[-1].endswith("1 incidents: 0 entered, 0 were there, 1 refused.")


def test_what_the_database_refuses_is_told_and_the_others_go_on(rebuild, monkeypatch):
    database = MemoryDatabase()
    stores = database.store

    def refusing(manifest, key, sha256):
        if key.startswith(FIRST):
            raise ConflictError("rows are refused by the database", on="table tracks")
        return stores(manifest, key, sha256)

    monkeypatch.setattr(database, "store", refusing)
    monkeypatch.setattr(database, "store_incident", failing(ConflictError("another account")))
    code, lines, _ = rebuild(database)
    assert code == FINDING
    assert lines[0] == f"{INCIDENT} has no rows: another account"
    assert lines[1] == f"{FIRST}/manifest.json has no rows: rows are refused by the database (table tracks)"
    assert set(database.manifests) == {minted(2), minted(9)}


def test_what_a_ship_entered_meanwhile_is_there(rebuild, monkeypatch):
    database = MemoryDatabase()
    stores = database.store

    def late(manifest, key, sha256):
        stores(manifest, key, sha256)
        raise ConflictError("rows are refused by the database", on="table recordings")

    monkeypatch.setattr(database, "store", late)
    code, lines, _ = rebuild(database)
    assert (code, lines[0].split(". ")[0]) == (GOOD, "3 recordings in S3: 0 entered, 3 were there, 0 refused")


def test_a_note_that_gave_way_is_counted(world, rebuild):
    (world.layout.fallback / "1.json").write_text(note(channel="1.1"))
    world.run()
    world.synthetic.numbers = 2
    world.synthetic.good(channel="1.1")
    world.run()
    code, lines, database = rebuild()
    assert (code, database.manifests) == (GOOD, world.database.manifests)
    assert "5 recordings in S3: 4 entered, 0 were there, 1 gave way to the account of its call, 0 refused" in lines[0]


def test_what_an_anchor_names_and_is_not_there_is_told(world, rebuild, monkeypatch):
    # The ledger's day is that of the storing, which was when this test began.
    later = Instant(clock.now() + 48 * 3600 * MICROSECONDS)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert world.run() == 0
    assert rebuild()[0] == GOOD
    for name in ("manifest.json", "manifest.json.sig", "seg-001.flac"):
        del world.store.objects[f"{FIRST}/{name}"]
    code, lines, database = rebuild()
    assert (code, len(database.manifests)) == (FINDING, 2)
    assert lines[0].startswith(f"{FIRST}/manifest.json was anchored on ")
    assert "0 refused, 1 anchored and missing" in lines[-1]
    name = next(key for key in world.store.objects if key.startswith("calls/anchors/") and key.endswith(".json"))
    altered(world, name, lambda text: text + b" ")
    assert any("anchors" in line for line in rebuild()[1])


def test_json_is_a_line_for_each_refusal_and_one_for_the_sum(world, rebuild):
    del world.store.objects[f"{FIRST}/manifest.json"]
    code, lines, _ = rebuild(as_json=True)
    said = [json.loads(line) for line in lines]
    assert code == FINDING
    assert said[0]["folder"] == FIRST
    assert said[0]["faults"] == [{"object": "manifest.json", "field": "", "what": "is not there"}]
    assert said[1] == {
        **dict.fromkeys(("there", "given_way", "missing", "incidents_there", "incidents_refused"), 0),
        **dict.fromkeys(("refused", "incidents", "incidents_entered"), 1),
        "recordings": 3,
        "entered": 2,
    }


def test_it_says_how_far_it_is(world, monkeypatch, capsys):
    monkeypatch.setattr(rebuild_index, "SAY_SECONDS", 0.0)
    database = MemoryDatabase()
    for _ in range(2):
        Rebuilding(Inspection(world.store, Keyring([SIGNER.public_key]), "calls"), database, at_once=1).run()
    lines = capsys.readouterr().err.splitlines()
    assert f"3 recordings looked at: 1 entered, 0 were there, 0 refused; now at {FIRST}" in lines
    assert f"3 recordings looked at: 0 entered, 3 were there, 0 refused; now at {NEVER}" in lines


def test_what_was_entered_before_an_outage_stays(world, rebuild, monkeypatch):
    database = MemoryDatabase()
    reads = world.store.read
    gone = failing(TransientError("S3 is away"))
    monkeypatch.setattr(world.store, "read", lambda key: gone() if key.startswith(NEVER) else reads(key))
    with pytest.raises(TransientError) as caught:
        rebuild(database)
    assert caught.value.exit_code == UNREACHABLE
    assert set(database.manifests) == {minted(1), minted(2)}
    monkeypatch.undo()
    code, lines, _ = rebuild(database)
    assert (code, database.manifests) == (GOOD, world.database.manifests)
    assert "1 entered, 2 were there" in lines[0]


def test_the_command_reads_the_configuration(world, tmp_path, monkeypatch, capsys):
    database = MemoryDatabase()
    monkeypatch.setattr(s3, "configured", lambda _: world.store)
    monkeypatch.setattr(rebuild_index, "PostgresDatabase", lambda _: database)
    file = write(tmp_path, ("s3.prefix", "calls"))
    monkeypatch.setattr(sys, "argv", ["consentgate", "rebuild-index", "--config", str(file), "--unsigned", "--json"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    # They are signed by a key that this configuration does not know.
    assert ended.value.code == FINDING
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["refused"] == 3
