"""Reads a stream that arrives in pieces as if it were all there.

A format is a generator, written from its first byte to its last: it asks for bytes with
`yield from`, and is suspended there until enough of them came. It only ever sees the
bytes it asked for, so what it concludes cannot depend on how the stream was cut, and
what is kept between two pieces is less than the largest number of bytes asked for.
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import TypeVar

from proxy.errors import AudioTooLongError, BadAudioError

T = TypeVar("T")
Reading = Generator[None, None, T]

# No telephone or recorder is outside; a rate that is would falsify every duration.
_SAMPLE_RATES = range(4_000, 192_001)


class ClearStream:
    """The stream, seen by the format that reads it."""

    def __init__(self) -> None:
        self._here = b""
        self._at = 0
        self._is_over = False

    def supply(self, clear_audio: bytes) -> None:
        """Put what has arrived behind the few bytes nobody has taken yet."""
        if self._is_over:
            raise RuntimeError("the stream has ended")
        self._here += clear_audio

    def release(self) -> None:
        """Let go of all that was taken."""
        self._here = self._here[self._at :]
        self._at = 0

    def end(self) -> None:
        """Tell the reader that nothing more will come."""
        self._is_over = True

    def is_at_end(self) -> Reading[bool]:
        """Wait until there is a byte to read, or until there never will be."""
        while not self._ready() and not self._is_over:
            yield
        return not self._ready()

    def peek(self, size: int) -> Reading[bytes]:
        """Return the next `size` bytes and leave them where they are."""
        while self._ready() < size:
            if self._is_over:
                raise BadAudioError("the audio breaks off")
            yield
        return self._here[self._at : self._at + size]

    def take(self, size: int) -> Reading[bytes]:
        taken = yield from self.peek(size)
        self._at += size
        return taken

    def pass_by(self, at_most: int) -> Reading[int]:
        """Let some bytes go by unread; return how many. 0 only at the end."""
        if (yield from self.is_at_end()):
            return 0
        passed = min(at_most, self._ready())
        self._at += passed
        return passed

    def skip(self, size: int) -> Reading[None]:
        """Let exactly `size` bytes go by unread."""
        while size:
            passed = yield from self.pass_by(size)
            if not passed:
                raise BadAudioError("the audio breaks off")
            size -= passed

    def _ready(self) -> int:
        return len(self._here) - self._at


@dataclass(slots=True)
class Track:
    """The one track of a recording, as far as it has been read."""

    max_seconds: float
    channels: int = 0
    sample_rate: int = 0
    seconds: float = 0.0

    def describe(self, *, channels: int, sample_rate: int) -> None:
        if channels < 1 or sample_rate not in _SAMPLE_RATES:
            raise BadAudioError(f"{channels} channels at {sample_rate} Hz is no sound")
        self.channels = channels
        self.sample_rate = sample_rate

    def reach(self, samples: int) -> None:
        """Note that the track lasts `samples` (of one channel) or more."""
        self.seconds = samples / self.sample_rate
        if self.seconds > self.max_seconds:
            raise AudioTooLongError(f"longer than {self.max_seconds:g} seconds")
