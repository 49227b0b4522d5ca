"""Calls drawn RECORD whose platform had stopped waiting: closed as not recorded.

The platform was told "skip" when its deadline passed, so nothing will be recorded; the
ledger must say so as well, and a retry must hear "skip" again.
"""

import asyncio
from uuid import UUID

import structlog

from proxy.database.pool import SiteDatabase
from proxy.errors import PonctuelError
from proxy.intake.outcomes import Failure, Outcomes
from proxy.intake.store import QUERIES

log = structlog.get_logger()


class Unanswered:
    """Closes such calls in the background; what fails here is closed when overdue."""

    def __init__(self, database: SiteDatabase, outcomes: Outcomes) -> None:
        self._database = database
        self._outcomes = outcomes
        self._tasks: set[asyncio.Task[None]] = set()

    def note(self, decision_id: UUID) -> None:
        task = asyncio.create_task(self._close(decision_id))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close_left_behind(self) -> None:
        """Close draws that a replica which died should have told its callers of."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(QUERIES["forget_binds"], self._database.site)
        for row in rows:
            await self._outcomes.fail(row["decision_id"], Failure.DEADLINE)

    async def finish(self) -> None:
        """Wait for those under way."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _close(self, decision_id: UUID) -> None:
        try:
            await self._outcomes.fail(decision_id, Failure.DEADLINE)
        except PonctuelError as error:
            log.warning("left for later", problem=error.error_id)
