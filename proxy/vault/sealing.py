"""Clear audio in, sealed audio out, and back: a chunk at a time, in memory only.

AES-256-GCM over 64 KiB chunks in the STREAM construction (Hoang, Reyhanitabar, Rogaway,
Vizár: Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance, CRYPTO
2015). A chunk's nonce says where it stands and whether it is the last, its associated
data say which recording it belongs to: one that was cut off, moved, repeated or taken
from elsewhere does not open. `docs/sealing-format.md` gives the format to the byte.

Whatever stored bytes can bring about raises `TamperedError`; `ValueError` is left for
mistakes of the caller (a key of the wrong size, a range outside the recording).
"""

import hashlib
import secrets
import struct
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from proxy.errors import TamperedError

CHUNK_SIZE = 64 * 1024
TAG_SIZE = 16
DATA_KEY_SIZE = 32
NONCE_PREFIX_SIZE = 7

_SEALED_CHUNK_SIZE = CHUNK_SIZE + TAG_SIZE
_MAGIC = b"PNCT"
_VERSION = 1
_HEADER = struct.Struct(f">4sBI{NONCE_PREFIX_SIZE}s")
_NONCE = struct.Struct(f">{NONCE_PREFIX_SIZE}sI?")
HEADER_SIZE = _HEADER.size
_MAX_CHUNKS = 2**32  # the nonce counts chunks in 32 bits: 256 TiB of audio

# One read brings 1 MiB: an object store is paid per request, memory per byte.
_CHUNKS_PER_READ = 16

ReadSealed = Callable[[int, int], Awaitable[bytes]]
"""Reads the sealed bytes [start, stop) of one object."""


class _ChunkCipher:
    """Seals and opens the chunks of one recording, each on its own."""

    def __init__(self, data_key: bytes, recording_id: bytes, header: bytes) -> None:
        if len(data_key) != DATA_KEY_SIZE:
            raise ValueError(f"a data key has {DATA_KEY_SIZE} bytes")
        if not recording_id:
            raise ValueError("audio is bound to a recording id; it cannot be empty")
        self._aesgcm = AESGCM(data_key)
        self._nonce_prefix = header[-NONCE_PREFIX_SIZE:]
        self._associated_data = header + recording_id

    def seal(
        self, clear_audio: memoryview | bytearray, index: int, *, is_final: bool
    ) -> bytes:
        nonce = _NONCE.pack(self._nonce_prefix, index, is_final)
        return self._aesgcm.encrypt(nonce, clear_audio, self._associated_data)

    def open(self, sealed_audio: memoryview, index: int, *, is_final: bool) -> bytes:
        nonce = _NONCE.pack(self._nonce_prefix, index, is_final)
        try:
            return self._aesgcm.decrypt(nonce, sealed_audio, self._associated_data)
        except InvalidTag:
            raise TamperedError(f"chunk {index} does not open") from None


