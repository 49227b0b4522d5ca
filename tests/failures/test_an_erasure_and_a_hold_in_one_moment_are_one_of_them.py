"""A right that holds a recording while it is being erased comes first, or too late.

What it holds is not destroyed, and what is being destroyed is not held. And what was
erased under a hold leaves no key behind that an older copy of it lies under.
"""

import asyncio
from datetime import timedelta

import pytest

from proxy.errors import ObjectMissingError
from proxy.vault import shelf as shelves
from retention.holds import Authority, Hold
from tests.fakes.call_centre import until
from tests.fakes.listeners import recorded

WAITING = """SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'"""


async def held(house, recording, days=5):
    ends_at = house.clock() + timedelta(days=days)
    placed = Hold(Authority.REQUISITION, "PV 2026/113", "asked for by a court", ends_at)
    return await house.site.parts.holds.place(recording, placed, "dpo-1")


class Meddled:
    """A connection on which somebody holds the recording after one statement."""

    def __init__(self, connection, after, meddle):
        self._connection = connection
        self._after = after
        self._meddle = meddle

    def __getattr__(self, name):
        return getattr(self._connection, name)

    async def execute(self, query, *arguments):
        done = await self._connection.execute(query, *arguments)
        if query == shelves.QUERIES[self._after]:
            await self._meddle()
        return done


@pytest.mark.parametrize("after", ["expire_held", "doom_one"])
async def test_what_is_held_just_then_is_there_or_what_is_gone_is_not_held(
    house, after
):
    await house.stop_worker()
    recording, _ = await recorded(house)
    shelf = house.site.parts.shelf
    holding = []

    async def meddle():
        holding.append(asyncio.create_task(held(house, recording)))

        async def is_waiting():
            return holding[0].done() or await house.value(WAITING)

        await until(is_waiting)

    async with house.site.database.transaction() as connection:
        meddled = Meddled(connection, after, meddle)
        found = await shelf.doom(meddled, recording)
    [tried] = await asyncio.gather(*holding, return_exceptions=True)
    if found is not None:
        assert await shelf.destroy(found[0])

    is_held = bool(await house.site.parts.holds.list())
    assert is_held == bool(house.objects())
    assert is_held == (not isinstance(tried, ObjectMissingError))


async def test_what_was_objected_to_while_it_was_held_has_all_its_keys_named(house):
    recording, _ = await recorded(house)
    parts = house.site.parts
    [own_day] = await parts.burying.keys_of([recording])
    house.clock.advance(days=3)
    await held(house, recording)

    async with house.site.database.transaction() as connection:
        assert await parts.shelf.doom(connection, recording) is None  # held

    assert own_day in await parts.burying.keys_of([recording])
