"""A day on which a platform and its call centre may have seen different things."""

from datetime import UTC, date, datetime, timedelta

from tests.fakes.call_centre import wav

DAY = date(2026, 11, 18)  # a Wednesday: the next day is of another week


async def is_done(house):
    return await house.value("SELECT bool_and(step = 'done') FROM takeovers")


def list_calls(house, *calls, at=None):
    for call in calls:
        house.platform.list_call(call.call_id, at or house.clock())


async def listed_call(house, *, is_drawn=False):
    """A call of that kind; all those before it are listed as well, it is last."""
    while True:
        call = await house.start_call()
        list_calls(house, call)
        if call.is_record and is_drawn:
            await house.tell("call.announced", call)
        if call.is_record == is_drawn:
            return call


def has_recorded(house, name, audio=None):
    """The platform has recorded the call listed last; return where that is."""
    url = house.platform.hold(name, audio or wav())
    house.platform.listed[-1].update(recorded=1, recording_url=url)
    return url


async def next_day(house, **later):
    """The day is over: in the morning of the next one its tag key is last week's."""
    house.clock.now = datetime(2026, 11, 19, 5, 30, tzinfo=UTC) + timedelta(**later)
    await house.site.tend()


async def reconciled(house, day=DAY, **changes):
    report = await house.site.reconciliation.run(day, "pbx", **changes)
    [done] = report.connections
    return done


async def kinds(house):
    rows = await house.rows("SELECT kind FROM incidents ORDER BY kind")
    return [row["kind"] for row in rows]