class Sealer:
    """Seals one recording, once: `header()`, then what `update` and `finish` return.

    `data_key` is 32 random bytes, fresh for this recording. `nonce_prefix` is random;
    only test vectors set it.

    Attributes:
        clear_size: Bytes of clear audio taken in so far.
        sealed_size: Bytes of sealed audio, header included; the object's size at the
            end.
    """

    def __init__(
        self,
        data_key: bytes,
        recording_id: bytes,
        *,
        nonce_prefix: bytes | None = None,
    ) -> None:
        if nonce_prefix is None:
            nonce_prefix = secrets.token_bytes(NONCE_PREFIX_SIZE)
        if len(nonce_prefix) != NONCE_PREFIX_SIZE:
            raise ValueError(f"a nonce prefix has {NONCE_PREFIX_SIZE} bytes")
        self._header = _HEADER.pack(_MAGIC, _VERSION, CHUNK_SIZE, nonce_prefix)
        self._cipher = _ChunkCipher(data_key, recording_id, self._header)
        self._digest = hashlib.sha256(self._header)
        # At most one chunk; a full one waits for the next byte, because its nonce
        # tells whether it is the last.
        self._held_clear_audio = bytearray()
        self._chunk_count = 0
        self._is_finished = False
        self.clear_size = 0
        self.sealed_size = HEADER_SIZE

    @property
    def sealed_sha256(self) -> bytes:
        """SHA-256 of the sealed bytes so far, header included; the object's at the end.

        Anyone can check it without a key. It also pins the one sealing that counts:
        AES-GCM alone would let whoever holds the key prepare another under it.
        """
        return self._digest.digest()

    def header(self) -> bytes:
        return self._header

    def update(self, clear_audio: bytes) -> list[bytes]:
        """Seal every chunk that cannot be the last one any more."""
        if self._is_finished:
            raise RuntimeError("finished: another recording needs its own sealer")
        self.clear_size += len(clear_audio)
        sealed_audio = []
        rest = memoryview(clear_audio)
        if self._held_clear_audio:
            rest = self._top_up(rest)
            if rest:
                sealed_audio.append(self._seal_held(is_final=False))
        while len(rest) > CHUNK_SIZE:
            sealed_audio.append(self._seal_chunk(rest[:CHUNK_SIZE], is_final=False))
            rest = rest[CHUNK_SIZE:]
        self._held_clear_audio += rest
        return sealed_audio

    def finish(self) -> bytes:
        """Seal the final chunk; without it nothing of the object opens."""
        if self._is_finished:
            raise RuntimeError("finished: another recording needs its own sealer")
        self._is_finished = True
        return self._seal_held(is_final=True)

    def _top_up(self, clear_audio: memoryview) -> memoryview:
        room = CHUNK_SIZE - len(self._held_clear_audio)
        self._held_clear_audio += clear_audio[:room]
        return clear_audio[room:]

    def _seal_held(self, *, is_final: bool) -> bytes:
        sealed_chunk = self._seal_chunk(self._held_clear_audio, is_final=is_final)
        self._held_clear_audio.clear()
        return sealed_chunk

    def _seal_chunk(
        self, clear_audio: memoryview | bytearray, *, is_final: bool
    ) -> bytes:
        sealed_chunk = self._cipher.seal(
            clear_audio, self._chunk_count, is_final=is_final
        )
        self._chunk_count += 1
        self._digest.update(sealed_chunk)
        self.sealed_size += len(sealed_chunk)
        return sealed_chunk


async def seal(
    clear_chunks: AsyncIterator[bytes], sealer: Sealer
) -> AsyncGenerator[bytes, None]:
    """Give out the sealed object of a stream, piece by piece, as the stream comes in.

    If `clear_chunks` raises, the error passes through and no final chunk was made: what
    was given out until then never opens.
    """
    yield sealer.header()
    async for clear_audio in clear_chunks:
        for sealed_chunk in sealer.update(clear_audio):
            yield sealed_chunk
    yield sealer.finish()


