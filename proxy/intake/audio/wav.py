"""RIFF/WAVE: PCM of 8 and 16 bits, G.711 A-law and µ-law."""

import struct
import sys

from proxy.errors import BadAudioError
from proxy.intake.audio.reading import ClearStream, Reading, Track

# Bits per sample of each format tag we accept.
_PCM, _A_LAW, _MU_LAW, _EXTENSIBLE = 0x0001, 0x0006, 0x0007, 0xFFFE
_BITS_OF_TAG = {_PCM: (8, 16), _A_LAW: (8,), _MU_LAW: (8,)}

_FMT = struct.Struct("<HHIIHH")
_EXTENSION_SIZE = 24
# WAVE_FORMAT_EXTENSIBLE holds the format tag in front of this fixed part of a GUID.
_GUID_TAIL = bytes.fromhex("000000001000800000aa00389b71")

# An encoder that cannot seek back announces one of these and writes until it stops:
# 0 and 2**32 - 1 by convention (ffmpeg the latter), 0x7FFFF000 by sox 14.4 to a pipe.
_UNKNOWN_SIZES = (0, 0xFFFFFFFF, 0x7FFFF000)

# Real files have a handful; millions of empty ones only burn time.
_MAX_CHUNKS = 64


def read_wav(stream: ClearStream, track: Track) -> Reading[None]:
    """Read chunk after chunk; exactly one `fmt ` and, after it, one `data`."""
    magic = yield from stream.take(12)
    if magic[8:] != b"WAVE":
        raise BadAudioError("a RIFF file, but not WAVE")
    block_size = 0
    has_data = False
    for _ in range(_MAX_CHUNKS):
        if has_data and (yield from stream.is_at_end()):
            return
        name, size = struct.unpack("<4sI", (yield from stream.take(8)))
        if name == b"fmt " and not block_size:
            block_size = yield from _read_fmt(stream, size, track)
        elif name == b"data" and block_size and not has_data:
            yield from _read_data(stream, size, block_size, track)
            has_data = True
        elif name in (b"fmt ", b"data"):
            raise BadAudioError("WAVE chunks out of order")
        else:
            yield from stream.skip(size)
        yield from stream.pass_by(size % 2)  # padding, which some writers forget
    raise BadAudioError(f"more than {_MAX_CHUNKS} WAVE chunks")


def _read_fmt(stream: ClearStream, size: int, track: Track) -> Reading[int]:
    """Return the bytes of one sample on all channels."""
    if size < _FMT.size:
        raise BadAudioError("a WAVE format chunk that is too short")
    tag, channels, sample_rate, _, block_size, bits = _FMT.unpack(
        (yield from stream.take(_FMT.size))
    )
    size -= _FMT.size
    if tag == _EXTENSIBLE and size >= _EXTENSION_SIZE:
        tag = _tag_of((yield from stream.take(_EXTENSION_SIZE)))
        size -= _EXTENSION_SIZE
    yield from stream.skip(size)
    if bits not in _BITS_OF_TAG.get(tag, ()):
        raise BadAudioError(f"WAVE format {tag:#06x} of {bits} bits is not accepted")
    if block_size != channels * bits // 8:
        raise BadAudioError("a WAVE format chunk that contradicts itself")
    # The announced bytes per second are not used: nothing plays by them.
    track.describe(channels=channels, sample_rate=sample_rate)
    return int(block_size)


def _tag_of(extension: bytes) -> int:
    tag, guid_tail = struct.unpack_from("<H14s", extension, offset=8)
    return tag if guid_tail == _GUID_TAIL else _EXTENSIBLE


def _read_data(
    stream: ClearStream, size: int, block_size: int, track: Track
) -> Reading[None]:
    if size not in _UNKNOWN_SIZES:
        track.reach(size // block_size)
        yield from stream.skip(size)
        return
    counted = 0
    while passed := (yield from stream.pass_by(sys.maxsize)):
        counted += passed
        track.reach(counted // block_size)
