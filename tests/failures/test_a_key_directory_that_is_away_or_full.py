"""Where the directory of keys is away, or full, nothing counts as done or as gone."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from proxy.errors import StorageError
from proxy.vault.key_directory import KeyDirectory
from proxy.vault.key_store import KeyStore
from tests.failures.key_questions import DAY, QUESTIONS, SECRET, Question


@pytest.fixture
async def kept(tmp_path) -> KeyStore:
    """A directory of keys in which there is one of everything."""
    store = KeyDirectory(tmp_path / "keys", "clinic")
    await store.open()
    await store.make(DAY)
    await store.secret("log")
    await store.write_note("dead", b"x")
    return store


@contextmanager
def away(folder: Path) -> Iterator[None]:
    elsewhere = folder.with_name("elsewhere")
    folder.rename(elsewhere)
    yield
    elsewhere.rename(folder)


@contextmanager
def replaced(folder: Path) -> Iterator[None]:
    """An unmounted disk leaves an empty directory."""
    with away(folder):
        (folder / "notes").mkdir(parents=True, mode=0o700)
        yield
        (folder / "notes").rmdir()
        folder.rmdir()


@contextmanager
def overlaid(folder: Path) -> Iterator[None]:
    with away(folder):
        folder.write_text("a file")
        yield
        folder.unlink()


ASKED_LATER = {name: asked for name, asked in QUESTIONS.items() if name != "open"}


@pytest.mark.parametrize("fault", [away, replaced, overlaid])
@pytest.mark.parametrize("question", ASKED_LATER.values(), ids=ASKED_LATER)
async def test_nothing_is_absent_or_destroyed_where_the_directory_is_not(
    kept: KeyStore, tmp_path: Path, fault, question: Question
) -> None:
    wrapped = await kept.wrap(DAY, [SECRET])

    with fault(tmp_path / "keys" / "clinic"), pytest.raises(StorageError) as caught:
        await question(kept, wrapped)

    assert caught.value.field == "vault.keys"
    assert str(tmp_path) not in str(caught.value)  # uploaders are told of it
    assert caught.value.fix
    assert await kept.unwrap(DAY, wrapped) == [SECRET]
    assert await kept.read_note("dead") == b"x"


@pytest.mark.parametrize("question", ["open", "make", "write_note"])
async def test_a_full_disk_leaves_nothing_half_written(
    kept: KeyStore, tmp_path, question: str
) -> None:
    before = sorted(tmp_path.rglob("*"))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        with pytest.raises(StorageError, match="File too large"):
            await QUESTIONS[question](kept, [])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert sorted(tmp_path.rglob("*")) == before
    await QUESTIONS[question](kept, [])
