"""The push way in: PUT /recordings/{decision_id}.

Everything that can refuse an upload is asked before its body: a client that sends
`Expect: 100-continue` gets the refusal instead of the go-ahead and never sends the
audio; for one that does not, the connection is closed with the body unread.
"""

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
from proxy.intake.store import DrawnCall
from proxy.problems import problem_response

_CHUNK = 64 * 1024
_ADMITTED = web.RequestKey("admitted", DrawnCall)
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Uploads:
    """The handler of pushed recordings."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def add_to(self, application: web.Application) -> None:
        application.router.add_put(
            "/recordings/{decision_id}", self.receive, expect_handler=self.expect
        )

    async def expect(self, request: web.Request) -> web.Response | None:
        """Answer `Expect: 100-continue`: the refusal, or the go-ahead."""
        if request.headers.get(hdrs.EXPECT, "").lower() != "100-continue":
            raise web.HTTPExpectationFailed
        try:
            await self._admit(request)
        except PonctuelError as error:
            return _refusal(request, error)
        if request.transport is not None and request.version >= http.HttpVersion11:
            request.transport.write(_CONTINUE)
        return None

    async def receive(self, request: web.Request) -> web.Response:
        connection = self._connections.of_upload(request)
        try:
            call = request.get(_ADMITTED) or await self._admit(request)
        except PonctuelError as error:
            return _refusal(request, error)
        try:
            recording_id = await connection.intake.take(call, _body(request))
        except PonctuelError as error:
            return _refusal(request, error)
        return web.json_response({"recording_id": str(recording_id)}, status=201)

    async def _admit(self, request: web.Request) -> DrawnCall:
        connection = self._connections.of_upload(request)
        decision_id = as_uuid(request.match_info["decision_id"])
        if decision_id is None:
            raise UnknownCallError("that is not a decision's id", field="decision_id")
        call = await self._admit_decision(connection, decision_id)
        request[_ADMITTED] = call
        return call

    async def _admit_decision(
        self, connection: Connection, decision_id: UUID
    ) -> DrawnCall:
        try:
            return await connection.intake.admit(decision_id, connection.name)
        except NotDrawnError:
            await connection.site.takeovers.note_refused_upload(decision_id)
            raise


async def _body(request: web.Request) -> AsyncIterator[bytes]:
    """The upload's bytes; one cut short is refused, so that it is never kept."""
    expected = request.content_length
    received = 0
    try:
        async for chunk in request.content.iter_chunked(_CHUNK):
            received += len(chunk)
            yield chunk
    except (web.PayloadAccessError, OSError, http.HttpProcessingError) as error:
        raise TruncatedUploadError(f"after {received} bytes") from error
    if expected is not None and received != expected:
        raise TruncatedUploadError(f"{received} of {expected} bytes")


def _refusal(request: web.Request, error: PonctuelError) -> web.Response:
    """The problem, and the connection's end: the rest of the body is not wanted."""
    response = problem_response(error)
    if not request.content.is_eof():
        response.force_close()
    return response
