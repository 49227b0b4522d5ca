"""The directory of keys keeps the key store's promises, and its own."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap, aes_key_wrap
from hypothesis import example, given, settings
from hypothesis import strategies as st

from proxy.errors import StorageError, TamperedError
from proxy.vault.key_directory import InsecureKeyDirectoryError, KeyDirectory
from proxy.vault.key_rules import STANDING
from proxy.vault.key_store import KEY_SIZE, KeyStore
from tests.contracts.key_store_suite import (
    DAY,
    NEXT_DAY,
    OTHER_SITE,
    SECRET,
    KeyStoreSuite,
    Opened,
)

ROOT = Path(__file__).parents[2]
SITES = {"": "clinic", OTHER_SITE: "clinic-audio"}


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    async def opened(site: str = "") -> KeyStore:
        store = KeyDirectory(tmp_path / "keys", SITES[site])
        await store.open()
        return store

    return opened


@pytest.fixture
async def store(opened: Opened) -> KeyStore:
    return await opened()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "clinic"


class TestKeyDirectory(KeyStoreSuite):
    """All promises of a key store."""


async def test_a_directory_from_before_opens_as_it_did(opened: Opened, folder) -> None:
    """Keys of earlier versions are files of 32 bytes that wrap by RFC 3394."""
    old_key = os.urandom(KEY_SIZE)
    folder.mkdir(parents=True, mode=0o700)
    for name in ("audio-2026-12-21", "tag-2968", "service", "log"):
        (folder / f"{name}.key").write_bytes(old_key)

    store = await opened()

    assert await store.names() == ["audio-2026-12-21", "tag-2968"]
    assert await store.secret("log") == old_key
    old = aes_key_wrap(old_key, SECRET)
    assert await store.unwrap("audio-2026-12-21", [old]) == [SECRET]
    [new] = await store.wrap("service", [SECRET])
    assert aes_key_unwrap(old_key, new) == SECRET


async def test_files_are_private_and_nothing_else_is_left_beside_them(
    store: KeyStore, folder
) -> None:
    await store.make(DAY)
    await store.secret("log")
    await store.write_note("dead", b"x")
    await store.write_note("dead", b"y")

    found = {str(each.relative_to(folder)): each for each in folder.rglob("*")}

    assert sorted(found) == [f"{DAY}.key", "log.key", "notes", "notes/dead"]
    assert {each.stat().st_mode & 0o077 for each in found.values()} == {0}


async def test_a_directory_others_may_enter_is_refused(opened: Opened, folder) -> None:
    folder.mkdir(parents=True, mode=0o755)

    with pytest.raises(InsecureKeyDirectoryError, match="chmod 700") as caught:
        await opened()

    assert caught.value.field == str(folder)


async def test_a_directory_that_cannot_be_made_is_named_with_the_setting(
    opened: Opened, tmp_path: Path
) -> None:
    (tmp_path / "keys").write_text("a file, not a directory")

    with pytest.raises(StorageError, match=r"vault\.keys"):
        await opened()


async def test_a_copy_that_a_killed_writer_left_is_part_of_its_key(
    store: KeyStore, folder: Path
) -> None:
    await store.make(DAY)
    left = folder / f".{DAY}.key.0123456789abcdef"
    alone = folder / f".{NEXT_DAY}.key.0123456789abcdef"
    for file in (left, alone):
        file.write_bytes(SECRET)
    assert await store.exists(NEXT_DAY)
    assert await store.names() == [DAY, NEXT_DAY]

    await store.destroy(DAY)
    await store.destroy(NEXT_DAY)

    assert not left.exists()
    assert not alone.exists()
    assert await store.names() == []


async def test_what_a_killed_writer_left_of_a_note_goes_with_the_note(
    store: KeyStore, folder: Path
) -> None:
    await store.write_note("dead", b"x")
    await store.write_note("dead-2", b"x")
    left = folder / "notes" / ".dead.0123456789abcdef"
    left.write_bytes(b"x")
    assert await store.note_names("") == ["dead", "dead-2"]

    await store.remove_note("dead")

    assert not left.exists()
    assert await store.note_names("") == ["dead-2"]


async def test_a_key_file_of_another_size_is_refused(
    store: KeyStore, folder: Path
) -> None:
    for size in (0, 31, 33, 4096):
        (folder / f"{DAY}.key").write_bytes(bytes(size))

        with pytest.raises(TamperedError, match="32 bytes"):
            await store.wrap(DAY, [SECRET])


async def test_what_was_written_is_synced_before_it_counts(
    store: KeyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    real_fsync = os.fsync

    def fsync(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        synced.append("file" if path.is_file() else path.name)
        real_fsync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)

    for done in (
        store.make(DAY),
        store.destroy(DAY),
        store.write_note("dead", b"x"),
        store.remove_note("dead"),
    ):
        await done

    assert synced == ["file", "clinic", "clinic", "file", "notes", "notes"]


names = st.one_of(
    st.from_regex(r"[a-z0-9./-]{0,8}", fullmatch=True),
    st.text(max_size=70),
    st.sampled_from(["..", "../clinic/x", "a/b", "a.key", "/etc/x", "a\n", "é", "-"]),
)


@given(names)
@example("a" * 64)
@example("a" * 65)
@settings(max_examples=100, deadline=None)
def test_no_name_leads_out_of_the_directory(name: str) -> None:
    with tempfile.TemporaryDirectory() as place:
        asyncio.run(_use(Path(place), name))


async def _use(place, name: str) -> None:
    store = KeyDirectory(place / "keys", "clinic")
    await store.open()
    before = set(place.rglob("*"))

    try:
        await store.make(name)
        await store.write_note(name, b"x")
    except StorageError:
        await _every_method_refuses(store, name)
        assert set(place.rglob("*")) == before
        return

    folder = place / "keys" / "clinic"
    added = set(place.rglob("*")) - before
    assert added == {folder / f"{name}.key", folder / "notes" / name}
    assert await store.names() == [name] or name in STANDING
    assert await store.note_names(name) == [name]


async def _every_method_refuses(store: KeyStore, name: str) -> None:
    named: list[Callable[[str], Awaitable[object]]] = [
        *(store.exists, store.make, store.destroy, store.secret, store.has_secret),
        *(store.read_note, store.remove_note),
    ]
    for method in named:
        with pytest.raises(StorageError):
            await method(name)
    for method in (store.wrap, store.unwrap):
        with pytest.raises(StorageError):
            await method(name, [SECRET])
    with pytest.raises(StorageError):
        await store.write_note(name, b"x")


PROCESS = """
import asyncio, gc, sys
from pathlib import Path
from proxy.vault.key_directory import KeyDirectory

