"""Caps on agents whom the platform names only after the draw (queues).

For them no probability can be lowered any more. As a last resort a call that was drawn
is not recorded when it reaches an agent who has had enough. Otherwise it counts for
each agent it reaches, under the agent's keyed name.
"""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import asyncpg

from proxy.database.pool import SiteDatabase
from proxy.errors import PonctuelError
from proxy.intake.due import Due
from proxy.intake.outcomes import Failure, Outcomes
from proxy.intake.store import QUERIES, DrawnCall
from sampling.caps import (
    DAY_SECONDS,
    WINDOW_DAYS,
    AgentDays,
    has_token,
    is_spent,
)


class AgentCaps:
    """One site's agents, and the drawn calls that reach them."""

    def __init__(
        self,
        database: SiteDatabase,
        clock: Callable[[], datetime],
        outcomes: Outcomes,
        on_unanswered: Callable[[UUID], None],
    ) -> None:
        """`on_unanswered` hears of RECORD draws whose platform is told "skip"."""
        self._database = database
        self._clock = clock
        self._outcomes = outcomes
        self._on_unanswered = on_unanswered

    async def end_if_spent(self, call: DrawnCall, agent_name: bytes, due: Due) -> bool:
        """Whether the call is closed because it reaches an agent who has had enough.

        Raises PonctuelError when that cannot be told in time: then it is closed, too.
        """
        try:
            return await due.wait_for(self._end_if_spent(call, agent_name))
        except PonctuelError:
            self._on_unanswered(call.decision_id)
            raise

    async def _end_if_spent(self, call: DrawnCall, agent_name: bytes) -> bool:
        has_enough = await self._has_enough(call, agent_name)
        if has_enough:
            await self._outcomes.fail(call.decision_id, Failure.CAP)
        return has_enough

    async def _has_enough(self, call: DrawnCall, agent_name: bytes) -> bool:
        """False if the call may be recorded, and counts as this agent's from now on."""
        whose = (self._database.site, agent_name)
        async with self._database.transaction() as connection:
            # Of two calls that reach the agent at once one must know of the other.
            await connection.execute(QUERIES["lock_agent"], *whose)
            [row] = await connection.fetch(
                QUERIES["find_agent_days"], *whose, call.decision_id
            )
            if row["counted_on"] is not None:
                return _is_overdrawn(row)
            days = _days(row, self._today)
            if is_spent(days):
                return True
            await connection.execute(
                QUERIES["keep_agent_draw"], *whose, call.decision_id, days.day
            )
        return False

    async def forget(self, now: datetime) -> None:
        """What no cap counts any more."""
        last_day = _day_of(now) - WINDOW_DAYS - 1
        async with self._database.connection() as connection:
            for query in ("forget_agent_days", "forget_agent_draws"):
                await connection.execute(QUERIES[query], self._database.site, last_day)

    @property
    def _today(self) -> int:
        return _day_of(self._clock())


def _day_of(now: datetime) -> int:
    """Since 1970-01-01."""
    return int(now.timestamp()) // DAY_SECONDS


def _is_overdrawn(row: asyncpg.Record) -> bool:
    """Whether a call that counts already is one too many.

    A draw cannot know of calls that reach its agent at the same moment. Later days do
    not change what was right on its own.
    """
    day = row["counted_on"]
    others = tuple(other for other in row["drawn"] if other <= day)
    return not has_token(AgentDays(day, (), others).at(day))


def _days(row: asyncpg.Record, today: int) -> AgentDays:
    drawn = tuple(row["drawn"])
    day = row["day"] or (drawn[-1] if drawn else today)
    return AgentDays(day, tuple(row["seen"] or ()), drawn).at(today)
