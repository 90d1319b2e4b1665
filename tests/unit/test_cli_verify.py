"""`consentgate verify`: what is looked at, what is said of it, and with which code it ends."""

import json
import sys

import pytest
from sealed_calls import SyntheticSpool, at, minted, opened
from unit.ship_world import World, failing

from ari_app import cli, inspection
from ari_app.commands import verify
from ari_app.core import evidence as ev
from ari_app.core.reasons import Reason
from ari_app.errors import FINDING, GOOD, UNREACHABLE, USAGE, ConsentgateError, NotThereError, TransientError
from ari_app.inspection import Inspection
from ari_app.signing import Keyring, Signer

SIGNER, EARLIER = Signer(bytes(range(32))), Signer(bytes(range(1, 33)))
DAY = "calls/2026/11/22"


@pytest.fixture
def world(tmp_path):
    """Two recordings and a call that was not recorded, stored and signed."""
    synthetic = SyntheticSpool(tmp_path / "spool").prepare()
    made = World(synthetic)
    made.signer = SIGNER
    synthetic.good()
    synthetic.good()
    synthetic.seal([opened(minted(9), mode="never"), ev.Ended(at=at(3), reason=Reason.LINE_NEVER)], {})
    assert made.run() == 0
    return made


@pytest.fixture
def ask(world, capsys):
    """Return the code, and every line that was said."""

    def asked(*, keys=(SIGNER,), prefix="calls", recording=None, day=None, as_json=False):
        looking = Inspection(world.store, Keyring([one.public_key for one in keys]), prefix)
        looking.patience.max_attempts = 1
        capsys.readouterr()
        code = verify.inspect(looking, recording=recording, day=day, everything=not (recording or day), as_json=as_json)
        return code, capsys.readouterr().out.splitlines()

    return asked


WHOLE = "signed, unaltered, and all that is stored lies within the permits of all its parties."


def test_all_of_a_bucket_a_day_of_it_and_one_of_it(ask):
    assert ask() == (GOOD, [f"3 recordings, all whole: {WHOLE}"])
    assert ask(day="2026-11-22") == ask()
    assert ask(day="2026-11-23") == (GOOD, ["There is no recording."])
    assert ask(recording=minted(2)) == (GOOD, [f"The recording is whole: {WHOLE}"])


def test_a_fault_is_a_line_with_its_object_and_its_field(world, ask):
    world.store.objects[f"{DAY}/{minted(1)}/seg-001.flac"] = b"RIFF"
    world.store.objects[f"{DAY}/{minted(2)}/manifest.json"] += b"\n"
    code, lines = ask()
    assert code == FINDING
    assert f"{DAY}/{minted(1)}/seg-001.flac: format is not FLAC, and the manifest says FLAC" in lines
    assert f"{DAY}/{minted(2)}/manifest.json.sig does not fit: one of the two was altered" in lines
    assert lines[-1] == "3 recordings: 2 are not whole."
    assert ask(recording=minted(2))[1][-1] == "The recording is not whole."
    assert ask(recording=minted(9))[0] == GOOD


def test_what_is_unsigned_is_told(world, ask):
    del world.store.objects[f"{DAY}/{minted(1)}/manifest.json.sig"]
    line = "manifest.json.sig is not there: nobody can prove that nothing was altered"
    assert ask() == (FINDING, [f"{DAY}/{minted(1)}/{line}", "3 recordings: 1 is not whole."])


def test_an_earlier_key_is_believed_if_it_is_known(world, ask):
    world.signer = EARLIER
    world.synthetic.numbers = 4
    recording = world.synthetic.good()
    world.run()
    assert ask(keys=(SIGNER, EARLIER))[0] == GOOD
    unknown = f"is by the key {EARLIER.id[:16]}…, which is not known here (signing.public_keys)"
    assert ask()[1][0] == f"{DAY}/{recording}/manifest.json.sig {unknown}"


