"""What Asterisk notes of conversations is read line by line, whatever else stands in its files."""

import gzip
import os

import pytest
from sealed_calls import at

from ari_app.adapters import cel
from ari_app.adapters.cel import Event
from ari_app.core.names import Instant
from ari_app.errors import PermanentError

ENTERED = "BRIDGE_ENTER,1795941999.530651,1795941996.0,1795941990.7,house,PJSIP/trunk-00000000\n"
HUNG_UP = "HANGUP,1795942001.533257,1795941996.0,1795941990.7,house,PJSIP/trunk-00000000\n"
SINCE = Instant(1795941999_000000)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "consentgate.csv"


def test_both_events_are_read(file):
    file.write_text(ENTERED + HUNG_UP)
    first, second = cel.read(file, SINCE)
    assert first == Event(True, Instant(1795941999_530651), "1795941996.0", "1795941990.7", "house", "PJSIP/trunk")
    assert (second.entered, second.at) == (False, Instant(1795942001_533257))
    assert list(cel.read(file, Instant(1795942001_533257))) == [second]


@pytest.mark.parametrize(
    "line",
    [
        "ANSWER,1795941999.530651,1795941996.0,1795941990.7,house,PJSIP/trunk-00000000\n",
        "HANGUP,1795942001.5,1795941996.0,1795941990.7,house,PJSIP/trunk-00000000\n",
        "HANGUP,1795942001.533257,../1795941996.0,1795941990.7,house,PJSIP/trunk-00000000\n",
        "HANGUP,1795942001.533257,1795941996.0,1795941990.7,house,PJSIP/trunk-00000000,more\n",
        "HANGUP,1795942001.533257,1795941996.0,1.1,hou",
        "HANGUP,1795942001.533257,1795941996.0,1795941990.7,house,PJSIP/tr\xfcnk-0\n",
        '"BRIDGE_ENTER","1795941999.530651"\n',
        "\0" * 5000 + "\n",
        "\n",
        "x" * 100_000 + "\n",
    ],
)
def test_lines_of_another_shape_are_passed_over(line, file):
    file.write_bytes(ENTERED.encode() + line.encode("latin-1"))
    with file.open("ab") as stream:
        stream.write(b"" if not line.endswith("\n") else HUNG_UP.encode())
    assert len(list(cel.read(file, SINCE))) == 1 + line.endswith("\n")


def test_a_local_channel_has_no_name(file):
    file.write_text("BRIDGE_ENTER,1795941999.530651,1795941996.0,1795941990.7,house,\n")
    assert [one.endpoint for one in cel.read(file, SINCE)] == [""]


def test_rotated_files_are_read_first_and_old_ones_not_at_all(file, tmp_path):
    file.write_text(HUNG_UP)
    rotated, old = tmp_path / "consentgate.csv-20261122.gz", tmp_path / "consentgate.csv.1"
    rotated.write_bytes(gzip.compress(ENTERED.encode()))
    old.write_text("BRIDGE_ENTER,1895941999.530651,1795941996.9,1795941996.9,house,\n")
    for one, seconds in ((old, 1795941998), (rotated, 1795942000), (file, 1795942002)):
        os.utime(one, (seconds, seconds))
    assert [one.entered for one in cel.read(file, SINCE)] == [True, False]


@pytest.mark.parametrize("fault", ["nothing", "no folder", "a folder", "damaged"])
def test_a_witness_that_cannot_be_asked_says_why(fault, file, tmp_path):
    if fault == "no folder":
        file = tmp_path / "nowhere" / "consentgate.csv"
    elif fault == "a folder":
        file.mkdir()
    elif fault == "damaged":
        file = tmp_path / "consentgate.csv"
        (tmp_path / "consentgate.csv.gz").write_bytes(gzip.compress(ENTERED.encode() * 1000)[:-20])
    with pytest.raises(PermanentError, match="the witness cannot be asked") as caught:
        list(cel.read(file, Instant(0)))
    assert "cel_custom.conf" in caught.value.hint
    assert str(file) in str(caught.value)
    assert at(0) > 0
