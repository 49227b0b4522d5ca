"""How recordings end: the steps `retention` orders, done on real objects.

`Shelf` is the RecordingShelf of `retention.ports`. What dies before its day is written
down in the key store first, which no restore of the database or of the objects sets
back: so it can be destroyed again wherever it comes back from.
"""

import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import structlog

from proxy.database.pool import Connection
from proxy.errors import StorageError
from proxy.ledger.entry import Kind, salted
from proxy.ledger.transaction import (
    Ledger,
    LedgerTransaction,
    NothingToRecordError,
)
from proxy.vault.day_keys import DayKeys, key_of
from proxy.vault.notes import Notes
from proxy.vault.objects import ObjectStore
from proxy.vault.recordings import QUERIES
from retention.keys import DayKey
from retention.periods import LARGEST_LAG
from retention.ports import Doomed

log = structlog.get_logger()

# A take-over is cut off long before this, so an older unfinished object is abandoned.
LONGEST_WRITE = timedelta(hours=1)
_LAG_STEP_SECONDS = 900
_DESTROYED_AT_ONCE = 500


class ForeignStoreError(StorageError):
    """The object store is another one, or none at all."""

    error_id = "foreign-store"


class Shelf:
    """One site's recordings, as things that can be destroyed step by step."""

    def __init__(
        self,
        ledger: Ledger,
        objects: ObjectStore,
        keys: DayKeys,
        notes: Notes,
        clock: Callable[[], datetime],
    ) -> None:
        self._ledger = ledger
        self._site = ledger.site
        self._objects = objects
        self._keys = keys
        self._notes = notes
        self._clock = clock
        self._lags: deque[tuple[datetime, int]] = deque()
        self._tidied_at: datetime | None = None

    async def recognise_store(self) -> None:
        """Refuse to work on any object store but the one the site began with.

        Raises ForeignStoreError. The first store a site meets becomes its own.
        """
        known = await self._known_store()
        if known is None:
            known = await self._begin_with(await self._objects.make())
        if await self._objects.identity() != known:
            raise ForeignStoreError(
                "it is not the one this database knows; is a disk not mounted?",
                field="vault",
                fix="mount it, or run where data_dir or the bucket is the one the "
                "service uses",
            )

    async def _known_store(self) -> UUID | None:
        async with self._ledger.database.connection() as connection:
            known: UUID | None = await connection.fetchval(
                QUERIES["find_store"], self._site
            )
        return known

    async def _begin_with(self, store: UUID) -> UUID | None:
        """Note the site's store, unless another replica was faster; return its own."""
        async with self._ledger.database.connection() as connection:
            await connection.execute(QUERIES["name_store"], self._site, store)
        return await self._known_store()

    async def doom_decision(
        self, connection: Connection, decision_id: UUID
    ) -> tuple[Doomed, bool] | None:
        """Mark a call's recording for destruction now, in the caller's transaction.

        Returns the recording, if there is one that may be destroyed, and whether the
        mark is new. One that is held goes when its hold ends.
        """
        row = await connection.fetchrow(
            QUERIES["find_recording_of"], self._site, decision_id
        )
        return await self._doom(connection, row)

    async def doom(
        self, connection: Connection, recording_id: UUID
    ) -> tuple[Doomed, bool] | None:
        """The same for a recording by its own id."""
        row = await connection.fetchrow(
            QUERIES["find_to_doom"], self._site, recording_id
        )
        return await self._doom(connection, row)

    async def _doom(
        self, connection: Connection, row: asyncpg.Record | None
    ) -> tuple[Doomed, bool] | None:
        if row is None:
            return None
        which = (self._site, row["recording_id"], self._clock())
        if await connection.execute(QUERIES["expire_held"], *which) == "UPDATE 1":
            return None
        is_new = await connection.execute(QUERIES["doom_one"], *which) == "UPDATE 1"
        if not is_new and row["doomed_at"] is None:
            return None  # not marked: nothing of it is destroyed
        return _doomed(row), is_new

    async def destroy(self, doomed: Doomed) -> bool:
        """Destroy one marked recording now; False when the sweep must try again."""
        if not await self.destroy_object(doomed):
            return False
        now = self._clock()
        told = await self.remember([doomed], now)
        return await self.write_receipts(told, now) == 1

    async def doom_due(self, now: datetime, limit: int) -> Sequence[Doomed]:
        async with self._ledger.database.connection() as connection:
            rows = await connection.fetch(QUERIES["doom_due"], self._site, now, limit)
        return sorted(
            map(_doomed, rows), key=lambda item: (item.due_at, item.recording_id)
        )

    async def destroy_object(self, doomed: Doomed) -> bool:
        try:
            await self._objects.delete(doomed.recording_id)
            return await self._objects.size(doomed.recording_id) is None
        except StorageError:
            return False

    async def is_absent(self, recording_id: UUID) -> bool:
        """Whether the sealed bytes are gone, read back. Raises StorageError."""
        return await self._objects.size(recording_id) is None

    async def can_be_asked(self) -> bool:
        try:
            return await self._objects.identity() is not None
        except StorageError:
            return False

    async def remember(self, gone: Sequence[Doomed], now: datetime) -> Sequence[Doomed]:
        ids = [item.recording_id for item in gone]
        async with self._ledger.database.connection() as connection:
            dying = await self._keys_of_copies(connection, ids, now)
        untold = await self._notes.note_early(dying, now.date())
        return [item for item in gone if item.recording_id not in untold]

    async def _keys_of_copies(
        self, connection: Connection, ids: Sequence[UUID], now: datetime
    ) -> Sequence[tuple[DayKey, UUID]]:
        """Under which keys that outlive today any copy of them lies."""
        rows = await connection.fetch(
            QUERIES["find_early_keys"], self._site, ids, now.date()
        )
        return [(key_of(row), row["recording_id"]) for row in rows]

    async def write_receipts(self, told: Sequence[Doomed], now: datetime) -> int:
        ids = [item.recording_id for item in told]
        try:
            async with self._ledger.transaction() as change:
                lags = await self._forget(change, ids, now)
        except NothingToRecordError:  # another sweep was faster, for all of them
            lags = []
        self._note_lag(lags, now)
        return len(lags)

    async def _forget(
        self, change: LedgerTransaction, ids: Sequence[UUID], now: datetime
    ) -> list[float]:
        """Keys, then index, then receipts; the rows deleted here are ours alone."""
        dying = await self._keys_of_copies(change.connection, ids, now)
        gone = await change.connection.fetch(QUERIES["delete_keys"], self._site, ids)
        ours = {row["recording_id"] for row in gone}
        early = {key for key, item in dying if item in ours}
        await self._keys.mark_stale(change.connection, early)
        rows = await change.connection.fetch(
            QUERIES["delete_recordings"], self._site, ids
        )
        receipts = {
            row["recording_id"]: change.append(
                Kind.DELETED, salted({"draw": row["draw_seq"]})
            )
            for row in sorted(rows, key=lambda row: row["draw_seq"])
        }
        await self._note_receipts(change, receipts, gone)
        return [(now - row["due_at"]).total_seconds() for row in rows]

    async def _note_receipts(
        self,
        change: LedgerTransaction,
        receipts: Mapping[UUID, int],
        gone: Sequence[asyncpg.Record],
    ) -> None:
        names = {row["recording_id"]: key_of(row).name for row in gone}
        await change.connection.execute(
            QUERIES["note_receipts"],
            self._site,
            list(receipts),
            list(receipts.values()),
            [names.get(item) for item in receipts],
        )

    def _note_lag(self, lags: Sequence[float], now: datetime) -> None:
        """Rounded up to 15 minutes: an exact lag would tell when a call was."""
        steps = math.ceil(max([0.0, *lags]) / _LAG_STEP_SECONDS)
        self._lags.append((now, steps * _LAG_STEP_SECONDS))

    def _largest_lag(self, now: datetime) -> int:
        """The worst of the last 24 hours, as this replica has seen it."""
        while self._lags and self._lags[0][0] <= now - timedelta(hours=24):
            self._lags.popleft()
        return max((lag for _, lag in self._lags), default=0)

    async def remove_unfinished(self) -> int:
        """Each minute: what should be gone and is not, for the store could not then.

        Recordings that are marked; then objects whose take-over died, or was refused,
        before they became a recording: how many of those is returned.
        """
        await self._go_on_destroying()
        async with self._ledger.database.connection() as connection:
            rows = await connection.fetch(
                QUERIES["find_unfinished_objects"],
                self._site,
                self._clock() - LONGEST_WRITE,
            )
        removed = 0
        for row in rows:
            try:
                removed += await self._remove_unfinished(row["object_id"])
            except StorageError as error:  # its intent stays: tried again
                log.warning("unfinished object still there", problem=error.error_id)
        return removed

    async def _go_on_destroying(self) -> None:
        """An objection has a minute: it cannot wait for the next sweep."""
        async with self._ledger.database.connection() as connection:
            rows = await connection.fetch(
                QUERIES["find_doomed"], self._site, _DESTROYED_AT_ONCE
            )
        gone: list[Doomed] = []
        for doomed in map(_doomed, rows):
            if await self.destroy_object(doomed):
                gone.append(doomed)
            elif not await self.can_be_asked():
                break
        if gone:
            now = self._clock()
            await self.write_receipts(await self.remember(gone, now), now)

    async def remove_leftovers(self) -> None:
        """Once an hour, remove what no intent tells of: of writes that began twice."""
        now = self._clock()
        if self._tidied_at is None or now - self._tidied_at >= LONGEST_WRITE:
            await self._objects.remove_leftovers(now - LONGEST_WRITE)
            self._tidied_at = now

    async def _remove_unfinished(self, object_id: UUID) -> bool:
        """Under the intent's lock: whoever is keeping it after all comes first."""
        async with self._ledger.database.transaction() as connection:
            claimed = await connection.execute(
                QUERIES["finish_object"], self._site, object_id
            )
            if claimed == "DELETE 1":
                await self._objects.delete(object_id)
        return claimed == "DELETE 1"

    async def figures(self, now: datetime) -> dict[str, float]:
        """The retention gauges of the metrics contract."""
        async with self._ledger.database.connection() as connection:
            row = await connection.fetchrow(
                QUERIES["count_retention"], self._site, now, now - LARGEST_LAG
            )
            keys_overdue = await connection.fetchval(
                QUERIES["count_living_days"],
                self._site,
                (now - LARGEST_LAG).date(),
            )
        figures = {} if row is None else dict(row)
        oldest = figures["oldest_captured_at"]
        age_days = math.ceil((now - oldest).total_seconds() / 86_400) if oldest else 0
        return {
            "oldest_audio_age_seconds": age_days * 86_400,
            "expired_undeleted": figures["expired"],
            "deletions_overdue": figures["overdue"],
            "deletion_lag_seconds": self._largest_lag(now),
            "kek_overdue": keys_overdue,
        }


def _doomed(row: asyncpg.Record) -> Doomed:
    return Doomed(row["recording_id"], row["draw_seq"], row["due_at"])
