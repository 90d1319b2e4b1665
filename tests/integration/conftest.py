"""What several integration tests need."""

import pytest
from integration.day_site import Site
from sealed_calls import at

from ari_app import clock


@pytest.fixture
def site(tmp_path, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: at(3600))
    return Site(tmp_path)
