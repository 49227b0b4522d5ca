"""A shorter policy shortens what is kept already; a longer one lengthens nothing.

Calls drawn under the policy before may still be on their way here when the new one
begins to hold. So for a day its promise is applied again, at every sweep; later nothing
of the older calls can arrive any more.
"""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import structlog

from proxy.database.pool import Connection, SiteDatabase
from proxy.intake.policy_book import PolicyBook
from proxy.intake.store import QUERIES
from sampling.keeping import Promise, promises
from sampling.seed import epoch_at

log = structlog.get_logger()

_DAY_SECONDS = 24 * 3600
# Nobody waits long for a page: each is a transaction of its own.
_PAGE = 2000


class Shortened(NamedTuple):
    """What one run did; what `has_failed` is gone over again by the next."""

    recordings: int = 0
    has_failed: bool = False


class Shortening:
    """Of one site's stock."""

    def __init__(
        self,
        database: SiteDatabase,
        policies: PolicyBook,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._site = database.site
        self._policies = policies
        self._clock = clock

    async def apply(self) -> Shortened:
        """Bring ends forward that are later than is promised now.

        Nothing is done, or noted as done, while this process has read no policy yet. It
        never raises: whoever sweeps has more to do.
        """
        if not self._policies.schedule.newest_version:
            return Shortened()
        try:
            return Shortened(await self._apply())
        except Exception as error:  # noqa: BLE001  # a bug must not starve the others
            why = type(error.__cause__ or error).__name__
            log.warning("not shortened", site=self._site, error=why)
            return Shortened(has_failed=True)

    async def _apply(self) -> int:
        seconds = self._policies.epoch_seconds
        now = epoch_at(self._clock(), seconds)
        shortened = sum([await self._keep(each) for each in await self._due(now)])
        async with self._database.connection() as connection:
            settled = now - _DAY_SECONDS // seconds
            await connection.execute(QUERIES["note_promised"], self._site, settled)
        if shortened:
            log.info("kept for less time", site=self._site, recordings=shortened)
        return shortened

    async def would_apply(self) -> int:
        """How many it would bring forward now."""
        now = epoch_at(self._clock(), self._policies.epoch_seconds)
        shortened = 0
        async with self._database.connection() as connection:
            for promise in await self._due(now):
                attempt = connection.transaction()
                await attempt.start()
                try:
                    shortened += await self._keep_in(connection, promise)
                finally:
                    await attempt.rollback()
        return shortened

    async def _due(self, now: int) -> list[Promise]:
        async with self._database.connection() as connection:
            since = await connection.fetchval(QUERIES["find_promised"], self._site)
        return list(promises(self._policies.schedule, since, now))

    async def _keep(self, promise: Promise) -> int:
        async with self._database.connection() as connection:
            return await self._keep_in(connection, promise)

    async def _keep_in(self, connection: Connection, promise: Promise) -> int:
        shortened = 0
        last: UUID | None = UUID(int=0)
        while last is not None:
            [row] = await connection.fetch(
                QUERIES["keep_no_longer"],
                self._site,
                promise.from_epoch,
                promise.kept_days,
                list(promise.by_stratum),
                list(promise.by_stratum.values()),
                last,
                _PAGE,
            )
            shortened += row["shortened"]
            last = row["last"]
        return shortened
