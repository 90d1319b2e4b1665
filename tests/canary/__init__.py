"""The audio canary: whose voice is in a recording, from when to when, to the sample.

Each test party says noise of its own that never repeats (`telephone.Noise`) and keeps when each packet left. Mu-law
decodes by a table, so a stored file is compared with what was said bit for bit: eight samples in a row name the speaker
and the place. Nothing here corrects, stretches or forgives; a sample either is what was said or it is not.

Instants are microseconds since 1970 UTC at the telephone: with a delayed path what was said reaches Asterisk that much
later."""

from .checks import (
    UNTOLD,
    assert_aligned,
    assert_complete,
    assert_nothing_before,
    assert_nothing_between,
    assert_only,
    missing_between,
    offsets_ms,
)
from .heard import (
    NEVER_PLAYED_SAMPLES,
    HeardSpan,
    heard_span,
    likeness,
    music_heard,
    playings,
    times_heard,
    tone_share,
)
from .match import Match, SentAt, Span, Stretch, attribute, find_reference, find_spoken
from .voices import Voices, unexplained

__all__ = [
    "NEVER_PLAYED_SAMPLES",
    "UNTOLD",
    "HeardSpan",
    "Match",
    "SentAt",
    "Span",
    "Stretch",
    "Voices",
    "assert_aligned",
    "assert_complete",
    "assert_nothing_before",
    "assert_nothing_between",
    "assert_only",
    "attribute",
    "find_reference",
    "find_spoken",
    "heard_span",
    "likeness",
    "missing_between",
    "music_heard",
    "offsets_ms",
    "playings",
    "times_heard",
    "tone_share",
    "unexplained",
]
