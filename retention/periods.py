"""How long recordings live: fixed at capture, and never longer afterwards."""

from datetime import UTC, date, datetime, timedelta

# Six calendar months are at least 181 days; 180 leaves a day for the sweep's lag.
LONGEST = timedelta(days=180)
LARGEST_LAG = timedelta(hours=24)
# The inspection window: how many weeks after its own a tag key is kept. At least until
# the last recording of the week has died, at most twelve months.
SHORTEST_INSPECTION = 26
LONGEST_INSPECTION = 52


def expires_at(captured_at: datetime, kept_days: int) -> datetime:
    """When a recording made now must be gone, whatever the policy says later."""
    return captured_at + min(timedelta(days=kept_days), LONGEST)


def key_day(expiry: datetime) -> date:
    """The UTC day whose key dies with the recording."""
    return expiry.astimezone(UTC).date()


def newest_inspected(this_week: int, inspection_weeks: int) -> int:
    """The newest week whose inspection window is over; weeks count from 1970-01-01."""
    return this_week - inspection_weeks - 1
