"""A call without a draw is counted once, whoever publishes and whatever fails."""

import asyncio

import asyncpg
import pytest

from proxy.errors import DatabaseUnavailableError
from tests.fakes.call_centre import until
from tests.fakes.faulty_wire import FaultyWire

pytestmark = [pytest.mark.usefixtures("unhurried"), pytest.mark.acceptance]

VOID = ("overload", "cardio_in")
WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"


async def counted(centre):
    counts = await centre.counts()
    return counts["void", "overload"], counts["calls", "cardio_in"]


async def test_two_publications_in_one_moment_count_it_once(house):
    """The one at its interval, and the last one of a service that is told to stop."""
    [ours] = house.service._publications
    blocker = await asyncpg.connect(house.dsn)
    await house.service.publish()
    house.site.voids.counted[VOID] += 3

    async with blocker.transaction():
        await blocker.execute("LOCK TABLE counts")
        first = asyncio.create_task(ours.flush_void())
        await until(lambda: blocker.fetchval(WAITING), "the first to wait")
        second = asyncio.create_task(ours.flush_void())
        await asyncio.sleep(0)
    await asyncio.gather(first, second)
    await blocker.close()

    assert await counted(house) == (3, 3)
    assert house.site.voids.counted.total() == 0


@pytest.fixture
async def wire(dsn):
    async with FaultyWire(dsn) as wire:
        yield wire


async def test_what_could_not_be_counted_is_counted_later_with_what_came_since(
    wire, centre
):
    service = await centre.open(dsn=wire.dsn)
    [ours] = service._publications
    await service.publish()
    await wire.cut()
    centre.site.voids.counted[VOID] += 2
    with pytest.raises(DatabaseUnavailableError):
        await ours.flush_void()
    centre.site.voids.counted[VOID] += 1
    await wire.mend()

    async def is_counted():
        await ours.flush_void()
        return await counted(centre) != (0, 0)

    await until(is_counted, "the database")
    await centre.service.stop()
    assert await counted(centre) == (3, 3)
