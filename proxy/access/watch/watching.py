"""Going through the trace: each minute what is new, each week all of it again."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import asyncpg
import structlog

from proxy.access.hours import Hours
from proxy.access.trace.acts import Act
from proxy.access.trace.checks import Look, Looked, keep_look, last_look
from proxy.access.trace.trace import Trace
from proxy.access.watch.alerts import QUERIES, Alerts
from proxy.access.watch.lines import Seen
from proxy.access.watch.rules import LONGEST, Known, Sign, signs
from proxy.database.pool import Connection, SiteDatabase

log = structlog.get_logger()

WEEK = timedelta(days=7)
# What is usual is what was done in four weeks: each weekday four times.
USUAL_OVER = timedelta(weeks=4)


class Watch:
    """One site's regular checks."""

    def __init__(
        self,
        database: SiteDatabase,
        trace: Trace,
        alerts: Alerts,
        hours: Hours,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._site = database.site
        self._trace = trace
        self._alerts = alerts
        self._hours = hours
        self._clock = clock

    async def look(self) -> list[Sign]:
        """Look at what is new, and once a week at the whole week; what was found anew.

        Safe to repeat and to cut off: what was seen is kept when all that was found in
        it is. Raises DatabaseUnavailableError.
        """
        async with self._database.connection() as connection:
            size = (await self._trace.head(connection)).size
            span = await self._span(connection, size)
            read = await self._read(connection, span) if span else None
        # Elsewhere: calls are drawn meanwhile, however much somebody did.
        found = await asyncio.to_thread(_find, *read) if read else []
        opened = [sign for sign in found if await self._open(sign)]
        if span:
            await self._keep(size, is_week=span > LONGEST)
        return opened

    async def _span(self, connection: Connection, size: int) -> timedelta | None:
        """How far back to look; None where there is nothing new to see."""
        week = await last_look(connection, self._site, Look.WEEK)
        if week is None or not timedelta(0) <= self._clock() - week.at < WEEK:
            return WEEK + LONGEST
        minute = await last_look(connection, self._site, Look.MINUTE)
        return None if minute and minute.size == size else LONGEST

    async def _read(
        self, connection: Connection, span: timedelta
    ) -> tuple[Sequence[asyncpg.Record], Known]:
        now = self._clock()
        rows = await connection.fetch(QUERIES["read_lines"], self._site, now - span)
        return rows, await self._known(connection, now)

    async def _known(self, connection: Connection, now: datetime) -> Known:
        days: dict[str, dict[str, list[int]]] = {}
        for row in await connection.fetch(
            QUERIES["read_days"], self._site, now - USUAL_OVER, self._hours.zone
        ):
            of_role = days.setdefault(row["role"], {})
            of_role.setdefault(row["actor"], []).append(row["plays"])
        decided = await connection.fetch(QUERIES["read_decided"], self._site)
        return Known(
            self._hours,
            days,
            {(row["actor"], row["rule"]): row["last_seq"] for row in decided},
            await self._recorded(connection),
        )

    async def _recorded(self, connection: Connection) -> dict[str, dict[bytes, int]]:
        there: dict[str, dict[bytes, int]] = {}
        for row in await connection.fetch(
            QUERIES["count_recordings_of_agents"], self._site
        ):
            of_practice = there.setdefault(row["practice"], {})
            of_practice[row["agent_key"]] = row["recordings"]
        return there

    async def _open(self, sign: Sign) -> bool:
        """Each with a commit of its own, so that nobody waits for two of them."""
        async with self._database.transaction() as connection:
            opened = await self._alerts.open_in(connection, sign)
        if opened.is_new:
            log.warning("sign of abuse", site=self._site, rule=sign.rule.value)
        return opened.is_new

    async def _keep(self, size: int, *, is_week: bool) -> None:
        looked = Looked(self._clock(), size)
        async with self._database.transaction() as connection:
            await keep_look(connection, self._site, Look.MINUTE, looked)
            if is_week:
                await keep_look(connection, self._site, Look.WEEK, looked)


def _find(rows: Sequence[asyncpg.Record], known: Known) -> list[Sign]:
    return signs(map(_line, rows), known)


def _line(row: asyncpg.Record) -> Seen:
    return Seen(
        place=row["seq"],
        at=row["at"],
        act=Act(row["act"]),
        actor=row["actor"],
        role=row["role"],
        item=row["item"],
        campaign=row["campaign"],
        practice=row["practice"],
        agent=row["agent_key"],
        purpose=row["purpose"],
        about=row["about"],
    )
