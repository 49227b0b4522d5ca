"""How analyses end: the steps `retention` orders; `retention.ports.Documents`.

As with recordings, what dies before its day is written down in the key store first, so
that it can be destroyed again wherever it comes back from.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from proxy.database.named_queries import queries_beside
from proxy.database.pool import SiteDatabase
from proxy.vault.day_keys import DayKeys, key_of
from proxy.vault.notes import Notes
from retention.periods import LARGEST_LAG, AnalysisTerms

QUERIES = queries_beside(__file__)


class AnalysisShelf:
    """One site's analyses, as things that can be destroyed step by step."""

    def __init__(
        self,
        database: SiteDatabase,
        keys: DayKeys,
        notes: Notes,
        terms: AnalysisTerms,
    ) -> None:
        self._database = database
        self._site = database.site
        self._keys = keys
        self._notes = notes
        self._terms = terms

    async def doom_due(self, now: datetime, limit: int) -> Sequence[UUID]:
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                QUERIES["doom_due_analyses"],
                self._site,
                now,
                self._terms.newest_over(now),
                limit,
            )
        return [row["analysis_id"] for row in rows]

    async def remember(self, doomed: Sequence[UUID], now: datetime) -> Sequence[UUID]:
        async with self._database.connection() as connection:
            rows = await connection.fetch(QUERIES["find_keys_of"], self._site, doomed)
        dying = [(key_of(row), row["recording_id"]) for row in rows]
        untold = await self._notes.note_early(dying, now.date())
        return [item for item in doomed if item not in untold]

    async def empty(self, doomed: Sequence[UUID]) -> None:
        async with self._database.connection() as connection:
            await connection.execute(QUERIES["empty_analyses"], self._site, doomed)

    async def delete(self, emptied: Sequence[UUID], now: datetime) -> int:
        async with self._database.transaction() as connection:
            gone = await connection.fetch(
                QUERIES["delete_analysis_keys"], self._site, emptied
            )
            early = {key_of(row) for row in gone if row["key_day"] > now.date()}
            await self._keys.mark_stale(connection, early)
            deleted: str = await connection.execute(
                QUERIES["delete_analyses"], self._site, emptied
            )
        return int(deleted.removeprefix("DELETE "))

    async def doom_of(self, recording_id: UUID, now: datetime) -> Sequence[UUID]:
        """Mark what was written about a recording for destruction now."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                QUERIES["doom_analyses_of"], self._site, recording_id, now
            )
        return [row["analysis_id"] for row in rows]

    async def destroy(self, doomed: Sequence[UUID], now: datetime) -> bool:
        """Destroy marked ones now; False when the sweep must try again."""
        told = await self.remember(doomed, now)
        await self.empty(told)
        await self.delete(told, now)
        return len(told) == len(doomed)

    async def figures(self, now: datetime) -> dict[str, int]:
        """How many are over and still there, and how many of them for too long."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(
                QUERIES["count_analyses"],
                self._site,
                now,
                self._terms.newest_over(now),
                now - LARGEST_LAG,
            )
        return dict(row or {})
