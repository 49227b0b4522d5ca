"""After a restore: what was dead stays dead, before anything is answered.

The database and the objects may come back older than they were; the key store may not
(`docs/retention.md` says how to keep it so). What the key store knows is therefore held
against what the database says, at every start:

* A key the ledger calls destroyed is destroyed again, and people are told.
* A key the database has never heard of was made after the copy was: it is taken over.
* Where the notes say that a key which is gone was emptied into a later generation of
  its day, what was moved is found again there; what a hold had moved to another day,
  under that day's key.
* What the notes call dead is destroyed again, row and object, and nothing else is.
* Where a key is gone, and nothing says why or what became of something under it, people
  are told.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import structlog

from proxy.database.named_queries import queries_beside
from proxy.database.pool import Connection
from proxy.errors import KeyMissingError, TamperedError
from proxy.ledger.transaction import Ledger
from proxy.vault.day_keys import DayKeys, Wrapped, columns, key_of
from proxy.vault.notes import DataKeys, Notes
from proxy.vault.objects import ObjectStore
from retention.keys import DayKey
from retention.periods import LOOKED_BACK

QUERIES = queries_beside(__file__)
log = structlog.get_logger()


@dataclass(slots=True)
class Replayed:
    """What had come back, and what was found missing."""

    keys_back: list[DayKey] = field(default_factory=list)
    keys_taken_over: list[DayKey] = field(default_factory=list)
    keys_missing: list[DayKey] = field(default_factory=list)
    recordings_back: int = 0
    analyses_back: int = 0
    objects_back: int = 0
    data_keys_moved: int = 0

    @property
    def came_back(self) -> bool:
        return bool(
            self.keys_back
            or self.recordings_back
            or self.analyses_back
            or self.objects_back
        )


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

    def later(self, key: DayKey) -> list[DayKey]:
        """The later generations of a day's key in the store, newest first."""
        later = (
            one
            for one in self.stored - self.destroyed
            if one != key and one.is_or_follows(key)
        )
        return sorted(later, reverse=True)


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
                await self._keys.begin(key)
                done.keys_taken_over.append(key)
        for key in known.gone:
            await self._follow(key, known.later(key), done)
        await self._bury(await self._notes.dead(), done)
        known = await self._known()
        left = await self._notes.keys() & known.destroyed  # by a crash
        await self._notes.forget_ended(left, known.living | known.stored)
        return done

    async def _known(self) -> _Known:
        since = (self._clock() - LOOKED_BACK).date()
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

    async def _successor(self, key: DayKey, later: Iterable[DayKey]) -> DayKey | None:
        """The generation that `key` was emptied into; None if it just vanished."""
        for one in later:
            if key.generation in await self._notes.emptied_into(one):
                return one
        return None

    async def _follow(
        self, key: DayKey, later: Iterable[DayKey], done: Replayed
    ) -> None:
        """What hung under a key that is gone: moved on, dead, or a riddle."""
        successor = await self._successor(key, later)
        if successor is None:
            if not key.is_over(self._clock()) and await self._keys.under(key, None, 1):
                done.keys_missing.append(key)
            return
        try:
            moved = await self._notes.moved(successor)
        except TamperedError:  # from before this database: what moved is not known
            done.keys_missing.append(key)
            return
        dead = set(await self._notes.dead())
        rest = await self._under(key) - {item for item, _ in moved} - dead
        moved += await self._left(rest, successor)
        async with self._ledger.database.transaction() as connection:
            done.data_keys_moved += await self._move(connection, key, successor, moved)
        if await self._under(key) - dead and not key.is_over(self._clock()):
            done.keys_missing.append(key)
        else:
            await self._keys.destroy(key)  # it is gone: the ledger says so again

    async def _under(self, key: DayKey) -> set[UUID]:
        async with self._ledger.database.connection() as connection:
            rows = await connection.fetch(
                QUERIES["find_all_under_key"], self._site, *columns(key)
            )
        return {row["recording_id"] for row in rows}

    async def _left(self, items: Iterable[UUID], successor: DayKey) -> DataKeys:
        """Of what had left for another day: its data key, for the day it is back on."""
        found: DataKeys = []
        for item in sorted(items):
            if data_key := await self._elsewhere(item):
                [wrapped] = await self._keys.ring.wrap(successor.name, [data_key])
                found.append((item, wrapped))
        return found

    async def _elsewhere(self, item: UUID) -> bytes | None:
        """A data key never changes: any note of it that opens still is good."""
        try:
            left = await self._notes.left(item)
            noted = [one for each in left for one in await self._since(item, each)]
        except TamperedError:  # from before this database
            return None
        for one in noted:
            with suppress(KeyMissingError, TamperedError):
                [found] = await self._keys.ring.unwrap(one.key.name, [one.wrapped])
                return found
        return None

    async def _since(self, item: UUID, left: Wrapped) -> list[Wrapped]:
        """As it was then, and as that key was renewed since."""
        later = [
            key
            for key in await self._keys.ring.day_keys()
            if key != left.key and key.is_or_follows(left.key)
        ]
        moved = [(key, each) for key in later for each in await self._notes.moved(key)]
        return [
            left,
            *(Wrapped(key, new) for key, (which, new) in moved if which == item),
        ]

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

    async def _doom(
        self, connection: Connection, items: Iterable[UUID], done: Replayed
    ) -> None:
        which = (self._site, list(items), self._clock())
        recordings = await connection.fetch(QUERIES["doom_returned"], *which)
        analyses = await connection.fetch(QUERIES["doom_returned_analyses"], *which)
        done.recordings_back += len(recordings)
        done.analyses_back += len(analyses)

    async def _bury(self, dead: list[UUID], done: Replayed) -> None:
        """Rows are left to the sweep, which comes next; objects without one go now."""
        async with self._ledger.database.connection() as connection:
            await self._doom(connection, dead, done)
        for item in dead:
            if await self._objects.size(item) is not None:
                await self._objects.delete(item)
                done.objects_back += 1
