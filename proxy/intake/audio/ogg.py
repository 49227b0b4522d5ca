"""Ogg with one Opus or one Vorbis stream.

The granule position of a page tells how many samples are complete at its end. Page
checksums are left alone: damage inside a page changes no duration, and who sent the
bytes is proved elsewhere. A missing end-of-stream mark passes, as encoders cut off by a
hang-up write none; a missing page does not.
"""

import struct
from dataclasses import dataclass

from proxy.errors import BadAudioError
from proxy.intake.audio.reading import ClearStream, Reading, Track

_PAGE_HEADER = struct.Struct("<4sBBqIIIB")
_IS_FIRST, _IS_LAST = 0x02, 0x04
_NO_PACKET_ENDS_HERE = -1

# Magic, version, channels, pre-skip; input rate, gain and mapping follow.
_OPUS_HEAD = struct.Struct("<8sBBH7x")
_OPUS_INCOMPATIBLE = 0xF0
_OPUS_RATE = 48_000  # of granules, whatever the rate of the input was

# Type and magic, version, channels, sample rate; bit rates and block sizes follow.
_VORBIS_HEAD = struct.Struct("<7sIBI14x")


@dataclass(frozen=True, slots=True)
class _Page:
    """The header of a page; its body comes next in the stream."""

    flags: int
    granule: int
    serial: int
    sequence: int
    body_size: int


def read_ogg(stream: ClearStream, track: Track) -> Reading[None]:
    """Read page after page of the one logical stream."""
    page = yield from _read_page(stream)
    if not page.flags & _IS_FIRST:
        raise BadAudioError("an Ogg stream without its beginning")
    pre_skip = yield from _read_head(stream, page, track)
    granule = 0
    while not (yield from stream.is_at_end()):
        page = yield from _read_next_page(stream, page)
        yield from stream.skip(page.body_size)
        if page.granule == _NO_PACKET_ENDS_HERE:
            continue
        if page.granule < granule:
            raise BadAudioError("an Ogg stream that runs backwards")
        granule = page.granule
        track.reach(max(0, granule - pre_skip))


def _read_page(stream: ClearStream) -> Reading[_Page]:
    magic, version, flags, granule, serial, sequence, _, segment_count = (
        _PAGE_HEADER.unpack((yield from stream.take(_PAGE_HEADER.size)))
    )
    if (magic, version) != (b"OggS", 0):
        raise BadAudioError("not an Ogg page where one should be")
    body_size = sum((yield from stream.take(segment_count)))
    return _Page(flags, granule, serial, sequence, body_size)


def _read_next_page(stream: ClearStream, previous: _Page) -> Reading[_Page]:
    if previous.flags & _IS_LAST:
        raise BadAudioError("an Ogg stream with something after its end")
    page = yield from _read_page(stream)
    if page.serial != previous.serial or page.flags & _IS_FIRST:
        raise BadAudioError("an Ogg file with more than one stream")
    if page.sequence != (previous.sequence + 1) % 2**32:
        raise BadAudioError("an Ogg stream with a page missing")
    return page


def _read_head(stream: ClearStream, page: _Page, track: Track) -> Reading[int]:
    """Say what the stream is; return the samples its decoder drops at the start."""
    head = yield from stream.take(min(page.body_size, _VORBIS_HEAD.size))
    yield from stream.skip(page.body_size - len(head))
    if head.startswith(b"OpusHead") and len(head) >= _OPUS_HEAD.size:
        _, version, channels, pre_skip = _OPUS_HEAD.unpack_from(head)
        sample_rate, is_known = _OPUS_RATE, not version & _OPUS_INCOMPATIBLE
    elif head.startswith(b"\x01vorbis") and len(head) == _VORBIS_HEAD.size:
        _, version, channels, sample_rate = _VORBIS_HEAD.unpack(head)
        pre_skip, is_known = 0, version == 0
    else:
        raise BadAudioError("an Ogg stream that is neither Opus nor Vorbis")
    if not is_known:
        raise BadAudioError(f"a version of Ogg audio that is not known: {version}")
    track.describe(channels=channels, sample_rate=sample_rate)
    return int(pre_skip)
