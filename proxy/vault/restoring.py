"""After a restore: what was dead stays dead, before anything is answered.

The database and the objects may come back older than they were; the key store may not
(`docs/retention.md` says how to keep it so). What the key store knows is therefore held
against what the database says, at every start:

* A key the ledger calls destroyed is destroyed again, and people are told.
* A key the database has never heard of was made after the copy was: it is taken over.
* Where the key store has a later generation of a day, what was moved to it is found
  again in the notes; what was not moved died early, and is destroyed again.
* What the notes call dead is destroyed again, row and object.
* Where a key is gone and nothing says why, nothing is destroyed: people are told.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from proxy.database.named_queries import queries_beside
from proxy.database.pool import Connection
from proxy.errors import TamperedError
from proxy.ledger.entry import Kind
from proxy.ledger.transaction import Ledger, NothingToRecordError
from proxy.vault.day_keys import DayKeys, columns, key_of, leaf_of
from proxy.vault.notes import DataKeys, Notes
from proxy.vault.objects import ObjectStore
from retention.keys import DayKey
from retention.periods import LONGEST

QUERIES = queries_beside(__file__)
log = structlog.get_logger()

# No copy of a key store is kept longer than a key may live and be missed.
_LOOKED_BACK = LONGEST + timedelta(days=31)


@dataclass(slots=True)
class Replayed:
    """What had come back, and what was found missing."""

    keys_back: list[DayKey] = field(default_factory=list)
    keys_taken_over: list[DayKey] = field(default_factory=list)
    keys_missing: list[DayKey] = field(default_factory=list)
    recordings_back: int = 0
    objects_back: int = 0
    data_keys_moved: int = 0

    @property
    def came_back(self) -> bool:
        return bool(self.keys_back or self.recordings_back or self.objects_back)


@dataclass(frozen=True, slots=True)
class _Known:
    """Day keys as the database has them, and those in the key store."""

    living: frozenset[DayKey]
    destroyed: frozenset[DayKey]
    stored: frozenset[DayKey]

    @property
    def gone(self) -> list[DayKey]:
        """Living, says the database; the key store does not have them."""
        return sorted(self.living - self.stored)

    def successor(self, key: DayKey) -> DayKey | None:
        """The newest later generation of a day's key in the store."""
        later = (
            one
            for one in self.stored - self.destroyed
            if (one.day, one.kind) == (key.day, key.kind)
            and one.generation > key.generation
        )
        return max(later, key=lambda one: one.generation, default=None)


class Restoring:
    """Holds one site's database and objects against its key store."""

    def __init__(
        self,
        ledger: Ledger,
        keys: DayKeys,
        notes: Notes,
        objects: ObjectStore,
        clock: Callable[[], datetime],
    ) -> None:
        self._ledger = ledger
        self._site = ledger.site
        self._keys = keys
        self._notes = notes
        self._objects = objects
        self._clock = clock

    async def replay(self) -> Replayed:
        """Do again what a restore has undone; safe to repeat. Raises StorageError."""
        await self._notes.open()
        done, known = Replayed(), await self._known()
        for key in sorted(known.stored & known.destroyed):
            await self._keys.destroy(key)
            done.keys_back.append(key)
        for key in sorted(known.stored - known.living - known.destroyed):
            if not key.is_over(self._clock()):
                await self._take_over(key)
                done.keys_taken_over.append(key)
        for key in known.gone:
            await self._follow(key, known.successor(key), done)
        await self._bury(await self._notes.dead(), done)
        gone = (await self._known()).destroyed
        for key in await self._notes.keys() & gone:  # a crash left them
            await self._notes.forget(key)
        return done

    async def _known(self) -> _Known:
        since = (self._clock() - _LOOKED_BACK).date()
        async with self._ledger.database.connection() as connection:
            living = await connection.fetch(QUERIES["find_living_keys"], self._site)
            destroyed = await connection.fetch(
                QUERIES["find_destroyed_keys"], self._site, since
            )
        return _Known(
            frozenset(map(key_of, living)),
            frozenset(map(key_of, destroyed)),
            frozenset(await self._keys.ring.day_keys()),
        )

    async def _take_over(self, key: DayKey) -> None:
        try:
            async with self._ledger.transaction() as change:
                row = await change.connection.fetchrow(
                    QUERIES["find_day_key"], self._site, *columns(key)
                )
                if row is None:
                    seq = change.append(Kind.DAY_KEY_MADE, leaf_of(key))
                    await change.connection.execute(
                        QUERIES["insert_day_key"], self._site, *columns(key), seq
                    )
        except NothingToRecordError:  # another replica was faster
            pass

    async def _follow(
        self, key: DayKey, successor: DayKey | None, done: Replayed
    ) -> None:
        """What hung under a key that is gone: moved on, dead, or a riddle."""
        if successor is None:
            if not key.is_over(self._clock()) and await self._has_any(key):
                done.keys_missing.append(key)
            return
        try:
            moved = await self._notes.moved(successor)
        except TamperedError:  # from before this database: what moved is not known
            done.keys_missing.append(key)
            return
        async with self._ledger.database.transaction() as connection:
            done.data_keys_moved += await self._move(connection, key, successor, moved)
            rows = await connection.fetch(
                QUERIES["find_all_under_key"], self._site, *columns(key)
            )
            done.recordings_back += await self._doom(
                connection, [row["recording_id"] for row in rows]
            )
        await self._keys.destroy(key)  # it is gone: the ledger has to say so again

    async def _has_any(self, key: DayKey) -> bool:
        async with self._ledger.database.connection() as connection:
            return bool(
                await connection.fetch(
                    QUERIES["find_under_key"],
                    self._site,
                    *columns(key),
                    UUID(int=0),
                    1,
                )
            )

    async def _move(
        self,
        connection: Connection,
        key: DayKey,
        successor: DayKey,
        moved: DataKeys,
    ) -> int:
        done: str = await connection.execute(
            QUERIES["follow_keys"],
            self._site,
            *columns(key),
            successor.generation,
            [item for item, _ in moved],
            [wrapped for _, wrapped in moved],
        )
        return int(done.removeprefix("UPDATE "))

    async def _doom(self, connection: Connection, items: Iterable[UUID]) -> int:
        rows = await connection.fetch(
            QUERIES["doom_returned"], self._site, list(items), self._clock()
        )
        return len(rows)

    async def _bury(self, dead: list[UUID], done: Replayed) -> None:
        """Rows are left to the sweep, which comes next; objects without one go now."""
        async with self._ledger.database.connection() as connection:
            done.recordings_back += await self._doom(connection, dead)
        for item in dead:
            if await self._objects.size(item) is not None:
                await self._objects.delete(item)
                done.objects_back += 1