@dataclass(frozen=True, slots=True)
class SealedLayout:
    """Where things stand in an object of `sealed_size` bytes; arithmetic only.

    Each clear size has its own sealed size; `TamperedError` for the sizes between.
    """

    sealed_size: int

    def __post_init__(self) -> None:
        last_clear_size = self.clear_size - (self.chunk_count - 1) * CHUNK_SIZE
        smallest = 0 if self.chunk_count == 1 else 1
        if last_clear_size < smallest or self.chunk_count > _MAX_CHUNKS:
            raise TamperedError(f"no sealed object has {self.sealed_size} bytes")

    @property
    def chunk_count(self) -> int:
        chunks_size = self.sealed_size - HEADER_SIZE
        return max(1, -(-chunks_size // _SEALED_CHUNK_SIZE))

    @property
    def clear_size(self) -> int:
        return self.sealed_size - HEADER_SIZE - self.chunk_count * TAG_SIZE

    def chunks_covering(self, start: int, stop: int) -> range:
        """Return the chunks that hold the clear bytes [start, stop)."""
        if not 0 <= start <= stop <= self.clear_size:
            raise ValueError(f"[{start}, {stop}) is not within {self.clear_size} bytes")
        if start == stop:
            return range(0)
        return range(start // CHUNK_SIZE, -(-stop // CHUNK_SIZE))

    def sealed_span(self, chunks: range) -> tuple[int, int]:
        """Return the sealed bytes [start, stop) of neighbouring chunks."""
        start = HEADER_SIZE + chunks.start * _SEALED_CHUNK_SIZE
        stop = HEADER_SIZE + chunks.stop * _SEALED_CHUNK_SIZE
        return start, min(stop, self.sealed_size)


async def open_range(
    read_sealed: ReadSealed,
    sealed_size: int,
    data_key: bytes,
    recording_id: bytes,
    start: int,
    stop: int,
) -> AsyncGenerator[bytes, None]:
    """Give out the clear bytes [start, stop) of an object, at most a chunk at a time.

    `sealed_size` is the size recorded at the sealing, never the store's word. The final
    chunk is opened first, whatever the range: its nonce holds its place and that it is
    the last, so a wrong size or a shortened object fails before any audio is given out.
    Each piece is authenticated before it is given out.

    Raises:
        TamperedError: The sealed bytes, the size, the key or the recording id are not
            those of the sealing. A chunk further on may raise it after good pieces.
        ValueError: The range is not within the recording.
    """
    layout = SealedLayout(sealed_size)
    wanted = layout.chunks_covering(start, stop)
    header = await _read_exactly(read_sealed, 0, HEADER_SIZE)
    _check_header(header)
    chunks = _SealedChunks(
        read_sealed, layout, _ChunkCipher(data_key, recording_id, header)
    )
    final = layout.chunk_count - 1
    [clear_end] = await chunks.open(range(final, final + 1))
    for first in range(wanted.start, min(wanted.stop, final), _CHUNKS_PER_READ):
        batch = range(first, min(first + _CHUNKS_PER_READ, wanted.stop, final))
        for index, clear_audio in zip(batch, await chunks.open(batch), strict=True):
            yield _cut(clear_audio, index, start, stop)
    if final in wanted:
        yield _cut(clear_end, final, start, stop)


@dataclass(frozen=True, slots=True)
class _SealedChunks:
    """The chunks of one object, where they are stored."""

    read_sealed: ReadSealed
    layout: SealedLayout
    cipher: _ChunkCipher

    async def open(self, chunks: range) -> list[bytes]:
        sealed_audio = memoryview(
            await _read_exactly(self.read_sealed, *self.layout.sealed_span(chunks))
        )
        return [
            self.cipher.open(
                sealed_audio[at : at + _SEALED_CHUNK_SIZE],
                index,
                is_final=index == self.layout.chunk_count - 1,
            )
            for index, at in zip(
                chunks, range(0, len(sealed_audio), _SEALED_CHUNK_SIZE), strict=True
            )
        ]


async def _read_exactly(read_sealed: ReadSealed, start: int, stop: int) -> bytes:
    sealed_bytes = await read_sealed(start, stop)
    if len(sealed_bytes) != stop - start:
        raise TamperedError(f"the sealed object has no bytes [{start}, {stop})")
    return sealed_bytes


def _check_header(header: bytes) -> None:
    """Refuse another format by name; forged headers fail as associated data anyway."""
    magic, version, chunk_size, _ = _HEADER.unpack(header)
    if (magic, version, chunk_size) != (_MAGIC, _VERSION, CHUNK_SIZE):
        raise TamperedError("the header is not that of a sealed recording, version 1")


def _cut(clear_audio: bytes, index: int, start: int, stop: int) -> bytes:
    """Return what of chunk `index` lies within the clear bytes [start, stop)."""
    begin = index * CHUNK_SIZE
    return clear_audio[max(0, start - begin) : stop - begin]
