"""Requests as they are stored: rows in, records out, and their history.

Nothing here decides: `retention.rights` says which moves there are, `desk` makes them.
"""

import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg

from proxy.access.surroundings import Seal
from proxy.database.named_queries import queries_beside
from proxy.database.pool import Connection, SiteDatabase
from proxy.rights.faults import UnknownRequestError
from proxy.rights.particulars import seal, unseal
from proxy.rights.records import (
    Because,
    Document,
    FoundItem,
    Happened,
    ItemState,
    Place,
    Request,
    RequestItem,
)
from retention.rights.deadlines import Kind
from retention.rights.request import Identity, Outcome, Standing, State

QUERIES = queries_beside(__file__)
# Without what is read or heard as something else: 0 O, 1 I L, and vowels, so no words.
_SIGNS = "23456789BCDFGHJKMNPQRSTVWXZ"
_OLDEST = date.min, UUID(int=0)


class Requests:
    """One site's requests."""

    def __init__(
        self,
        database: SiteDatabase,
        by_seal: Seal,
        clock: Callable[[], datetime],
        zone: str,
    ) -> None:
        self.database = database
        self.site = database.site
        self._seal = by_seal
        self._clock = clock
        self._zone = ZoneInfo(zone)

    # --- Reading --------------------------------------------------------------------

    async def find(self, request_id: UUID) -> Request:
        """With its particulars. Raises UnknownRequestError, TamperedError."""
        async with self.database.connection() as connection:
            return await self.read(connection, request_id)

    async def read(self, connection: Connection, request_id: UUID) -> Request:
        return await self._one(connection, "find_request", request_id)

    async def lock(self, connection: Connection, request_id: UUID) -> Request:
        """The same, and nobody else changes it until the caller's transaction ends."""
        return await self._one(connection, "lock_request", request_id)

    async def _one(
        self, connection: Connection, query: str, request_id: UUID
    ) -> Request:
        row = await connection.fetchrow(QUERIES[query], self.site, request_id)
        if row is None:
            raise UnknownRequestError
        return self._request(row)

    async def is_there(self, connection: Connection, request_id: UUID) -> bool:
        found = await connection.fetchrow(
            QUERIES["find_request"], self.site, request_id
        )
        return found is not None

    async def list(
        self, *, is_open: bool = True, after: Place | None = None, limit: int = 100
    ) -> Sequence[Request]:
        """By due date, without particulars; those not closed, or all of them."""
        async with self.database.connection() as connection:
            rows = await connection.fetch(
                QUERIES["list_requests"],
                self.site,
                is_open,
                *(after or _OLDEST),
                limit,
            )
        return [self._request(row) for row in rows]

    async def answered(self) -> Sequence[Request]:
        """Those that are answered and not closed, without particulars."""
        async with self.database.connection() as connection:
            rows = await connection.fetch(QUERIES["find_answered"], self.site)
        return [self._request(row) for row in rows]

    async def items(self, request_id: UUID) -> Sequence[RequestItem]:
        async with self.database.connection() as connection:
            return await self.items_in(connection, request_id)

    async def items_in(
        self, connection: Connection, request_id: UUID
    ) -> Sequence[RequestItem]:
        rows = await connection.fetch(
            QUERIES["list_request_items"], self.site, request_id, self._clock()
        )
        return [_item(row) for row in rows]

    async def history(self, request_id: UUID) -> Sequence[Happened]:
        async with self.database.connection() as connection:
            return await self.history_in(connection, request_id)

    async def history_in(
        self, connection: Connection, request_id: UUID
    ) -> Sequence[Happened]:
        rows = await connection.fetch(
            QUERIES["list_request_events"], self.site, request_id
        )
        return [Happened(**dict(row)) for row in rows]

    # --- Writing --------------------------------------------------------------------

    async def insert(self, connection: Connection, request: Request) -> bool:
        """False where its id, or its reference, is another one's already."""
        made = await connection.execute(
            QUERIES["insert_request"],
            self.site,
            request.request_id,
            request.reference,
            request.kind.value,
            request.is_agents,
            request.language,
            request.standing.is_older_than_five_years,
            request.standing.received_at,
            request.received_by,
            request.due_on,
            request.is_shared,
            seal(self._seal, request.told),
        )
        return bool(made == "INSERT 0 1")

    async def add_items(
        self, connection: Connection, request_id: UUID, found: Iterable[FoundItem]
    ) -> Sequence[UUID]:
        """Note what is found and still there; what is noted is not swept any more.

        From this commit on: a recording's end is put off by a day, until the hold that
        `freezing` places has its own. What the sweep has marked before is not noted.
        """
        each = list(found)
        rows = await connection.fetch(
            QUERIES["add_request_items"],
            self.site,
            request_id,
            [item.recording_id for item in each],
            [item.draw_seq for item in each],
            [item.practice for item in each],
            [item.matched_by for item in each],
            self._clock(),
        )
        return [row["recording_id"] for row in rows]

    async def save(self, connection: Connection, request: Request) -> None:
        """Everything of it that may change."""
        told, standing = request.particulars, request.standing
        await connection.execute(
            QUERIES["save_request"],
            self.site,
            request.request_id,
            request.due_on,
            standing.state.value,
            standing.identity,
            request.is_shared,
            request.code_at,
            request.details_at,
            request.details_tries,
            request.document,
            request.escalated_to,
            standing.extended_at,
            standing.suspended_for,
            standing.suspended_since,
            standing.outcome,
            standing.answered_at,
            standing.closed_at,
            None if told is None else seal(self._seal, told),
        )

    async def note(
        self,
        connection: Connection,
        request_id: UUID,
        event: str,
        actor: str,
        about: str = "",
    ) -> None:
        """Add a line to its history, of closed words alone."""
        await connection.execute(
            QUERIES["add_request_event"],
            self.site,
            request_id,
            self._clock(),
            event,
            actor,
            about,
        )

    # --- Rows -----------------------------------------------------------------------

    def local(self, moment: datetime) -> datetime:
        """By the clock on the site's wall: legal dates are counted there."""
        return moment.astimezone(self._zone)

    def dated(self, request: Request, now: datetime) -> Request:
        """With the date that holds now."""
        return replace(request, due_on=request.standing.due_on(now))

    def _request(self, row: asyncpg.Record) -> Request:
        sealed, document = row["particulars"], row["document"]
        return Request(
            request_id=row["request_id"],
            reference=row["reference"],
            standing=self._standing(row),
            is_agents=row["is_agents"],
            language=row["language"],
            received_by=row["received_by"],
            due_on=row["due_on"],
            is_shared=row["is_shared"],
            code_at=row["code_at"],
            details_at=row["details_at"],
            details_tries=row["details_tries"],
            document=document and Document(document),
            escalated_to=row["escalated_to"],
            particulars=None if sealed is None else unseal(self._seal, sealed),
        )

    def _standing(self, row: asyncpg.Record) -> Standing:
        identity, outcome = row["identity"], row["outcome"]
        return Standing(
            kind=Kind(row["kind"]),
            received_at=self.local(row["received_at"]),
            is_older_than_five_years=row["is_older_than_five_years"],
            state=State(row["state"]),
            identity=identity and Identity(identity),
            extended_at=row["extended_at"],
            suspended_for=row["suspended_for"],
            suspended_since=row["suspended_since"],
            outcome=outcome and Outcome(outcome),
            answered_at=row["answered_at"],
            closed_at=row["closed_at"],
        )


def new_reference() -> str:
    """What the person is told: short, random, and no counter. 27 to the 8th of them."""
    signs = "".join(secrets.choice(_SIGNS) for _ in range(8))
    return f"{signs[:4]}-{signs[4:]}"


def _item(row: asyncpg.Record) -> RequestItem:
    fields = dict(row)
    because = fields.pop("dropped_because")
    state = ItemState(fields.pop("state"))
    return RequestItem(
        **fields, state=state, dropped_because=because and Because(because)
    )
