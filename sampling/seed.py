"""Epochs and weeks: when a seed or a tag key applies. Pure arithmetic on UTC instants.

A seed is committed before its epoch begins and revealed after it ends; a tag key lasts
a week. The draw never goes back to an earlier epoch, because its seed may be public.
"""

from datetime import UTC, datetime, timedelta

WEEK_SECONDS = 7 * 24 * 3600
# Clocks are stepped by NTP; a step this small back over an epoch's edge is forgiven by
# staying in the later epoch. More is a fault: no draw.
CLOCK_TOLERANCE = timedelta(seconds=120)
TAG_OVERLAP = timedelta(hours=24)


def epoch_at(now: datetime, epoch_seconds: int) -> int:
    return int(now.timestamp()) // epoch_seconds


def epoch_start(epoch: int, epoch_seconds: int) -> datetime:
    return datetime.fromtimestamp(epoch * epoch_seconds, UTC)


def week_at(now: datetime) -> int:
    """Weeks since 1970-01-01, the name of a tag key."""
    return int(now.timestamp()) // WEEK_SECONDS


def epoch_to_draw_in(now: datetime, last_epoch: int, epoch_seconds: int) -> int | None:
    """The epoch a draw made now belongs to; None when the clock cannot be trusted."""
    epoch = epoch_at(now, epoch_seconds)
    if epoch >= last_epoch:
        return epoch
    lag = epoch_start(last_epoch, epoch_seconds) - now
    return last_epoch if lag <= CLOCK_TOLERANCE else None


def may_reveal(epoch: int, now: datetime, epoch_seconds: int) -> bool:
    """A seed is published only when no draw can be made in its epoch any more."""
    end = epoch_start(epoch + 1, epoch_seconds)
    return now >= end + 2 * CLOCK_TOLERANCE


def is_week_young(now: datetime) -> bool:
    """Whether a call of last week may still be going on: its leaf names both tags."""
    return int(now.timestamp()) % WEEK_SECONDS < TAG_OVERLAP.total_seconds()
