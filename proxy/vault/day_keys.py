"""Which day keys there are: the ledger's word on them, and how they end.

A key is announced (`KEK+`) in the transaction that first relies on it and its end
(`KEK-`) is written once the key store no longer has it. Between the two, the newest
generation of a day is the one that new data keys are wrapped under.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import asyncpg
import structlog

from proxy.database.named_queries import queries_beside
from proxy.database.pool import Connection
from proxy.errors import KeyMissingError, StorageError
from proxy.ledger.entry import Kind, Leaf
from proxy.ledger.transaction import Ledger, LedgerTransaction, NothingToRecordError
from proxy.vault.keys import KeyRing
from retention.keys import DayKey, KeyClass, needs_renewal

QUERIES = queries_beside(__file__)
log = structlog.get_logger()


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

        Raises KeyMissingError for a day that is over. A key that the ledger knows is
        never made again, for it would come back from the dead: where it was renewed
        meanwhile, or is lost, the day's next one is used.
        """
        key = await self._to_wrap_with(kind, day)
        try:
            return await self._wrapped(key, data_key)
        except KeyMissingError:
            if key.is_over(self._clock()):
                raise
            newer = await self._to_wrap_with(kind, day)
            if newer == key:
                log.warning("a day key is lost, the next one is begun", key=key.name)
                newer = key.next
                await self.begin(newer)
            return await self._wrapped(newer, data_key)

    async def _to_wrap_with(self, kind: KeyClass, day: date) -> DayKey:
        async with self._ledger.database.connection() as connection:
            newest = await self._newest(connection, kind, day)
        key = self._following(newest, kind, day)
        if newest is None or newest[0] != key:
            await self.ring.make(key.name)
        return key

    async def _wrapped(self, key: DayKey, data_key: bytes) -> Wrapped:
        [wrapped] = await self.ring.wrap(key.name, [data_key])
        return Wrapped(key, wrapped)

    async def _to_use(
        self, connection: Connection, kind: KeyClass, day: date
    ) -> DayKey:
        return self._following(await self._newest(connection, kind, day), kind, day)

    def _following(
        self, newest: tuple[DayKey, bool] | None, kind: KeyClass, day: date
    ) -> DayKey:
        """The key to use, where `newest` is the last one announced, and if it lives."""
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

    async def make_ahead(self, kind: KeyClass, day: date) -> None:
        """Make and announce a day's key before it is needed; safe to repeat."""
        async with self._ledger.database.connection() as connection:
            if await self.find_living(connection, kind, day):
                return
            key = await self._to_use(connection, kind, day)
        await self.begin(key)

    async def are_analyses_written(self) -> bool:
        """Whether the site has any: where nobody writes them, no key waits for one."""
        async with self._ledger.database.connection() as connection:
            found: bool = await connection.fetchval(QUERIES["has_analyses"], self._site)
        return found

    async def find_living(
        self, connection: Connection, kind: KeyClass, day: date
    ) -> DayKey | None:
        """The key that new data keys of a day are wrapped under, if there is one."""
        newest = await self._newest(connection, kind, day)
        return newest[0] if newest and newest[1] else None

    async def begin_newer(self, key: DayKey) -> DayKey:
        """The day's newest generation, begun if needed: what is under `key` goes there.

        Never one that was destroyed, nor one of a day that is over, where everything
        dies anyway: raises KeyMissingError then.
        """
        if key.is_over(self._clock()):
            raise KeyMissingError(f"{key.name} dies with its day, which is over")
        async with self._ledger.database.connection() as connection:
            newest = await self._to_use(connection, key.kind, key.day)
        newer = key.next if newest == key else newest
        await self.begin(newer)
        return newer

    async def begin(self, key: DayKey) -> None:
        """Make and announce a key before anything hangs under it; safe to repeat.

        Raises KeyMovedError for one that was destroyed. One that the ledger knows is
        not made: what is destroyed or lost must not come back as if nothing had been.
        """
        if await self._is_known(key):
            return
        await self.ring.make(key.name)
        try:
            async with self._ledger.transaction() as change:
                if await self._find(change.connection, key) is None:
                    await self._insert(change, key)
        except NothingToRecordError:  # somebody was faster
            await self._unmake_if_dead(key)

    async def _is_known(self, key: DayKey) -> bool:
        async with self._ledger.database.connection() as connection:
            row = await self._find(connection, key)
        if row and row["destroyed_seq"] is not None:
            raise KeyMovedError
        return row is not None

    async def _unmake_if_dead(self, key: DayKey) -> None:
        """Between the look and the making its whole life may have passed."""
        try:
            await self._is_known(key)
        except KeyMovedError:
            await self.ring.destroy(key.name)
            raise

    async def _find(self, connection: Connection, key: DayKey) -> asyncpg.Record | None:
        return await connection.fetchrow(
            QUERIES["find_day_key"], self._site, *columns(key)
        )

    async def under(
        self, key: DayKey, after: UUID | None, limit: int
    ) -> list[tuple[UUID, bytes]]:
        """What hangs under a key, and its wrapped data key, in pages by id."""
        async with self._ledger.database.connection() as connection:
            rows = await connection.fetch(
                QUERIES["find_under_key"],
                self._site,
                *columns(key),
                after or UUID(int=0),
                limit,
            )
        return [(row["recording_id"], row["wrapped_key"]) for row in rows]

    # --- Ending -----------------------------------------------------------------------

    async def is_awaited(self, key: DayKey) -> bool:
        """Whether a recording under it lives on and waits to be moved; for a week."""
        now = self._clock()
        if not key.may_wait(now):
            return False
        async with self._ledger.database.connection() as connection:
            return bool(
                await connection.fetchval(
                    QUERIES["is_key_awaited"], self._site, *columns(key), now
                )
            )

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
        if not await self.ring.destroy(key.name):
            return False
        try:
            async with self._ledger.transaction() as change:
                await self._receipt(change, key)
        except NothingToRecordError:  # never used, or another sweep was faster
            return True
        return True

    async def _receipt(self, change: LedgerTransaction, key: DayKey) -> None:
        row = await self._find(change.connection, key)
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
