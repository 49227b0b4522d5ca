"""Nothing is destroyed for its age unless two clocks agree on what time it is.

A machine whose clock jumps ahead by a year would forget at once all that it keeps, keys
included. The second clock is the database server's: worth as much as the first, where
that is another machine; where both are one, it cannot tell.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from proxy.database.pool import SiteDatabase
from proxy.errors import PonctuelError

LARGEST_DIFFERENCE = timedelta(minutes=5)

SecondClock = Callable[[SiteDatabase], Awaitable[datetime]]


class ClocksDifferError(PonctuelError):
    """This machine's clock and the database server's do not agree."""

    error_id = "clocks-differ"


async def servers_time(database: SiteDatabase) -> datetime:
    """What the database server's clock says."""
    async with database.connection() as connection:
        now: datetime = await connection.fetchval("SELECT clock_timestamp()")
    return now


async def agree_on_time(
    clock: Callable[[], datetime],
    second_clock: SecondClock | None,
    database: SiteDatabase,
) -> None:
    """Raise ClocksDifferError unless they do; a clock without a second is believed."""
    if second_clock is None:
        return
    apart = clock() - await second_clock(database)
    if abs(apart) > LARGEST_DIFFERENCE:
        raise ClocksDifferError(
            "this machine's clock and the database server's are "
            f"{abs(apart).total_seconds():.0f} seconds apart: nothing is forgotten",
            fix="set both by NTP",
        )
