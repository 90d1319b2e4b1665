"""A machine as `consentgate status` finds it: its spool, and where it looks."""

from pathlib import Path

import pytest
from sealed_calls import SyntheticSpool

from ari_app.commands import status
from ari_app.commands.situation import Places


@pytest.fixture
def synthetic(tmp_path: Path) -> SyntheticSpool:
    made: SyntheticSpool = SyntheticSpool(tmp_path / "spool").prepare()
    return made


@pytest.fixture
def places(synthetic: SyntheticSpool) -> Places:
    return Places("pbx1", synthetic.layout, status.DEFAULT_FLOOR, True)
