"""What every move at the desk has in common: one transaction, and three things in it.

The request as it stands after the move, a line of its history, and a line of the trace,
which is how others see who handled what (CNIL deliberation 2021-122).
"""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, Protocol
from uuid import UUID

from proxy.access.permissions import Role
from proxy.access.trace.acts import SERVICE, Act, Entry
from proxy.access.trace.trace import Trace
from proxy.database.pool import Connection
from proxy.rights.config import RightsConfig
from proxy.rights.faults import MoveRefusedError, OwnRequestError
from proxy.rights.finding import Finder, RunningCalls
from proxy.rights.freezing import Freezing
from proxy.rights.fulfilling import Fulfilments
from proxy.rights.identity_codes import IdentityCodes
from proxy.rights.records import Request
from proxy.rights.requests import QUERIES, Requests
from proxy.rights.senders import Sender
from retention.rights.request import NOTHING_TOLD, Event, MoveError, Told, move


class Somebody(Protocol):
    """Who acts: an `Actor`, or the service itself."""

    @property
    def code(self) -> str: ...
    @property
    def role(self) -> Role | str: ...
    @property
    def agent_key(self) -> bytes | None: ...


@dataclass(frozen=True, slots=True)
class TheService:
    """Acts where nobody in particular does."""

    code: str = SERVICE
    role: str = ""
    agent_key: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskParts:
    """What a desk is made of."""

    requests: Requests
    freezing: Freezing
    fulfilments: Fulfilments
    finder: Finder
    running: RunningCalls
    codes: IdentityCodes
    sender: Sender
    trace: Trace
    name_agent: Callable[[str], bytes]
    clock: Callable[[], datetime]
    config: RightsConfig


@dataclass(slots=True)
class Opened:
    """A request that nobody else changes just now; what it is set to is saved."""

    connection: Connection
    request: Request
    event: str
    about: str = ""

    def move(self, event: Event, now: datetime, told: Told = NOTHING_TOLD) -> None:
        standing = move(self.request.standing, event, now, told)
        self.request = replace(self.request, standing=standing)


class AtDesk:
    """What the desk's parts share."""

    def __init__(self, parts: DeskParts) -> None:
        self.parts = parts
        self.requests = parts.requests
        self._now = parts.clock

    @asynccontextmanager
    async def _moving(
        self, by: Somebody, request_id: UUID, event: str
    ) -> AsyncIterator[Opened]:
        """Raises UnknownRequestError, OwnRequestError, MoveRefusedError."""
        async with self.requests.database.transaction() as connection:
            request = await self.requests.lock(connection, request_id)
            self._check_not_own(by, request)
            opened = Opened(connection, request, event)
            with refusing():
                yield opened
            dated = self.requests.dated(opened.request, self._now())
            await self.requests.save(connection, dated)
            opened.request = dated
            await self._note(by, opened)

    async def _note(self, by: Somebody, opened: Opened) -> None:
        """The trace goes last: others wait for it from here on."""
        request_id = opened.request.request_id
        await self.requests.note(
            opened.connection, request_id, opened.event, by.code, opened.about
        )
        await self._trace(by, opened)

    async def _trace(self, by: Somebody, opened: Opened) -> None:
        request_id = opened.request.request_id
        entry = Entry(Act.REQUEST, by.code, by.role, request_id, opened.event)
        await self.parts.trace.note_in(opened.connection, entry)

    async def _end_package(
        self, opened: Opened, because: Literal["changed", "gone"]
    ) -> None:
        """With this move no link leads to a copy, and a download of it is cut off."""
        await opened.connection.execute(
            QUERIES["end_package_of"],
            *(self.requests.site, opened.request.request_id, self._now(), because),
        )

    def _check_not_own(self, by: Somebody, request: Request) -> None:
        check_not_own(by, request, self.parts.name_agent)


def check_not_own(
    by: Somebody, request: Request, name_agent: Callable[[str], bytes]
) -> None:
    """An agent who may answer requests does not answer the one of that agent.

    Raises OwnRequestError.
    """
    told = request.particulars
    if told is None or not told.agent or by.agent_key is None:
        return
    if name_agent(told.agent) == by.agent_key:
        raise OwnRequestError(fix="ask a colleague at the desk")


@contextmanager
def refusing() -> Iterator[None]:
    """Tell a move that the rules refuse as an error that crosses boundaries."""
    try:
        yield
    except MoveError as error:
        raise MoveRefusedError(
            error.detail, field=error.field, fix=error.fix
        ) from error


def check_open(request: Request) -> None:
    """Raises MoveError for what is answered or closed already."""
    if not request.standing.is_open:
        raise MoveError(
            f"it is {request.standing.state}",
            field="state",
            fix="whoever asks again makes a new request",
        )
