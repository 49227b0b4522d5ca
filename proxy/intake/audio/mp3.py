"""MP3: layer III of MPEG-1, MPEG-2 and MPEG-2.5, constant or variable bit rate.

The duration is the number of frames. It counts the silence that encoders put around the
sound (a tenth of a second or so), because the decoder plays it.
"""

from dataclasses import dataclass

from proxy.errors import BadAudioError
from proxy.intake.audio.reading import ClearStream, Reading, Track

_SYNC = 0xFFE00000
_MPEG_1, _MPEG_2, _MPEG_2_5 = 0b11, 0b10, 0b00
_LAYER_III = 0b01
_MONO = 0b11

_SAMPLE_RATES = {
    _MPEG_1: (44_100, 48_000, 32_000),
    _MPEG_2: (22_050, 24_000, 16_000),
    _MPEG_2_5: (11_025, 12_000, 8_000),
}
# Indices 0 (free format) and 15 (forbidden) leave the length of a frame open.
_KBIT_MPEG_1 = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KBIT_MPEG_2 = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)

_SAMPLES_MPEG_1, _SAMPLES_MPEG_2 = 1152, 576

_HEADER_SIZE = 4
_ID3V2_HEADER_SIZE = 10
_ID3V1_SIZE = 128


@dataclass(frozen=True, slots=True)
class _Frame:
    """What the four bytes in front of a frame say."""

    version: int
    sample_rate: int
    channels: int
    samples: int
    size: int

    def continues(self, first: "_Frame") -> bool:
        return (self.version, self.sample_rate, self.channels) == (
            first.version,
            first.sample_rate,
            first.channels,
        )

    @property
    def info_at(self) -> int:
        """Where encoders write "Xing" or "Info" in a first frame without sound."""
        side_information = {(True, 2): 32, (True, 1): 17, (False, 2): 17, (False, 1): 9}
        return _HEADER_SIZE + side_information[self.version == _MPEG_1, self.channels]


def read_mp3(stream: ClearStream, track: Track) -> Reading[None]:
    """Read frame after frame, each where the one before says; tags stand outside."""
    yield from _skip_id3v2(stream)
    first = _frame((yield from stream.peek(_HEADER_SIZE)))
    track.describe(channels=first.channels, sample_rate=first.sample_rate)
    if (yield from _is_info_frame(stream, first)):
        yield from stream.skip(first.size)
    samples = 0
    while not (yield from stream.is_at_end()):
        if (yield from stream.peek(_HEADER_SIZE)).startswith(b"TAG"):
            yield from _skip_id3v1(stream)
            return
        frame = _frame((yield from stream.take(_HEADER_SIZE)))
        if not frame.continues(first):
            raise BadAudioError("an MP3 that changes its sound in the middle")
        yield from stream.skip(frame.size - _HEADER_SIZE)
        samples += frame.samples
        track.reach(samples)


def _skip_id3v2(stream: ClearStream) -> Reading[None]:
    if (yield from stream.peek(3)) != b"ID3":
        return
    header = yield from stream.take(_ID3V2_HEADER_SIZE)
    has_footer = header[5] & 0x10
    size = 0
    for septet in header[6:]:  # "synchsafe": the top bit of each byte is 0
        if septet & 0x80:
            raise BadAudioError("a broken ID3 tag")
        size = size << 7 | septet
    yield from stream.skip(size + (_ID3V2_HEADER_SIZE if has_footer else 0))


def _skip_id3v1(stream: ClearStream) -> Reading[None]:
    yield from stream.skip(_ID3V1_SIZE)
    if not (yield from stream.is_at_end()):
        raise BadAudioError("an MP3 with something after its end")


def _is_info_frame(stream: ClearStream, frame: _Frame) -> Reading[bool]:
    name_end = frame.info_at + 4
    if frame.size < name_end:
        return False
    start = yield from stream.peek(name_end)
    return start[frame.info_at :] in (b"Xing", b"Info")


def _frame(header: bytes) -> _Frame:
    """Read AAAAAAAA AAABBCCD EEEEFFGH IIxxxxxx (ISO 11172-3, 2.4.1.3)."""
    bits = int.from_bytes(header)
    version = bits >> 19 & 0b11
    bit_rate_index = bits >> 12 & 0b1111
    rate_index = bits >> 10 & 0b11
    is_frame = (
        bits & _SYNC == _SYNC
        and version in _SAMPLE_RATES
        and bits >> 17 & 0b11 == _LAYER_III
        and 0 < bit_rate_index <= len(_KBIT_MPEG_1)
        and rate_index < len(_SAMPLE_RATES[version])
    )
    if not is_frame:
        raise BadAudioError("not an MP3 frame where one should be")
    kbit = (_KBIT_MPEG_1 if version == _MPEG_1 else _KBIT_MPEG_2)[bit_rate_index - 1]
    sample_rate = _SAMPLE_RATES[version][rate_index]
    samples = _SAMPLES_MPEG_1 if version == _MPEG_1 else _SAMPLES_MPEG_2
    is_padded = bits >> 9 & 1
    return _Frame(
        version=version,
        sample_rate=sample_rate,
        channels=1 if bits >> 6 & 0b11 == _MONO else 2,
        samples=samples,
        size=samples // 8 * kbit * 1000 // sample_rate + is_padded,
    )
