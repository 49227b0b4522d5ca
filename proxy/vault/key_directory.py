"""Keys as files in a directory that only the service's user may read.

Each key is 32 random bytes in a file of its own; it wraps by AES Key Wrap (RFC 3394),
and what is no multiple of eight bytes long by the same with padding (RFC 5649). A key
is read for one call and wiped after it, so that destroying the file destroys the key.
"""

import asyncio
import os
import re
import secrets
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from cryptography.hazmat.primitives.keywrap import (
    InvalidUnwrap,
    aes_key_unwrap,
    aes_key_unwrap_with_padding,
    aes_key_wrap,
    aes_key_wrap_with_padding,
)

from proxy.errors import KeyMissingError, StorageError, TamperedError
from proxy.vault.durable import sync_directory, write_file
from proxy.vault.key_rules import (
    STANDING,
    checked,
    checked_mortal,
    checked_note,
    checked_standing,
    is_name,
    prove,
)
from proxy.vault.key_store import KEY_SIZE
from retention.keys import DayKey

_NOTES = "notes"
_SETTING = "vault.keys"  # not the path: it would be told to whoever uploads
# RFC 3394 wraps whole blocks of eight bytes, at least two of them.
_BLOCK, _LEAST = 8, 16
# A file, or the copy that a writer killed at the wrong moment left beside it.
_KEY_FILE = re.compile(r"\.?(?P<name>[a-z0-9-]+)\.key(\.[0-9a-f]{16})?")
_NOTE_LEFTOVER = re.compile(r"\.(?P<name>[a-z0-9-]+)\.[0-9a-f]{16}")


class InsecureKeyDirectoryError(StorageError):
    """Others on this machine may read the key directory."""

    error_id = "insecure-key-directory"


class KeyDirectory:
    """A KeyStore in `directory`, in a folder of the site's own."""

    def __init__(self, directory: Path, site: str) -> None:
        self._files = _Files(directory / site)

    async def open(self) -> None:
        """Make the folder if needed.

        Raises InsecureKeyDirectoryError for one that others may enter.
        """
        await asyncio.to_thread(self._files.open)
        await prove(self)

    async def close(self) -> None:
        """Nothing is held open."""

    async def exists(self, name: str) -> bool:
        return await asyncio.to_thread(self._files.exists, checked(name))

    async def names(self) -> list[str]:
        found = await asyncio.to_thread(self._files.names)
        return sorted(found - STANDING)

    async def make(self, name: str) -> None:
        await asyncio.to_thread(self._files.make, checked(name))

    async def wrap(self, name: str, secrets: Sequence[bytes]) -> list[bytes]:
        return await asyncio.to_thread(self._files.wrap, checked(name), secrets)

    async def unwrap(self, name: str, wrapped: Sequence[bytes]) -> list[bytes]:
        return await asyncio.to_thread(self._files.unwrap, checked(name), wrapped)

    async def destroy(self, name: str) -> None:
        await asyncio.to_thread(self._files.destroy, checked_mortal(name))

    async def secret(self, name: str) -> bytes:
        return await asyncio.to_thread(self._files.secret, checked_standing(name))

    async def has_secret(self, name: str) -> bool:
        return await asyncio.to_thread(self._files.has_file, checked_standing(name))

    async def write_note(self, name: str, content: bytes) -> None:
        await asyncio.to_thread(
            self._files.write_note, checked(name), checked_note(content)
        )

    async def read_note(self, name: str) -> bytes | None:
        return await asyncio.to_thread(self._files.read_note, checked(name))

    async def note_names(self, prefix: str) -> list[str]:
        found = await asyncio.to_thread(self._files.notes)
        return sorted(name for name in found if name.startswith(prefix))

    async def remove_note(self, name: str) -> None:
        await asyncio.to_thread(self._files.remove_note, checked(name))


