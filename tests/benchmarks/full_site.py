"""A full site to forget in: by the service's own parts, and by a plain DELETE."""

import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from proxy.database.migrate import migrate
from proxy.database.pool import SiteDatabase, open_pool
from proxy.intake.tag_keys import TagKeys
from proxy.ledger.entry import Kind
from proxy.ledger.transaction import Ledger
from proxy.vault.assembling import Time, VaultParts, make_vault
from proxy.vault.filesystem import FilesystemStore
from proxy.vault.key_directory import KeyDirectory
from proxy.vault.keys import KeyRing
from retention.periods import AnalysisTerms
from retention.sweep import BATCH, sweep
from sampling.seed import WEEK_SECONDS, week_at
from tests.databases import new_database
from tests.fakes.full_tables import OLD_WEEKS, fill, recording_id

SITE = "clinic"
DUE = 1_000  # recordings that fall due at once, and calls of a week
OBJECT_BYTES = 1 << 20
BEGUN = datetime(2026, 11, 18, 10, 0, tzinfo=UTC)
INSPECTION_WEEKS = 52
OLDEST_WEEK = week_at(BEGUN) - INSPECTION_WEEKS - OLD_WEEKS
"""The weeks up to the inspection window end one by one, each with its calls."""

PLAIN_RECORDINGS = """
WITH gone AS (
  DELETE FROM recordings WHERE site_id = $1 AND recording_id = ANY(ARRAY(
    SELECT recording_id FROM recordings
    WHERE site_id = $1 AND due_at <= $2 ORDER BY due_at LIMIT $3
  ))
  RETURNING recording_id
)
DELETE FROM recording_keys AS k USING gone AS g
WHERE k.site_id = $1 AND k.recording_id = g.recording_id
"""
PLAIN_CALLS = "DELETE FROM calls WHERE site_id = $1 AND bound_at < $2"
END_WEEK = """
INSERT INTO tag_keys
(site_id, week, commitment, committed_seq, doomed_at, destroyed_seq)
VALUES ($1, $2, '', 0, $3, 0)
"""


class FullSite:
    """A site with `size` recordings and calls, and a clock that is moved on."""

    def __init__(self, database: SiteDatabase, folder: Path) -> None:
        self.database = database
        self.objects = FilesystemStore(folder / "objects")
        self._folder = folder / "objects"
        self._ring = KeyRing(KeyDirectory(folder / "keys", SITE))
        self._ledger = Ledger(database)
        self.vault = self._make_vault()
        self.tag_keys = TagKeys(self._ledger, self._ring, INSPECTION_WEEKS)
        self._due = 0
        self._week = OLDEST_WEEK - 1

    def _make_vault(self) -> VaultParts:
        async def nobody_tampers(_: object) -> None: ...

        async def one_clock() -> None: ...

        return make_vault(
            self._ledger,
            self.objects,
            self._ring,
            Time(self.clock, one_clock),
            nobody_tampers,
            AnalysisTerms(),
        )

    def clock(self) -> datetime:
        return BEGUN + timedelta(seconds=self._due)

    async def open(self) -> None:
        await self.objects.make()
        await self._ring.open()
        async with self._ledger.transaction() as change:
            change.append(Kind.NOTE, {"text": "begun"})

    # --- Recordings -------------------------------------------------------------------

    def fall_due(self) -> None:
        """Move the clock until the next recordings are due, and give them objects."""
        for place in range(self._due + 1, self._due + DUE + 1):
            name = recording_id(place).hex
            with (self._folder / name[:2] / name).open("wb") as stream:
                os.posix_fallocate(stream.fileno(), 0, OBJECT_BYTES)
        self._due += DUE
        os.sync()

    def pass_by(self) -> None:
        """Move the clock likewise, for a peer that has no objects."""
        self._due += DUE

    async def forget(self) -> None:
        parts = self.vault
        report = await sweep(
            parts.holds,
            parts.shelf,
            parts.documents,
            parts.destroying,
            self.clock(),
        )
        assert (report.destroyed, report.failed) == (DUE, 0)

    async def delete_recordings(self) -> None:
        for _ in range(DUE // BATCH):
            async with self.database.connection() as connection:
                done = await connection.execute(
                    PLAIN_RECORDINGS, SITE, self.clock(), BATCH
                )
            assert done == f"DELETE {BATCH}"

    # --- Calls ------------------------------------------------------------------------

    async def end_week(self) -> None:
        """The next week's tag key is gone, so that its calls may go."""
        self._week += 1
        async with self.database.connection() as connection:
            await connection.execute(END_WEEK, SITE, self._week, self.clock())

    async def forget_calls(self) -> None:
        assert (await self.tag_keys.end_due(self.clock())).calls == DUE

    async def delete_calls(self) -> None:
        week_end = start_of(self._week + 1)
        async with self.database.connection() as connection:
            done = await connection.execute(PLAIN_CALLS, SITE, week_end)
        assert done == f"DELETE {DUE}"

    # --- Looking up -------------------------------------------------------------------

    async def find(self, place: int) -> None:
        await self.vault.recordings.find(recording_id(place))

    async def ask_what_is_due(self) -> None:
        assert await self.vault.shelf.doom_due(self.clock(), BATCH) == []


def start_of(week: int) -> datetime:
    return datetime.fromtimestamp(week * WEEK_SECONDS, UTC)


@asynccontextmanager
async def full_site(postgres: str, size: int) -> AsyncIterator[FullSite]:
    """A filled database and an object store, both gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="ponctuel-bench-") as name:
        async with new_database(postgres) as dsn:
            await migrate(dsn)
            database = await open_pool(dsn, SITE, 4)
            site = FullSite(database, Path(name))
            await Ledger(database).create()
            await fill(dsn, SITE, size, BEGUN, start_of(OLDEST_WEEK), DUE)
            await site.open()
            try:
                yield site
            finally:
                await database.close()