async def main():
    store = KeyDirectory(Path(sys.argv[1]), "clinic")
    await store.open()
    {what}
    gc.collect()
    print(wrapped[0].hex(), flush=True)
    sys.stdin.read()

asyncio.run(main())
"""
MADE_BEFORE = """
    kept = bytes(range(32))
    wrapped = await store.wrap("audio-2026-12-01", [kept])
    await store.unwrap("audio-2026-12-01", wrapped)
"""


def _process(place: Path, what: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", PROCESS.format(what=what.strip()), place / "keys"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


async def test_what_a_killed_process_has_done_is_done(
    opened: Opened, tmp_path: Path
) -> None:
    what = """
    await store.make("audio-2026-12-01")
    await store.make("audio-2026-12-02")
    wrapped = await store.wrap("audio-2026-12-01", [bytes(range(32))])
    await store.destroy("audio-2026-12-02")
    """
    with _process(tmp_path, what) as process:
        wrapped = bytes.fromhex(process.stdout.readline().decode())
        process.kill()
    assert process.returncode == -signal.SIGKILL

    store = await opened()

    assert await store.names() == [DAY]
    assert await store.unwrap(DAY, [wrapped]) == [SECRET]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/PID/mem")
async def test_a_key_stays_in_memory_no_longer_than_it_is_used(
    opened: Opened, folder: Path, tmp_path: Path
) -> None:
    store = await opened()
    await store.make(DAY)
    key = (folder / f"{DAY}.key").read_bytes()

    with _process(tmp_path, MADE_BEFORE) as process:
        process.stdout.readline()
        holds = _memory_holds(process.pid, key)
        holds_secret = _memory_holds(process.pid, SECRET)
        process.kill()

    assert not holds
    assert holds_secret, "the search itself finds nothing"


def _memory_holds(pid: int, needle: bytes) -> bool:
    maps = Path(f"/proc/{pid}/maps").read_text().splitlines()
    areas = [line.split()[0].split("-") for line in maps if " rw-p " in line]
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for start, end in ((int(a, 16), int(b, 16)) for a, b in areas):
            memory.seek(start)
            try:
                if needle in memory.read(end - start):
                    return True
            except OSError:
                continue
    return False
