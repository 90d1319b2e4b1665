"""Whose voices are in a file, among all that spoke: one index over everything that everybody said."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray
from telephone import Sent
from telephone.mulaw import EXACT, Pcm, encode

from .match import Match, Stretch, find_spoken, stretches_of, telling, windows

#: Eight samples in a row are one voice's, but chance is not forbidden to repeat them.
_MOST_SPEAKERS: Final = 2
_FEWEST_HITS: Final = 8


class Voices:
    """Everything that was said, by the names of those who said it."""

    def __init__(self, said: Mapping[str, Sent]) -> None:
        # What a telephone's own conference passed on is the voice of whom it came from.
        self.said = {name: one.own for name, one in said.items()}
        self._names = list(self.said)
        known = [windows(one) for one in self.said.values()]
        owners = [np.full(len(one), number, dtype=np.int32) for number, one in enumerate(known)]
        every = np.concatenate([np.empty(0, dtype=np.uint64), *known])
        owner = np.concatenate([np.empty(0, dtype=np.int32), *owners])
        # Eight equal bytes are a tone: they name nobody, and neither does what is mostly silence.
        distinct = telling(every) & (every != (every & np.uint64(0xFF)) * np.uint64(0x0101010101010101))
        every, owner = every[distinct], owner[distinct]
        order = np.argsort(every, kind="stable")
        self._known, self._owner = every[order], owner[order]

    def speakers(self, stored: Pcm) -> list[str]:
        """Return who is in a file, as far as eight exact samples in a row tell."""
        pcm = np.ascontiguousarray(stored, dtype=np.int16)
        wanted = windows(encode(pcm))
        if not len(wanted) or not len(self._known):
            return []
        exact = np.lib.stride_tricks.sliding_window_view(EXACT[pcm.view(np.uint16)], 8).all(axis=1)
        wanted = wanted[exact]
        first = np.searchsorted(self._known, wanted)
        hits: NDArray[np.int64] = np.zeros(len(self._names), dtype=np.int64)
        for step in range(_MOST_SPEAKERS):
            place = first + step
            inside = place < len(self._known)
            same = self._known[place[inside]] == wanted[inside]
            hits += np.bincount(self._owner[place[inside]][same], minlength=len(self._names))
        return [name for name, count in zip(self._names, hits, strict=True) if count >= _FEWEST_HITS]

    def attribute(self, stored: Pcm) -> dict[str, Match]:
        """Return the file compared with each who is in it."""
        return {name: find_spoken(stored, self.said[name]) for name in self.speakers(stored)}


def unexplained(stored: Pcm, matches: Mapping[str, Match]) -> tuple[Stretch, ...]:
    """Return the samples that are neither silence nor anybody's of those compared."""
    foreign = np.ones(len(stored), dtype=bool)
    for match in matches.values():
        mine = np.zeros(len(stored), dtype=bool)
        for stretch in match.unmatched:
            mine[stretch.start : stretch.end] = True
        foreign &= mine
    return stretches_of(foreign if matches else stored != 0)
