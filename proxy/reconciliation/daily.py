"""A site's days, compared: on demand, and each day as soon as it may be.

A crash anywhere leaves durable take-overs and no result, and the next run takes both up
through this same code. A platform that does not give its list leaves no result either:
nothing is claimed, the figure's time stands still, and the next hour asks again.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import structlog

from proxy.errors import (
    ForbiddenSourceError,
    ListNotBelievedError,
    PonctuelError,
    SourceUnavailableError,
    StorageError,
)
from proxy.intake.tag_keys import TagKeys
from proxy.platforms.base import CallLists
from proxy.reconciliation.calls import Names
from proxy.reconciliation.connection_day import (
    CannotReconcileError,
    ConnectionDays,
    Listener,
    end_of,
    start_of,
)
from proxy.reconciliation.inventory import Inventory
from proxy.reconciliation.reports import (
    ComparedDay,
    InventoryReport,
    Report,
    UndoneDay,
    UndoneInventory,
)
from proxy.reconciliation.results import Figures, Results
from sampling.seed import week_at

log = structlog.get_logger()

CLOSED_AFTER = timedelta(hours=1)
# By itself it waits until every call of the day has its outcome.
DUE_AFTER = timedelta(hours=5)
DAYS_CAUGHT_UP = 7
NOT_DONE = (
    SourceUnavailableError,
    ListNotBelievedError,
    ForbiddenSourceError,
    CannotReconcileError,
)


class NoListError(CannotReconcileError):
    """This connection's platform has no list of its calls."""

    error_id = "no-call-list"


NOBODY = Listener()


@dataclass(slots=True, kw_only=True)
class Reconciliation:
    """One site's reconciliation. `lists` has None where a platform gives none."""

    site: str
    tag_keys: TagKeys
    lists: Mapping[str, CallLists | None]
    days: ConnectionDays
    inventory: Inventory
    results: Results
    clock: Callable[[], datetime]
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def run(
        self,
        day: date,
        connection: str | None = None,
        lists: CallLists | None = None,
        listener: Listener = NOBODY,
    ) -> Report:
        """Reconcile a closed day; the store as well, unless one connection is named.

        `lists` stands in for the platform's own of that connection. Raises
        CannotReconcileError for a day or a connection that cannot be reconciled;
        DatabaseUnavailableError.
        """
        if connection is not None and connection not in self.lists:
            known = ", ".join(self.lists) or "none"
            raise CannotReconcileError(
                f"there is no connection {connection}", fix=f"known: {known}"
            )
        if self.clock() < end_of(day) + CLOSED_AFTER:
            raise CannotReconcileError(
                f"{day} ended less than an hour ago, or is not over", fix="wait"
            )
        if lists is not None and connection is None:
            raise CannotReconcileError("a list is of one connection: say of which")
        keys = await self._keys_of(day)
        names = list(self.lists) if connection is None else [connection]
        async with self._turn:  # the job and somebody by hand: one after the other
            done = [
                await self._run_one(day, Names(keys, name), lists, listener)
                for name in names
            ]
            inventory = None if connection else await self.count_store()
        return Report(site=self.site, day=day, connections=done, inventory=inventory)

    def newest_closed_day(self) -> date:
        """The newest day there is to reconcile."""
        return (self.clock() - CLOSED_AFTER).date() - timedelta(days=1)

    async def run_due(self) -> None:
        """Reconcile what is due and not done yet, the oldest day first."""
        newest = (self.clock() - DUE_AFTER).date() - timedelta(days=1)
        for back in reversed(range(DAYS_CAUGHT_UP)):
            await self._run_due_day(newest - timedelta(days=back))
        if not await self.results.has_inventory(self.clock().date()):
            async with self._turn:
                await self.count_store()

    async def _run_due_day(self, day: date) -> None:
        for name, lists in self.lists.items():
            is_known, _ = await self.results.known(name, day)
            if is_known or lists is None:
                continue
            try:
                await self.run(day, name)
            except CannotReconcileError:  # before the site's first week: nothing is due
                return

    async def last(self) -> dict[str, object]:
        """The newest stored result of each connection, and of the store."""
        return await self.results.last()

    async def figures(self) -> Figures:
        """The gauges of the metrics contract."""
        return await self.results.figures()

    async def count_store(self) -> InventoryReport | UndoneInventory:
        """Compare store and recordings, and keep the result with its leaf."""
        try:
            counted = await self.inventory.take()
        except StorageError as error:
            log.warning("inventory not done", site=self.site, problem=error.error_id)
            return UndoneInventory(error.error_id, str(error))
        await self.results.keep_inventory(counted, self.clock())
        if not counted.is_clean:
            log.error(
                "store and recordings differ",
                site=self.site,
                strays=len(counted.strays),
                missing=len(counted.missing),
            )
        return counted

    async def _keys_of(self, day: date) -> dict[int, bytes]:
        """The living tag keys, if the day's own is among them.

        Without it no call could be found, and every recording would seem unsolicited.
        """
        keys = await self.tag_keys.living()
        if week_at(start_of(day)) not in keys:
            raise CannotReconcileError(
                f"the tag key of {day} is gone, or never was",
                fix="choose a later day, not longer ago than the inspection window",
            )
        return keys

    async def _run_one(
        self, day: date, names: Names, lists: CallLists | None, listener: Listener
    ) -> ComparedDay | UndoneDay:
        try:
            done = await self._compared(day, names, lists, listener)
        except NOT_DONE as error:
            self._tell(day, names.connection, error)
            return UndoneDay(names.connection, error.error_id, str(error))
        await self.results.keep_day(done, self.clock())
        if not done.is_clean:
            log.error(
                "platform and ledger differ",
                site=self.site,
                connection=names.connection,
                day=str(day),
                platform_only=done.comparison.platform_only,
                ledger_only=done.comparison.ledger_only,
                unsolicited=done.recordings.unsolicited,
                still_there=done.recordings.still_there,
            )
        return done

    async def _compared(
        self, day: date, names: Names, lists: CallLists | None, listener: Listener
    ) -> ComparedDay:
        lists = lists or self.lists[names.connection]
        if lists is None:
            raise NoListError(fix="set its call_list_url, or give its list by hand")
        return await self.days.compare(day, names, lists, listener)

    def _tell(self, day: date, connection: str, error: PonctuelError) -> None:
        if not isinstance(error, CannotReconcileError):
            log.warning(
                "reconciliation not done",
                site=self.site,
                connection=connection,
                day=str(day),
                problem=error.error_id,
            )
