"""A day of calls, and all that a platform's list says of it."""

from datetime import UTC, date, datetime

DAY = date(2026, 11, 17)
NOON = datetime(2026, 11, 17, 12, 0, tzinfo=UTC)


async def listed(lists):
    """All calls and recordings of the day."""
    calls = [call async for call in lists.calls_of(DAY)]
    return calls, [recording async for recording in lists.recordings_of(DAY)]
