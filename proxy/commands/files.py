"""Files that commands write: whole or not at all, and nobody's own is lost."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from proxy.errors import SettingsError, StorageError


@contextmanager
def private_file(path: Path, option: str, *, why: str = "") -> Iterator[BinaryIO]:
    """A new file only its owner may read; gone again if it could not be filled.

    `why` says what an existing file under that name may hold.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        remedy = "name a file that does not exist yet, in a directory that does"
        raise SettingsError(
            f"{path} cannot be written: {error.strerror}",
            field=option,
            fix=remedy + why * isinstance(error, FileExistsError),
        ) from None
    with _filled(path, os.fdopen(descriptor, "wb")) as stream:
        yield stream


@contextmanager
def whole_file(path: Path, option: str) -> Iterator[BinaryIO]:
    """A file that appears under its name when all of it is on disk, and only then."""
    path = path.resolve()
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        if path.exists() and not path.is_file():
            raise FileExistsError(0, "it is not a file")
        stream = unfinished.open("wb")
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be written: {error.strerror}",
            field=option,
            fix="name a file in a directory that exists and that you may write to",
        ) from None
    with _filled(unfinished, stream):
        yield stream
        stream.flush()
        os.fsync(stream.fileno())
        unfinished.replace(path)


@contextmanager
def _filled(path: Path, stream: BinaryIO) -> Iterator[BinaryIO]:
    try:
        with stream:
            yield stream
    except BaseException as error:
        path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise StorageError(f"{path}: {error.strerror}") from error
        raise