class _Files:
    """The files themselves; every method blocks."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._notes = directory / _NOTES
        self._identity: tuple[int, int] | None = None

    def open(self) -> None:
        try:
            # Path.mkdir gives its mode to the last directory only.
            self._directory.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._directory.mkdir(exist_ok=True, mode=0o700)
            self._require_private()
            self._notes.mkdir(exist_ok=True, mode=0o700)
            self._identity = self._identify()
        except OSError as error:
            raise StorageError(
                error.strerror or type(error).__name__,
                field=str(self._directory),
                fix="choose a vault.keys that this user may write to",
            ) from error

    def exists(self, name: str) -> bool:
        with self._at_work(f"key {name}"):
            return bool(self._files_of(name))

    def has_file(self, name: str) -> bool:
        """Also before anything was made or opened here; then nothing can be away."""
        if self._identity is None:
            return self._file(name).exists()
        with self._at_work(f"key {name}"):
            return self._file(name).exists()

    def names(self) -> set[str]:
        with self._at_work("the keys"):
            return {name for _, name in self._key_files()}

    def make(self, name: str) -> None:
        file = self._file(name)
        with self._at_work(f"cannot make key {name}"):
            if not file.exists():
                write_file(file, secrets.token_bytes(KEY_SIZE))

    def wrap(self, name: str, clear: Sequence[bytes]) -> list[bytes]:
        with self._key(name) as key:
            return [_wrap(key, each) for each in clear]

    def unwrap(self, name: str, wrapped: Sequence[bytes]) -> list[bytes]:
        with self._key(name) as key:
            return [_unwrap(key, each) for each in wrapped]

    def destroy(self, name: str) -> None:
        with self._at_work(f"cannot destroy key {name}"):
            for file in self._files_of(name):
                file.unlink(missing_ok=True)
            sync_directory(self._directory)

    def secret(self, name: str) -> bytes:
        self.make(name)
        with self._key(name) as key:
            return bytes(key)

    def write_note(self, name: str, content: bytes) -> None:
        final = self._notes / name
        temporary = self._notes / f".{name}.{secrets.token_hex(8)}"
        with self._at_work(f"cannot write note {name}"):
            try:
                _write(temporary, content)
                temporary.replace(final)
                sync_directory(self._notes)
            finally:
                temporary.unlink(missing_ok=True)

    def read_note(self, name: str) -> bytes | None:
        with self._at_work(f"note {name}"):
            file = self._notes / name
            return file.read_bytes() if file.exists() else None

    def notes(self) -> list[str]:
        with self._at_work("the notes"):
            return [file.name for file in self._notes.iterdir() if is_name(file.name)]

    def remove_note(self, name: str) -> None:
        with self._at_work(f"cannot remove note {name}"):
            for file in self._notes.iterdir():
                leftover = _NOTE_LEFTOVER.fullmatch(file.name)
                if name == (leftover["name"] if leftover else file.name):
                    file.unlink(missing_ok=True)
            sync_directory(self._notes)

    def _file(self, name: str) -> Path:
        return self._directory / f"{name}.key"

    def _files_of(self, wanted: str) -> list[Path]:
        return [file for file, name in self._key_files() if name == wanted]

    def _key_files(self) -> Iterator[tuple[Path, str]]:
        for file in self._directory.iterdir():
            if found := _KEY_FILE.fullmatch(file.name):
                yield file, found["name"]

    @contextmanager
    def _key(self, name: str) -> Iterator[memoryview]:
        """Give the key while it is needed, in memory that is wiped afterwards."""
        key = bytearray(KEY_SIZE + 1)
        try:
            size = self._read(name, key)
            if size != KEY_SIZE:
                raise TamperedError(f"key {name} has not {KEY_SIZE} bytes")
            with memoryview(key)[:KEY_SIZE] as exact:
                yield exact
        finally:
            key[:] = bytes(len(key))

    def _read(self, name: str, key: bytearray) -> int:
        with self._at_work(f"key {name}"):
            try:
                with self._file(name).open("rb", buffering=0) as file:
                    return file.readinto(key)
            except FileNotFoundError:
                raise KeyMissingError(f"no key {name}") from None

    @contextmanager
    def _at_work(self, what: str) -> Iterator[None]:
        """Work in the directory that was opened, and in no other.

        An unmounted disk leaves an empty directory, in which every key seems destroyed.
        """
        try:
            self._require_opened()
            yield
            self._require_opened()
        except OSError as error:
            raise StorageError(
                f"{what}: {error.strerror or type(error).__name__}",
                field=_SETTING,
                fix="look at the disk the keys are on",
            ) from error

    def _require_opened(self) -> None:
        if self._identify() != self._identity:
            raise StorageError(
                "this is not the directory that was opened",
                field=_SETTING,
                fix="mount the disk the keys are on and restart the service",
            )

    def _identify(self) -> tuple[int, int]:
        found = self._notes.stat()
        return found.st_dev, found.st_ino

    def _require_private(self) -> None:
        mode = self._directory.stat().st_mode
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise InsecureKeyDirectoryError(
                f"its mode is {stat.filemode(mode)}",
                field=str(self._directory),
                fix="chmod 700",
            )


def _write(file: Path, content: bytes) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _wrap(key: memoryview, clear: bytes) -> bytes:
    if len(clear) >= _LEAST and len(clear) % _BLOCK == 0:
        return aes_key_wrap(key, clear)
    return aes_key_wrap_with_padding(key, clear)


def _unwrap(key: memoryview, wrapped: bytes) -> bytes:
    for unwrap in (aes_key_unwrap, aes_key_unwrap_with_padding):
        try:
            return unwrap(key, wrapped)
        except (InvalidUnwrap, ValueError):
            continue
    raise TamperedError("the wrapped key is not the one that was wrapped")


def sites_with_day_keys(directory: Path) -> list[str]:
    """The sites whose folder here still holds keys that must die."""
    found = directory.glob("*/*.key")
    return sorted({file.parent.name for file in found if DayKey.named(file.stem)})
