"""Forgetting, as numbered steps that are safe to repeat and to run twice at once.

1. Intent: what is due is marked, durably, before anything is touched.
2. Object: the sealed bytes are deleted and their absence is read back.
3. Key and index: deleted together with
4. the receipt, in one transaction. Only now is anything reported as done.
5. Day keys: a day that is over loses its key, even if a step above failed; whatever is
   left of its recordings can then no longer be opened by anyone.

A crash between two steps leaves a marked recording, and the next sweep takes it up at
step 2 through this same code.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from retention.periods import is_day_over
from retention.ports import DayKeys, Doomed, RecordingShelf

BATCH = 500


@dataclass(frozen=True, slots=True)
class SweepReport:
    """What one sweep did. `failed` ones are still there and will be tried again."""

    destroyed: int = 0
    failed: int = 0
    keys_destroyed: int = 0
    keys_failed: int = 0
    weeks_ended: int = 0
    weeks_failed: int = 0
    calls_forgotten: int = 0


def quietly(_destroyed: int) -> None:
    """Show no progress."""


async def sweep(
    shelf: RecordingShelf,
    keys: DayKeys,
    now: datetime,
    on_progress: Callable[[int], None] = quietly,
) -> SweepReport:
    """Destroy everything that is due at `now`."""
    destroyed = 0
    failed: set[UUID] = set()
    while fresh := await _not_yet_failed(shelf, now, failed):
        gone = [item for item in fresh if await shelf.destroy_object(item)]
        destroyed += await shelf.write_receipts(gone, now)
        failed |= {item.recording_id for item in fresh if item not in gone}
        on_progress(destroyed)
    done, left = await _destroy_days(keys, now)
    return SweepReport(destroyed, len(failed), done, left)


async def _not_yet_failed(
    shelf: RecordingShelf, now: datetime, failed: Collection[UUID]
) -> list[Doomed]:
    doomed = await shelf.doom_due(now, BATCH + len(failed))
    return [item for item in doomed if item.recording_id not in failed]


async def _destroy_days(keys: DayKeys, now: datetime) -> tuple[int, int]:
    days = [day for day in await keys.living_days() if is_day_over(day, now)]
    results = [await keys.destroy_day(day) for day in days]
    return results.count(True), results.count(False)
