"""Calls of a number that may still be recorded: drawn, and without an outcome.

What is taken over when such a call is over is found by nobody who looked before. So
nobody is told that all of theirs was found while one of these runs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from proxy.database.pool import SiteDatabase
from proxy.intake.callers import CallerNames
from proxy.intake.numbers import one_spelling
from proxy.intake.outcomes import OUTCOME_DEADLINE, Outcomes
from proxy.intake.store import find_decision
from proxy.rights.finding.finder import QUERIES


@dataclass(frozen=True, slots=True)
class RunningCall:
    """A call without an outcome; it has one by `ends_by`.

    Without `is_whole` only the number's last digits are known to be the same.
    """

    decision_id: UUID
    ends_by: datetime
    is_whole: bool


class RunningCalls:
    """One site's calls that may still be recorded."""

    def __init__(
        self, callers: CallerNames, database: SiteDatabase, outcomes: Outcomes
    ) -> None:
        self._callers = callers
        self._database = database
        self._outcomes = outcomes

    async def of(self, number: str) -> Sequence[RunningCall]:
        """Those of a number, in any spelling; "" has none.

        Raises StorageError or DatabaseUnavailableError: then nobody knows.
        """
        spelling = one_spelling(number)
        if spelling is None:
            return []
        names = await self._callers.sought(spelling)
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                QUERIES["find_running"],
                *(self._database.site, names.numbers, names.endings),
            )
        return [
            RunningCall(
                row["decision_id"], row["bound_at"] + OUTCOME_DEADLINE, row["is_whole"]
            )
            for row in rows
        ]

    async def refuse(self, number: str) -> None:
        """Nothing is kept of them, as if the caller had objected during the call.

        Not of those that may be somebody else's.
        """
        for each in await self.of(number):
            if not each.is_whole:
                continue
            async with self._database.transaction() as connection:
                call = await find_decision(
                    connection, self._database.site, each.decision_id
                )
            if call is not None and call.may_be_recorded:
                await self._outcomes.object(call)
