"""Early deaths: what is left under a day's key moves on, and the key is destroyed.

Deleting a wrapped key from a database leaves copies of it in data files, in the log of
changes and in backups. So when something dies before its day, the key that wrapped it
must die too, and the others of that day are wrapped under the day's next generation:

1. The newest generation, or where the old one is that, the next, which is made and
   announced, is from then on the one that new data keys go to.
2. What hangs under the old one is moved there, in batches.
3. What was moved is noted in the key store, also if that is nothing: an older copy of
   the database has the old wrapping only, which nothing opens any more. Without the
   note a key that is gone is one that was lost.
4. The old key is destroyed, that is read back, and said in the ledger.

Each step may be repeated, also by two replicas at once; a crash leaves the key stale.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from uuid import UUID

import structlog

from proxy.database.named_queries import queries_beside
from proxy.database.pool import Connection, SiteDatabase
from proxy.errors import StorageError, TamperedError
from proxy.ledger.transaction import lock_head
from proxy.vault.day_keys import DayKeys, KeyMovedError, columns
from proxy.vault.notes import DataKeys, Notes
from retention.keys import DayKey

QUERIES = queries_beside(__file__)
log = structlog.get_logger()

_BATCH = 500


class Renewal:
    """Moves one site's data keys from a stale day key to the day's newest one."""

    def __init__(self, database: SiteDatabase, keys: DayKeys, notes: Notes) -> None:
        self._database = database
        self._site = database.site
        self._keys = keys
        self._notes = notes

    async def empty(self, key: DayKey) -> bool:
        """Let nothing that lives on hang under `key`; False if something still does."""
        try:
            # Also if nothing is moved: nobody may wrap under the old one meanwhile.
            newer = await self._keys.begin_newer(key)
            async for page in self._pages(key):
                await self._move(key, newer, page)
            if await self._keys.under(key, None, 1):
                return False  # changed since: once more, next time
            moved = [each async for page in self._pages(newer) for each in page]
            await self._notes.note_moved(key, newer, moved)
        except StorageError as error:
            log.warning("key not renewed", key=key.name, problem=error.error_id)
            return False
        return True

    async def _move(self, key: DayKey, newer: DayKey, page: DataKeys) -> None:
        before = [wrapped for _, wrapped in page]
        after = await self._wrapped_anew(key, newer, before)
        async with self._database.transaction() as connection:
            await self._require_newest(connection, newer)
            await connection.execute(
                QUERIES["move_keys"],
                self._site,
                *columns(key),
                newer.generation,
                [item for item, _ in page],
                before,
                after,
            )

    async def _require_newest(self, connection: Connection, key: DayKey) -> None:
        """Under the ledger's head, which whoever would renew `key` waits for, too."""
        await lock_head(connection, self._site)
        if await self._keys.find_living(connection, key.kind, key.day) != key:
            raise KeyMovedError

    async def _wrapped_anew(
        self, key: DayKey, newer: DayKey, before: list[bytes]
    ) -> list[bytes]:
        try:
            data_keys = await self._keys.ring.unwrap(key.name, before)
        except TamperedError:
            if len(before) == 1:
                return before  # it opens nothing, here or there; who plays it is told
            apart = [await self._wrapped_anew(key, newer, [each]) for each in before]
            return [wrapped for [wrapped] in apart]
        return await self._keys.ring.wrap(newer.name, data_keys)

    async def _pages(self, key: DayKey) -> AsyncIterator[DataKeys]:
        after: UUID | None = None
        while page := await self._keys.under(key, after, _BATCH):
            yield page
            after = page[-1][0]


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
        """False too while what lives on is under it, and could not be moved yet.

        Notes of a key are of no use without it; they go last, and may wait.
        """
        if await self._keys.is_awaited(key):
            log.warning("key awaited by what lives on", key=key.name)
            return False
        if not await self._keys.destroy(key):
            return False
        try:
            noted = filter(key.is_of_the_day_of, await self._notes.keys())
            await self._notes.forget_ended(noted, await self._keys.living())
        except StorageError as error:
            log.warning("notes of a key left", key=key.name, problem=error.error_id)
        return True
