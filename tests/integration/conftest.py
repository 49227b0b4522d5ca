"""A register of incidents, on a database of its own."""

from collections.abc import AsyncIterator

import pytest

from proxy.database.pool import SiteDatabase, open_pool
from proxy.incidents.register import Register
from tests.fakes.register import CONTACT


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[SiteDatabase]:
    database = await open_pool(dsn, "clinic", 2)
    async with database.connection() as connection:
        await connection.execute("INSERT INTO sites (site_id) VALUES ('clinic')")
    yield database
    await database.close()


@pytest.fixture
def register(database: SiteDatabase, clock) -> Register:
    return Register(database, clock, CONTACT)
