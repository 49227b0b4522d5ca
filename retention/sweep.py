"""Forgetting, as numbered steps that are safe to repeat and to run twice at once.

0. Holds that are over end, so that their recordings' own end applies.
1. Intent: what is due is marked, durably, before anything is touched.
2. Object: the sealed bytes are deleted and their absence is read back. What dies before
   its day is noted where no restore reaches; what could not be goes no further.
3. Key and index: deleted together with
4. the receipt, in one transaction. Only now is anything reported as done.
   Documents go the same way, by their own clock: intent, content, key and index.
5. Day keys: a day that is over loses its keys, even if a step above failed; whatever is
   left of its recordings can then no longer be opened by anyone. And where something
   died before its day, the others move to a fresh key and the old one is destroyed:
   then no older copy of a wrapped key opens what died.

A crash between two steps leaves a marked recording, and the next sweep takes it up at
step 2 through this same code.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from retention.ports import Documents, Doomed, Holds, Keys, RecordingShelf

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
    analyses_forgotten: int = 0
    analyses_failed: int = 0
    rows_forgotten: int = 0
    shortened: int = 0
    kinds_failed: int = 0

    @property
    def all_failed(self) -> int:
        """How much that is due is still there."""
        return (
            self.failed
            + self.analyses_failed
            + self.keys_failed
            + self.weeks_failed
            + self.kinds_failed
        )


def quietly(_destroyed: int) -> None:
    """Show no progress."""


async def sweep(
    holds: Holds,
    shelf: RecordingShelf,
    documents: Documents,
    keys: Keys,
    now: datetime,
    on_progress: Callable[[int], None] = quietly,
) -> SweepReport:
    """Destroy everything that is due at `now`."""
    holds_ended = await holds.end_due(now)
    destroyed = 0
    failed: set[UUID] = set()
    is_there = True
    while is_there and (fresh := await _not_yet_failed(shelf, now, failed)):
        gone, is_there = await _destroy_objects(shelf, fresh)
        told = await shelf.remember(gone, now)
        destroyed += await shelf.write_receipts(told, now)
        failed |= _ids(fresh) - _ids(told)
        on_progress(destroyed)
    forgotten, left = await _forget(documents, now)
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
        analyses_forgotten=forgotten,
        analyses_failed=left,
    )


async def _destroy_objects(
    shelf: RecordingShelf, items: Sequence[Doomed]
) -> tuple[list[Doomed], bool]:
    """What is gone, and whether it is worth going on: the keys must not wait for long.

    One that cannot be deleted does not keep the others; a store that is away does.
    """
    gone: list[Doomed] = []
    for item in items:
        if await shelf.destroy_object(item):
            gone.append(item)
        elif not await shelf.can_be_asked():
            return gone, False
    return gone, True


async def _forget(documents: Documents, now: datetime) -> tuple[int, int]:
    """How many are gone; and how many are left, which keep no other from its end."""
    forgotten = 0
    failed: set[UUID] = set()
    while fresh := set(await documents.doom_due(now, BATCH + len(failed))) - failed:
        told = await documents.remember(sorted(fresh), now)
        await documents.empty(told)
        forgotten += await documents.delete(told, now)
        failed |= fresh - set(told)
    return forgotten, len(failed)


async def _not_yet_failed(
    shelf: RecordingShelf, now: datetime, failed: Collection[UUID]
) -> list[Doomed]:
    doomed = await shelf.doom_due(now, BATCH + len(failed))
    return [item for item in doomed if item.recording_id not in failed]


def _ids(items: Collection[Doomed]) -> set[UUID]:
    return {item.recording_id for item in items}
