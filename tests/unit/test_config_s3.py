"""How a site says what its recordings in S3 must be like, and what follows from what it says."""

from pathlib import Path

import certificates
import pytest
from unit.config_world import write
from unit.test_config import told

from ari_app import config, safekeeping
from ari_app.core.retention import Keep, LockMode
from ari_app.safekeeping import Proof, Terms


@pytest.mark.parametrize(
    ("changes", "place", "problem"),
    [
        ([("s3.object_lock", "worm")], "s3.object_lock", "is not one of none, governance, compliance"),
        ([("s3.multipart_above", 64)], "s3.multipart_above", "must be text: for example 64MiB"),
        ([("s3.multipart_above", "64")], "s3.multipart_above", "is not a size"),
        ([("s3.multipart_above", "4MiB")], "s3.multipart_above", "must be from 5MiB to 5GiB"),
        ([("s3.multipart_above", "6GiB")], "s3.multipart_above", "must be from 5MiB to 5GiB"),
        ([("s3.keep_audio_seconds", 604801)], "s3.keep_audio_seconds", "must be less than or equal to 604800"),
        ([("s3.keep_audio_seconds", True)], "s3.keep_audio_seconds", "must be a valid integer"),
        (
            [("s3.endpoint_url", "https://s3"), ("s3.ca_file", "nowhere.pem")],
            "s3.ca_file",
            "names a file that cannot be read: No such file",
        ),
        (
            [("s3.endpoint_url", "https://s3"), ("s3.ca_file", "ari.password")],
            "s3.ca_file",
            "names a file that holds no certificate",
        ),
        (
            [("s3.object_lock", "governance"), ("lines.advice-line.retention", None)],
            "lines.advice-line.retention",
            "is missing: s3.object_lock: governance needs to know for how long",
        ),
    ],
)
def test_a_wrong_demand_is_told(tmp_path: Path, changes: list[tuple[str, object]], place: str, problem: str) -> None:
    found = told(write(tmp_path, *changes))
    assert [path for path, _ in found] == [place]
    assert problem in found[0][1]


def test_a_ca_without_tls_is_told_before_somebody_relies_on_it(tmp_path: Path) -> None:
    certificates.make(tmp_path)
    found = told(write(tmp_path, ("s3.ca_file", "ca.pem")))
    assert [path for path, _ in found] == ["s3.ca_file"]
    assert "has no effect on an endpoint without TLS" in found[0][1]


def terms(tmp_path: Path, *changes: tuple[str, object]) -> Terms:
    return safekeeping.terms_of(config.load(write(tmp_path, *changes), {}))


def test_who_says_nothing_has_the_careful_way_and_a_lock_where_that_can_be(tmp_path: Path) -> None:
    found = terms(tmp_path)
    assert (found.proof, found.keep_audio_seconds) == (Proof.READ_BACK, 300)
    locking = found.locking
    assert (locking.mode, locking.demanded, locking.legal_hold) == (LockMode.GOVERNANCE, False, False)
    assert locking.lines == {"advice-line": Keep(8, "year")}
    assert locking.classes == (Keep(8, "year"),)


def test_who_says_it_has_it_as_they_say(tmp_path: Path) -> None:
    said = {"object_lock": "compliance", "legal_hold": True, "proof": "head", "keep_audio_seconds": 0}
    found = terms(tmp_path, *((f"s3.{key}", value) for key, value in said.items()))
    assert (found.proof, found.keep_audio_seconds) == (Proof.HEAD, 0)
    locking = found.locking
    assert (locking.mode, locking.demanded, locking.legal_hold) == (LockMode.COMPLIANCE, True, True)


def test_none_is_a_demand_as_well(tmp_path: Path) -> None:
    assert terms(tmp_path, ("s3.object_lock", "none")).locking.mode is LockMode.NONE


def test_a_line_that_is_never_recorded_needs_no_class(tmp_path: Path) -> None:
    assert terms(tmp_path, ("s3.object_lock", "governance")).locking.demanded
