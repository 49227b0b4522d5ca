"""A recording as a WAV file in memory: clear audio is never written to a disk."""

import struct
from typing import Final

from proxy.ship.g711 import Samples

RATE: Final = 8000  # samples a second
CHANNELS: Final = 2
_BYTES_A_SAMPLE: Final = 2
_PCM: Final = 1


def stereo_wav(samples: Samples) -> bytes:
    """16-bit PCM at 8 kHz. `samples` has one row a moment: left, right."""
    data = samples.astype("<i2").tobytes()
    frame = CHANNELS * _BYTES_A_SAMPLE
    layout = struct.pack(
        "<HHIIHH", _PCM, CHANNELS, RATE, RATE * frame, frame, 8 * _BYTES_A_SAMPLE
    )
    chunks = _chunk(b"fmt ", layout) + _chunk(b"data", data)
    return _chunk(b"RIFF", b"WAVE" + chunks)


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content
