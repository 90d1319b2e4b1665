"""The compiled policy: figures that a play is judged by, and one shape on the disk."""

import hashlib
import json

import pytest
from unit.calls import ENGLISH, WELSH, line, sound

from ari_app.core import policy as p


@pytest.mark.parametrize(
    ("samples", "rate_hz", "duration_ms", "packets"),
    [
        (16_000, 8000, 2000, 100),
        (16_022, 8000, 2003, 100),  # the last 22 samples of a WAV file are never played
        (16_023, 8000, 2003, 101),
        (15_999, 8000, 2000, 100),
        (32_000, 16_000, 2000, 100),
        (182, 8000, 23, 1),
        (183, 8000, 23, 2),
    ],
)
def test_length_and_packets_are_rounded_up(samples, rate_hz, duration_ms, packets):
    found = p.Announcement("x", "en", "", "0" * 64, "/x.wav", samples, rate_hz, 0, (0, 0, 0, 0))
    assert (found.duration_ms, found.packets) == (duration_ms, packets)


def policy():
    lines = {
        "advice-line": line(ENGLISH, WELSH, numbers=("01632960100",), purposes=("audit",)),
        "crisis-line": p.Line("crisis-line", p.Mode.NEVER, reason="never here"),
    }
    return p.Policy("hospital", "pbx1", lines, frozenset({"PJSIP/2001"}), frozenset({"PJSIP/trunk"}))


def test_a_policy_is_read_as_it_was_written_and_knows_its_hash():
    text = p.to_json(policy())
    found = p.from_json(text)
    assert found == policy()
    assert found.sha256 == hashlib.sha256(text).hexdigest()


def test_another_format_is_refused():
    raw = {**json.loads(p.to_json(policy())), "format": 2}
    with pytest.raises(ValueError, match="format 2, this version reads 1"):
        p.from_json(json.dumps(raw).encode())


def test_an_unknown_mode_is_refused():
    raw = json.loads(p.to_json(policy()))
    raw["lines"]["advice-line"]["mode"] = "guess"
    with pytest.raises(ValueError, match="guess"):
        p.from_json(json.dumps(raw).encode())


def test_the_same_policy_has_the_same_bytes():
    assert p.canonical({"b": 1, "a": [sound().language, "ä"]}) == '{"a":["en","ä"],"b":1}'.encode()
    assert p.to_json(policy()) == p.to_json(policy())
