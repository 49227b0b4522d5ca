"""The one thing intake asks of audio: let it stream past, then say what it was."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from proxy.errors import AudioTooLongError, BadAudioError
from proxy.intake.audio.mp3 import read_mp3
from proxy.intake.audio.ogg import read_ogg
from proxy.intake.audio.reading import ClearStream, Reading, Track
from proxy.intake.audio.wav import read_wav

_MAGIC_SIZE = 4

Reader = Callable[[ClearStream, Track], Reading[None]]


@dataclass(frozen=True, slots=True)
class AudioFacts:
    """What a recording turned out to be; `clear_size` in bytes."""

    media_type: str
    seconds: float
    channels: int
    clear_size: int


class AudioProbe:
    """Watches one recording stream by; refuses it as soon as that is certain.

    Once it has refused, it keeps refusing.
    """

    def __init__(self, *, max_seconds: float, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._clear_size = 0
        self._media_type = ""
        self._stream = ClearStream()
        self._track = Track(max_seconds)
        self._reading = self._read()
        self._refusal: BadAudioError | None = None

    def feed(self, clear_audio: bytes) -> None:
        """Look at the next piece, of any size.

        Raises:
            BadAudioError: This is not WAV, MP3 or Ogg audio, or it is broken.
            AudioTooLongError: It lasts, or will last, longer than `max_seconds`, or it
                is larger than `max_bytes`.
        """
        with self._refusing():
            room = self._max_bytes - self._clear_size
            self._clear_size += len(clear_audio)
            self._stream.supply(clear_audio[:room])
            next(self._reading)
            self._stream.release()
            if len(clear_audio) > room:
                raise AudioTooLongError(f"larger than {self._max_bytes} bytes")

    def finish(self) -> AudioFacts:
        """Conclude, when the stream has ended.

        Raises:
            BadAudioError: It is cut short, holds no sound, or was refused before.
        """
        with self._refusing():
            self._stream.end()
            next(self._reading, None)
            if not self._track.seconds:
                raise BadAudioError("there is no sound in it")
        return AudioFacts(
            media_type=self._media_type,
            seconds=self._track.seconds,
            channels=self._track.channels,
            clear_size=self._clear_size,
        )

    def _read(self) -> Reading[None]:
        magic = yield from self._stream.peek(_MAGIC_SIZE)
        self._media_type, read = _recognise(magic)
        yield from read(self._stream, self._track)

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        if self._refusal:
            raise self._refusal
        try:
            yield
        except BadAudioError as refusal:
            self._refusal = refusal
            raise


def _recognise(magic: bytes) -> tuple[str, Reader]:
    if magic == b"RIFF":
        return "audio/wav", read_wav
    if magic == b"OggS":
        return "audio/ogg", read_ogg
    if magic.startswith((b"ID3", b"\xff")):  # a frame has no more magic than that
        return "audio/mpeg", read_mp3
    raise BadAudioError("neither WAV nor MP3 nor Ogg audio")
