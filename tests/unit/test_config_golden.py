"""A configuration with every field wrong: all of it is told at once, in the order of the file, with exit code 3.

The expected text is a file, so that a change of a message is seen as what it is: what an administrator reads.
"""

from pathlib import Path

import pytest

from ari_app import config
from ari_app.config import InvalidConfigurationError
from ari_app.errors import CONFIGURATION

GOLDEN = Path(__file__).parent / "golden"
Told = tuple[InvalidConfigurationError, str]
FILE = GOLDEN / "all-wrong.yaml"


@pytest.fixture
def told(tmp_path: Path) -> Told:
    file = tmp_path / "consentgate.yaml"
    file.write_bytes(FILE.read_bytes())
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "short").write_text("too-short\n")
    with pytest.raises(InvalidConfigurationError) as caught:
        config.load(file, {})
    return caught.value, str(caught.value).replace(str(tmp_path), "/etc/consentgate")


def test_every_problem_is_told_at_once(told: Told) -> None:
    error, text = told
    assert text.splitlines() == (GOLDEN / "all-wrong.txt").read_text().splitlines()
    assert error.exit_code == CONFIGURATION


def test_no_field_that_is_wrong_is_forgotten(told: Told) -> None:
    error, _ = told
    wrong = {problem.path.partition("[")[0] for problem in error.problems}
    for section in config.SECTIONS:
        name = {"AnnouncementFile": "announcements.Advice_EN", "Line": "lines.advice-line"}.get(section.__name__)
        name = name or {"AnnouncementChecks": "announcement_checks"}.get(section.__name__)
        name = name or {"RetentionClass": "retention.forever"}.get(section.__name__) or section.__name__.lower()
        right = {"lines.advice-line.reason"}
        expected = {f"{name}.{key}" for key in config.keys_of(section)} - right
        # A secret's key without its file is told where the secret is missing.
        missing = {path for path in expected - wrong if path.removesuffix("_file") not in wrong}
        assert missing == set()


def test_no_secret_is_repeated(told: Told) -> None:
    _, text = told
    assert "hunter2" not in text
    assert "too-short" not in text
