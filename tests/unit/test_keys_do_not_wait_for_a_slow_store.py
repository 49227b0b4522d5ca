"""A store that takes minutes for each object defers no key of a day that is over."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from retention.keys import DayKey
from retention.ports import Doomed
from retention.sweep import SLICE_SECONDS, Pace, sweep

NOW = datetime(2027, 5, 20, 6, 0, tzinfo=UTC)
DUE = [Doomed(UUID(int=n), n, NOW - timedelta(hours=7)) for n in range(1, 13)]
YESTERDAYS = DayKey(date(2027, 5, 19))
DOCUMENT = UUID(int=99)


@dataclass
class Watch:
    seconds: float = 0.0


class NoHolds:
    async def end_due(self, _now):
        return 0


@dataclass
class SlowShelf:
    """Every object takes its time, and may stay all the same."""

    watch: Watch
    seconds_each: float
    stuck: set[UUID] = field(default_factory=set)
    answers_until: float = float("inf")
    left: list[Doomed] = field(default_factory=lambda: list(DUE))

    async def doom_due(self, _now, limit):
        return self.left[:limit]

    async def destroy_object(self, item):
        self.watch.seconds += self.seconds_each
        return await self.can_be_asked() and item.recording_id not in self.stuck

    async def can_be_asked(self):
        return self.watch.seconds <= self.answers_until

    async def remember(self, gone, _now):
        return gone

    async def write_receipts(self, told, _now):
        self.left = [item for item in self.left if item not in told]
        return len(told)


@dataclass
class Papers:
    left: list[UUID] = field(default_factory=lambda: [DOCUMENT])

    async def doom_due(self, _now, limit):
        return self.left[:limit]

    async def remember(self, doomed, _now):
        return doomed

    async def empty(self, doomed):
        pass

    async def delete(self, emptied, _now):
        self.left = [each for each in self.left if each not in emptied]
        return len(emptied)


@dataclass
class Ring:
    """One key that is over, and a service that may refuse for a time."""

    watch: Watch
    refuses: int = 0
    ended_at: float | None = None

    async def living(self):
        return [YESTERDAYS] if self.ended_at is None else []

    async def destroy(self, _key):
        if self.refuses:
            self.refuses -= 1
            return False
        self.ended_at = self.watch.seconds
        return True

    async def stale(self, _now):
        return []

    async def renew(self, key):
        raise AssertionError(key)


async def swept(shelf, ring, told=None):
    pace = Pace([].append if told is None else told.append, lambda: ring.watch.seconds)
    return await sweep(NoHolds(), shelf, Papers(), ring, NOW, pace)


@pytest.mark.parametrize("parts", [0.5, 3, 4, 100])
async def test_the_key_dies_after_a_slice_and_every_object_in_the_end(parts):
    watch = Watch()
    shelf, ring = SlowShelf(watch, SLICE_SECONDS / parts), Ring(watch)

    report = await swept(shelf, ring)

    assert ring.ended_at <= SLICE_SECONDS + shelf.seconds_each
    assert shelf.left == []
    assert (report.destroyed, report.failed) == (len(DUE), 0)
    assert (report.keys_destroyed, report.keys_failed) == (1, 0)
    assert (report.analyses_forgotten, report.analyses_failed) == (1, 0)


async def test_what_cannot_be_deleted_is_tried_once_and_counted_once():
    watch = Watch()
    stuck = {DUE[0].recording_id, DUE[7].recording_id}
    shelf, ring = SlowShelf(watch, SLICE_SECONDS / 4, stuck), Ring(watch)

    report = await swept(shelf, ring)

    assert watch.seconds == len(DUE) * shelf.seconds_each
    assert {item.recording_id for item in shelf.left} == stuck
    assert (report.destroyed, report.failed) == (len(DUE) - 2, 2)


async def test_a_store_that_goes_away_in_a_later_slice_ends_the_sweep():
    watch = Watch()
    each = SLICE_SECONDS / 4
    shelf, ring = SlowShelf(watch, each, answers_until=6 * each), Ring(watch)

    report = await swept(shelf, ring)

    assert (report.destroyed, report.failed) == (6, len(DUE) - 6)
    assert ring.ended_at == SLICE_SECONDS


async def test_a_key_that_is_refused_at_first_is_asked_for_again_and_is_no_failure():
    watch = Watch()
    shelf, ring = SlowShelf(watch, SLICE_SECONDS / 4), Ring(watch, refuses=1)

    report = await swept(shelf, ring)

    assert ring.ended_at == 2 * SLICE_SECONDS
    assert (report.keys_destroyed, report.keys_failed) == (1, 0)


async def test_progress_is_told_at_least_once_a_slice():
    watch, told = Watch(), []
    shelf, ring = SlowShelf(watch, SLICE_SECONDS / 4), Ring(watch)

    await swept(shelf, ring, told)

    assert told == [4, 8, 12]