def test_json_is_a_line_for_each_and_one_for_the_sum(world, ask):
    del world.store.objects[f"{DAY}/{minted(2)}/seg-001.flac"]
    code, lines = ask(as_json=True)
    said = [json.loads(line) for line in lines]
    assert code == FINDING
    assert [one.get("recording") for one in said] == [minted(1), minted(2), minted(9), None]
    assert said[0] == {"recording": minted(1), "folder": f"{DAY}/{minted(1)}", "whole": True, "faults": []}
    assert said[1]["faults"] == [{"object": "seg-001.flac", "field": "", "what": "is not there"}]
    assert said[-1] == {"recordings": 3, "whole": 2} | {
        "anchors": 0, "anchors_whole": 0, "bundles": 0, "bundles_whole": 0,
    }  # fmt: skip


def test_incidents_are_no_recordings_and_what_is_nothing_of_ours_is_told(world, ask):
    world.store.objects["calls/incidents/2026/11/22/x.json"] = b"{}"
    assert ask()[0] == GOOD
    world.store.objects["calls/2026/11/22/notes.txt"] = b"x"
    world.store.objects[f"{DAY}/{minted(1)}/b/c"] = b"x"
    world.store.objects[f"{DAY}/{minted(1)}/n/\x1b[31mc"] = b"x"
    code, lines = ask()
    assert code == FINDING
    assert lines[:3] == [
        f"{DAY}/{minted(1)}/b/c is not in the manifest",
        f"{DAY}/{minted(1)}/n/?[31mc is not in the manifest",
        "calls/2026/11/22/notes.txt is nothing that consentgate stores",
    ]


def test_a_bucket_without_a_prefix(world, ask):
    world.store.objects = {key.removeprefix("calls/"): content for key, content in world.store.objects.items()}
    world.store.objects["incidents/2026/11/22/x.json"] = b"{}"
    code, lines = ask(prefix="", recording=minted(1))
    folder = f"2026/11/22/{minted(1)}"
    assert (code, lines[0]) == (FINDING, f"{folder}/manifest.json: folder is calls/{folder}, and it lies in {folder}")
    assert len(ask(prefix="")[1]) == 4


def test_a_manifest_without_end_is_not_read_to_its_end(world, ask, monkeypatch):
    monkeypatch.setattr(inspection, "MOST_MANIFEST_BYTES", 100)
    key = f"{DAY}/{minted(1)}/manifest.json"
    content = world.store.objects[key]
    pieces = iter([content[:101], content[101:]])
    reads = world.store.read
    monkeypatch.setattr(world.store, "read", lambda one: pieces if one == key else reads(one))
    code, lines = ask(recording=minted(1))
    assert (code, lines[1]) == (FINDING, f"{key} cannot be read")
    assert len(list(pieces)) == 1


def test_what_goes_away_meanwhile_is_not_there(world, ask, monkeypatch):
    def gone(key):
        if key.endswith(".flac"):
            raise NotThereError("gone")
        return [world.store.objects[key]]

    monkeypatch.setattr(world.store, "read", gone)
    assert ask(recording=minted(1))[1][0] == f"{DAY}/{minted(1)}/seg-001.flac is not there"


def test_the_head_of_a_sound_may_come_in_pieces(world, ask, monkeypatch):
    monkeypatch.setattr(world.store, "read", lambda key: (bytes([byte]) for byte in world.store.objects[key]))
    assert ask()[0] == GOOD


@pytest.mark.parametrize(
    ("recording", "words"),
    [
        ("x", "is not a recording id"),
        ("Z" * 26, "it has no date"),
        ("0" * 26, "S3 holds nothing of this recording"),
        (minted(3), "If it lies in the spool"),
    ],
)
def test_what_is_no_recording_of_ours_is_told(ask, recording, words):
    with pytest.raises(ConsentgateError, match=words) as caught:
        ask(recording=recording)
    assert caught.value.exit_code == FINDING


@pytest.mark.parametrize(("days", "found"), [(-1, True), (1, True), (2, False)])
def test_a_call_that_began_on_another_day_than_its_id_is_found(world, ask, days, found):
    moved = f"calls/2026/11/{22 + days}"
    world.store.objects = {key.replace(DAY, moved): content for key, content in world.store.objects.items()}
    if found:
        assert ask(recording=minted(1))[1][0].startswith(f"{moved}/{minted(1)}/manifest.json: folder is ")
    else:
        with pytest.raises(ConsentgateError, match="S3 holds nothing"):
            ask(recording=minted(1))


