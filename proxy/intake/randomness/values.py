"""The running epoch's outside value: fetched as soon as it can exist, then for all.

Every replica asks; the first to have it stores it, and all draw with the stored one. A
value comes for the running epoch or not at all: draws of an epoch that is over would
not be made with it, and another mode is never fallen back to.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

import asyncpg
import structlog

from proxy.database.pool import SiteDatabase
from proxy.errors import NoOutsideValueError, PonctuelError
from proxy.intake.randomness.source import OutsideSource, OutsideValue
from proxy.intake.store import QUERIES
from sampling.mixing import Mode, round_of_epoch, time_of_round
from sampling.seed import epoch_at, epoch_start

log = structlog.get_logger()

_ASK_SECONDS = 1.0
_SHORTEST_SECONDS = 0.05  # a clock that stands still must not be asked in a tight loop
# A relay has a round a second or so after its time: sooner there is nothing to report.
_PATIENCE = timedelta(seconds=15)


class OutsideValues:
    """One site's."""

    def __init__(
        self,
        database: SiteDatabase,
        source: OutsideSource,
        clock: Callable[[], datetime],
        epoch_seconds: int,
    ) -> None:
        self._database = database
        self._site = database.site
        self._source = source
        self._clock = clock
        self._epoch_seconds = epoch_seconds
        self._settled = -1  # the newest epoch that needs nothing more
        self._missed = -1  # the newest epoch whose value was reported as missing
        self._next_look: datetime | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Ask from now on. Without an address there is nothing to ask."""
        if self._source.urls:
            self._task = asyncio.create_task(self._run(), name=f"outside-{self._site}")

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        await self._source.close()

    async def _run(self) -> None:
        while True:
            try:
                await self.fetch_due()
            except PonctuelError as error:
                self._report(error)
            except Exception as error:  # noqa: BLE001  # it must outlive any fault
                log.critical("unforeseen in randomness", error=type(error).__name__)
            await asyncio.sleep(self._pause())

    async def fetch_due(self) -> None:
        """Have the running epoch's value stored, if it needs one and it can exist.

        Raises NoOutsideValueError when nobody gives it.
        """
        now = self._clock()
        epoch = epoch_at(now, self._epoch_seconds)
        self._next_look = None
        if epoch != self._settled:
            async with self._database.connection() as connection:
                row = await connection.fetchrow(
                    QUERIES["find_outside_value"], self._site, epoch
                )
            if row is None:  # not committed: perhaps another replica is about to
                return
            due = self._due(epoch, row)
            if row["is_needed"] and now < due:
                self._next_look = due
                return
            if row["is_needed"]:
                await self._fetch(epoch, row)
            self._settled = epoch
        self._next_look = epoch_start(epoch + 1, self._epoch_seconds)

    async def _fetch(self, epoch: int, row: asyncpg.Record) -> None:
        found = await self._ask(epoch, row)
        async with self._database.transaction() as connection:
            await connection.execute(
                QUERIES["keep_outside_value"],
                self._site,
                epoch,
                found.value,
                found.proof,
            )
        log.info("outside value", site=self._site, epoch=epoch, mode=row["mode"])

    async def _ask(self, epoch: int, row: asyncpg.Record) -> OutsideValue:
        if row["mode"] == Mode.WITNESS:
            return await self._source.nonce(epoch, row["outside_commitment"])
        return await self._source.beacon(round_of_epoch(epoch, self._epoch_seconds))

    def _due(self, epoch: int, row: asyncpg.Record) -> datetime:
        """When the value can exist: a nonce is shown when the epoch begins."""
        if row["mode"] == Mode.WITNESS:
            return epoch_start(epoch, self._epoch_seconds)
        return time_of_round(round_of_epoch(epoch, self._epoch_seconds))

    def _report(self, error: PonctuelError) -> None:
        """Say once for each epoch that its calls are not recorded, and why."""
        now = self._clock()
        epoch = epoch_at(now, self._epoch_seconds)
        is_late = now - epoch_start(epoch, self._epoch_seconds) >= _PATIENCE
        if isinstance(error, NoOutsideValueError) and is_late and epoch > self._missed:
            self._missed = epoch
            log.warning(
                "no outside value: nothing is recorded until it comes",
                site=self._site,
                epoch=epoch,
                why=str(error),
            )

    def _pause(self) -> float:
        """Seconds until asking again: a second, or less if an epoch begins sooner."""
        if self._next_look is None:
            return _ASK_SECONDS
        left = (self._next_look - self._clock()).total_seconds()
        return min(_ASK_SECONDS, max(_SHORTEST_SECONDS, left))
