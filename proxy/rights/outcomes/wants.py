"""What people asked to be done with which recording: written down before it is begun.

A crash leaves the wish; `tend` goes on with it. Ids, codes and closed words only.
"""

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import asyncpg

from proxy.access.permissions import Actor
from proxy.access.trace.acts import Act, Entry
from proxy.access.trace.trace import Trace
from proxy.database.named_queries import queries_beside
from proxy.database.pool import Connection
from proxy.rights.faults import MoveRefusedError
from proxy.rights.moving import Opened, check_not_own
from proxy.rights.records import Request
from proxy.rights.requests import Requests
from retention.holds import Authority
from retention.rights.deadlines import Kind

QUERIES = queries_beside(__file__)


Opening = Callable[[Actor, UUID, str], AbstractAsyncContextManager[Opened]]
"""An identified request, locked, with what is written committed in its history."""


class What(StrEnum):
    """What is done with a recording."""

    ERASURE = "erasure"
    RESTRICTION = "restriction"
    RECTIFICATION = "rectification"


_ASKED_BY = {
    What.ERASURE: frozenset({Kind.ERASURE, Kind.OBJECTION}),
    What.RESTRICTION: frozenset({Kind.RESTRICTION}),
    What.RECTIFICATION: frozenset({Kind.RECTIFICATION}),
}


class Fate(StrEnum):
    """How it stands with what was asked, for one recording."""

    DONE = "done"
    PENDING = "pending"  # being done, and tried again each minute
    BLOCKED = "blocked"  # another right keeps it for now
    ENDED = "ended"  # a restriction that was lifted; or the recording went before


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One recording of a request; `authority` is of the hold it is under, if it is.

    `is_freeze`: that hold is the desk's own, for a request that is known here.
    """

    request_id: UUID
    recording_id: UUID
    what: What
    reference: str
    receipt_seq: int | None
    key_names: tuple[str, ...]
    done_at: datetime | None
    lifting_told_at: datetime | None
    ended_at: datetime | None
    is_there: bool
    is_doomed: bool
    authority: Authority | None
    until: datetime | None
    is_freeze: bool

    @property
    def fate(self) -> Fate:
        if self.ended_at is not None and not self._stays_done:
            return Fate.ENDED
        if self.done_at is not None:
            return Fate.DONE
        return Fate.BLOCKED if self._is_kept else Fate.PENDING

    @property
    def was_gone_before(self) -> bool:
        """Whether it was destroyed before that was asked for."""
        return not self.is_there and self.receipt_seq is None

    @property
    def _stays_done(self) -> bool:
        return self.what is not What.RESTRICTION and self.done_at is not None

    @property
    def _is_kept(self) -> bool:
        """By another right than a freeze: that one is answered, or lets it go."""
        is_held = self.authority not in {None, self._own} and not self.is_freeze
        return self.is_there and not self.is_doomed and is_held

    @property
    def _own(self) -> Authority | None:
        is_hold = self.what is What.RESTRICTION
        return Authority.RESTRICTION if is_hold else None

    @classmethod
    def read(cls, row: asyncpg.Record) -> "Wanted":
        authority = row["authority"]
        changed = {
            "what": What(row["what"]),
            "key_names": tuple(row["key_names"]),
            "authority": authority and Authority(authority),
        }
        return cls(**(dict(row) | changed))


class Wants:
    """One site's wishes."""

    def __init__(
        self,
        requests: Requests,
        trace: Trace,
        opening: Opening,
        name_agent: Callable[[str], bytes],
    ) -> None:
        self.requests = requests
        self.database = requests.database
        self.site = requests.site
        self._trace = trace
        self._opening = opening
        self._name_agent = name_agent

    async def note(
        self,
        by: Actor,
        request_id: UUID,
        what: What,
        now: datetime,
        only: Collection[UUID] | None = None,
    ) -> Request:
        """Write down that it is begun, for all recordings of the request or some.

        Raises UnknownRequestError, OwnRequestError, and MoveRefusedError while nobody
        has proved who asks, or for a request of another kind.
        """
        async with self._opening(by, request_id, what.value) as opened:
            request = opened.request
            _check(request, what)
            items = await self.requests.items_in(opened.connection, request_id)
            theirs = {item.recording_id for item in items if item.state.is_wanted}
            chosen = theirs if only is None else set(only)
            if not chosen <= theirs:
                raise MoveRefusedError(field="recording", fix="choose one of its own")
            await opened.connection.execute(
                QUERIES["want_outcome"],
                *(self.site, request_id, sorted(chosen), what.value),
                *(request.reference, by.code, now),
            )
        return request

    async def note_act(
        self, connection: Connection, by: Actor, request_id: UUID, word: str
    ) -> None:
        """In the history of a request that may be closed, and in the trace.

        Raises UnknownRequestError, OwnRequestError.
        """
        request = await self.requests.lock(connection, request_id)
        self.check_not_own(by, request)
        await self.requests.note(connection, request_id, word, by.code)
        entry = Entry(Act.REQUEST, by.code, by.role, request_id, word)
        await self._trace.note_in(connection, entry)

    def check_not_own(self, by: Actor, request: Request) -> None:
        """Raises OwnRequestError."""
        check_not_own(by, request, self._name_agent)

    async def of(self, request_id: UUID, what: What) -> Sequence[Wanted]:
        """Everything that was asked with a request."""
        return await self._read(request_id, what)

    async def running(self, what: What) -> Sequence[Wanted]:
        """Whatever of a kind is not over, of any request."""
        return await self._read(None, what)

    async def _read(self, request_id: UUID | None, what: What) -> Sequence[Wanted]:
        async with self.database.connection() as connection:
            return await self.read_in(connection, request_id, what)

    async def read_in(
        self, connection: Connection, request_id: UUID | None, what: What
    ) -> Sequence[Wanted]:
        """Of one request, or whatever is not over; in the caller's transaction."""
        rows = await connection.fetch(
            QUERIES["find_outcomes"], self.site, request_id, what.value
        )
        return [Wanted.read(row) for row in rows]

    async def note_keys(self, wanted: Wanted, names: Sequence[str]) -> None:
        """Which keys must be gone before it is done."""
        await self._execute("note_keys", wanted, list(names))

    async def note_done(
        self, wanted: Wanted, now: datetime, *, is_over: bool = True
    ) -> None:
        await self._execute("note_done", wanted, now, is_over)

    async def note_lifted(self, wanted: Wanted, now: datetime) -> None:
        """Unless it was restricted anew since its person was told."""
        await self._execute("note_lifted", wanted, wanted.lifting_told_at, now)

    async def note_ended(self, wanted: Wanted, now: datetime) -> None:
        """There is nothing left to do it to."""
        await self._execute("note_ended", wanted, now)

    async def _execute(self, query: str, wanted: Wanted, *more: object) -> None:
        async with self.database.connection() as connection:
            await connection.execute(
                QUERIES[query],
                *(self.site, wanted.request_id, wanted.recording_id, *more),
            )


def _check(request: Request, what: What) -> None:
    if request.kind not in _ASKED_BY[what]:
        raise MoveRefusedError(
            f"it is a request of {request.kind}", field="kind", fix="receive another"
        )
