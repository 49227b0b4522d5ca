"""Sealed objects in a local directory, durable through a power cut.

Written to a temporary file, synced, linked under the final name, directory synced. A
crash leaves at most a temporary file of ciphertext: deleting the object removes it too.
"""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import BinaryIO
from uuid import UUID, uuid4

from proxy.errors import ObjectMissingError, StorageError
from proxy.vault.durable import sync_directory, write_file
from proxy.vault.objects import object_id_of

_TEMPORARY = ".writing-"
_SHARDS = 256
MARKER = "store-id"
_BATCH_BYTES = 4 << 20  # one trip to a thread per batch, not per sealed chunk
_MOST_PIECES = 512  # below IOV_MAX
_FIX = "check free space and permissions of the vault's directory"


class FilesystemStore:
    """An ObjectStore over one directory; 256 folders by the id's first byte."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._marker = directory / MARKER

    async def identity(self) -> UUID | None:
        """The name this store was given when it was made; None if it never was.

        A directory without one is no store: perhaps its disk is not mounted, and "the
        file is not there" would then be no proof that it was deleted.
        """
        try:
            return UUID(await asyncio.to_thread(self._marker.read_text))
        except (FileNotFoundError, ValueError):
            return None
        except OSError as error:
            raise _storage_error(error) from error

    async def make(self) -> UUID:
        try:
            await asyncio.to_thread(_make, self._directory, self._marker)
        except OSError as error:
            raise _storage_error(error) from error
        name = await self.identity()
        if name is None:
            raise StorageError(
                "it has a name that cannot be read", field="vault", fix=_FIX
            )
        return name

    async def put(self, object_id: UUID, sealed: AsyncIterator[bytes]) -> None:
        final, temporary = self._file(object_id), self._temporary(object_id)
        try:
            stream = await asyncio.to_thread(_create, temporary)
            try:
                with stream:
                    await _write_all(stream, sealed)
                    await _finish(stream, temporary, final)
            finally:
                with suppress(OSError):  # what is left is removed by delete()
                    temporary.unlink()
        except OSError as error:
            raise _storage_error(error) from error

    async def size(self, object_id: UUID) -> int | None:
        try:
            return self._file(object_id).stat().st_size
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _storage_error(error) from error

    async def read(self, object_id: UUID, start: int, stop: int) -> bytes:
        try:
            return await asyncio.to_thread(
                _read, self._file(object_id), start, stop - start
            )
        except FileNotFoundError:
            raise ObjectMissingError from None
        except OSError as error:
            raise _storage_error(error) from error

    async def delete(self, object_id: UUID) -> None:
        files = [self._temporary(object_id), self._file(object_id)]
        try:
            await asyncio.to_thread(_delete, files, self._marker)
        except OSError as error:
            raise _storage_error(error) from error

    async def list(self) -> AsyncIterator[UUID]:
        try:
            names = await asyncio.to_thread(lambda: list(self._names()))
        except OSError as error:
            raise _storage_error(error) from error
        for name in names:
            yield object_id_of(name)

    async def check(self) -> None:
        # In a shard: an empty directory, where a disk should be mounted, is no store.
        probe = self._directory / "00" / f"{_TEMPORARY}probe-{secrets.token_hex(4)}"
        try:
            await asyncio.to_thread(_probe, probe)
        except OSError as error:
            raise _storage_error(error) from error

    async def remove_leftovers(self, older_than: datetime) -> int:
        """Remove temporary files last touched before `older_than`."""
        try:
            return await asyncio.to_thread(
                _remove_temporary, self._directory, older_than.timestamp()
            )
        except OSError as error:
            raise _storage_error(error) from error

    async def close(self) -> None:
        """A directory is not held open."""

    def _names(self) -> Iterator[str]:
        for shard in self._directory.glob("??"):
            for file in shard.iterdir():  # glob() passes over what it may not read
                if not file.name.startswith("."):
                    yield file.name

    def _file(self, object_id: UUID) -> Path:
        name = object_id.hex
        return self._directory / name[:2] / name

    def _temporary(self, object_id: UUID) -> Path:
        """Named after its object, so that whoever deletes that finds this as well."""
        return self._file(object_id).with_name(f"{_TEMPORARY}{object_id.hex}")


def _make(directory: Path, marker: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    for shard in range(_SHARDS):
        (directory / f"{shard:02x}").mkdir(exist_ok=True, mode=0o700)
    if not marker.exists():
        write_file(marker, str(uuid4()).encode())


def _remove_temporary(directory: Path, older_than: float) -> int:
    removed = 0
    for file in directory.glob(f"**/{_TEMPORARY}*"):
        with suppress(FileNotFoundError):  # its writer has just finished
            if file.stat().st_mtime < older_than:
                file.unlink()
                removed += 1
    return removed


def _create(temporary: Path) -> BinaryIO:
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    return os.fdopen(descriptor, "wb", buffering=0)


async def _write_all(stream: BinaryIO, sealed: AsyncIterator[bytes]) -> None:
    """Write one batch in a thread while the next one is being sealed."""
    writing: asyncio.Future[None] | None = None
    try:
        async for batch in _batches(sealed):
            if writing:
                # Shielded: a cancelled wait must not be taken for a finished thread.
                await asyncio.shield(writing)
            writing = asyncio.ensure_future(asyncio.to_thread(_write, stream, batch))
    finally:
        if writing:  # the file must not be closed under a thread that writes to it
            await asyncio.shield(writing)


async def _batches(sealed: AsyncIterator[bytes]) -> AsyncIterator[list[bytes]]:
    batch: list[bytes] = []
    held = 0
    async for chunk in sealed:
        batch.append(chunk)
        held += len(chunk)
        if held >= _BATCH_BYTES:
            yield batch
            batch, held = [], 0
    yield batch


def _write(stream: BinaryIO, batch: list[bytes]) -> None:
    """Write a batch to its end; the kernel may take less than it was given."""
    descriptor = stream.fileno()
    rest = [memoryview(chunk) for chunk in batch if chunk]
    while rest:
        written = os.writev(descriptor, rest[:_MOST_PIECES])
        while rest and written >= len(rest[0]):
            written -= len(rest.pop(0))
        if written:
            rest[0] = rest[0][written:]
    # Starts writing to the disk now, so that the final fsync finds little left to do.
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


async def _finish(stream: BinaryIO, temporary: Path, final: Path) -> None:
    """Give it its name; whoever is cancelled meanwhile takes the name away again."""
    naming = asyncio.ensure_future(asyncio.to_thread(_name, stream, temporary, final))
    try:
        await asyncio.shield(naming)
    except asyncio.CancelledError:
        await asyncio.wait([naming])  # a thread cannot be stopped
        if naming.exception() is None:
            await asyncio.to_thread(final.unlink, missing_ok=True)
        raise


def _name(stream: BinaryIO, temporary: Path, final: Path) -> None:
    os.fsync(stream.fileno())
    os.link(temporary, final)  # fails where there is one: nothing is overwritten
    sync_directory(final.parent)


def _read(file: Path, start: int, size: int) -> bytes:
    with file.open("rb", buffering=0) as stream:
        stream.seek(start)
        return stream.read(size)


def _delete(files: Sequence[Path], marker: Path) -> None:
    marker.stat()  # without it this is not the store, and nothing is proven absent
    for file in files:
        file.unlink(missing_ok=True)
    sync_directory(files[0].parent)


def _probe(file: Path) -> None:
    try:
        with file.open("xb") as stream:
            stream.write(b"probe")
            stream.flush()
            os.fsync(stream.fileno())
    finally:
        file.unlink(missing_ok=True)


def _storage_error(error: OSError) -> StorageError:
    return StorageError(
        error.strerror or type(error).__name__,
        field="vault",  # not the path: it would be told to whoever uploads
        fix=_FIX,
    )
