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

A store that answers slowly is left after a few minutes for step 5, and gone on with
then: the keys of a day that is over do not wait until its last object is deleted.

A crash between two steps leaves a marked recording, and the next sweep takes it up at
step 2 through this same code.
"""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from retention.ports import Documents, Doomed, Holds, Keys, RecordingShelf

BATCH = 500
SLICE_SECONDS = 300.0


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


@dataclass(frozen=True, slots=True)
class Pace:
    """Whom a sweep tells how far it is, and by what it measures its slices."""

    on_progress: Callable[[int], None] = quietly
    seconds: Callable[[], float] = time.monotonic


QUIET = Pace()


async def sweep(
    holds: Holds,
    shelf: RecordingShelf,
    documents: Documents,
    keys: Keys,
    now: datetime,
    pace: Pace = QUIET,
) -> SweepReport:
    """Destroy everything that is due at `now`.

    However slow the store is, documents and keys wait no longer than SLICE_SECONDS and
    one object more.
    """
    holds_ended = await holds.end_due(now)
    objects = _Objects(shelf, now, pace)
    rounds = []
    is_over = False
    while not is_over:
        is_over = await objects.destroy_some()
        rounds.append(await _after_objects(documents, keys, now))
    return replace(
        _in_all(rounds),
        destroyed=objects.destroyed,
        failed=len(objects.failed),
        holds_ended=holds_ended,
    )


@dataclass
class _Objects:
    """The recordings of one sweep: steps 1 to 4, a slice of time at once."""

    shelf: RecordingShelf
    now: datetime
    pace: Pace
    destroyed: int = 0
    failed: set[UUID] = field(default_factory=set)

    async def destroy_some(self) -> bool:
        """Whether it is over: what is left, if anything, cannot be deleted now."""
        ends_at = self.pace.seconds() + SLICE_SECONDS
        while fresh := await self._not_yet_failed():
            gone, tried, is_there = await self._destroy(fresh, ends_at)
            told = await self.shelf.remember(gone, self.now)
            self.destroyed += await self.shelf.write_receipts(told, self.now)
            self.failed |= _ids(tried if is_there else fresh) - _ids(told)
            self.pace.on_progress(self.destroyed)
            if not is_there:
                return True
            if self.pace.seconds() >= ends_at:
                return False
        return True

    async def _destroy(
        self, items: Sequence[Doomed], ends_at: float
    ) -> tuple[list[Doomed], list[Doomed], bool]:
        """What is gone, what was tried, and whether the store is there.

        One that cannot be deleted does not keep the others; a store that is away does.
        """
        gone: list[Doomed] = []
        tried: list[Doomed] = []
        for item in items:
            tried.append(item)
            if await self.shelf.destroy_object(item):
                gone.append(item)
            elif not await self.shelf.can_be_asked():
                return gone, tried, False
            if self.pace.seconds() >= ends_at:
                break
        return gone, tried, True

    async def _not_yet_failed(self) -> list[Doomed]:
        doomed = await self.shelf.doom_due(self.now, BATCH + len(self.failed))
        return [item for item in doomed if item.recording_id not in self.failed]


async def _after_objects(
    documents: Documents, keys: Keys, now: datetime
) -> SweepReport:
    """Documents, and step 5. What fails is tried again after the next slice."""
    forgotten, left = await _forget(documents, now)
    ended = [key for key in await keys.living() if key.is_over(now)]
    gone = [await keys.destroy(key) for key in ended]
    stale = [key for key in await keys.stale(now) if key not in ended]
    renewed = [await keys.renew(key) for key in stale]
    return SweepReport(
        keys_destroyed=gone.count(True),
        keys_failed=gone.count(False) + renewed.count(False),
        keys_renewed=renewed.count(True),
        analyses_forgotten=forgotten,
        analyses_failed=left,
    )


def _in_all(rounds: Sequence[SweepReport]) -> SweepReport:
    """What was done is added up; what is left is what the last round left."""
    return replace(
        rounds[-1],
        keys_destroyed=sum(each.keys_destroyed for each in rounds),
        keys_renewed=sum(each.keys_renewed for each in rounds),
        analyses_forgotten=sum(each.analyses_forgotten for each in rounds),
    )


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


def _ids(items: Collection[Doomed]) -> set[UUID]:
    return {item.recording_id for item in items}
