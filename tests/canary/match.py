"""A file compared with what a party said: spans that agree to the bit, inserted silence, and the rest."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from telephone import Instant, Sent
from telephone.mulaw import EXACT, RATE, SILENCE_BYTE, MulawBytes, Pcm, encode

#: The instant at which a sample, by its number in what a party said, left the telephone (`Sent.sent_at`,
#: `Call.sent_at`).
SentAt = Callable[[int], Instant]

_WINDOW: Final = 8
_SHORTEST_SILENCE: Final = 80
_MOST_LISTED: Final = 8
_NEGATIVE_ZERO: Final = 0x7F
_MOST_SILENT: Final = 3
# Shorter agreements than this are no evidence: noise never has them, speech has them by chance.
_SHORTEST: Final = 16
SHORTEST_SPEECH: Final = 400
LEAST_SPEECH_ANCHORS: Final = 50


@dataclass(frozen=True, slots=True)
class Span:
    """`length` samples of a file from `stored_start` on are what was said from sample `sent_start` on."""

    stored_start: int
    sent_start: int
    length: int

    @property
    def stored_end(self) -> int:
        """One past the last sample in the file."""
        return self.stored_start + self.length

    @property
    def sent_end(self) -> int:
        """One past the last sample of what was said."""
        return self.sent_start + self.length


@dataclass(frozen=True, slots=True)
class Stretch:
    """Samples `start` up to, not including, `end` of a file."""

    start: int
    end: int

    @property
    def ms(self) -> float:
        """Its duration."""
        return (self.end - self.start) * 1000 / RATE


@dataclass(frozen=True, slots=True)
class Match:
    """A file compared with what one party said: every sample is in a span, in `silent` or in `unmatched`."""

    #: In the order of the file.
    spans: tuple[Span, ...]
    #: Zeros that the party did not say: silence that Asterisk or ship inserted.
    silent: tuple[Stretch, ...]
    #: Anything else: somebody else's voice, or damage.
    unmatched: tuple[Stretch, ...]
    #: Samples in the file.
    length: int

    @property
    def matched(self) -> int:
        """How many samples are this party's."""
        return sum(span.length for span in self.spans)

    def __str__(self) -> str:
        """For messages of failed assertions."""
        shown = [f"file {s.stored_start}+{s.length} = said {s.sent_start}" for s in self.spans[:_MOST_LISTED]]
        more = len(self.spans) - len(shown)
        said = (", ".join(shown) or "nothing") + (f" and {more} more" if more else "")
        rest = f"silent {listed(self.silent)}; unmatched {listed(self.unmatched)}"
        return f"{self.length} samples; this party's: {said}; {rest}"


def listed(stretches: Sequence[Stretch]) -> str:
    """Stretches for a message, the first few of many."""
    shown = ", ".join(f"{s.start}-{s.end}" for s in stretches[:_MOST_LISTED]) or "none"
    more = len(stretches) - _MOST_LISTED
    return f"{shown} and {more} more" if more > 0 else shown


def find_reference(stored: Pcm, said: Sent | Pcm) -> Match:
    """Where in a stored file is what one party said (`call.sent`, or the PCM of it)?"""
    return find_spoken(stored, said.mulaw if isinstance(said, Sent) else encode(said))


def find_spoken(stored: Pcm, mulaw: MulawBytes) -> Match:
    """The same for mu-law bytes."""
    return compare(stored, mulaw, _SHORTEST)


def attribute(stored: Pcm, parties: Mapping[str, Sent | Pcm]) -> dict[str, Match]:
    """The same file compared with each party, by name."""
    return {name: find_reference(stored, said) for name, said in parties.items()}


def windows(codes: MulawBytes) -> NDArray[np.uint64]:
    """Each eight neighbouring bytes as one number."""
    if len(codes) < _WINDOW:
        return np.empty(0, dtype=np.uint64)
    view = np.lib.stride_tricks.sliding_window_view(codes, _WINDOW)
    return np.ascontiguousarray(view).view(np.uint64).ravel()


