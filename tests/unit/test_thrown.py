"""What Asterisk says that it threw away is read from its log, and laid beside the packets that it may have been."""

import numpy as np
import pytest
from system.thrown import HELD_US, moments, thrown_away
from telephone import Instant

LOG = """\
[2026-11-29 06:12:03.853] VERBOSE[16904] app_mixmonitor.c: Begin MixMonitor Recording PJSIP/trunk-0000004f
[2026-11-29 06:12:03.856] VERBOSE[16905] app_mixmonitor.c: Begin MixMonitor Recording PJSIP/2110-00000059
[2026-11-29 06:12:03.857] DEBUG[16891][C-0000001d] audiohook.c: Flushing audiohook 0x7f5425175000 so it remains in sync
[2026-11-29 06:12:03.863] DEBUG[16904] audiohook.c: Failed to get 160 samples from read factory 0x7f5425175088
[2026-11-29 06:12:04.311] DEBUG[16905] audiohook.c: Read factory 0x7f5424405088 and write factory 0x7f5424405ac8 both \
fail to provide 160 samples
[2026-11-29 06:12:04.311] DEBUG[16904] audiohook.c: Write factory 0x7f54 was pretty quick last time, waiting for them.
[2026-11-29 06:12:04.312] DEBUG[16891][C-0000001d] audiohook.c: Flushing audiohook 0x7f5425175000 so it remains in sync
[2026-11-29 06:12:05.002] DEBUG[16890] audiohook.c: Audiohook 0x7f5424405000 has stale audio in its factories. Flushing
[2026-11-29 06:12:05.003] DEBUG[16890] audiohook.c: Flushing audiohook 0x7f0000000000 so it remains in sync
[2026-11-29 06:12:06.856] VERBOSE[16999] app_mixmonitor.c: Begin MixMonitor Recording PJSIP/trunk-00000050
[2026-11-29 06:12:06.857] DEBUG[16999] audiohook.c: Read factory 0x7f5425175088 was pretty quick last time, waiting
[2026-11-29 06:12:06.858] DEBUG[16891][C-0000001f] audiohook.c: Flushing audiohook 0x7f5425175000 so it remains in sync
"""


def test_each_moment_is_of_the_channel_whose_monitor_it_was(tmp_path):
    log = tmp_path / "audiohook.log"
    assert moments(log) == {}
    log.write_text(LOG)
    found = moments(log)
    (first,), (second,), (third,) = (
        found[name] for name in ("PJSIP/trunk-0000004f", "PJSIP/2110-00000059", "PJSIP/trunk-00000050")
    )
    assert (second - first, third - first) == (690_000, 2_546_000)
    assert first % 1_000_000 == 312_000
    assert len(found) == 3


@pytest.mark.parametrize(("before_us", "gone"), [(HELD_US, False), (HELD_US - 1, True), (-999, True), (-1000, False)])
def test_a_packet_is_in_its_hands_for_as_long_as_it_may_be_kept(before_us, gone):
    arrivals = np.array([500_000 - before_us], dtype=np.int64)
    assert thrown_away(arrivals, [Instant(500_000)]).tolist() == [gone]
    assert not thrown_away(arrivals, []).any()
