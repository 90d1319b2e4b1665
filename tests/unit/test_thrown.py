"""What Asterisk says that it threw away is read from its log, and laid beside the packets that it may have been."""

import numpy as np
import pytest
from system.thrown import moments, thrown_away
from telephone import Instant

LOG = """\
[2026-11-29 06:12:04.311] DEBUG[16905] audiohook.c: Write factory 0x7f54 was pretty quick last time, waiting for them.
[2026-11-29 06:12:04.312] DEBUG[16905][C-0000001d] audiohook.c: Flushing audiohook 0x7f54 so it remains in sync
[2026-11-29 06:12:05.002] DEBUG[16906] audiohook.c: Flushing audiohook 0x7f55 so it remains in sync
"""


def test_the_moments_are_those_of_the_log(tmp_path, monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    log = tmp_path / "audiohook.log"
    assert moments(log) == []
    log.write_text(LOG)
    first, second = moments(log)
    assert second - first == 690_000
    assert first % 1_000_000 == 312_000


@pytest.mark.parametrize(("at_us", "gone"), [(380_000, False), (380_001, True), (500_999, True), (501_000, False)])
def test_a_packet_is_in_its_hands_for_as_long_as_it_may_be_kept(at_us, gone):
    arrivals = np.array([at_us], dtype=np.int64)
    assert thrown_away(arrivals, [Instant(500_000)]).tolist() == [gone]
    assert not thrown_away(arrivals, []).any()
