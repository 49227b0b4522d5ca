"""Results, stored with the leaf that says so; incidents with what caused them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from functools import partial
from hashlib import sha256 as sha256_of
from typing import TypeVar

import asyncpg

from proxy.database.named_queries import queries_beside
from proxy.database.pool import Connection
from proxy.incidents.opening import Incident, open_incident
from proxy.ledger.entry import Kind, Leaf
from proxy.ledger.transaction import Ledger, NothingToRecordError
from proxy.reconciliation.reports import ComparedDay, InventoryReport, ListSource
from proxy.reconciliation.runs import Look

QUERIES = queries_beside(__file__)
# Each is told where there is such a connection.
_CHECKS = {ListSource.PLATFORM: "cdr", ListSource.BY_HAND: "cdr_by_hand"}

Figures = dict[tuple[str, str], float]
"""By a metric's name and its label's value ("" where it has none)."""

_Kept = TypeVar("_Kept")
_Store = Callable[[Connection], Awaitable[_Kept]]


def reference_of(names: Sequence[str]) -> str:
    """What an incident about these objects is known by."""
    return sha256_of(",".join(names).encode()).hexdigest()


class Results:
    """One site's stored results.

    `counted` is whose list of each connection makes a day a reconciled one: only where
    the platform gives none is that one given by hand.
    """

    def __init__(self, ledger: Ledger, counted: Mapping[str, ListSource]) -> None:
        self._ledger = ledger
        self._site = ledger.site
        self._counted = counted

    async def keep_day(
        self, look: Look, done: ComparedDay, now: datetime
    ) -> ComparedDay:
        """Store it, and return it as it is to be told."""
        sha256, found = bytes.fromhex(done.export_sha256), done.comparison
        leaf: Leaf = {
            "day": look.day.isoformat(),
            "sha256": done.export_sha256,
            "n": found.calls,
            "missing": found.platform_only,
            "source": look.source.value,
        }
        known = ("find_reconciliation", *look.key)
        said = (sha256, found.calls, found.platform_only)
        store = partial(self._store_day, look, done, now)
        new = await self._keep(Kind.RECONCILED, leaf, known, said, store)
        return replace(done, recordings=replace(done.recordings, unsolicited=new))

    async def _store_day(
        self, look: Look, done: ComparedDay, now: datetime, connection: Connection
    ) -> int:
        """Return how many unsolicited recordings have not been told of."""
        found = done.comparison
        new: int = await connection.fetchval(
            QUERIES["keep_reconciliation"],
            self._site,
            *look.key,
            look.actor,
            bytes.fromhex(done.export_sha256),
            found.calls,
            found.bound,
            found.platform_only,
            found.ledger_only,
            done.recordings.still_there,
            now,
        )
        if not found.is_within_tolerance:
            what = f"{look.day} {look.connection} {look.source}"
            await open_incident(
                connection, self._site, Incident.UNRECONCILED, what, now
            )
        return new

    async def keep_inventory(
        self, done: InventoryReport, actor: str | None, now: datetime
    ) -> None:
        sha256 = bytes.fromhex(done.listing_sha256)

        async def store(connection: Connection) -> None:
            await connection.execute(
                QUERIES["keep_inventory"],
                self._site,
                done.day,
                actor,
                sha256,
                done.objects,
                len(done.strays),
                len(done.missing),
                now,
            )
            for kind, names in (
                (Incident.STRAY_OBJECT, done.strays),
                (Incident.MISSING_OBJECT, done.missing),
            ):
                if names:  # one for all that are there now, one more for the next
                    what = reference_of(names)
                    await open_incident(connection, self._site, kind, what, now)

        leaf: Leaf = {
            "day": done.day.isoformat(),
            "sha256": done.listing_sha256,
            "n": done.objects,
        }
        known = ("find_inventory", done.day)
        await self._keep(Kind.INVENTORY, leaf, known, (sha256, done.objects), store)

    async def known(
        self, connection_name: str, source: ListSource, day: date
    ) -> tuple[bool, bool]:
        """Whether that list of that day was compared; any of a day before it."""
        async with self._ledger.database.connection() as connection:
            [row] = await connection.fetch(
                QUERIES["was_reconciled"], self._site, connection_name, source, day
            )
        return row["is_known"], row["is_known_before"]

    async def has_inventory(self, day: date) -> bool:
        async with self._ledger.database.connection() as connection:
            row = await connection.fetchrow(QUERIES["find_inventory"], self._site, day)
        return row is not None

    async def last(self) -> dict[str, object]:
        """The newest stored result of each connection and list, and of the store."""
        days, inventory = await self._newest()
        return {
            "connections": [
                dict(row) | {"is_counted": self._is_counted(row)} for row in days
            ],
            "inventory": dict(inventory) if inventory else None,
        }

    def _is_counted(self, row: asyncpg.Record) -> bool:
        return bool(row["source"] == self._counted[row["connection"]])

    async def figures(self) -> Figures:
        """The gauges of the metrics contract; 0 for what was never done.

        A day counts as reconciled when the last of the connections is, each by the list
        that counts for it.
        """
        newest, inventory = await self._newest()
        days = [row for row in newest if self._is_counted(row)]
        calls = sum(row["calls"] for row in days)
        platform_only = sum(row["platform_only"] for row in days)
        return self._completed(days) | {
            ("unreconciled_calls", "platform_only"): platform_only,
            ("unreconciled_calls", "ledger_only"): sum(
                row["ledger_only"] for row in days
            ),
            ("cdr_gap_ratio", ""): platform_only / calls if calls else 0.0,
            ("stray_objects", ""): inventory["strays"] if inventory else 0,
            ("reconciliation_timestamp_seconds", "inventory"): (
                inventory["done_at"].timestamp() if inventory else 0.0
            ),
        }

    def _completed(self, days: Sequence[asyncpg.Record]) -> Figures:
        """When the last of the connections of each kind was done."""
        done_at = {row["connection"]: row["done_at"].timestamp() for row in days}
        return {
            ("reconciliation_timestamp_seconds", _CHECKS[kind]): min(
                done_at.get(name, 0.0)
                for name, source in self._counted.items()
                if source is kind
            )
            for kind in set(self._counted.values())
        }

    async def _newest(self) -> tuple[list[asyncpg.Record], asyncpg.Record | None]:
        async with self._ledger.database.connection() as connection:
            days = await connection.fetch(
                QUERIES["last_reconciliations"], self._site, list(self._counted)
            )
            inventory = await connection.fetchrow(QUERIES["last_inventory"], self._site)
        return days, inventory

    async def _keep(
        self,
        kind: Kind,
        leaf: Leaf,
        known: tuple[object, ...],
        said: tuple[object, ...],
        store: _Store[_Kept],
    ) -> _Kept:
        """Store with a leaf; without one if the last leaf said the same already."""
        try:
            async with self._ledger.transaction() as change:
                if await self._is_new(change.connection, known, said):
                    change.append(kind, leaf)
                kept = await store(change.connection)
        except NothingToRecordError:
            async with self._ledger.database.transaction() as connection:
                kept = await store(connection)
        return kept

    async def _is_new(
        self, connection: Connection, known: tuple[object, ...], said: object
    ) -> bool:
        """Whether the last leaf about it, if any, says something else."""
        name, *arguments = known
        row = await connection.fetchrow(QUERIES[str(name)], self._site, *arguments)
        return row is None or tuple(row) != said