def telling(found: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Which windows tell whose voice it is.

    Not those that are mostly silence. Where a voice borders on silence a byte or two are all that it has in the window,
    and any other sound that begins or ends may have the same: a telephone's conference, which passes every other frame
    on, has hundreds of such borders, and one of them was found in each announcement.
    """
    codes = np.ascontiguousarray(found).view(np.uint8).reshape(-1, _WINDOW)
    silent: NDArray[np.int64] = ((codes == SILENCE_BYTE) | (codes == _NEGATIVE_ZERO)).sum(axis=1)
    return silent <= _MOST_SILENT


@lru_cache(maxsize=64)
def _index(reference: bytes) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Return the windows that occur once, in order, and where each is: an announcement is looked for again and again.

    Whoever looks is the process of the telephones, whose next packets wait meanwhile.
    """
    known = windows(np.frombuffer(reference, dtype=np.uint8))
    order = np.argsort(known, kind="stable")
    ordered = known[order]
    single = np.ones(len(ordered), dtype=bool)
    same = ordered[1:] == ordered[:-1]
    single[1:] &= ~same
    single[:-1] &= ~same
    single &= telling(ordered)
    return ordered[single], order[single]


def _anchors(
    stored: MulawBytes, exact: NDArray[np.bool_], reference: MulawBytes
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positions in the file, and in the reference, of windows that occur once in the reference."""
    ordered, order = _index(reference.tobytes())
    wanted = windows(stored)
    if not len(ordered) or not len(wanted):
        nowhere = np.empty(0, dtype=np.int64)
        return nowhere, nowhere
    place = np.minimum(np.searchsorted(ordered, wanted), len(ordered) - 1)
    hit = ordered[place] == wanted
    # A value that mu-law cannot express was not said: no window over it counts.
    hit &= ~np.lib.stride_tricks.sliding_window_view(~exact, _WINDOW).any(axis=1)
    at = np.flatnonzero(hit)
    return at.astype(np.int64), order[place[at]].astype(np.int64)


def _supported(
    at: NDArray[np.int64], said_at: NDArray[np.int64], least: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The anchors whose distance between file and reference at least `least` anchors share."""
    # Speech has quiet places that agree with any other quiet place; one such anchor would cut a good span in two.
    _, group, sizes = np.unique(said_at - at, return_inverse=True, return_counts=True)
    good = sizes[group] >= least
    return at[good], said_at[good]


def compare(stored: Pcm, reference: MulawBytes, shortest: int, least_anchors: int = 1) -> Match:
    pcm = np.ascontiguousarray(stored, dtype=np.int16)
    codes, exact = encode(pcm), EXACT[pcm.view(np.uint16)]
    # Mu-law has two zeros and PCM has one; a stored 0 may have been either.
    reference = np.where(reference == _NEGATIVE_ZERO, SILENCE_BYTE, reference).astype(np.uint8)
    at, said_at = _supported(*_anchors(codes, exact, reference), least_anchors)
    spans: list[Span] = []
    if len(at):
        # Anchors with the same distance between file and reference belong together if everything between them agrees
        # too.
        cuts = np.flatnonzero(np.diff(said_at - at)) + 1
        groups = [
            (int(a[0]), int(a[-1]) + _WINDOW, int(s[0] - a[0]))
            for a, s in zip(np.split(at, cuts), np.split(said_at, cuts), strict=True)
        ]
        free_from = 0
        for index, (first, end, distance) in enumerate(groups):
            until = groups[index + 1][0] if index + 1 < len(groups) else len(codes)
            spans += _agreeing(codes, exact, reference, distance, (max(free_from, 0), first, end, max(until, end)))
            free_from = spans[-1].stored_end if spans else 0
    spans = [span for span in spans if span.length >= shortest]
    return _complete(pcm, spans)


def _agreeing(
    codes: MulawBytes, exact: NDArray[np.bool_], reference: MulawBytes, distance: int, bounds: tuple[int, int, int, int]
) -> list[Span]:
    """The stretches around and between anchors in which file and reference agree at this distance.

    `bounds`: from where the file is free, first anchor, end of the last anchor, up to where the next group begins.
    """
    lowest, first, end, highest = bounds
    low, high = max(lowest, -distance), min(highest, len(reference) - distance)
    agree = (codes[low:high] == reference[low + distance : high + distance]) & exact[low:high]
    edges = np.flatnonzero(np.diff(np.concatenate([[False], agree, [False]]).astype(np.int8)))
    found = []
    for start, stop in zip(edges[::2] + low, edges[1::2] + low, strict=True):
        # Chance agreements outside of what an anchor vouches for are not evidence.
        if stop - start >= _WINDOW and stop > first and start < end:
            found.append(Span(int(start), int(start) + distance, int(stop - start)))
    return found


def _complete(pcm: Pcm, spans: list[Span]) -> Match:
    free = np.ones(len(pcm), dtype=bool)
    for span in spans:
        free[span.stored_start : span.stored_end] = False
    foreign = free & (pcm != 0)
    for zeros in stretches_of(free & (pcm == 0)):
        # Any sound passes through zero; only a longer stretch of it is silence that somebody put there.
        beside = foreign[max(zeros.start - 1, 0) : zeros.end + 1].any()
        if beside and zeros.end - zeros.start < _SHORTEST_SILENCE:
            foreign[zeros.start : zeros.end] = True
    return Match(tuple(spans), stretches_of(free & ~foreign), stretches_of(foreign), len(pcm))


def stretches_of(mask: NDArray[np.bool_]) -> tuple[Stretch, ...]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return tuple(Stretch(int(start), int(end)) for start, end in zip(edges[::2], edges[1::2], strict=True))
