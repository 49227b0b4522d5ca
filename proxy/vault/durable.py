"""Files that are still there after a power cut: fsync the file, then its directory."""

import os
import secrets
from contextlib import suppress
from pathlib import Path


def sync_directory(directory: Path) -> None:
    """Make names that appeared or vanished in `directory` durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_file(final: Path, content: bytes) -> None:
    """Write a small private file so that it is there whole or not at all.

    Of two writers at once, the first wins.
    """
    temporary = final.with_name(f".{final.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        publish_file(temporary, final)
    finally:
        temporary.unlink(missing_ok=True)


def publish_file(temporary: Path, final: Path) -> None:
    """Give a synced file its name, unless another writer has taken it already."""
    with suppress(FileExistsError):
        os.link(temporary, final)
    sync_directory(final.parent)
