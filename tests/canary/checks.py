"""What the tests assert about a recording; each failure says which samples, how many milliseconds, and what the file
holds.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray
from telephone import FRAME_SAMPLES, Instant, Sent
from telephone.mulaw import RATE, Pcm

from .match import Match, SentAt, Stretch, attribute, find_reference, listed, stretches_of

_SAMPLE_US: Final = 125

UNTOLD: Final = "UNTOLD: "
"""Before whatever says that somebody is stored who may not be: no busy machine excuses that (`again`)."""


# -------------------------------------------------------------------------------------------------------------


def assert_nothing_before(match: Match, sent_at: SentAt, limit: Instant, *, tolerance_ms: float = 20.0) -> None:
    """Nothing in the file was said before `limit` (a packet that left within `tolerance_ms` before it is let pass)."""
    for span in match.spans:
        early_ms = (limit - sent_at(span.sent_start)) / 1000
        assert early_ms <= tolerance_ms, (
            f"{UNTOLD}the file holds what was said {early_ms:.1f} ms before the limit (tolerance {tolerance_ms} ms): "
            f"sample {span.stored_start} of the file is sample {span.sent_start} of what was said; {match}"
        )


def assert_nothing_between(
    match: Match, sent_at: SentAt, begin: Instant, end: Instant, *, tolerance_ms: float = 20.0
) -> None:
    """Nothing in the file was said from `begin` to `end` (a hold, a pause), but for `tolerance_ms` at either edge."""
    low, high = begin + tolerance_ms * 1000, end - tolerance_ms * 1000
    for span in match.spans:
        for sample in (*range(span.sent_start, span.sent_end, FRAME_SAMPLES), span.sent_end - 1):
            at = sent_at(sample)
            assert not low < at < high, (
                f"{UNTOLD}the file holds what was said {(at - begin) / 1000:.1f} ms into a stretch of "
                f"{(end - begin) / 1000:.1f} ms of which nothing may be stored (sample {sample} of what was said); "
                f"{match}"
            )


def missing_between(match: Match, said: Sent, begin: Instant, end: Instant) -> list[Stretch]:
    """The samples that left the telephone from `begin` to `end` and are not in the file."""
    wanted = np.zeros(len(said), dtype=bool)
    wanted[said.first_sample_from(begin) : said.first_sample_from(end)] = True
    for span in match.spans:
        wanted[span.sent_start : span.sent_end] = False
    return list(stretches_of(wanted))


def assert_complete(match: Match, said: Sent, begin: Instant, end: Instant, *, tolerance_ms: float = 20.0) -> None:
    """Everything said from `begin` to `end`, but for `tolerance_ms` at either edge, is in the file, once and in
    order.
    """
    inside = round(begin + tolerance_ms * 1000), round(end - tolerance_ms * 1000)
    missing = missing_between(match, said, *inside)
    assert not missing, (
        f"{sum(s.ms for s in missing):.1f} ms of what was said are not in the file: samples {listed(missing)}, the "
        f"first {(said.sent_at(missing[0].start) - begin) / 1000:.1f} ms after the beginning of what must be there; "
        f"{match}"
    )
    for before, after in pairwise(match.spans):
        assert after.sent_start >= before.sent_end, (
            f"what was said is in the file twice or out of order: sample {after.sent_start} follows sample "
            f"{before.sent_end - 1}; {match}"
        )


def assert_only(
    stored: Pcm, own: Sent | Pcm, others: Mapping[str, Sent | Pcm], *, least_samples: int = FRAME_SAMPLES
) -> Match:
    """The file holds this party's voice (at least `least_samples` of it) and silence, and nothing else; gives the
    comparison.
    """
    for name, match in attribute(stored, others).items():
        assert not match.spans, (
            f"{UNTOLD}the file holds {match.matched * 1000 / RATE:.1f} ms of the voice of {name}; {match}"
        )
    match = find_reference(stored, own)
    assert not match.unmatched, (
        f"{UNTOLD}the file holds {sum(s.ms for s in match.unmatched):.1f} ms that are neither this party's voice "
        f"nor silence nor any known party's; {match}"
    )
    assert match.matched >= least_samples, f"the file holds only {match.matched} samples of this party's voice; {match}"
    return match


def offsets_ms(first: Match, first_said: Sent, second: Match, second_said: Sent) -> NDArray[np.float64]:
    """For places in the file at which both parties speak: how much earlier than the second's the first's sample was
    spoken.
    """
    length = max(first.length, second.length)
    places = np.arange(0, length, FRAME_SAMPLES // 2)
    one, two = _spoken(first, first_said, places), _spoken(second, second_said, places)
    both = (one >= 0) & (two >= 0)
    return (two[both] - one[both]) / 1000


def _spoken(match: Match, said: Sent, places: NDArray[np.int64]) -> NDArray[np.int64]:
    """The instants at which the samples at these places were spoken; -1 where the file has none of this party's."""
    spoken = np.full(len(places), -1, dtype=np.int64)
    instants = np.array(said.instants, dtype=np.int64)
    for span in match.spans:
        here = (places >= span.stored_start) & (places < span.stored_end)
        sample = places[here] + (span.sent_start - span.stored_start)
        spoken[here] = instants[sample // FRAME_SAMPLES] - (FRAME_SAMPLES - 1 - sample % FRAME_SAMPLES) * _SAMPLE_US
    return spoken


def assert_aligned(
    first: Match,
    first_said: Sent,
    second: Match,
    second_said: Sent,
    *,
    offset_ms: float = 20.0,
    spread_ms: float = 20.0,
) -> float:
    """Two channels of a recording are in step: what stands side by side was spoken at the same time, within `offset_ms`
    (median), and stays so, within `spread_ms` (the central 98 %, as a packet may leave late). Gives the median offset
    in ms.

    With a delay each way, subtract the difference of both paths' delays first, or allow for it.
    """
    offsets = offsets_ms(first, first_said, second, second_said)
    assert len(offsets), f"both parties are nowhere side by side in the file: first {first}; second {second}"
    median = float(np.median(offsets))
    low, high = (float(value) for value in np.percentile(offsets, [1, 99]))
    assert abs(median) <= offset_ms, f"the channels are {median:.1f} ms apart (limit {offset_ms} ms)"
    assert high - low <= spread_ms, (
        f"the channels drift: their offset goes from {low:.1f} to {high:.1f} ms (limit {spread_ms} ms between them)"
    )
    return median
