"""G.711, the telephone's codec (ITU-T): one byte becomes one 16-bit sample, by table.

The standard library's `audioop` did this up to Python 3.12.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]

_MU_LAW_BIAS: Final = 0x84
_A_LAW_TOGGLE: Final = 0x55  # every other bit is sent inverted
_SIGN: Final = 0x80


def _mu_law() -> Samples:
    code = ~np.arange(256) & 0xFF
    segment, step = (code >> 4) & 7, code & 0x0F
    magnitude = (((step << 3) + _MU_LAW_BIAS) << segment) - _MU_LAW_BIAS
    return np.where(code & _SIGN, -magnitude, magnitude).astype(np.int16)


def _a_law() -> Samples:
    code = np.arange(256) ^ _A_LAW_TOGGLE
    segment, step = (code >> 4) & 7, (code & 0x0F) << 4
    lifted = (step + 0x108) << np.maximum(segment - 1, 0)
    magnitude = np.where(segment == 0, step + 8, lifted)
    return np.where(code & _SIGN, magnitude, -magnitude).astype(np.int16)


# By RTP payload type (RFC 3551, section 6): PCMU and PCMA, both at 8 kHz.
DECODERS: Final[Mapping[int, Samples]] = {0: _mu_law(), 8: _a_law()}
