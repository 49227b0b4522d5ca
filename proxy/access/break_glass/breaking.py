"""Breaking the glass: one recording, half an hour, in front of everybody.

It opens to somebody who may listen a recording that is beyond their reach, and nothing
else: what it gives is a grant over one recording, which counts for playing it alone
(permissions.py). The alert and the line in the trace commit with it; whether it was an
incident, the review says.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import structlog

from proxy.access.accounts.sessions import Session
from proxy.access.break_glass.faults import (
    GlassOffError,
    GlassOpenError,
    OwnUseError,
    ReviewedError,
    SuspendedError,
    UnknownUseError,
)
from proxy.access.break_glass.records import (
    Outcome,
    Use,
    checked_reason,
    sealed,
    unsealed,
)
from proxy.access.hours import Hours
from proxy.access.permissions import Actor, Grant, Permission
from proxy.access.surroundings import Seal
from proxy.access.trace.acts import Act, Entry
from proxy.access.trace.trace import Trace
from proxy.access.watch.alerts import Alerts, Decision
from proxy.access.watch.rules import Rule, Sign
from proxy.database.named_queries import queries_beside
from proxy.database.pool import Connection
from proxy.errors import DatabaseUnavailableError, PonctuelError
from proxy.ledger.transaction import Ledger, add_counts

log = structlog.get_logger()

QUERIES = queries_beside(__file__)
OPEN_FOR = timedelta(minutes=30)
REVIEWED_WITHIN = timedelta(hours=72)
Place = tuple[datetime, UUID]
_OLDEST = datetime.min.replace(tzinfo=UTC), UUID(int=0)
# The worst first: it decides on the alert of a day.
_DECISIONS = {
    Outcome.NOT_JUSTIFIED: Decision.INCIDENT,
    Outcome.JUSTIFIED: Decision.JUSTIFIED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class GlassParts:
    """What it is made of."""

    ledger: Ledger
    trace: Trace
    alerts: Alerts
    seal: Seal
    hours: Hours
    is_on: bool


class BreakGlass:
    """One site's emergency access."""

    def __init__(self, parts: GlassParts, clock: Callable[[], datetime]) -> None:
        self._parts = parts
        self._database = parts.ledger.database
        self._site = parts.ledger.site
        self._clock = clock

    async def use(self, session: Session, recording_id: UUID, reason: str) -> Use:
        """Open a recording for half an hour. The same one twice is one use.

        Raises GlassOffError, GlassReasonError, WordsError, StaleFactorError,
        GlassOpenError, UnknownUseError; what is refused is in the trace, too.
        """
        try:
            self._check(session)
            said = checked_reason(reason)
            return await self._break(session.actor, recording_id, said)
        except DatabaseUnavailableError:
            raise
        except PonctuelError:
            await self._note_refused(session.actor, recording_id)
            raise

    async def grants_of(self, code: str, now: datetime) -> tuple[Grant, ...]:
        """What somebody opened, while it is open."""
        if not self._parts.is_on:
            return ()
        async with self._database.connection() as connection:
            opened = await self._open_use(connection, code, now)
        if opened is None:
            return ()
        return (Grant(until=opened.until, recording_id=opened.recording_id),)

    async def check_not_suspended(self, code: str) -> None:
        """Raises SuspendedError for somebody whose use nobody reviewed in time."""
        async with self._database.connection() as connection:
            await self.check_in(connection, code)

    async def check_in(self, connection: Connection, code: str) -> None:
        """The same, in the caller's transaction."""
        before = self._clock() - REVIEWED_WITHIN
        if await connection.fetchval(QUERIES["is_suspended"], self._site, code, before):
            raise SuspendedError(fix="a data protection officer reviews it first")

    async def review(self, by: Actor, use_id: UUID, outcome: Outcome) -> Use:
        """Say whether it was right; the user is no longer, or never, suspended for it.

        Raises UnknownUseError, OwnUseError, ReviewedError.
        """
        async with self._database.transaction() as connection:
            use = await self._read(connection, "lock_use", use_id)
            if by.code == use.actor:
                raise OwnUseError(fix="ask another data protection officer")
            if use.reviewed_at is not None:
                raise ReviewedError
            await self._review_in(connection, by, use, outcome)
            return await self._read(connection, "find_use", use_id)

    async def reason_of(self, by: Actor, use_id: UUID) -> str:
        """Why, in the user's words; that somebody reads it is in the trace.

        Raises UnknownUseError.
        """
        async with self._database.transaction() as connection:
            use = await self._read(connection, "find_use", use_id)
            viewed = Entry(Act.VIEWED, by.code, by.role, use.recording_id)
            await self._parts.trace.note_in(connection, viewed)
        return unsealed(self._parts.seal, use.reason)

    async def list(
        self, after: Place | None = None, limit: int | None = None
    ) -> list[Use]:
        """Every use, the oldest first, behind one."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                QUERIES["list_uses"], self._site, *(after or _OLDEST), limit
            )
        return [Use.read(row) for row in rows]

    async def newest(self, limit: int) -> Sequence[Use]:
        """The newest first."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                QUERIES["list_newest_uses"], self._site, limit
            )
        return [Use.read(row) for row in rows]

    async def find(self, use_id: UUID) -> Use:
        """Raises UnknownUseError."""
        async with self._database.connection() as connection:
            return await self._read(connection, "find_use", use_id)

    async def count_unreviewed(self) -> int:
        async with self._database.connection() as connection:
            return int(
                await connection.fetchval(QUERIES["count_unreviewed"], self._site)
            )

    def _check(self, session: Session) -> None:
        if not self._parts.is_on:
            raise GlassOffError(
                field=f"sites.{self._site}.access.break_glass",
                fix="the controller may switch it on",
            )
        session.check_fresh(self._clock())

    async def _break(self, actor: Actor, recording_id: UUID, reason: str) -> Use:
        now = self._clock()
        async with self._database.transaction() as connection:
            await connection.execute(QUERIES["lock_glass_of"], self._site, actor.code)
            opened = await self._open_use(connection, actor.code, now)
            if opened is not None and opened.recording_id == recording_id:
                return opened  # asked again because nobody heard the answer
            if opened is not None:
                raise GlassOpenError(fix=f"wait until {opened.until:%H:%M} UTC")
            if not await connection.fetchval(
                QUERIES["is_there"], self._site, recording_id
            ):
                raise UnknownUseError(field="recording")
            use = await self._write(connection, actor, recording_id, reason)
        log.warning("break-glass used", site=self._site, use=str(use.use_id))
        return use

    async def _write(
        self, connection: Connection, actor: Actor, recording_id: UUID, reason: str
    ) -> Use:
        """The use, and everything that tells of it; the trace goes last."""
        now, use_id = self._clock(), uuid4()
        await add_counts(connection, self._site, {("break_glass", ""): 1})
        alert = await self._parts.alerts.open_in(
            connection, await self._sign(connection, actor, now)
        )
        await connection.execute(
            QUERIES["insert_use"],
            self._site,
            use_id,
            alert.alert_id,
            actor.code,
            actor.role.value,
            recording_id,
            sealed(self._parts.seal, reason),
            now,
            now + OPEN_FOR,
        )
        broken = Entry(
            Act.GLASS_BROKEN, actor.code, actor.role, recording_id, about=str(use_id)
        )
        await self._parts.trace.note_in(connection, broken)
        return await self._read(connection, "find_use", use_id)

    async def _sign(self, connection: Connection, actor: Actor, now: datetime) -> Sign:
        """From where the trace is now on, without waiting for its lock."""
        place = (await self._parts.trace.head(connection)).size
        day = self._parts.hours.day_of(now)
        return Sign(actor.code, Rule.BREAK_GLASS, day, 1, place, place)

    async def _review_in(
        self, connection: Connection, by: Actor, use: Use, outcome: Outcome
    ) -> None:
        """The alert of a day is decided with the last of that day's uses."""
        parts = self._parts
        alert = await parts.alerts.lock(connection, use.alert_id)
        await connection.execute(
            QUERIES["review_use"],
            self._site,
            use.use_id,
            self._clock(),
            by.code,
            outcome.value,
        )
        reviewed = Entry(
            Act.GLASS_REVIEWED,
            by.code,
            by.role,
            use.recording_id,
            about=str(use.use_id),
        )
        outcomes = await connection.fetch(
            QUERIES["list_outcomes"], self._site, use.alert_id
        )
        found = {row["outcome"] for row in outcomes}
        if None not in found:
            worst = next(each for each in _DECISIONS if each.value in found)
            await parts.alerts.decide_in(connection, by, alert, _DECISIONS[worst])
        await parts.trace.note_in(connection, reviewed)

    async def _open_use(
        self, connection: Connection, code: str, now: datetime
    ) -> Use | None:
        row = await connection.fetchrow(QUERIES["find_open_of"], self._site, code, now)
        return None if row is None else Use.read(row)

    async def _read(self, connection: Connection, query: str, use_id: UUID) -> Use:
        row = await connection.fetchrow(QUERIES[query], self._site, use_id)
        if row is None:
            raise UnknownUseError
        return Use.read(row)

    async def _note_refused(self, actor: Actor, recording_id: UUID) -> None:
        refused = Entry(
            Act.REFUSED,
            actor.code,
            actor.role,
            recording_id,
            about=Permission.BREAK_GLASS_USE,
        )
        await self._parts.trace.note(refused)
