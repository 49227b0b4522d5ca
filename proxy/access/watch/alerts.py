"""Signs of abuse, written down; each is closed by somebody's decision, or stays."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import NamedTuple, Self
from uuid import UUID, uuid4

import asyncpg

from proxy.access.permissions import Actor
from proxy.access.surroundings import OpenIncident
from proxy.access.trace.acts import SERVICE, Act, Entry
from proxy.access.trace.trace import Trace
from proxy.access.watch.rules import SEVERE, Rule, Sign
from proxy.access.words import checked
from proxy.database.named_queries import queries_beside
from proxy.database.pool import Connection, SiteDatabase
from proxy.errors import PonctuelError

QUERIES = queries_beside(__file__)
ABUSE = "access-abuse"
"""The kind of its incidents."""
Place = tuple[datetime, UUID]
_OLDEST = datetime.min.replace(tzinfo=UTC), UUID(int=0)


class UnknownAlertError(PonctuelError):
    """There is no such alert."""

    status = 404
    error_id = "unknown-alert"


class AlertStepError(PonctuelError):
    """The alert is not where this can be decided."""

    status = 409
    error_id = "alert-step"


class GrownAlertError(PonctuelError):
    """More has happened since you read the alert."""

    status = 409
    error_id = "alert-grown"


class OwnAlertError(PonctuelError):
    """Nobody decides on what they did themselves."""

    status = 403
    error_id = "own-alert"


class Decision(StrEnum):
    """What somebody found, and did: the closed list."""

    JUSTIFIED = "justified"
    FALSE_ALARM = "false-alarm"
    REMINDED = "reminded"
    ACCESS_WITHDRAWN = "access-withdrawn"
    INCIDENT = "incident"


@dataclass(frozen=True, slots=True)
class Alert:
    """A sign of abuse, and what was decided on it; people are codes."""

    alert_id: UUID
    rule: Rule
    actor: str
    day: date
    is_severe: bool
    opened_at: datetime
    seen: int
    first_seq: int
    last_seq: int
    decided_at: datetime | None = None
    decided_by: str | None = None
    decision: Decision | None = None
    note: str = ""

    @classmethod
    def read(cls, row: asyncpg.Record) -> Self:
        fields = dict(row)
        decision = fields.pop("decision")
        return cls(
            **fields | {"rule": Rule(row["rule"])},
            decision=decision and Decision(decision),
        )


class Opened(NamedTuple):
    """The alert a sign is written down in."""

    alert_id: UUID
    is_new: bool


class Alerts:
    """One site's signs of abuse."""

    def __init__(
        self,
        database: SiteDatabase,
        trace: Trace,
        open_incident: OpenIncident,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._open_incident = open_incident
        self._site = database.site
        self._trace = trace
        self._clock = clock

    async def open_in(self, connection: Connection, sign: Sign) -> Opened:
        """Write a sign down with the caller's change; an open one of its day grows.

        A severe one opens an incident too.
        """
        now, is_severe = self._clock(), sign.rule in SEVERE
        row = await connection.fetchrow(
            QUERIES["open_alert"],
            self._site,
            uuid4(),
            sign.rule.value,
            sign.actor,
            sign.day,
            is_severe,
            now,
            sign.seen,
            sign.first,
            sign.last,
        )
        assert row  # noqa: S101  # inserted or grown
        opened = Opened(row["alert_id"], row["is_new"])
        if opened.is_new:
            if is_severe:
                await self._tell(connection, opened.alert_id)
            entry = Entry(Act.ALERT_OPENED, SERVICE, "", about=str(opened.alert_id))
            await self._trace.note_in(connection, entry)
        return opened

    async def decide(
        self,
        by: Actor,
        alert_id: UUID,
        decision: Decision,
        note: str = "",
        *,
        last_seq: int,
    ) -> Alert:
        """Close an alert as it was read: `last_seq` is what it was shown with.

        What came after that is for somebody to see first. The note stays in this
        register; the trace knows that it was decided. Raises UnknownAlertError,
        OwnAlertError, AlertStepError, GrownAlertError.
        """
        note = checked("note", note)
        async with self._database.transaction() as connection:
            alert = await self.lock(connection, alert_id)
            if alert.rule is Rule.BREAK_GLASS:
                raise AlertStepError("it is decided by a review", fix="review the use")
            if alert.decided_at is None and alert.last_seq != last_seq:
                raise GrownAlertError(
                    field="last_seq", fix="read it again, then decide on that"
                )
            await self.decide_in(connection, by, alert, decision, note)
            return await self.lock(connection, alert_id)

    async def decide_in(
        self,
        connection: Connection,
        by: Actor,
        alert: Alert,
        decision: Decision,
        note: str = "",
    ) -> None:
        """Close it with the caller's change. Raises OwnAlertError, AlertStepError."""
        if by.code == alert.actor:
            raise OwnAlertError(fix="ask another data protection officer")
        if alert.decided_at is not None:
            raise AlertStepError("somebody decided already")
        now = self._clock()
        await connection.execute(
            QUERIES["decide_alert"],
            self._site,
            alert.alert_id,
            now,
            by.code,
            decision.value,
            note,
        )
        if decision is Decision.INCIDENT:
            await self._tell(connection, alert.alert_id)
        decided = Entry(Act.ALERT_DECIDED, by.code, by.role, about=str(alert.alert_id))
        await self._trace.note_in(connection, decided)

    async def list(
        self, after: Place | None = None, limit: int | None = None, *, are_open: bool
    ) -> list[Alert]:
        """The oldest first, behind one: those open, or all."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                QUERIES["list_alerts"], self._site, *(after or _OLDEST), limit, are_open
            )
        return [Alert.read(row) for row in rows]

    async def newest(
        self, before: Place | None, limit: int, *, are_open: bool
    ) -> Sequence[Alert]:
        """The newest first, before one: those open, or all."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                QUERIES["list_newest_alerts"],
                *(self._site, *(before or (None, None)), limit, are_open),
            )
        return [Alert.read(row) for row in rows]

    async def opened_between(
        self, connection: Connection, since: datetime, until: datetime
    ) -> Sequence[Alert]:
        """All that were opened then, decided or not."""
        rows = await connection.fetch(
            QUERIES["list_alerts_of"], self._site, since, until
        )
        return [Alert.read(row) for row in rows]

    async def count_open(self) -> int:
        async with self._database.connection() as connection:
            return int(
                await connection.fetchval(QUERIES["count_open_alerts"], self._site)
            )

    async def find(self, alert_id: UUID) -> Alert:
        """Raises UnknownAlertError."""
        async with self._database.connection() as connection:
            return await self._read(connection, "find_alert", alert_id)

    async def lock(self, connection: Connection, alert_id: UUID) -> Alert:
        """Raises UnknownAlertError."""
        return await self._read(connection, "lock_alert", alert_id)

    async def _read(self, connection: Connection, query: str, alert_id: UUID) -> Alert:
        row = await connection.fetchrow(QUERIES[query], self._site, alert_id)
        if row is None:
            raise UnknownAlertError
        return Alert.read(row)

    async def _tell(self, connection: Connection, alert_id: UUID) -> None:
        await self._open_incident(connection, ABUSE, str(alert_id))
