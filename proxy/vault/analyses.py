"""Analyses: what assessors write about a recording. Their end: `analysis_shelf.py`.

An analysis has a clock of its own: it is sealed under its own data key, which hangs
under the analysis key of the day it must die, so it still opens when its recording is
gone. Whoever wrote it may correct it until it is closed. Then it is final, and brings
its recording's end nearer: there is nothing left to listen for. What is out of
somebody's reach is not there for them.
"""

import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg

from proxy.database.named_queries import queries_beside
from proxy.database.pool import SiteDatabase
from proxy.errors import PonctuelError, StorageError, TamperedError
from proxy.vault.analysis_form import AnalysisForm
from proxy.vault.day_keys import DayKeys, key_of
from proxy.vault.documents import open_document, seal_document
from proxy.vault.new_analyses import NewAnalyses, content_of
from proxy.vault.reach import Reach, columns_of_reach
from retention.periods import AnalysisTerms

QUERIES = queries_beside(__file__)

MOST_LISTED = 1000
Place = tuple[datetime, UUID]
"""Behind which analysis a page begins: when it was made, and its id."""
OLDEST: Place = (datetime.min.replace(tzinfo=UTC), UUID(int=0))


class NoAnalysisError(PonctuelError):
    """There is no such analysis."""

    status = 404
    error_id = "no-analysis"


class FinalAnalysisError(PonctuelError):
    """The analysis is closed, or somebody else's: you cannot change it."""

    status = 409
    error_id = "final-analysis"


class Analyses:
    """One site's analyses."""

    def __init__(
        self,
        database: SiteDatabase,
        keys: DayKeys,
        new: NewAnalyses,
        terms: AnalysisTerms,
        clock: Callable[[], datetime],
        on_tampered: Callable[[UUID], Awaitable[None]],
    ) -> None:
        self._database = database
        self._site = database.site
        self._keys = keys
        self._new = new
        self._clock = clock
        self._terms = terms
        self._on_tampered = on_tampered

    async def write(
        self, recording_id: UUID, form: AnalysisForm, assessor: str, reach: Reach
    ) -> UUID:
        """Write the assessor's analysis of a recording, or correct it; return its id.

        Raises ObjectMissingError, also for what is out of reach; RestrictedError,
        FinalAnalysisError.
        """
        written = await self.find_by(recording_id, assessor, reach)
        if written is None:
            return await self._new.begin(recording_id, form, assessor, reach)
        await self._correct(await self._find(written, reach), form)
        return written

    async def find_by(
        self, recording_id: UUID, assessor: str, reach: Reach
    ) -> UUID | None:
        """The assessor's analysis of a recording; None if there is none in reach."""
        async with self._database.connection() as connection:
            written: UUID | None = await connection.fetchval(
                QUERIES["find_analysis_by"],
                self._site,
                recording_id,
                assessor,
                *self._living(),
                *columns_of_reach(reach),
            )
        return written

    async def close(
        self, analysis_id: UUID, assessor: str, reach: Reach
    ) -> datetime | None:
        """Make it final; return when its recording ends, None if that is gone.

        Raises NoAnalysisError, FinalAnalysisError.
        """
        row, now = await self._find(analysis_id, reach), self._clock()
        if row["assessor"] != assessor:
            raise FinalAnalysisError
        async with self._database.transaction() as connection:
            closed = await connection.execute(
                QUERIES["close_analysis"], self._site, analysis_id, now
            )
            if closed != "UPDATE 1":
                raise FinalAnalysisError
            ends_at: datetime | None = await connection.fetchval(
                QUERIES["end_by"],
                self._site,
                row["recording_id"],
                self._terms.recording_until(now),
            )
        return ends_at

    async def show(self, analysis_id: UUID, reach: Reach) -> dict[str, Any]:
        """An analysis, opened. Raises NoAnalysisError, TamperedError."""
        row = await self._find(analysis_id, reach)
        content, _ = await self._open(row)
        return self._told(row) | content

    async def list(
        self, reach: Reach, limit: int = MOST_LISTED, behind: Place = OLDEST
    ) -> Sequence[dict[str, Any]]:
        """Which analyses there are, the oldest first, and nothing of what they say."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                QUERIES["list_analyses"],
                self._site,
                *self._living(),
                limit,
                *behind,
                *columns_of_reach(reach),
            )
        return [self._told(row) for row in rows]

    def _told(self, row: asyncpg.Record) -> dict[str, Any]:
        names = ("analysis_id", "recording_id", "assessor", "made_at", "closed_at")
        ends_at = self._terms.ends_at(row["made_at"], row["expires_at"])
        return {name: row[name] for name in names} | {"ends_at": ends_at}

    def _living(self) -> tuple[datetime, datetime]:
        """Expires after, and made after: whatever does not is not found any more."""
        now = self._clock()
        return now, self._terms.newest_over(now)

    async def _find(self, analysis_id: UUID, reach: Reach) -> asyncpg.Record:
        async with self._database.connection() as connection:
            row = await connection.fetchrow(
                QUERIES["find_analysis"],
                self._site,
                analysis_id,
                *self._living(),
                *columns_of_reach(reach),
            )
        if row is None:
            raise NoAnalysisError
        return row

    async def _open(self, row: asyncpg.Record) -> tuple[dict[str, Any], bytes]:
        """What it says, and its data key."""
        analysis_id = row["analysis_id"]
        try:
            [data_key] = await self._keys.ring.unwrap(
                key_of(row).name, [row["wrapped_key"]]
            )
            content = open_document(row["sealed"], data_key, self._site, analysis_id)
        except TamperedError:
            await self._on_tampered(analysis_id)
            raise
        return json.loads(content), data_key

    async def _correct(self, row: asyncpg.Record, form: AnalysisForm) -> None:
        if row["closed_at"] is not None:
            raise FinalAnalysisError
        before, data_key = await self._open(row)
        after = content_of(before["call"], form)
        sealed = seal_document(after, data_key, self._site, row["analysis_id"])
        async with self._database.connection() as connection:
            corrected = await connection.execute(
                QUERIES["correct_analysis"],
                self._site,
                row["analysis_id"],
                row["sealed"],
                sealed,
            )
        if corrected != "UPDATE 1":
            raise StorageError("it was changed in the meantime", fix="try again")
