"""An incident that the disk does not take is said at once, kept, and written when the disk takes it again."""

import json

import pytest
from unit.ship_world import said

from ari_app.core.incident import Action, Door, Why
from ari_app.guard.incidents import Incidents
from ari_app.layout import Layout


@pytest.fixture
def layout(tmp_path):
    """A spool in which incidents cannot be written yet."""
    return Layout(tmp_path)


def written(layout):
    return sorted(one.name for one in layout.incidents.iterdir())


def alarm(incidents):
    identity = incidents.mint()
    incidents.raise_alarm(identity, Door.MIXMONITOR, Action.STOPPED, Why.STALE_HEARTBEAT, channel="1.1")
    return identity


def test_what_the_disk_did_not_take_is_written_when_it_does_and_as_it_was(layout, capsys):
    incidents = Incidents(layout, "pbx1")
    first, second = alarm(incidents), alarm(incidents)
    incidents.retry()
    lines = said(capsys)
    assert lines.count("capture.stopped") == 2
    assert lines.count("incident.not_written") == 2
    layout.incidents.mkdir()
    incidents.retry()
    assert written(layout) == sorted([f"{first}.json", f"{second}.json"])
    assert json.loads((layout.incidents / f"{first}.json").read_text())["why"] == "stale_heartbeat"
    assert said(capsys).count("incident.written") == 2


def test_what_is_written_is_not_written_again(layout, capsys):
    layout.incidents.mkdir()
    incidents = Incidents(layout, "pbx1")
    (layout.incidents / f"{alarm(incidents)}.json").unlink()
    incidents.retry()
    assert written(layout) == []
    assert "incident." not in said(capsys)
