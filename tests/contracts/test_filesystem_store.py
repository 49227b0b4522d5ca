"""The local directory keeps the object store's promises, and its own."""

import asyncio
import os
import threading
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest

from proxy.errors import StorageError
from proxy.vault.filesystem import FilesystemStore
from tests.contracts.object_store_suite import ObjectStoreSuite, chunks, listed


@pytest.fixture
async def store(tmp_path: Path) -> FilesystemStore:
    store = FilesystemStore(tmp_path / "objects")
    await store.make()
    return store


@pytest.fixture
def abandon(tmp_path: Path):
    async def write(object_id: UUID) -> None:
        _temporary(tmp_path, object_id).write_bytes(b"sealed half")

    return write


@pytest.fixture
def is_unfinished(tmp_path: Path):
    async def look(object_id: UUID) -> bool:
        return _temporary(tmp_path, object_id).exists()

    return look


def _temporary(folder: Path, object_id: UUID) -> Path:
    name = object_id.hex
    return folder / "objects" / name[:2] / f".writing-{name}"


class TestFilesystemStore(ObjectStoreSuite):
    """All promises of an object store."""


async def test_sealed_files_are_for_the_services_user_alone(
    store: FilesystemStore, tmp_path: Path
) -> None:
    await store.put(uuid.uuid4(), chunks(b"x"))

    files = [file for file in (tmp_path / "objects").rglob("*") if file.is_file()]
    folders = [file for file in (tmp_path / "objects").rglob("*") if file.is_dir()]

    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert {folder.stat().st_mode & 0o777 for folder in folders} == {0o700}


async def test_every_file_and_its_folder_are_synced_before_it_counts_as_stored(
    store: FilesystemStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    real_fsync = os.fsync

    def fsync(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        real_fsync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    object_id = uuid.uuid4()

    await store.put(object_id, chunks(b"x"))

    assert synced[0].name.startswith(".writing-")
    assert synced[1].name == object_id.hex[:2]


async def test_two_who_make_it_at_once_give_it_one_name(tmp_path: Path) -> None:
    stores = [FilesystemStore(tmp_path / "objects") for _ in range(8)]

    names = await asyncio.gather(*(store.make() for store in stores))

    assert len(set(names)) == 1


async def test_a_second_writer_of_an_object_does_not_disturb_the_first(
    store: FilesystemStore,
) -> None:
    object_id, begun, goes_on = uuid.uuid4(), asyncio.Event(), asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield b"first"
        begun.set()
        await goes_on.wait()

    first = asyncio.create_task(store.put(object_id, slowly()))
    await begun.wait()
    with pytest.raises(StorageError):
        await store.put(object_id, chunks(b"second"))
    goes_on.set()
    await first

    assert await store.read(object_id, 0, 9) == b"first"


async def test_a_write_cancelled_in_its_last_step_leaves_nothing(
    store: FilesystemStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    syncing, goes_on = threading.Event(), threading.Event()

    def fsync(_descriptor: int) -> None:
        syncing.set()
        goes_on.wait(10)

    monkeypatch.setattr(os, "fsync", fsync)
    object_id = uuid.uuid4()
    writing = asyncio.create_task(store.put(object_id, chunks(b"x")))
    await asyncio.to_thread(syncing.wait, 10)

    writing.cancel()
    asyncio.get_running_loop().call_later(0.05, goes_on.set)
    with pytest.raises(asyncio.CancelledError):
        await writing

    assert await store.size(object_id) is None


async def test_what_is_no_object_is_not_passed_over_in_a_listing(
    store: FilesystemStore, tmp_path: Path
) -> None:
    (tmp_path / "objects" / "00" / "copy-of-a-recording.wav").write_bytes(b"audio")

    with pytest.raises(StorageError, match="none"):
        await listed(store)


async def test_a_directory_that_cannot_be_written_is_named_with_the_fix(
    tmp_path: Path,
) -> None:
    (tmp_path / "objects").write_text("a file, not a directory")

    with pytest.raises(StorageError, match="free space and permissions"):
        await FilesystemStore(tmp_path / "objects").make()


async def test_nothing_counts_as_deleted_where_the_store_is_not(
    store: FilesystemStore, tmp_path: Path
) -> None:
    """An unmounted disk leaves an empty directory, in which no file can be found."""
    object_id = uuid.uuid4()
    await store.put(object_id, chunks(b"x"))
    (tmp_path / "objects").rename(tmp_path / "elsewhere")
    (tmp_path / "objects").mkdir()

    with pytest.raises(StorageError):
        await store.delete(object_id)

    assert await store.identity() is None
