"""Which day keys there are: the ledger's word on them, and how they end.

A key is announced (`KEK+`) in the transaction that first relies on it and its end
(`KEK-`) is written once the key store no longer has it. Between the two, the newest
generation of a day is the one that new data keys are wrapped under.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import asyncpg

from proxy.database.named_queries import queries_beside
from proxy.database.pool import Connection
from proxy.errors import KeyMissingError, StorageError
from proxy.ledger.entry import Kind, Leaf
from proxy.ledger.transaction import Ledger, LedgerTransaction, NothingToRecordError
from proxy.vault.keys import KeyRing
from retention.keys import DayKey, KeyClass, needs_renewal

QUERIES = queries_beside(__file__)


class KeyMovedError(StorageError):
    """The day's key was renewed in the meantime; wrap under the new one."""

    error_id = "key-moved"


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A data key under a day key."""

    key: DayKey
    wrapped: bytes


class DayKeys:
    """One site's day keys."""

    def __init__(
        self, ledger: Ledger, ring: KeyRing, clock: Callable[[], datetime]
    ) -> None:
        self._ledger = ledger
        self._site = ledger.site
        self.ring = ring
        self._clock = clock

    # --- Making and using -------------------------------------------------------------

    async def wrap(self, kind: KeyClass, day: date, data_key: bytes) -> Wrapped:
        """Wrap under the newest key of a day; in no transaction: the store may be slow.

        Raises KeyMissingError for a day that is over.
        """
        async with self._ledger.database.connection() as connection:
            key = await self._to_use(connection, kind, day)
        await self.ring.make(key.name)
        [wrapped] = await self.ring.wrap(key.name, [data_key])
        return Wrapped(key, wrapped)

    async def _to_use(
        self, connection: Connection, kind: KeyClass, day: date
    ) -> DayKey:
        newest = await self._newest(connection, kind, day)
        if newest is None:
            return DayKey(day, kind)
        key, is_living = newest
        if is_living:
            return key
        if key.is_over(self._clock()):
            raise KeyMissingError(f"the key of {day} is already destroyed")
        return key.next

    async def _newest(
        self, connection: Connection, kind: KeyClass, day: date
    ) -> tuple[DayKey, bool] | None:
        row = await connection.fetchrow(
            QUERIES["find_newest_key"], self._site, day, kind.value
        )
        if row is None:
            return None
        return DayKey(day, kind, row["generation"]), row["destroyed_seq"] is None

    async def announce(self, change: LedgerTransaction, key: DayKey) -> None:
        """Say in the ledger that `key` is used from here on, if that is news.

        Raises KeyMovedError when it is not the key to use any more.
        """
        if await self._to_use(change.connection, key.kind, key.day) != key:
            raise KeyMovedError
        newest = await self._newest(change.connection, key.kind, key.day)
        if newest is None or newest[0] != key:
            await self._insert(change, key)

    async def _insert(self, change: LedgerTransaction, key: DayKey) -> None:
        seq = change.append(Kind.DAY_KEY_MADE, leaf_of(key))
        await change.connection.execute(
            QUERIES["insert_day_key"], self._site, *columns(key), seq
        )

    async def begin_next(self, key: DayKey) -> DayKey:
        """Make and announce the generation after `key`; safe to repeat."""
        await self.ring.make(key.next.name)
        try:
            async with self._ledger.transaction() as change:
                newest = await self._newest(change.connection, key.kind, key.day)
                if newest and newest[0] == key:
                    await self._insert(change, key.next)
        except NothingToRecordError:  # begun before
            pass
        return key.next

    # --- Ending -----------------------------------------------------------------------

    async def mark_stale(
        self, connection: Connection, keys: Collection[DayKey]
    ) -> None:
        """Something under these keys died before its day: renew them next night."""
        for key in sorted(keys):
            await connection.execute(
                QUERIES["mark_stale"], self._site, *columns(key), self._clock()
            )

    async def living(self) -> Sequence[DayKey]:
        """Keys not known to be destroyed, in ledger or store, oldest first."""
        async with self._ledger.database.connection() as connection:
            rows = await connection.fetch(QUERIES["find_living_keys"], self._site)
        return sorted({key_of(row) for row in rows} | set(await self.ring.day_keys()))

    async def stale(self, now: datetime) -> Sequence[DayKey]:
        """Keys to be renewed now, oldest first."""
        async with self._ledger.database.connection() as connection:
            rows = await connection.fetch(QUERIES["find_stale_keys"], self._site)
        return sorted(
            key_of(row) for row in rows if needs_renewal(row["stale_since"], now)
        )

    async def destroy(self, key: DayKey) -> bool:
        """Destroy a key, read that back, write it down; False if it lives."""
        try:
            await self.ring.destroy(key.name)
            if await self.ring.has(key.name):
                return False
        except StorageError:
            return False
        try:
            async with self._ledger.transaction() as change:
                await self._receipt(change, key)
        except NothingToRecordError:  # never used, or another sweep was faster
            return True
        return True

    async def _receipt(self, change: LedgerTransaction, key: DayKey) -> None:
        row = await change.connection.fetchrow(
            QUERIES["find_day_key"], self._site, *columns(key)
        )
        if row is None or row["destroyed_seq"] is not None:
            return
        seq = change.append(Kind.DAY_KEY_DESTROYED, leaf_of(key))
        await change.connection.execute(
            QUERIES["mark_key_destroyed"], self._site, *columns(key), seq
        )


def leaf_of(key: DayKey) -> Leaf:
    """What the ledger says of a key: class and generation only where they are news."""
    leaf: dict[str, str | int] = {"day": key.day.isoformat()}
    if key.kind is not KeyClass.AUDIO:
        leaf["of"] = key.kind.value
    if key.generation > 1:
        leaf["gen"] = key.generation
    return leaf


def key_of(row: asyncpg.Record) -> DayKey:
    """The day key that a row names."""
    return DayKey(row["key_day"], KeyClass(row["kind"]), row["generation"])


def columns(key: DayKey) -> tuple[date, str, int]:
    return key.day, key.kind.value, key.generation