@pytest.mark.parametrize("method", ["list", "read"])
def test_a_store_that_is_away_ends_it_with_4(world, ask, monkeypatch, method):
    monkeypatch.setattr(world.store, method, failing(TransientError("S3 is away")))
    with pytest.raises(TransientError) as caught:
        ask()
    assert caught.value.exit_code == UNREACHABLE


def test_a_moments_failure_is_borne(world, monkeypatch, capsys):
    looking = Inspection(world.store, Keyring([SIGNER.public_key]), "calls")
    looking.patience.jitter = lambda: 0.0
    monkeypatch.setattr("ari_app.retrying.delay_seconds", lambda *_: 0.0)
    for name, real in (("list", world.store.list), ("read", world.store.read)):
        fail = failing(TransientError("a moment"), times=2)

        def once(key, fail=fail, real=real):
            fail()
            return real(key)

        monkeypatch.setattr(world.store, name, once)
    assert verify.inspect(looking, recording=None, day=None, everything=True, as_json=False) == GOOD
    assert "3 recordings, all whole" in capsys.readouterr().out


def test_many_are_told_in_order_and_how_far_it_is_on_standard_error(world, monkeypatch, capsys):
    monkeypatch.setattr(inspection, "AHEAD", 2)
    monkeypatch.setattr(verify, "SAY_SECONDS", 0.0)
    looking = Inspection(world.store, Keyring([]), "calls")
    capsys.readouterr()
    assert verify.inspect(looking, recording=None, day=None, everything=True, as_json=False) == FINDING
    said = capsys.readouterr()
    assert [line.split("/")[4] for line in said.out.splitlines()[:-1]] == [minted(1), minted(2), minted(9)]
    assert said.err.splitlines()[-1] == "3 recordings looked at, 3 are not whole"


@pytest.mark.parametrize(
    "arguments", [[], [minted(1), "--all"], ["--day", "2026-11-22", "--all"], ["--day", "22.11.2026"]]
)
def test_exactly_one_thing_is_asked(monkeypatch, capsys, arguments):
    monkeypatch.setattr(sys, "argv", ["consentgate", "verify", *arguments])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == USAGE
    assert capsys.readouterr().err


@pytest.fixture
def copy(world, tmp_path):
    """A copy of the bucket in a folder."""
    folder = tmp_path / "copy"
    for key, content in world.store.objects.items():
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        (folder / key).write_bytes(content)
    return folder


def end(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["consentgate", "verify", *map(str, arguments)])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    return caught.value.code


def test_who_has_a_copy_and_the_public_key_needs_nothing_else(copy, monkeypatch, capsys):
    asked = ["--all", "--copy", copy, "--config", copy / "nowhere.yaml", "--public-key"]
    assert end(monkeypatch, *asked, SIGNER.public_key) == GOOD
    assert capsys.readouterr().out == f"3 recordings, all whole: {WHOLE}\n"
    assert end(monkeypatch, *asked, EARLIER.public_key, "--public-key", SIGNER.public_key) == GOOD
    assert end(monkeypatch, *asked, EARLIER.public_key) == FINDING
    capsys.readouterr()
    # Of another prefix nothing is there, and nothing is said to be whole.
    assert end(monkeypatch, *asked, SIGNER.public_key, "--prefix", "elsewhere") == GOOD
    assert capsys.readouterr().out == "There is no recording.\n"


def test_a_link_in_a_copy_is_not_followed(copy, monkeypatch, capsys):
    sound = copy / DAY / minted(1) / "seg-001.flac"
    sound.rename(copy.parent / "elsewhere.flac")
    sound.symlink_to(copy.parent / "elsewhere.flac")
    assert end(monkeypatch, "--all", "--copy", copy, "--public-key", SIGNER.public_key) == UNREACHABLE
    assert "a copy of a bucket cannot be read" in capsys.readouterr().err


def test_a_copy_that_is_none_is_told(tmp_path, monkeypatch, capsys):
    asked = ["--all", "--copy", tmp_path / "nowhere", "--public-key", SIGNER.public_key]
    assert end(monkeypatch, *asked) == FINDING
    assert "aws s3 sync" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--copy", "."], ["--copy", ".", "--public-key", "AB"], ["--public-key", "x"]])
def test_a_copy_is_verified_with_a_key_that_is_one(monkeypatch, arguments):
    assert end(monkeypatch, "--all", *arguments) == USAGE
