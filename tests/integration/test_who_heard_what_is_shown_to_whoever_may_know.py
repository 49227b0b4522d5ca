"""The trace, read: in full by a data protection officer, without names for a caller."""

from datetime import date, timedelta
from uuid import uuid4

import pytest

from proxy.access.permissions import Actor, Role
from proxy.access.trace.acts import Act, Entry
from proxy.access.trace.reading import Filter, Hearing, TraceReading
from tests.fakes.tracing import Traced, played

DPO = Actor("d-1", Role.DPO, "clinic")
ITEM = uuid4()


@pytest.fixture
async def traced(database, clock) -> Traced:
    traced = Traced(database, clock)
    await traced.trace.note(played("t-1", ITEM))
    await traced.trace.note(played("t-2", ITEM))
    clock.advance(days=1)
    await traced.trace.note(played("t-1"))
    await traced.trace.note(Entry(Act.HEARD, "t-1", Role.TRAINER, ITEM, "", 0, 99))
    await traced.trace.note(
        Entry(Act.EXPORTED, "r-1", "rights_officer", ITEM, "access")
    )
    return traced


@pytest.fixture
def reading(database, traced) -> TraceReading:
    return TraceReading(database, traced.trace)


@pytest.mark.parametrize(
    ("wanted", "places"),
    [
        ({}, [0, 1, 2, 3, 4]),
        ({"item": ITEM}, [0, 1, 3, 4]),
        ({"actor": "t-1"}, [0, 2, 3]),
        ({"act": Act.PLAY, "item": ITEM}, [0, 1]),
        ({"actor": "nobody"}, []),
    ],
)
async def test_entries_are_found_by_what_they_are_about(reading, wanted, places):
    found = await reading.page(DPO, Filter(**wanted), -1, 50)

    assert [noted.place for noted in found] == places


async def test_entries_are_found_by_when_they_were(reading, clock):
    yesterday = Filter(until=clock())
    today = Filter(since=clock())

    assert len(await reading.page(DPO, yesterday, -1, 50)) == 2
    assert len(await reading.page(DPO, today, -1, 50)) == 4  # the looking, too


async def test_they_come_a_page_at_a_time(reading):
    first = await reading.page(DPO, Filter(actor="t-1"), -1, 2)
    rest = await reading.page(DPO, Filter(actor="t-1"), first[-1].place, 2)

    assert [noted.place for noted in (*first, *rest)] == [0, 2, 3]


async def test_that_somebody_looked_is_on_the_trace(reading):
    await reading.page(DPO, Filter(item=ITEM), -1, 50)

    [looked] = await reading.page(DPO, Filter(act=Act.VIEWED), -1, 50)
    assert looked.entry == Entry(Act.VIEWED, "d-1", Role.DPO, ITEM, about="trace")


async def test_a_caller_is_told_when_and_what_for_and_never_by_whom(reading, clock):
    hearings = await reading.of_recording(DPO, ITEM)

    day_before = clock() - timedelta(days=1)
    assert hearings == [
        Hearing(day_before, Act.PLAY, "training", "trainer"),
        Hearing(day_before, Act.PLAY, "training", "trainer"),
        Hearing(clock(), Act.EXPORTED, "access", "rights_officer"),
    ]
    assert [each.on for each in hearings[1:]] == [
        date(2026, 11, 18),
        date(2026, 11, 19),
    ]
    assert "t-1" not in repr(hearings)
    assert await reading.of_recording(DPO, uuid4()) == []


async def test_that_it_was_looked_up_for_a_caller_is_on_the_trace(reading):
    await reading.of_recording(DPO, ITEM)

    [looked] = await reading.page(DPO, Filter(act=Act.VIEWED), -1, 50)
    assert looked.entry == Entry(Act.VIEWED, "d-1", Role.DPO, ITEM, about="hearings")
