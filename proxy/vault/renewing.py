"""Early deaths: what is left under a day's key moves on, and the key is destroyed.

Deleting a wrapped key from a database leaves copies of it in data files, in the log of
changes and in backups. So when something dies before its day, the key that wrapped it
must die too, and the others of that day are wrapped under the day's next generation:

1. The next generation is made and announced; from then on new data keys go there.
2. What hangs under the old one is moved, in batches.
3. What was moved is noted in the key store: an older copy of the database has the old
   wrapping only, which nothing opens any more.
4. The old key is destroyed, that is read back, and said in the ledger.

Each step may be repeated, also by two replicas at once; a crash leaves the key stale.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from uuid import UUID

import structlog

from proxy.database.named_queries import queries_beside
from proxy.database.pool import SiteDatabase
from proxy.errors import StorageError, TamperedError
from proxy.vault.day_keys import DayKeys, columns
from proxy.vault.notes import DataKeys, Notes
from retention.keys import DayKey

QUERIES = queries_beside(__file__)
log = structlog.get_logger()

_BATCH = 500


class Renewal:
    """Moves one site's data keys from a stale day key to its next generation."""

    def __init__(self, database: SiteDatabase, keys: DayKeys, notes: Notes) -> None:
        self._database = database
        self._site = database.site
        self._keys = keys
        self._notes = notes

    async def empty(self, key: DayKey) -> bool:
        """Let nothing that lives on hang under `key`; False if something still does."""
        try:
            if await self._page(key, None, 1):
                await self._keys.begin_next(key)
            async for page in self._pages(key):
                await self._move(key, page)
            moved = [each async for page in self._pages(key.next) for each in page]
            if moved:
                await self._notes.note_moved(key.next, moved)
            if await self._page(key, None, 1):  # wrapped since: once more, next time
                return False
        except StorageError as error:
            log.warning("key not renewed", key=key.name, problem=error.error_id)
            return False
        return True

    async def _move(self, key: DayKey, page: DataKeys) -> None:
        before = [wrapped for _, wrapped in page]
        after = await self._wrapped_anew(key, before)
        async with self._database.connection() as connection:
            await connection.execute(
                QUERIES["move_keys"],
                self._site,
                *columns(key),
                key.next.generation,
                [item for item, _ in page],
                before,
                after,
            )

    async def _wrapped_anew(self, key: DayKey, before: list[bytes]) -> list[bytes]:
        try:
            data_keys = await self._keys.ring.unwrap(key.name, before)
        except TamperedError:
            if len(before) > 1:
                return [one for each in before for one in await self._one(key, each)]
            return before  # it opens nothing, here or there; who plays it is told
        return await self._keys.ring.wrap(key.next.name, data_keys)

    async def _one(self, key: DayKey, wrapped: bytes) -> list[bytes]:
        return await self._wrapped_anew(key, [wrapped])

    async def _pages(self, key: DayKey) -> AsyncIterator[DataKeys]:
        after: UUID | None = None
        while page := await self._page(key, after, _BATCH):
            yield page
            after = page[-1][0]

    async def _page(self, key: DayKey, after: UUID | None, limit: int) -> DataKeys:
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                QUERIES["find_under_key"],
                self._site,
                *columns(key),
                after or UUID(int=0),
                limit,
            )
        return [(row["recording_id"], row["wrapped_key"]) for row in rows]


class Destroying:
    """How one site's day keys end; `retention.ports.Keys`."""

    def __init__(self, keys: DayKeys, renewal: Renewal, notes: Notes) -> None:
        self._keys = keys
        self._renewal = renewal
        self._notes = notes

    async def living(self) -> Sequence[DayKey]:
        return await self._keys.living()

    async def stale(self, now: datetime) -> Sequence[DayKey]:
        return await self._keys.stale(now)

    async def renew(self, key: DayKey) -> bool:
        return await self._renewal.empty(key) and await self.destroy(key)

    async def destroy(self, key: DayKey) -> bool:
        """Notes of a key are of no use without it; they go last, and may wait."""
        if not await self._keys.destroy(key):
            return False
        try:
            await self._notes.forget(key)
        except StorageError as error:
            log.warning("notes of a key left", key=key.name, problem=error.error_id)
        return True
