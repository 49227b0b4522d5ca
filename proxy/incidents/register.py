"""The register of incidents (GDPR Art. 33(5)): what happened, who decided what, when.

Every step is a row of the incident and a note by whoever took it, in one transaction.
People's words stay in these tables: not in the ledger, not in logs, not in figures.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import astuple, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID, uuid4

from proxy.database.pool import Connection, SiteDatabase
from proxy.errors import PonctuelError
from proxy.incidents.cases import (
    Case,
    Changes,
    Decision,
    Description,
    Note,
    read_case,
)
from proxy.incidents.deadline import hours_left, least_hours_left
from proxy.incidents.notification import Notification
from proxy.incidents.opening import QUERIES, Incident, open_incident
from proxy.incidents.rules import (
    IncidentStepError,
    check_may_stay_silent,
    check_open,
    check_ready_to_close,
    check_ready_to_notify,
)
from proxy.incidents.words import LONGEST_NOTE, checked, required


class UnknownIncidentError(PonctuelError):
    """There is no such incident."""

    status = 404
    error_id = "unknown-incident"


class OwnIncidentError(PonctuelError):
    """Nobody answers for an incident that is about what they did themselves."""

    status = 403
    error_id = "own-incident"


class State(StrEnum):
    """Which incidents to list."""

    OPEN = "open"
    CLOSED = "closed"
    ALL = "all"


class Place(NamedTuple):
    """Of an incident in every list: when it was known, and which it is."""

    aware_at: datetime
    incident_id: UUID


# Whom what an incident refers to is about, by their code; None where that is nobody, or
# known no more. Asked with the incident's kind and reference.
AboutWhom = Callable[[str, str], Awaitable[str | None]]


async def about_nobody(_kind: str, _reference: str) -> str | None:
    return None


BEFORE_ALL = Place(datetime.min.replace(tzinfo=UTC), UUID(int=0))


class Register:
    """One site's incidents. Every actor is a person's neutral code."""

    def __init__(
        self,
        database: SiteDatabase,
        clock: Callable[[], datetime],
        dpo_contact: str,
        about_whom: AboutWhom = about_nobody,
    ) -> None:
        self._database = database
        self._site = database.site
        self._clock = clock
        self._dpo_contact = dpo_contact
        self._about_whom = about_whom

    async def open_in(self, connection: Connection, kind: str, reference: str) -> bool:
        """Open what a part of the service found, with its change; once for each."""
        return await open_incident(
            connection, self._site, Incident(kind), reference, self._clock()
        )

    async def open_by_hand(
        self,
        actor: str,
        changes: Changes,
        *,
        aware_at: datetime | None = None,
        kind: Incident = Incident.BY_HAND,
    ) -> UUID:
        """Write down what somebody noticed; the 72 hours begin at `aware_at`.

        Raises IncidentTextError, or IncidentStepError for a time still to come.
        """
        now = self._clock()
        aware_at = self._past("aware_at", aware_at or now)
        description = _described(Description(), changes)
        required("nature", description.nature)
        incident_id = uuid4()
        async with self._database.transaction() as connection:
            await connection.execute(
                QUERIES["open_by_hand"],
                self._site,
                incident_id,
                kind.value,
                str(incident_id),
                now,
                actor,
                aware_at,
            )
            await self._describe(connection, incident_id, description)
            await self._note(connection, incident_id, actor, "opened by hand")
        return incident_id

    async def list(
        self,
        state: State = State.OPEN,
        after: Place = BEFORE_ALL,
        limit: int | None = None,
    ) -> Sequence[Case]:
        """The incidents of a state behind a place, the one known longest first."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                QUERIES[f"list_{state}_incidents"], self._site, *after, limit
            )
        return [read_case(row) for row in rows]

    async def find(self, incident_id: UUID) -> Case:
        """Raises UnknownIncidentError."""
        async with self._database.connection() as connection:
            return await self._read(connection, "find_incident", incident_id)

    async def notes(self, incident_id: UUID) -> Sequence[Note]:
        """What was done and seen, in order. Raises UnknownIncidentError."""
        await self.find(incident_id)
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                QUERIES["list_notes"], self._site, incident_id
            )
        return [Note(**dict(row)) for row in rows]

    async def note(self, incident_id: UUID, actor: str, text: str) -> None:
        """Add a note, to a closed incident too. Raises IncidentTextError."""
        text = required("note", text, LONGEST_NOTE)
        async with self._step(incident_id) as (connection, _):
            await self._note(connection, incident_id, actor, text)

    async def describe(self, incident_id: UUID, actor: str, changes: Changes) -> None:
        """Add to what Art. 33(3) asks for.

        Art. 33(4): it may come in phases, also after the authority was notified. Raises
        OwnIncidentError, IncidentTextError, IncidentStepError.
        """
        if not changes:
            return
        await self._check_not_about(incident_id, actor)
        async with self._step(incident_id) as (connection, case):
            check_open(case)
            description = _described(case.description, changes)
            await self._describe(connection, incident_id, description)
            said = "described: " + ", ".join(sorted(changes))
            await self._note(connection, incident_id, actor, said)

    async def decide(
        self, incident_id: UUID, actor: str, decision: Decision, reason: str
    ) -> None:
        """Whether the authority is notified, and why. It may change while open.

        Raises IncidentStepError: not to notify is open only where no risk is likely
        (Art. 33(1)), and nothing that was notified can be taken back. Raises
        OwnIncidentError.
        """
        reason = required("reason", reason)
        await self._check_not_about(incident_id, actor)
        async with self._step(incident_id) as (connection, case):
            check_open(case)
            if decision is Decision.NOT_NOTIFY:
                check_may_stay_silent(case)
            await connection.execute(
                QUERIES["decide_incident"],
                self._site,
                incident_id,
                decision.value,
                reason,
                self._clock(),
            )
            said = f"decided: {decision.value}"
            await self._note(connection, incident_id, actor, said)

    async def notified(
        self, incident_id: UUID, actor: str, at: datetime | None = None
    ) -> None:
        """The authority was told then. Raises IncidentStepError, OwnIncidentError.

        After 72 hours the description must give a reason for the delay (Art. 33(1)).
        """
        at = self._past("at", at or self._clock())
        await self._check_not_about(incident_id, actor)
        async with self._step(incident_id) as (connection, case):
            check_open(case)
            is_late = hours_left(case.aware_at, at) < 0
            check_ready_to_notify(case, is_late=is_late)
            await connection.execute(
                QUERIES["note_notified"], self._site, incident_id, at
            )
            said = f"authority notified at {at.isoformat(timespec='minutes')}"
            await self._note(connection, incident_id, actor, said)

    async def close(self, incident_id: UUID, actor: str, outcome: str) -> None:
        """End it. Raises IncidentStepError before it is decided, or notified if so.

        Raises OwnIncidentError.
        """
        outcome = required("outcome", outcome)
        await self._check_not_about(incident_id, actor)
        async with self._step(incident_id) as (connection, case):
            check_open(case)
            check_ready_to_close(case)
            await connection.execute(
                QUERIES["close_incident"],
                self._site,
                incident_id,
                self._clock(),
                actor,
                outcome,
            )
            await self._note(connection, incident_id, actor, "closed")

    async def export(self, incident_id: UUID) -> Notification:
        """What Art. 33(3) asks for, as far as it is known."""
        case = await self.find(incident_id)
        return Notification(self._site, case, self._dpo_contact, self._clock())

    async def figures(self, now: datetime) -> dict[str, float]:
        """Open incidents, and the least time left of those whose clock runs."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(QUERIES["count_incidents"], self._site)
        assert row  # noqa: S101  # an aggregate always has one row
        return {
            "incidents_open": row["open"],
            "incident_hours_left": least_hours_left(row["first_aware_at"], now),
        }

    def _past(self, field: str, moment: datetime) -> datetime:
        if moment > self._clock():
            raise IncidentStepError(
                f"{moment.isoformat()} is still to come", field=field
            )
        return moment

    async def _check_not_about(self, incident_id: UUID, actor: str) -> None:
        """Before it is locked: what it refers to is elsewhere, and does not change."""
        case = await self.find(incident_id)
        if await self._about_whom(case.kind, case.reference) == actor:
            raise OwnIncidentError(fix="ask another data protection officer")

    @asynccontextmanager
    async def _step(self, incident_id: UUID) -> AsyncIterator[tuple[Connection, Case]]:
        """The incident, locked: two people decide one after the other."""
        async with self._database.transaction() as connection:
            case = await self._read(connection, "lock_incident", incident_id)
            yield connection, case

    async def _read(self, connection: Connection, query: str, incident: UUID) -> Case:
        row = await connection.fetchrow(QUERIES[query], self._site, incident)
        if row is None:
            raise UnknownIncidentError
        return read_case(row)

    async def _describe(
        self, connection: Connection, incident_id: UUID, description: Description
    ) -> None:
        await connection.execute(
            QUERIES["describe_incident"], self._site, incident_id, *astuple(description)
        )

    async def _note(
        self, connection: Connection, incident_id: UUID, actor: str, note: str
    ) -> None:
        await connection.execute(
            QUERIES["insert_note"], self._site, incident_id, self._clock(), actor, note
        )


def _described(description: Description, changes: Changes) -> Description:
    new = replace(description, **changes)
    return replace(
        new,
        nature=checked("nature", new.nature),
        consequences=checked("consequences", new.consequences),
        measures=checked("measures", new.measures),
        delay_reason=checked("delay_reason", new.delay_reason),
    )
