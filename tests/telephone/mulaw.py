"""G.711 mu-law as Asterisk computes it, in tables.

A telephone that speaks mu-law lets us know to the bit what Asterisk will store as 16-bit PCM: decoding is a table of
256 values. Encoding is needed to know what a telephone will hear of a WAV file. Asterisk encodes from 14 bits, taking
the highest of four neighbouring values for each (`main/ulaw.c`, `ast_ulaw_init`), and replaces the byte 0x00 by 0x02
(`ZEROTRAP` there)."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Pcm = NDArray[np.int16]
MulawBytes = NDArray[np.uint8]

RATE: Final = 8000
SILENCE_BYTE: Final = 0xFF

_BIAS: Final = 132
_CLIP: Final = 32635


def _decode_table() -> Pcm:
    inverted = 255 - np.arange(256, dtype=np.int32)
    exponent = (inverted >> 4) & 7
    magnitude = (((inverted & 15) << 3) + _BIAS << exponent) - _BIAS
    return np.where(inverted & 0x80, -magnitude, magnitude).astype(np.int16)


def _encode_table() -> MulawBytes:
    # The index is the sample's bit pattern; `| 3` is the 14-bit rounding described above.
    sample = np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int32) | 3
    biased = np.minimum(np.abs(sample), _CLIP) + _BIAS
    exponent = np.zeros_like(biased)
    for bit in range(8, 15):
        exponent[biased >= 1 << bit] = bit - 7
    mantissa = (biased >> (exponent + 3)) & 15
    sign = np.where(sample < 0, 0x80, 0).astype(np.int32)
    code: NDArray[np.int32] = (sign | exponent << 4 | mantissa) ^ 0xFF
    code[code == 0] = 2
    return code.astype(np.uint8)


DECODE: Final = _decode_table()
ENCODE: Final = _encode_table()
#: True where a 16-bit value (index: its bit pattern) is one that mu-law can express; only such values can have come
#: over the line.
EXACT: Final = DECODE[ENCODE] == np.arange(65536, dtype=np.uint16).view(np.int16)


def decode(mulaw: bytes | MulawBytes) -> Pcm:
    """16-bit PCM of mu-law bytes, the same values that Asterisk stores."""
    codes = np.frombuffer(mulaw, dtype=np.uint8) if isinstance(mulaw, bytes) else mulaw
    return DECODE[codes]


def encode(pcm: Pcm) -> MulawBytes:
    """Mu-law bytes of 16-bit PCM, the same that Asterisk sends when it plays this PCM to a PCMU telephone."""
    return ENCODE[np.ascontiguousarray(pcm, dtype=np.int16).view(np.uint16)]
