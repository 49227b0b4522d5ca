"""Ends what `retention.schedule` promises of everything but recordings and calls.

What has an age goes in batches, each a statement of its own: safe to repeat, to cut
off, and for two replicas at once. What ends by a rule is left to the part that knows
the rule. One kind that cannot be ended keeps no other from its end, and is told of.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from proxy.database.named_queries import queries_beside
from proxy.database.pool import SiteDatabase
from proxy.errors import PonctuelError
from retention.promises import Promise
from retention.schedule import SCHEDULE

log = structlog.get_logger()

QUERIES = queries_beside(__file__)
BATCH = 1000
SWEPT = tuple(promise for promise in SCHEDULE if promise.swept_as)

Part = Callable[[datetime], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What one round did. What `failed` is there still, and is tried again."""

    rows: int = 0
    failed: tuple[str, ...] = ()


class Forgetting:
    """One site's rows that are past their end.

    `parts` end what has a rule, by the names of the schedule; `on_failed` hears of what
    could not be ended, twice in a row.
    """

    def __init__(
        self,
        database: SiteDatabase,
        clock: Callable[[], datetime],
        parts: Mapping[str, Part],
        on_failed: Callable[[tuple[str, ...]], Awaitable[None]],
    ) -> None:
        self._database = database
        self._site = database.site
        self._clock = clock
        self._parts = parts
        self._on_failed = on_failed

    async def sweep(self, now: datetime) -> Forgotten:
        """End what is due at `now`. What fails gets a second turn after the others.

        Never raises PonctuelError: whoever sweeps has more to do.
        """
        first = await self._round(SWEPT, now)
        again = [promise for promise in SWEPT if promise.swept_as in first.failed]
        second = await self._round(again, now)
        if second.failed:
            await self._alarm(second.failed)
        return Forgotten(first.rows + second.rows, second.failed)

    async def due(self) -> dict[str, int]:
        """How many rows of each kind with an age one batch would take. Asks only."""
        now = self._clock()
        return {
            promise.swept_as: await self._would_end(
                promise.swept_as, now - promise.kept
            )
            for promise in SWEPT
            if isinstance(promise.kept, timedelta)
        }

    async def _would_end(self, query: str, before: datetime) -> int:
        """Do it, and take it back."""
        async with self._database.connection() as connection:
            attempt = connection.transaction()
            await attempt.start()
            try:
                return int(await connection.fetchval(*self._batch(query, before)))
            finally:
                await attempt.rollback()

    async def _round(self, promises: Iterable[Promise], now: datetime) -> Forgotten:
        rows, failed = 0, []
        for promise in promises:
            try:
                rows += await self._end(promise, now)
            except Exception as error:  # noqa: BLE001  # a bug must not starve the others
                failed.append(promise.swept_as)
                why = type(error.__cause__ or error).__name__
                log.warning("not forgotten", kind=promise.swept_as, error=why)
        return Forgotten(rows, tuple(failed))

    async def _end(self, promise: Promise, now: datetime) -> int:
        if not isinstance(promise.kept, timedelta):
            await self._parts[promise.swept_as](now)
            return 0
        before = now - promise.kept
        rows = batch = await self._end_some(promise.swept_as, before)
        while batch:
            batch = await self._end_some(promise.swept_as, before)
            rows += batch
        return rows

    async def _end_some(self, query: str, before: datetime) -> int:
        async with self._database.connection() as connection:
            ended: int = await connection.fetchval(*self._batch(query, before))
        return ended

    def _batch(self, query: str, before: datetime) -> tuple[str, str, datetime, int]:
        return QUERIES[query], self._site, before, BATCH

    async def _alarm(self, failed: tuple[str, ...]) -> None:
        log.critical("kept too long", site=self._site, kinds=failed)
        try:
            await self._on_failed(failed)
        except PonctuelError as error:  # log and report have it all the same
            log.warning("no incident was opened", problem=error.error_id)
