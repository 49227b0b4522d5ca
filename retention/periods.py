"""How long recordings and their analyses live: fixed at capture, never longer later."""

from datetime import UTC, date, datetime, timedelta

# Six calendar months are at least 181 days; 180 leaves a day for the sweep's lag.
LONGEST = timedelta(days=180)
LONGEST_ANALYSIS = timedelta(days=365)  # CNIL: analysis documents, one year at most
AFTER_ANALYSIS = timedelta(days=7)  # audio has served its purpose then
LARGEST_LAG = timedelta(hours=24)
# The inspection window: how many weeks after its own a tag key is kept. At least until
# the last recording of the week has died, at most twelve months.
SHORTEST_INSPECTION = 26
LONGEST_INSPECTION = 52


def expires_at(captured_at: datetime, kept_days: int) -> datetime:
    """When a recording made now must be gone, whatever the policy says later."""
    return captured_at + min(timedelta(days=kept_days), LONGEST)


def analysis_expires_at(written_at: datetime, kept_days: int) -> datetime:
    """When a document about a recording must be gone; its clock is its own."""
    return written_at + min(timedelta(days=kept_days), LONGEST_ANALYSIS)


def shortened(expiry: datetime, captured_at: datetime, kept_days: int) -> datetime:
    """The expiry after a policy with `kept_days`: what shortens applies to stock."""
    return min(expiry, expires_at(captured_at, kept_days))


def after_analysis(expiry: datetime, closed_at: datetime) -> datetime:
    """The expiry once the analysis of a recording is closed."""
    return min(expiry, closed_at + AFTER_ANALYSIS)


def key_day(expiry: datetime) -> date:
    """The UTC day whose key dies with the recording."""
    return expiry.astimezone(UTC).date()


def newest_inspected(this_week: int, inspection_weeks: int) -> int:
    """The newest week whose inspection window is over; weeks count from 1970-01-01."""
    return this_week - inspection_weeks - 1
