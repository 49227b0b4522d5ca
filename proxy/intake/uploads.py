"""The push way in: PUT /recordings/{decision_id}.

Everything that can refuse an upload is asked before its body: a client that sends
`Expect: 100-continue` gets the refusal instead of the go-ahead and never sends the
audio; for one that does not, the connection is closed with the body unread.
"""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

from aiohttp import hdrs, http, web

from proxy.errors import (
    NotDrawnError,
    PonctuelError,
    TruncatedUploadError,
    UnknownCallError,
)
from proxy.intake.connections import Connection, Connections
from proxy.intake.pipeline import as_uuid
from proxy.intake.routes import BREAKS_OFF
from proxy.intake.store import DrawnCall
from proxy.problems import problem_response

# Silence for so long, or so slow an upload, is one that will never end: whoever holds
# the connection open must not keep an unfinished object alive (`shelf.LONGEST_WRITE`).
IDLE_SECONDS = 30.0
LONGEST_UPLOAD_SECONDS = 30 * 60.0
_CHUNK = 64 * 1024
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class StoppingError(PonctuelError):
    """The service is stopping; send the upload again."""

    status = 503
    error_id = "stopping"


class Uploads:
    """The handler of pushed recordings."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._reading: set[asyncio.Timeout] = set()
        self._is_stopping = False

    def add_to(self, application: web.Application) -> None:
        application.on_shutdown.append(self._cut_off)
        application.router.add_put(
            "/recordings/{decision_id}", self.receive, expect_handler=_not_yet
        )

    async def receive(self, request: web.Request) -> web.Response:
        try:
            recording_id = await self._take(request)
        except PonctuelError as error:
            return _refusal(request, error)
        return web.json_response({"recording_id": str(recording_id)}, status=201)

    async def _take(self, request: web.Request) -> UUID:
        connection = self._connections.of_upload(request)
        decision_id = as_uuid(request.match_info["decision_id"])
        if decision_id is None:
            raise UnknownCallError("that is not a decision's id", field="decision_id")
        call = await self._admit(connection, decision_id)
        _go_ahead(request)
        return await connection.intake.take(call, self._body(request))

    async def _admit(self, connection: Connection, decision_id: UUID) -> DrawnCall:
        try:
            return await connection.intake.admit(decision_id, connection.name)
        except NotDrawnError:
            await connection.site.takeovers.note_refused_upload(decision_id)
            await connection.site.sightings.note_refused_upload(decision_id)
            raise

    async def _body(self, request: web.Request) -> AsyncIterator[bytes]:
        """The upload's bytes; one cut short is refused, so that it is never kept."""
        expected = request.content_length
        received = 0
        end = asyncio.get_running_loop().time() + LONGEST_UPLOAD_SECONDS
        try:
            while chunk := await self._read(request, end):
                received += len(chunk)
                yield chunk
        except BREAKS_OFF as error:
            raise TruncatedUploadError(f"after {received} bytes") from error
        if expected is not None and received != expected:
            raise TruncatedUploadError(f"{received} of {expected} bytes")

    async def _read(self, request: web.Request, end: float) -> bytes:
        """The next piece; b"" at the end. Raises StoppingError, or BREAKS_OFF."""
        idle = asyncio.get_running_loop().time() + IDLE_SECONDS
        timeout = asyncio.timeout_at(0 if self._is_stopping else min(end, idle))
        self._reading.add(timeout)
        try:
            async with timeout:
                return await request.content.read(_CHUNK)
        except TimeoutError:
            if self._is_stopping:
                raise StoppingError from None
            raise
        finally:
            self._reading.discard(timeout)

    async def _cut_off(self, _: web.Application) -> None:
        """End uploads under way: aiohttp reads no more of them once it is stopping."""
        self._is_stopping = True
        for timeout in self._reading:
            timeout.reschedule(0)


async def _not_yet(_: web.Request) -> None:
    """Say nothing to `Expect: 100-continue`: the handler does, once it knows."""


def _go_ahead(request: web.Request) -> None:
    """Ask for the body, where the client waits to be asked (RFC 9110, 10.1.1)."""
    waits = hdrs.EXPECT in request.headers  # for nothing else: the listener saw to it
    if waits and request.transport and request.version >= http.HttpVersion11:
        request.transport.write(_CONTINUE)


def _refusal(request: web.Request, error: PonctuelError) -> web.Response:
    """The problem, and the connection's end: the rest of the body is not wanted."""
    response = problem_response(error)
    if not request.content.is_eof():
        response.force_close()
    return response
