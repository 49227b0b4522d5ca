"""A recording as a person can play it: the frames of an MP3, or 16-bit PCM in WAVE.

Sound alone: what recorders write beside it names agents, lines and systems. An MP3
keeps its frames. What is something else, and what has muted parts, is decoded by
libsndfile, in a thread of its own, from pieces of the sealed object as they are asked
for: clear audio is in memory only, and a little of it at a time. PCM and G.711 lose
nothing by it.
"""

import asyncio
import io
import platform
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterator,
    Sequence,
)
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from struct import Struct

import numpy as np
import soundfile  # type: ignore[import-untyped]  # it says no types
from numpy.typing import NDArray
from typing_extensions import override

from proxy.errors import StorageError
from proxy.rights.packages.muting import Cut, frames_of, silence

RECIPE = f"ponctuel-2 {soundfile.__libsndfile_version__} {platform.machine()}"
"""What a decoded copy is made with: the version of libsndfile, and the kind of machine.

Another one may round what it decodes otherwise, and so make another copy.
"""

_MP3 = "audio/mpeg"
_WHOLE_NUMBERS = frozenset({"PCM_U8", "PCM_S8", "PCM_16", "ULAW", "ALAW"})
_BLOCK = 1024 * 1024  # bytes read of the object at once; each asks for its key
_BLOCKS_KEPT = 3  # where it is read, its beginning, and its end
_FRAMES = 16 * 1024  # decoded at once
_SAMPLE_SIZE = 2
_LOUDEST = 32767
_ENCODERS_SILENCE = 0.5  # seconds; put around the sound, and taken away by a decoder
_HEADER = Struct("<4sI4s4sIHHIIHH4sI")
_LONGEST = 2**32 - 1 - _HEADER.size  # bytes of samples that a WAVE file can count

ReadClear = Callable[[int, int], Awaitable[bytes]]
"""Reads the clear bytes [start, stop) of one recording."""


class UnplayableError(StorageError):
    """The recording cannot be turned into a copy that plays everywhere."""

    status = 422
    error_id = "unplayable"


def keeps_its_frames(media_type: str, cuts: Sequence[Cut]) -> bool:
    """Whether its copy is what was encoded, without being decoded."""
    return media_type == _MP3 and not cuts


def extension(media_type: str, cuts: Sequence[Cut]) -> str:
    """What the copy's name ends with."""
    return "mp3" if keeps_its_frames(media_type, cuts) else "wav"


async def as_wav(
    read: ReadClear, size: int, cuts: Sequence[Cut], frames: int | None = None
) -> AsyncGenerator[bytes, None]:
    """A WAVE file of 16-bit PCM, the parts in `cuts` silent and all else unchanged.

    `size` is the recording's in clear bytes. `frames`: how many there are, where that
    has been counted; some formats only estimate it. Raises UnplayableError, and what
    `read` does.
    """
    async with _decoding(read, size) as (sound, decoded):
        count = sound.frames if frames is None else frames
        spans, first = frames_of(cuts, sound.rate), 0
        yield _header(sound, count)
        async for samples in decoded:
            silence(samples, first, sound.frame_size, spans)
            first += len(samples) // sound.frame_size
            yield bytes(samples)
    if first != count:
        raise UnplayableError("it ends before its last frame")


async def count_frames(read: ReadClear, size: int, seconds: float) -> int:
    """How many can be decoded. Raises UnplayableError, and what `read` does.

    `seconds` is how long the recording lasts: a copy is not shorter.
    """
    counted = 0
    async with _decoding(read, size) as (sound, decoded):
        async for samples in decoded:
            counted += len(samples) // sound.frame_size
    if counted < (seconds - _ENCODERS_SILENCE) * sound.rate:
        raise UnplayableError("not all of it can be decoded")
    return counted


@asynccontextmanager
async def _decoding(
    read: ReadClear, size: int
) -> AsyncIterator[tuple["_Sound", AsyncIterator[bytearray]]]:
    """An open recording, and its samples as they are decoded."""
    loop, thread = asyncio.get_running_loop(), ThreadPoolExecutor(1, "package")
    file = _ClearFile(read, size)
    try:
        sound = await loop.run_in_executor(thread, _open, file)

        async def decoded() -> AsyncIterator[bytearray]:
            while samples := await loop.run_in_executor(thread, sound.next):
                yield samples

        try:
            yield sound, decoded()
        finally:
            thread.submit(sound.close)
    finally:
        file.give_up()
        thread.shutdown(wait=False)  # it may be waiting for this very loop


