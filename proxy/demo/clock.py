"""A clock that is a month late and catches up: time-lapse instead of waiting.

It ticks like the real one, is never ahead of it, and is only ever moved forward: the
draw never goes back to an epoch whose seed may be public.
"""

from datetime import UTC, datetime, timedelta

NOW = timedelta(0)


class LateClock:
    """The real time minus `late_by`."""

    def __init__(self, late_by: timedelta = NOW) -> None:
        self.late_by = late_by

    def __call__(self) -> datetime:
        return datetime.now(UTC) - self.late_by

    def catch_up(self, late_by: timedelta) -> None:
        """Move forward, so that the clock is late by no more than this."""
        if not NOW <= late_by <= self.late_by:
            raise ValueError(f"from {self.late_by} late to {late_by} late")
        self.late_by = late_by
