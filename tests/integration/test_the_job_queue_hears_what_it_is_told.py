"""A worker that takes itself for deaf begins anew, and says so; only if it is."""

import asyncio

import asyncpg

from proxy.database.queue import ListeningDriver
from tests.fakes.evidence import until


async def test_nothing_is_said_before_somebody_listens(dsn):
    """However long it takes until somebody does, as on a busy machine."""
    heard = []
    async with (
        asyncpg.create_pool(dsn, min_size=2, max_size=2) as pool,
        ListeningDriver(pool) as driver,
    ):
        told = asyncio.create_task(driver.notify("ch_test", "do you hear me?"))
        for _ in range(10):
            await pool.execute("SELECT 1")  # time in which it would be said
        await driver.add_listener("ch_test", heard.append)
        await told

        await until(lambda: heard == ["do you hear me?"], "what was said")
