"""Pictures of sound: a waveform as one line of characters or as SVG, and a figure between its limits.

SVG is text, so that a report is one file which shows the same everywhere, needs no library, and can be read in a diff.
Colours are the page's (classes); nothing is said by colour alone.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np

from ari_app.ear import Heard, Samples

BLOCKS: Final = "▁▂▃▄▅▆▇█"
PLAIN_BLOCKS: Final = "_.:-=+*#"
"""Where a terminal knows no other characters."""
WIDTH, HEIGHT, TOP, BOTTOM = 960.0, 180.0, 24.0, 156.0
_MIDDLE, _HALF = (TOP + BOTTOM) / 2, (BOTTOM - TOP) / 2
COLUMNS: Final = 480
_LEAST_MARK: Final = 2.0
_LABEL: Final = 110.0
"""About what the label of the speech's end takes; nearer than this to the left edge it stands on the other side."""


def envelope(samples: Samples, columns: int) -> tuple[Samples, Samples]:
    """Return the lowest and the highest sample of each column; fewer columns where there are fewer samples."""
    count = min(columns, len(samples))
    starts = np.arange(count) * len(samples) // count
    return np.minimum.reduceat(samples, starts), np.maximum.reduceat(samples, starts)


def blocks(samples: Samples, heard: Heard, columns: int, *, plain: bool = False) -> Iterator[tuple[str, str]]:
    """Yield a character and a style for each column: red where it is clipped, dim before and after the speech."""
    low, high = envelope(samples, columns)
    # The root shows what is quiet as well: speech is at a tenth of full scale most of the time.
    loud = np.sqrt(np.clip(np.maximum(-low, high), 0, 1))
    characters = PLAIN_BLOCKS if plain else BLOCKS
    clipped = {start * len(loud) // len(samples) for start, _ in heard.clipped}
    for column, value in enumerate(loud.tolist()):
        at_ms = column * heard.duration_ms / len(loud)
        outside = at_ms < heard.lead_ms or at_ms >= heard.spoken_end_ms
        style = "red" if column in clipped else "dim" if outside else "cyan"
        yield characters[min(int(value * len(characters)), len(characters) - 1)], style


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _rectangle(kind: str, start: float, end: float, top: float = TOP, bottom: float = BOTTOM) -> str:
    place = f'x="{_n(start)}" y="{_n(top)}" width="{_n(end - start)}" height="{_n(bottom - top)}"'
    return f'<rect class="{kind}" {place}/>'


def _text(kind: str, x: float, y: float, text: str, anchor: str = "middle") -> str:
    return f'<text class="{kind}" x="{_n(x)}" y="{_n(y)}" text-anchor="{anchor}">{text}</text>'


def _shape(samples: Samples) -> str:
    low, high = envelope(samples, COLUMNS)
    across = np.linspace(0, WIDTH, len(low))
    above = [f"{_n(x)},{_n(y)}" for x, y in zip(across, _MIDDLE - _HALF * np.clip(high, -1, 1), strict=True)]
    below = [f"{_n(x)},{_n(y)}" for x, y in zip(across, _MIDDLE - _HALF * np.clip(low, -1, 1), strict=True)]
    return f'<polygon class="wave" points="{" ".join(above + below[::-1])}"/>'


def _clipped(heard: Heard) -> Iterator[str]:
    """Yield a red bar for each place, one for all that lie in each other's width, and a mark above the picture."""
    merged: list[list[float]] = []
    for first, after in heard.clipped:
        start = first / heard.samples * WIDTH
        end = max(after / heard.samples * WIDTH, start + _LEAST_MARK)
        if merged and start <= merged[-1][1]:
            merged[-1][1] = max(end, merged[-1][1])
        else:
            merged.append([start, end])
    for start, end in merged:
        yield _rectangle("clip", start, end)
        yield _rectangle("mark", start, end, TOP - 4, TOP)


def _seconds(heard: Heard) -> Iterator[str]:
    whole = heard.duration_ms / 1000
    step = next((step for step in (0.5, 1, 2, 5, 10) if whole / step <= COLUMNS / 40), 30)
    for count in range(int(whole / step) + 1):
        x = count * step / whole * WIDTH
        yield f'<path class="tick" d="M{_n(x)} {_n(BOTTOM)}v4"/>'
        anchor = "start" if count == 0 else "end" if x > WIDTH - 12 else "middle"
        yield _text("axis", x, HEIGHT - 6, f"{count * step:g} s", anchor)


def waveform(samples: Samples, heard: Heard, title: str) -> str:
    """Return the picture of one file as SVG; `title` must be free of markup."""
    begin, end = (min(ms / max(heard.duration_ms, 1), 1) * WIDTH for ms in (heard.lead_ms, heard.spoken_end_ms))
    left = end > _LABEL
    label = f"speech ends {heard.spoken_end_ms / 1000:.2f} s"
    parts = [
        f'<svg class="waveform" viewBox="0 0 {_n(WIDTH)} {_n(HEIGHT)}" role="img" xmlns="http://www.w3.org/2000/svg">',
        f"<title>{title}</title>",
        _rectangle("field", 0, WIDTH),
        *([_rectangle("silence", 0, begin)] if begin else []),
        *([_rectangle("silence", end, WIDTH)] if end < WIDTH else []),
        *(f'<path class="guide" d="M0 {_n(_MIDDLE + _HALF * at)}H{_n(WIDTH)}"/>' for at in (-0.5, 0, 0.5)),
        _shape(samples),
        *_clipped(heard),
        f'<path class="end" d="M{_n(end)} {_n(TOP - 10)}V{_n(BOTTOM)}"/>',
        _text("label", end - 5 if left else end + 5, TOP - 10, label, "end" if left else "start"),
        *_seconds(heard),
        "</svg>",
    ]
    return "\n".join(parts)


def meter(value: float, scale: tuple[float, float], good: tuple[float, float], allowed: tuple[float, float]) -> str:
    """Return a figure on its scale: the allowed range, in it the good one, and a needle."""
    low, high = scale

    def at(one: float) -> float:
        return (min(max(one, low), high) - low) / (high - low) * 200 + 4

    needle = at(value)
    return "".join(
        [
            '<svg class="meter" viewBox="0 0 208 18" aria-hidden="true" xmlns="http://www.w3.org/2000/svg">',
            _rectangle("scale", 4, 204, 6, 12),
            _rectangle("allowed", at(allowed[0]), at(allowed[1]), 6, 12),
            _rectangle("good", at(good[0]), at(good[1]), 6, 12),
            f'<path class="needle" d="M{_n(needle)} 2v14"/></svg>',
        ]
    )
