"""Forgetting, as numbered steps that are safe to repeat and to run twice at once.

0. Holds that are over end, so that their recordings' own end applies.
1. Intent: what is due is marked, durably, before anything is touched.
2. Object: the sealed bytes are deleted and their absence is read back.
3. Key and index: deleted together with
4. the receipt, in one transaction. Only now is anything reported as done.
5. Day keys: a day that is over loses its keys, even if a step above failed; whatever is
   left of its recordings can then no longer be opened by anyone. And where something
   died before its day, the others move to a fresh key and the old one is destroyed:
   then no older copy of a wrapped key opens what died.

A crash between two steps leaves a marked recording, and the next sweep takes it up at
step 2 through this same code.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from retention.ports import Doomed, Holds, Keys, RecordingShelf

BATCH = 500


@dataclass(frozen=True, slots=True)
class SweepReport:
    """What one sweep did. `failed` ones are still there and will be tried again."""

    destroyed: int = 0
    failed: int = 0
    keys_destroyed: int = 0
    keys_failed: int = 0
    keys_renewed: int = 0
    holds_ended: int = 0
    weeks_ended: int = 0
    weeks_failed: int = 0
    calls_forgotten: int = 0


def quietly(_destroyed: int) -> None:
    """Show no progress."""


async def sweep(
    holds: Holds,
    shelf: RecordingShelf,
    keys: Keys,
    now: datetime,
    on_progress: Callable[[int], None] = quietly,
) -> SweepReport:
    """Destroy everything that is due at `now`."""
    holds_ended = await holds.end_due(now)
    destroyed = 0
    failed: set[UUID] = set()
    while fresh := await _not_yet_failed(shelf, now, failed):
        gone = [item for item in fresh if await shelf.destroy_object(item)]
        destroyed += await shelf.write_receipts(gone, now)
        failed |= {item.recording_id for item in fresh if item not in gone}
        on_progress(destroyed)
    ended = [key for key in await keys.living() if key.is_over(now)]
    gone_keys = [await keys.destroy(key) for key in ended]
    stale = [key for key in await keys.stale(now) if key not in ended]
    renewed = [await keys.renew(key) for key in stale]
    return SweepReport(
        destroyed,
        len(failed),
        keys_destroyed=gone_keys.count(True),
        keys_failed=gone_keys.count(False) + renewed.count(False),
        keys_renewed=renewed.count(True),
        holds_ended=holds_ended,
    )


async def _not_yet_failed(
    shelf: RecordingShelf, now: datetime, failed: Collection[UUID]
) -> list[Doomed]:
    doomed = await shelf.doom_due(now, BATCH + len(failed))
    return [item for item in doomed if item.recording_id not in failed]
