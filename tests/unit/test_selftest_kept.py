"""Results of self-tests are kept as evidence: none can be altered or taken out unseen, and `doctor` says the last."""

import json
from pathlib import Path

import pytest
from unit.config_world import write

from ari_app import config
from ari_app.commands import selftest_spoken, selftest_stored
from ari_app.commands.selftest_kept import Results
from ari_app.core.names import MICROSECONDS, Instant
from ari_app.doctor.catalogue import Grade
from ari_app.errors import SpoolError
from ari_app.signing import Keyring, Signer

SIGNER = Signer(b"7" * 32)
KEYRING = Keyring([SIGNER.public_key])
AT = 1_795_953_600_000_000


def result(number: int, *, ok: bool = True, **more: object) -> dict[str, object]:
    steps = [{"step": "selftest-announced", "grade": "good" if ok else "wrong", "what": "why not"}]
    return {"at": AT + number * MICROSECONDS, "line": "advice-line", "ok": ok, "steps": steps, **more}


@pytest.fixture
def results(tmp_path: Path) -> Results:
    found = Results(tmp_path)
    with found.alone():
        for number in range(3):
            found.add("advice-line", result(number), SIGNER)
    return found


def test_what_is_kept_is_told(results: Results) -> None:
    kept = results.of("advice-line", KEYRING)
    assert [one["at"] for one in kept.results] == [AT, AT + 1_000_000, AT + 2_000_000]
    assert kept.broken == ""
    assert results.of("crisis-line", KEYRING).results == ()


@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        (lambda lines: lines[1:], "line 1 does not follow from the one before it"),
        (lambda lines: [lines[0], lines[2]], "line 2 does not follow from the one before it"),
        (
            lambda lines: [lines[0].replace(b'"ok":true', b'"ok":false'), *lines[1:]],
            "line 1: its signature does not fit",
        ),
        (lambda lines: [lines[0], b"{", lines[2]], "line 2 cannot be read"),
        (lambda lines: [lines[0].replace(b'":', b'": ', 1), *lines[1:]], "line 1 does not follow from the one before"),
    ],
)
def test_what_was_altered_is_seen(results: Results, spoil, what: str) -> None:
    file = results.file("advice-line")
    lines = spoil(file.read_bytes().splitlines())
    file.write_bytes(b"\n".join(lines) + b"\n")
    assert what in results.of("advice-line", KEYRING).broken


def test_a_line_that_a_crash_cut_is_no_line(results: Results) -> None:
    file = results.file("advice-line")
    file.write_bytes(file.read_bytes()[:-10])
    assert len(results.of("advice-line", KEYRING).results) == 2
    results.add("advice-line", result(9), SIGNER)
    assert json.loads(file.read_bytes().splitlines()[-1])["result"]["at"] == AT + 9 * MICROSECONDS
    kept = results.of("advice-line", KEYRING)
    assert (len(kept.results), kept.broken) == (3, "")


def test_two_at_once_wait_for_each_other(results: Results) -> None:
    with (
        results.alone(),
        pytest.raises(SpoolError, match="another self-test does not end"),
        Results(results.folder.parent).alone(0.0),
    ):
        pass


def test_a_spool_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(SpoolError, match="self-tests cannot be kept"), Results(tmp_path / "none").alone():
        pass


class TestSpoken:
    def last(self, folder: Path, now: int = AT) -> list[tuple[str, Grade]]:
        spool = folder / "spool"
        spool.mkdir(exist_ok=True)
        settings = config.load(write(folder, ("spool.path", str(spool))), {})
        return [(one.name, one.grade) for one in selftest_spoken.last(settings, Instant(now))]

    def add(self, folder: Path, said: dict[str, object]) -> None:
        (folder / "spool").mkdir(exist_ok=True)
        results = Results(folder / "spool")
        with results.alone():
            results.add("advice-line", said, None)

    def test_a_line_that_was_never_tested(self, tmp_path: Path) -> None:
        assert self.last(tmp_path) == [("selftest-last", Grade.UNKNOWN)]

    def test_a_good_one_and_how_old_it_is(self, tmp_path: Path) -> None:
        self.add(tmp_path, result(0))
        assert self.last(tmp_path) == [("selftest-last", Grade.GOOD)]
        assert self.last(tmp_path, AT + 31 * 3600 * MICROSECONDS) == [("selftest-last", Grade.WARNING)]

    def test_one_that_failed(self, tmp_path: Path) -> None:
        self.add(tmp_path, result(0))
        self.add(tmp_path, result(1, ok=False))
        assert self.last(tmp_path) == [("selftest-last", Grade.WRONG)]

    def test_evidence_that_was_altered(self, tmp_path: Path) -> None:
        self.add(tmp_path, result(0))
        self.add(tmp_path, result(1))
        file = Results(tmp_path / "spool").file("advice-line")
        file.write_bytes(b"\n".join(file.read_bytes().splitlines()[1:]) + b"\n")
        assert self.last(tmp_path) == [("selftest-evidence", Grade.WRONG), ("selftest-last", Grade.GOOD)]


class TestEarlier:
    def test_only_what_has_not_gone_is_asked_for(self, tmp_path: Path, monkeypatch) -> None:
        settings = config.load(write(tmp_path, ("spool.path", str(tmp_path))), {})
        ids = [f"01KA{number:022d}" for number in range(4)]
        for one in ids[:3]:
            (tmp_path / "shipped" / one).mkdir(parents=True)
        asked: list[str] = []

        def sweep(_: object, recording: str) -> list[None]:
            asked.append(recording)
            return [None] if recording == ids[1] else []

        monkeypatch.setattr(selftest_stored, "sweep", sweep)
        said: list[dict[str, object]] = [
            {"recording": ids[0]},
            {"recording": ids[1], "removed": False},
            {"recording": ids[2], "removed": True},
            {"recording": ids[3]},
            {"recording": None, "removed_earlier": []},
            {"recording": "../etc"},
        ]
        assert selftest_stored.earlier(settings, said) == [ids[0]]
        assert asked == ids[:2], "what is gone, and what ship has not finished with, is left alone"
        assert selftest_stored.earlier(settings, [*said, {"removed_earlier": [ids[0]]}]) == []
