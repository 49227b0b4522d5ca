"""Files that are still there after a power cut: fsync the file, then its directory."""

import os
from contextlib import suppress
from pathlib import Path


def sync_directory(directory: Path) -> None:
    """Make names that appeared or vanished in `directory` durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def publish_file(temporary: Path, final: Path) -> None:
    """Give a synced file its name, unless another writer has taken it already."""
    with suppress(FileExistsError):
        os.link(temporary, final)
    sync_directory(final.parent)
