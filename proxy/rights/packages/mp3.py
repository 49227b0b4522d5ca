"""Where the sound of an MP3 is: tags before and behind it name agents and systems.

Intake takes an MP3 in only where nothing but an ID3v2 tag before its frames and an
ID3v1 tag behind them stands outside, so what lies between is sound and nothing else.
"""

from collections.abc import Awaitable, Callable

_HEADER_SIZE = 10  # ID3v2.4, 3.1; the footer of 3.4 is as long
_HAS_FOOTER = 0x10
_ID3V1_SIZE = 128


async def sound_of(
    read: Callable[[int, int], Awaitable[bytes]], size: int
) -> tuple[int, int]:
    """The bytes [start, stop) of its frames; `read` reads such a span of `size`."""
    start = _behind_id3v2(await read(0, min(size, _HEADER_SIZE)))
    at = max(start, size - _ID3V1_SIZE)
    is_tagged = size - at == _ID3V1_SIZE and (await read(at, size))[:3] == b"TAG"
    return start, at if is_tagged else size


def _behind_id3v2(header: bytes) -> int:
    if header[:3] != b"ID3":
        return 0
    size = 0
    for septet in header[6:]:  # "synchsafe": the top bit of each byte is 0
        size = size << 7 | septet
    return size + _HEADER_SIZE * (2 if header[5] & _HAS_FOOTER else 1)
