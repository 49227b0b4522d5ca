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
    ListSource,
    Report,
    UndoneDay,
    UndoneInventory,
)
from proxy.reconciliation.results import Figures, Results
from proxy.reconciliation.runs import Look, Runs
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
    runs: Runs
    results: Results
    clock: Callable[[], datetime]
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def run(
        self,
        day: date,
        connection: str | None = None,
        *,
        by_hand: CallLists | None = None,
        actor: str | None = None,
        listener: Listener = NOBODY,
    ) -> Report:
        """Reconcile a closed day; the store as well, unless one connection is named.

        A list given `by_hand`, of that connection, is compared and kept beside the
        platform's own, never in place of it. `actor` is who asked; None: the service.
        Raises CannotReconcileError for a day or a connection that cannot be reconciled;
        DatabaseUnavailableError.
        """
        self._check(day, connection)
        if by_hand is not None and connection is None:
            raise CannotReconcileError("a list is of one connection: say of which")
        keys = await self._keys_of(day)
        source = ListSource.PLATFORM if by_hand is None else ListSource.BY_HAND
        looks = [
            Look(connection=name, day=day, source=source, actor=actor)
            for name in (self.lists if connection is None else [connection])
        ]
        async with self._turn:  # the job and somebody by hand: one after the other
            done = [
                await self._run_one(
                    look, Names(keys, look.connection), by_hand, listener
                )
                for look in looks
            ]
            inventory = None if connection else await self.count_store(actor)
        return Report(site=self.site, day=day, connections=done, inventory=inventory)

    def _check(self, day: date, connection: str | None) -> None:
        if connection is not None and connection not in self.lists:
            known = ", ".join(self.lists) or "none"
            raise CannotReconcileError(
                f"there is no connection {connection}", fix=f"known: {known}"
            )
        if self.clock() < end_of(day) + CLOSED_AFTER:
            raise CannotReconcileError(
                f"{day} ended less than an hour ago, or is not over", fix="wait"
            )

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
            is_known, _ = await self.results.known(name, ListSource.PLATFORM, day)
            if is_known or lists is None:
                continue
            try:
                await self.run(day, name)
            except CannotReconcileError:  # before the site's first week: nothing is due
                return

    async def last(self) -> dict[str, object]:
        """The newest stored result of each connection and list, and of the store."""
        return await self.results.last()

    async def figures(self) -> Figures:
        """The gauges of the metrics contract."""
        return await self.results.figures()

    async def count_store(
        self, actor: str | None = None
    ) -> InventoryReport | UndoneInventory:
        """Compare store and recordings, and keep the result with its leaf."""
        try:
            counted = await self.inventory.take()
        except StorageError as error:
            log.warning("inventory not done", site=self.site, problem=error.error_id)
            return UndoneInventory(error.error_id, str(error))
        await self.results.keep_inventory(counted, actor, self.clock())
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
        self, look: Look, names: Names, by_hand: CallLists | None, listener: Listener
    ) -> ComparedDay | UndoneDay:
        lists = by_hand or self.lists[look.connection]
        try:
            if lists is None:
                raise NoListError(fix="set its call_list_url, or give its list by hand")
            done = await self.days.compare(look, names, lists, listener)
        except NOT_DONE as error:
            self._tell(look, error)
            return UndoneDay(look.connection, error.error_id, str(error))
        if not done.is_clean:
            log.error(
                "platform and ledger differ",
                site=self.site,
                connection=look.connection,
                day=str(look.day),
                source=look.source.value,
                platform_only=done.comparison.platform_only,
                ledger_only=done.comparison.ledger_only,
                unsolicited=done.recordings.unsolicited,
                still_there=done.recordings.still_there,
            )
        return done

    def _tell(self, look: Look, error: PonctuelError) -> None:
        if not isinstance(error, CannotReconcileError):
            log.warning(
                "reconciliation not done",
                site=self.site,
                connection=look.connection,
                day=str(look.day),
                source=look.source.value,
                problem=error.error_id,
            )
