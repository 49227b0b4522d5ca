"""Copies of recordings, read from the vault piece by piece."""

import zlib
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from uuid import UUID

from proxy.rights.packages.audio import (
    ReadClear,
    as_wav,
    count_frames,
    extension,
    keeps_its_frames,
)
from proxy.rights.packages.mp3 import sound_of
from proxy.rights.packages.muting import Cut
from proxy.vault.recordings import Recording, Vault
from retention.holds import Authority

# No use of a restricted recording against its person's will, and no other's claim or
# requisition suspends Art. 15: docs/decisions/0032.
_FOR_THEM = frozenset(Authority)


@dataclass(frozen=True, slots=True)
class Copy:
    """What a copy will be: its `frames` are None where it is not decoded."""

    extension: str
    size: int
    crc32: int
    frames: int | None


class Copying:
    """Copies for the person: no hold keeps them from theirs."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def find(self, recording_id: UUID) -> Recording:
        """Raises ObjectMissingError."""
        return await self._vault.find(recording_id, _FOR_THEM)

    async def measure(self, recording: Recording, cuts: Sequence[Cut]) -> Copy:
        """What the copy will be, to the byte.

        Raises UnplayableError: nobody knows what else is in what cannot be decoded.
        Also TamperedError, and what the stores raise.
        """
        frames = await self._frames(recording, cuts)
        size, crc32 = await _measured(self.open(recording, cuts, frames))
        return Copy(extension(recording.media_type, cuts), size, crc32, frames)

    async def _frames(self, recording: Recording, cuts: Sequence[Cut]) -> int | None:
        if keeps_its_frames(recording.media_type, cuts):
            return None
        return await count_frames(
            self._reader(recording), recording.clear_size, recording.seconds
        )

    async def open(
        self, recording: Recording, cuts: Sequence[Cut], frames: int | None
    ) -> AsyncGenerator[bytes, None]:
        """The copy's bytes, decoded if `frames` are told; to be closed."""
        read, size = self._reader(recording), recording.clear_size
        if frames is None:
            content = await self._vault.open(recording, *await sound_of(read, size))
        else:
            content = as_wav(read, size, cuts, frames)
        async with aclosing(content) as pieces:
            async for piece in pieces:
                yield piece

    def _reader(self, recording: Recording) -> ReadClear:
        async def read(start: int, stop: int) -> bytes:
            clear_audio = await self._vault.open(recording, start, stop)
            async with aclosing(clear_audio) as pieces:
                return b"".join([piece async for piece in pieces])

        return read


async def _measured(content: AsyncGenerator[bytes, None]) -> tuple[int, int]:
    size, crc32 = 0, 0
    async with aclosing(content) as pieces:
        async for piece in pieces:
            size += len(piece)
            crc32 = zlib.crc32(piece, crc32)
    return size, crc32
