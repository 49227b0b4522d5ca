"""Results, stored with the leaf that says so; incidents with what caused them."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import date, datetime
from hashlib import sha256 as sha256_of

import asyncpg

from proxy.database.named_queries import queries_beside
from proxy.database.pool import Connection
from proxy.incidents.opening import Incident, open_incident
from proxy.ledger.entry import Kind, Leaf
from proxy.ledger.transaction import Ledger, NothingToRecordError
from proxy.reconciliation.reports import ComparedDay, InventoryReport

QUERIES = queries_beside(__file__)

Figures = dict[tuple[str, str], float]
"""By a metric's name and its label's value ("" where it has none)."""

_Store = Callable[[Connection], Awaitable[None]]


class Results:
    """One site's stored results."""

    def __init__(self, ledger: Ledger, connections: Sequence[str]) -> None:
        self._ledger = ledger
        self._site = ledger.site
        self._connections = list(connections)

    async def keep_day(self, done: ComparedDay, now: datetime) -> None:
        found, sha256 = done.comparison, bytes.fromhex(done.export_sha256)

        async def store(connection: Connection) -> None:
            await connection.execute(
                QUERIES["keep_reconciliation"],
                self._site,
                done.connection,
                done.day,
                sha256,
                found.calls,
                found.bound,
                found.platform_only,
                found.ledger_only,
                done.recordings.unsolicited,
                done.recordings.still_there,
                now,
            )
            if not found.is_within_tolerance:
                kind, what = Incident.UNRECONCILED, f"{done.day} {done.connection}"
                await open_incident(connection, self._site, kind, what, now)

        leaf: Leaf = {
            "day": done.day.isoformat(),
            "sha256": done.export_sha256,
            "n": found.calls,
            "missing": found.platform_only,
        }
        known = ("find_reconciliation", done.connection, done.day)
        said = (sha256, found.calls, found.platform_only)
        await self._keep(Kind.RECONCILED, leaf, known, said, store)

    async def keep_inventory(self, done: InventoryReport, now: datetime) -> None:
        sha256 = bytes.fromhex(done.listing_sha256)

        async def store(connection: Connection) -> None:
            await connection.execute(
                QUERIES["keep_inventory"],
                self._site,
                done.day,
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
                    what = sha256_of(",".join(names).encode()).hexdigest()
                    await open_incident(connection, self._site, kind, what, now)

        leaf: Leaf = {
            "day": done.day.isoformat(),
            "sha256": done.listing_sha256,
            "n": done.objects,
        }
        known = ("find_inventory", done.day)
        await self._keep(Kind.INVENTORY, leaf, known, (sha256, done.objects), store)

    async def known(self, connection_name: str, day: date) -> tuple[bool, bool]:
        """Whether a connection was reconciled on that day, and on one before it."""
        async with self._ledger.database.connection() as connection:
            row = await connection.fetchrow(
                QUERIES["was_reconciled"], self._site, connection_name, day
            )
        if row is None:
            return False, False
        return bool(row["is_known"]), bool(row["is_known_before"])

    async def has_inventory(self, day: date) -> bool:
        async with self._ledger.database.connection() as connection:
            row = await connection.fetchrow(QUERIES["find_inventory"], self._site, day)
        return row is not None

    async def last(self) -> dict[str, object]:
        """The newest stored result of each connection, and of the store."""
        days, inventory = await self._newest()
        return {
            "connections": [dict(row) for row in days],
            "inventory": dict(inventory) if inventory else None,
        }

    async def figures(self) -> Figures:
        """The gauges of the metrics contract; 0 for what was never done.

        A day counts as reconciled when the last of the connections is.
        """
        days, inventory = await self._newest()
        done_at = [row["done_at"].timestamp() for row in days]
        is_whole = len(done_at) == len(self._connections)
        calls = sum(row["calls"] for row in days)
        platform_only = sum(row["platform_only"] for row in days)
        return {
            ("unreconciled_calls", "platform_only"): platform_only,
            ("unreconciled_calls", "ledger_only"): sum(
                row["ledger_only"] for row in days
            ),
            ("cdr_gap_ratio", ""): platform_only / calls if calls else 0.0,
            ("stray_objects", ""): inventory["strays"] if inventory else 0,
            ("reconciliation_timestamp_seconds", "cdr"): (
                min(done_at, default=0.0) if is_whole else 0.0
            ),
            ("reconciliation_timestamp_seconds", "inventory"): (
                inventory["done_at"].timestamp() if inventory else 0.0
            ),
        }

    async def _newest(self) -> tuple[list[asyncpg.Record], asyncpg.Record | None]:
        async with self._ledger.database.connection() as connection:
            days = await connection.fetch(
                QUERIES["last_reconciliations"], self._site, self._connections
            )
            inventory = await connection.fetchrow(QUERIES["last_inventory"], self._site)
        return days, inventory

    async def _keep(
        self,
        kind: Kind,
        leaf: Leaf,
        known: tuple[object, ...],
        said: tuple[object, ...],
        store: _Store,
    ) -> None:
        """Store with a leaf; without one if the last leaf said the same already."""
        try:
            async with self._ledger.transaction() as change:
                if await self._is_new(change.connection, known, said):
                    change.append(kind, leaf)
                await store(change.connection)
        except NothingToRecordError:
            async with self._ledger.database.transaction() as connection:
                await store(connection)

    async def _is_new(
        self, connection: Connection, known: tuple[object, ...], said: object
    ) -> bool:
        """Whether the last leaf about it, if any, says something else."""
        name, *arguments = known
        row = await connection.fetchrow(QUERIES[str(name)], self._site, *arguments)
        return row is None or tuple(row) != said
