"""The 72 hours of GDPR Art. 33(1), counted from when somebody knew."""

import math
from datetime import datetime, timedelta

TIME_TO_NOTIFY = timedelta(hours=72)
ALERTS_AFTER = (timedelta(hours=24), timedelta(hours=48), timedelta(hours=66))


def hours_left(aware_at: datetime, now: datetime) -> float:
    """Negative once the time has run out."""
    return (aware_at + TIME_TO_NOTIFY - now) / timedelta(hours=1)


def alerts_due(aware_at: datetime, now: datetime) -> tuple[int, ...]:
    """After how many hours somebody should have been reminded by now."""
    gone = now - aware_at
    return tuple(
        int(alert / timedelta(hours=1)) for alert in ALERTS_AFTER if gone >= alert
    )


def least_hours_left(first_aware_at: datetime | None, now: datetime) -> float:
    """Of the clock that began first; infinite when none runs."""
    return math.inf if first_aware_at is None else hours_left(first_aware_at, now)
