"""How recordings end: the steps `retention` orders, done on real objects and keys.

`Shelf` is the RecordingShelf and the DayKeys of `retention.ports`.
"""

import math
from collections import deque
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

import structlog

from proxy.database.pool import Connection
from proxy.errors import StorageError
from proxy.ledger.entry import Kind, salted
from proxy.ledger.transaction import (
    Ledger,
    LedgerTransaction,
    NothingToRecordError,
)
from proxy.vault.keys import KeyRing
from proxy.vault.objects import ObjectStore
from proxy.vault.recordings import QUERIES
from retention.periods import LARGEST_LAG
from retention.ports import Doomed

log = structlog.get_logger()

# A take-over is cut off long before this, so an older unfinished object is abandoned.
LONGEST_WRITE = timedelta(hours=1)
_LAG_STEP_SECONDS = 900


class ForeignStoreError(StorageError):
    """The object store is another one, or none at all."""

    error_id = "foreign-store"


class Shelf:
    """One site's recordings, as things that can be destroyed step by step."""

    def __init__(
        self,
        ledger: Ledger,
        objects: ObjectStore,
        keys: KeyRing,
        clock: Callable[[], datetime],
    ) -> None:
        self._ledger = ledger
        self._site = ledger.site
        self._objects = objects
        self._keys = keys
        self._clock = clock
        self._lags: deque[tuple[datetime, int]] = deque()

    async def recognise_store(self) -> None:
        """Refuse to work on any object store but the one the site began with.

        Raises ForeignStoreError. The first store a site meets becomes its own.
        """
        async with self._ledger.database.connection() as connection:
            known = await connection.fetchval(QUERIES["find_store"], self._site)
            if known is None:
                await connection.execute(
                    QUERIES["name_store"], self._site, self._objects.make()
                )
                known = await connection.fetchval(QUERIES["find_store"], self._site)
        if self._objects.identity() != known:
            raise ForeignStoreError(
                "it is not the one this database knows; is a disk not mounted?",
                field="vault.objects",
                fix="mount it, or run where data_dir is the one the service uses",
            )

    async def doom_decision(
        self, connection: Connection, decision_id: UUID
    ) -> tuple[Doomed, bool] | None:
        """Mark a call's recording for destruction now, in the caller's transaction.

        Returns the recording, if there is one, and whether the mark is new.
        """
        row = await connection.fetchrow(
            QUERIES["find_recording_of"], self._site, decision_id
        )
        if row is None:
            return None
        marked = await connection.execute(
            QUERIES["doom_one"], self._site, row["recording_id"], self._clock()
        )
        doomed = Doomed(row["recording_id"], row["draw_seq"], row["expires_at"])
        return doomed, marked == "UPDATE 1"

    async def destroy(self, doomed: Doomed) -> bool:
        """Destroy one marked recording now; False when the sweep must try again."""
        if not await self.destroy_object(doomed):
            return False
        return await self.write_receipts([doomed], self._clock()) == 1

    async def doom_due(self, now: datetime, limit: int) -> Sequence[Doomed]:
        async with self._ledger.database.connection() as connection:
            rows = await connection.fetch(QUERIES["doom_due"], self._site, now, limit)
        doomed = [
            Doomed(row["recording_id"], row["draw_seq"], row["expires_at"])
            for row in rows
        ]
        return sorted(doomed, key=lambda item: (item.expires_at, item.recording_id))

    async def destroy_object(self, doomed: Doomed) -> bool:
        try:
            await self._objects.delete(doomed.recording_id)
            return await self._objects.size(doomed.recording_id) is None
        except StorageError:
            return False

    async def write_receipts(self, gone: Sequence[Doomed], now: datetime) -> int:
        ids = [item.recording_id for item in gone]
        try:
            async with self._ledger.transaction() as change:
                lags = await self._forget(change, ids, now)
        except NothingToRecordError:  # another sweep was faster, for all of them
            return 0
        self._note_lag(lags, now)
        return len(lags)

    async def _forget(
        self, change: LedgerTransaction, ids: Sequence[UUID], now: datetime
    ) -> list[float]:
        """Keys, then index, then receipts; the rows deleted here are ours alone."""
        await change.connection.execute(QUERIES["delete_keys"], self._site, ids)
        rows = await change.connection.fetch(
            QUERIES["delete_recordings"], self._site, ids
        )
        for row in sorted(rows, key=lambda row: row["draw_seq"]):
            change.append(Kind.DELETED, salted({"draw": row["draw_seq"]}))
        return [(now - row["expires_at"]).total_seconds() for row in rows]

    def _note_lag(self, lags: Sequence[float], now: datetime) -> None:
        """Rounded up to 15 minutes: an exact lag would tell when a call was."""
        steps = math.ceil(max([0.0, *lags]) / _LAG_STEP_SECONDS)
        self._lags.append((now, steps * _LAG_STEP_SECONDS))

    def _largest_lag(self, now: datetime) -> int:
        """The worst of the last 24 hours, as this replica has seen it."""
        while self._lags and self._lags[0][0] <= now - timedelta(hours=24):
            self._lags.popleft()
        return max((lag for _, lag in self._lags), default=0)

    async def living_days(self) -> Sequence[date]:
        async with self._ledger.database.connection() as connection:
            rows = await connection.fetch(QUERIES["find_living_days"], self._site)
        known = {row["key_day"] for row in rows}
        return sorted(known | set(self._keys.days()))

    async def destroy_day(self, day: date) -> bool:
        try:
            self._keys.destroy_day(day)
            if self._keys.has_day(day):
                return False
        except OSError:
            return False
        try:
            async with self._ledger.transaction() as change:
                await self._receipt_day(change, day)
        except NothingToRecordError:  # never used, or another sweep was faster
            return True
        return True

    async def _receipt_day(self, change: LedgerTransaction, day: date) -> None:
        row = await change.connection.fetchrow(QUERIES["find_day_key"], self._site, day)
        if row is None or row["destroyed_seq"] is not None:
            return
        seq = change.append(Kind.DAY_KEY_DESTROYED, {"day": day.isoformat()})
        await change.connection.execute(
            QUERIES["mark_day_destroyed"], self._site, day, seq
        )

    async def remove_unfinished(self) -> int:
        """Delete objects whose take-over died before they became a recording."""
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
