"""What there is of a person: by their number, by when they called, by their code.

Only what lives is found: held recordings too, never one that is due or being destroyed.
That somebody looks is in the trace before they hear anything, also of nothing: what was
looked for is not (GDPR Art. 5(1)(f), R30). That nothing is found is an answer.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg

from proxy.access.permissions import Actor
from proxy.access.trace.acts import Act, Entry
from proxy.access.trace.trace import Trace
from proxy.database.named_queries import queries_beside
from proxy.database.pool import SiteDatabase
from proxy.intake.callers import CallerNames
from proxy.intake.numbers import in_full, one_spelling
from proxy.intake.outcomes import OUTCOME_DEADLINE
from proxy.rights.config import RightsConfig
from proxy.rights.faults import BadRequestError

QUERIES = queries_beside(__file__)
_LAST_HOUR = 24
_FIRST_DAY = date(2000, 1, 1)


class MatchedBy(StrEnum):
    """Why a recording was found.

    `ENDING`: from before numbers were noted in full. Another country's number may end
    like it, so that it is this person's is still to be asked.
    """

    NUMBER = "number"
    ENDING = "number-ending"
    DETAILS = "details"
    AGENT = "agent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A recording that lives. `captured_at` is when it was kept, the call over."""

    recording_id: UUID
    draw_seq: int
    began_at: datetime
    captured_at: datetime
    seconds: float
    practice: str
    purpose: str
    matched_by: MatchedBy


class Finder:
    """One site's recordings, for those who answer the people they are of."""

    def __init__(
        self,
        callers: CallerNames,
        trace: Trace,
        name_agent: Callable[[str], bytes],
        database: SiteDatabase,
        clock: Callable[[], datetime],
        config: RightsConfig,
    ) -> None:
        self._callers = callers
        self._trace = trace
        self._name_agent = name_agent
        self._database = database
        self._clock = clock
        self._zone = ZoneInfo(config.hours.zone)
        self._country = config.country
        self._lines = self._with_plain_numbers(config.lines)

    async def by_number(self, by: Actor, number: str) -> Sequence[Found]:
        """In any spelling. Raises BadRequestError for what is no full number.

        And StorageError or DatabaseUnavailableError: then nobody knows.
        """
        spelling = one_spelling(number)
        if spelling is None:
            raise BadRequestError(
                "not a number a person calls from",
                field="number",
                fix="one number of 8 to 15 digits, with or without its country",
            )
        names = await self._callers.sought(spelling)
        rows = await self._look(by, "find_by_number", names.numbers, names.endings)
        found = (MatchedBy.ENDING, MatchedBy.NUMBER)
        return [_found(row, found[row["is_whole"]]) for row in rows]

    async def by_details(
        self, by: Actor, day: date, from_hour: int, to_hour: int, line: str = ""
    ) -> Sequence[Found]:
        """Of calls that began on that day from an hour on and before another.

        By the clock on the site's wall; `to_hour` up to 24. `line` is a dialled number
        or a practice's code; "" is any. Raises BadRequestError.
        """
        self._check_window(day, from_hour, to_hour)
        practice = self._practice(line) if line else None
        begun, ended = self._moment(day, from_hour), self._moment(day, to_hour)
        latest = ended + OUTCOME_DEADLINE
        window = (begun, ended, latest, practice)
        rows = await self._look(by, "find_by_details", *window)
        return [_found(row, MatchedBy.DETAILS) for row in rows]

    async def by_agent(self, by: Actor, code: str) -> Sequence[Found]:
        """Of calls that this agent was the first to take."""
        rows = await self._look(by, "find_by_agent", self._name_agent(code))
        return [_found(row, MatchedBy.AGENT) for row in rows]

    async def _look(
        self, by: Actor, query: str, *arguments: object
    ) -> Sequence[asyncpg.Record]:
        """What is found is told once the looking is written down, and else not."""
        looked = Entry(Act.VIEWED, by.code, by.role, about=query.replace("_", "-"))
        async with self._database.transaction() as connection:
            rows: Sequence[asyncpg.Record] = await connection.fetch(
                QUERIES[query], self._database.site, self._clock(), *arguments
            )
            await self._trace.note_in(connection, looked)
        return rows

    def _check_window(self, day: date, from_hour: int, to_hour: int) -> None:
        if not _FIRST_DAY <= day <= self._clock().date() + timedelta(days=1):
            raise BadRequestError(
                "nobody can have called then", field="day", fix="a day until today"
            )
        if not 0 <= from_hour < to_hour <= _LAST_HOUR:
            raise BadRequestError(
                "these are no hours of a day", field="hours", fix="0 to 24, in order"
            )

    def _moment(self, day: date, hour: int) -> datetime:
        """Where the clock is put back, an hour that comes twice counts whole."""
        days, hour = divmod(hour, _LAST_HOUR)
        there = datetime.combine(day + timedelta(days), time(hour), self._zone)
        return there.astimezone(UTC)

    def _practice(self, line: str) -> str:
        known = self._lines.get(line, self._lines.get(self._plain(line)))
        if known is not None:
            return known
        if line in self._lines.values():
            return line
        raise BadRequestError(
            "neither a line of this site nor a practice",
            field="line",
            fix="the number that was dialled, the practice's code, or nothing",
        )

    def _with_plain_numbers(self, lines: Mapping[str, str]) -> dict[str, str]:
        return {self._plain(line): name for line, name in lines.items()} | dict(lines)

    def _plain(self, line: str) -> str:
        spelling = one_spelling(line)
        return in_full(spelling, self._country) if spelling else line


def _found(row: asyncpg.Record, matched_by: MatchedBy) -> Found:
    return Found(
        recording_id=row["recording_id"],
        draw_seq=row["draw_seq"],
        began_at=row["began_at"],
        captured_at=row["captured_at"],
        seconds=row["seconds"],
        practice=row["practice"],
        purpose=row["purpose"],
        matched_by=matched_by,
    )
