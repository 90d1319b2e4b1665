"""What the guard may write about an incident, and that nothing else comes through."""

import json

import pytest
from sealed_calls import at, incident, minted

from ari_app.core import incident as inc
from ari_app.core.incident import Action, Door, Why


def read(**changes):
    return inc.read(json.dumps(incident(**changes)).encode())


def test_an_incident_as_the_guard_writes_it():
    found = read()
    assert (found.id, found.at, found.door, found.action) == (
        minted(1),
        at(7.000_001),
        Door.MIXMONITOR,
        Action.STOPPED,
    )
    assert found.content == incident()


@pytest.mark.parametrize("prefix", ["calls", "/calls/", "calls/"])
def test_it_lies_beside_the_recordings(prefix):
    assert read().object_name(prefix) == f"calls/incidents/2026/11/22/{minted(1)}.json"


def test_without_a_prefix_as_well():
    assert read().object_name("") == f"incidents/2026/11/22/{minted(1)}.json"


@pytest.mark.parametrize("door", Door)
@pytest.mark.parametrize("action", Action)
def test_every_door_and_what_was_done(door, action):
    found = read(door=door.value, action=action.value)
    assert (found.door, found.action) == (door, action)


@pytest.mark.parametrize("why", Why)
def test_every_cause(why):
    assert read(why=why.value).content["why"] == why


@pytest.mark.parametrize(
    "changes", [{"channel": None}, {"stopped_after_ms": None}, {"files": []}, {"stopped_after_ms": 0}]
)
def test_what_may_be_unknown(changes):
    assert read(**changes).content == incident(**changes)


NUMBER = "07700900123"


@pytest.mark.parametrize(
    "changes",
    [
        {"format": 2},
        {"format": True},
        {"id": "../../etc/passwd"},
        {"id": 7},
        {"node": "St Elsewhere"},
        {"node": None},
        {"at": "now"},
        {"at": -1},
        {"at": 1.5},
        {"at": True},
        {"at": 2**63},
        {"door": "window"},
        {"door": ["file"]},
        {"action": "forgiven"},
        {"why": NUMBER},
        {"door": NUMBER},
        {"action": NUMBER},
        {"channel": "../x"},
        {"channel": 7},
        {"stopped_after_ms": -1},
        {"stopped_after_ms": "12"},
        {"files": None},
        {"files": ["x.wav"]},
        {"files": [incident()["files"][0]] * 101},
        {"files": [{"sha256": "a" * 64, "bytes": 1}]},
        {"files": [{"sha256": "a" * 64, "bytes": 1, "quarantined_as": "x.wav", "path": "/var/x.wav"}]},
        {"files": [{"sha256": "A" * 64, "bytes": 1, "quarantined_as": "x.wav"}]},
        {"files": [{"sha256": "a" * 64, "bytes": -1, "quarantined_as": "x.wav"}]},
        {"files": [{"sha256": "a" * 64, "bytes": 1, "quarantined_as": "/var/spool/asterisk/monitor/x.wav"}]},
        {"files": [{"sha256": "a" * 64, "bytes": 1, "quarantined_as": None}]},
        {"caller": NUMBER},
    ],
)
def test_anything_else_is_refused(changes):
    with pytest.raises(ValueError, match=r".") as caught:
        read(**changes)
    # What ship says of a plain ValueError is its text; of any other, its type alone.
    assert type(caught.value) is not ValueError or NUMBER not in str(caught.value)


@pytest.mark.parametrize("text", [b"", b"[]", b"null", b"{", b"[" * 100_000, b"\xff", b"9" * 5000])
def test_nonsense_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        inc.read(text)


def test_a_missing_word_is_refused():
    whole = incident()
    for name in whole:
        with pytest.raises(ValueError, match="not of format 1"):
            inc.read(json.dumps({key: value for key, value in whole.items() if key != name}).encode())