def _header(sound: "_Sound", frames: int) -> bytes:
    size = frames * sound.frame_size
    if size > _LONGEST:
        raise UnplayableError("longer than a WAVE file can be")
    return _HEADER.pack(
        *(b"RIFF", _HEADER.size - 8 + size, b"WAVE"),
        *(b"fmt ", 16, 1, sound.channels, sound.rate),
        *(sound.rate * sound.frame_size, sound.frame_size, 8 * _SAMPLE_SIZE),
        *(b"data", size),
    )


class _ClearFile:
    """What libsndfile reads from, in its thread; the loop reads what it asks for.

    An exception must not pass through libsndfile: it is kept, and the file ends.
    """

    def __init__(self, read: ReadClear, size: int) -> None:
        self._read = read
        self._size = size
        self._at = 0
        self._loop = asyncio.get_running_loop()
        self._kept: dict[int, bytes] = {}
        self._reading: Future[bytes] | None = None
        self.fault: BaseException | None = None

    def give_up(self) -> None:
        """Nobody waits any more; nor shall its thread, for a store that hangs."""
        self.fault = self.fault or CancelledError()
        if self._reading is not None:
            self._reading.cancel()

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def read(self, size: int = -1) -> bytes:
        stop = self._size if size < 0 else min(self._size, self._at + size)
        try:
            taken = self._taken(self._at, stop)
        except (Exception, CancelledError) as fault:  # noqa: BLE001  # raised after
            self.fault = fault
            taken = b""
        self._at += len(taken)
        return taken

    def _taken(self, start: int, stop: int) -> bytes:
        if self.fault is not None or start >= stop:
            return b""
        blocks = range(start // _BLOCK, (stop - 1) // _BLOCK + 1)
        joined = b"".join(self._block(index) for index in blocks)
        begin = start - blocks.start * _BLOCK
        return joined[begin : begin + stop - start]

    def _block(self, index: int) -> bytes:
        if index not in self._kept:
            start = index * _BLOCK
            reading = self._fetch(start, min(self._size, start + _BLOCK))
            self._reading = asyncio.run_coroutine_threadsafe(reading, self._loop)
            block = self._reading.result()
            while len(self._kept) >= _BLOCKS_KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[index] = block
        return self._kept[index]

    async def _fetch(self, start: int, stop: int) -> bytes:
        return await self._read(start, stop)


class _Sound:
    """An open recording; each step is done in its own thread.

    The default threads are not used: they read the objects, and whoever waited for
    such a read in one of them could keep it from ever being done.
    """

    def __init__(self, file: _ClearFile, sound: soundfile.SoundFile) -> None:
        self._file = file
        self._sound = sound
        self._is_exact = sound.subtype in _WHOLE_NUMBERS
        self.rate: int = sound.samplerate
        self.channels: int = sound.channels
        self.frames: int = sound.frames
        self.frame_size = sound.channels * _SAMPLE_SIZE

    def next(self) -> bytearray:
        """The next frames, interleaved; none at the end."""
        with _faults_of(self._file):
            if self._is_exact:
                samples = self._sound.read(_FRAMES, dtype="int16", always_2d=True)
            else:
                samples = self._rounded()
        return bytearray(samples.astype("<i2", copy=False).tobytes())

    def _rounded(self) -> NDArray[np.int16]:
        """What is louder than full scale stays at it: libsndfile would let it wrap."""
        loud = self._sound.read(_FRAMES, dtype="float32", always_2d=True)
        rounded: NDArray[np.int16] = np.rint(
            np.clip(loud, -1.0, 1.0) * _LOUDEST
        ).astype(np.int16)
        return rounded

    def close(self) -> None:
        self._sound.close()


class _Forwards(soundfile.SoundFile):  # type: ignore[misc]  # it says no types
    """Read from end to end: soundfile seeks behind each read where it can.

    To where it is; but MP3 and Opus do not sound the same after a seek.
    """

    @override
    def seekable(self) -> bool:
        return False


def _open(file: _ClearFile) -> _Sound:
    with _faults_of(file):
        return _Sound(file, _Forwards(file))


@contextmanager
def _faults_of(file: _ClearFile) -> Iterator[None]:
    """Raises what reading the recording raised, rather than what came of it."""
    try:
        yield
    except soundfile.SoundFileError as error:
        if file.fault is None:
            raise UnplayableError(fix="leave it out, and say so") from error
    if file.fault is not None:
        raise file.fault
