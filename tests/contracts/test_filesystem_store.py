"""The local directory keeps the object store's promises, and its own."""

import os
import uuid
from pathlib import Path

import pytest

from proxy.errors import StorageError
from proxy.vault.filesystem import FilesystemStore
from tests.contracts.object_store_suite import ObjectStoreSuite, chunks


@pytest.fixture
def store(tmp_path: Path) -> FilesystemStore:
    store = FilesystemStore(tmp_path / "objects")
    store.make()
    return store


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


async def test_leftovers_of_a_killed_writer_are_removed_once_they_are_old(
    store: FilesystemStore, tmp_path: Path
) -> None:
    leftover = tmp_path / "objects" / "00" / ".writing-abc"
    leftover.write_bytes(b"sealed half")
    os.utime(leftover, (1_000, 1_000))

    assert store.remove_leftovers(older_than=999) == 0
    assert store.remove_leftovers(older_than=2_000) == 1
    assert not leftover.exists()


async def test_a_directory_that_cannot_be_written_is_named_with_the_fix(
    tmp_path: Path,
) -> None:
    (tmp_path / "objects").write_text("a file, not a directory")

    with pytest.raises(StorageError, match="free space and permissions"):
        FilesystemStore(tmp_path / "objects").make()


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

    assert store.identity() is None


def test_a_store_keeps_the_name_it_was_made_with(store: FilesystemStore) -> None:
    assert store.make() == store.make() == store.identity()
