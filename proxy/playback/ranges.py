"""Which bytes one answer holds: a part of a recording, and never the whole of it.

RFC 9110, section 14: one range of bytes, answered as far as one answer goes. A server
may send less than was asked for; `Content-Range` says what it sent.
"""

import re
from dataclasses import dataclass

from proxy.errors import PonctuelError

LARGEST_PIECE = 512 * 1024  # bytes
_ONE_RANGE = re.compile(r"bytes=(?P<first>\d{0,15})-(?P<last>\d{0,15})", re.ASCII)
_FIX = 'ask for one range, such as "Range: bytes=0-"'


class NoRangeError(PonctuelError):
    """A recording is heard a piece at a time: this asks for no piece of it."""

    status = 416
    error_id = "no-range"

    def __init__(self, detail: str, size: int | None = None) -> None:
        """`size` in bytes, where whoever asks may know it."""
        self.size = size
        super().__init__(detail, field="Range", fix=_FIX)


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes [first, last] of `size`, both included, as RFC 9110 counts them."""

    first: int
    last: int
    size: int

    @property
    def length(self) -> int:
        return self.last - self.first + 1

    @property
    def content_range(self) -> str:
        return f"bytes {self.first}-{self.last}/{self.size}"


def largest_piece(size: int) -> int:
    """The most one answer holds of a recording of that many bytes."""
    return min(LARGEST_PIECE, size // 2)


def piece_of(wanted: str | None, size: int) -> Piece:
    """What is sent for the header `Range`. Raises NoRangeError (416)."""
    if wanted is None:
        raise NoRangeError("no range is asked for", size)
    asked = _ONE_RANGE.fullmatch(wanted.strip())
    if asked is None or not (asked["first"] or asked["last"]):
        raise NoRangeError("not one range of bytes", size)
    first, last = _edges(asked["first"], asked["last"], size)
    last = min(last, size - 1, first + largest_piece(size) - 1)
    if last < first:
        raise NoRangeError("outside the recording", size)
    return Piece(first, last, size)


def _edges(first: str, last: str, size: int) -> tuple[int, int]:
    """As they are meant; `-500` are the last 500 bytes (RFC 9110, 14.1.2)."""
    if first:
        return int(first), int(last) if last else size - 1
    suffix = int(last)
    return (max(0, size - suffix), size - 1) if suffix else (size, size - 1)
