"""A register of incidents, on a database of its own; telephones that are no chance."""

from collections.abc import AsyncIterator
from hashlib import sha256
from itertools import count

import pytest

from proxy.access.accounts import invitations
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


@pytest.fixture(autouse=True)
def _known_telephones(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a telephone shows follows from the clock, which stands still.

    Of random ones, three in a million would show wrong digits that are right.
    """
    number = count()
    monkeypatch.setattr(
        invitations,
        "new_totp_secret",
        lambda: sha256(b"telephone %d" % next(number)).digest(),
    )
