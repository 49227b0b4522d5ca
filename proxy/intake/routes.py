"""The webhooks' way in: POST (or GET) /webhooks/{connection}[/{callback}].

The body is read up to the platform's limit, authenticated on its raw bytes, then
parsed. A call start that fails for any reason is answered in the platform's own words
as "do not record", so that the caller's call goes on; every other failure is a status
that makes the platform send the event again or report the mistake.
"""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime
from functools import partial

import structlog
from aiohttp import http, web
from aiohttp.typedefs import Handler

from proxy.errors import BadEventError, BodyTooLargeError, PonctuelError
from proxy.intake.binds import DeadlineError
from proxy.intake.connections import Connection, Connections
from proxy.platforms.base import Answer, CallStarted, RawRequest, Reply

BODY_SECONDS = 10.0
FINISH_SECONDS = 5.0
# What reading a body raises when its sender is gone, silent, or does not keep to HTTP.
BREAKS_OFF = (
    web.PayloadAccessError,
    web.RequestPayloadError,
    OSError,
    http.HttpProcessingError,
)

log = structlog.get_logger()


class Webhooks:
    """The handler of all connections' webhooks."""

    def __init__(self, connections: Connections, clock: Callable[[], datetime]) -> None:
        self._connections = connections
        self._clock = clock
        self._under_way: set[asyncio.Task[Answer]] = set()

    def add_to(self, application: web.Application) -> None:
        application.on_cleanup.append(self.finish)
        for name in self._connections.names:  # an exact path is found faster
            receive = partial(self._receive, self._connections.named(name))
            _add_resource(application, f"/webhooks/{name}", receive)
        for path in ("/webhooks/{connection}", "/webhooks/{connection}/{callback}"):
            _add_resource(application, path, self._receive_for_named)

    async def _receive_for_named(self, request: web.Request) -> web.Response:
        connection = self._connections.named(request.match_info["connection"])
        return await self._receive(connection, request)

    async def _receive(
        self, connection: Connection, request: web.Request
    ) -> web.Response:
        raw = await self._read(request, connection)
        connection.platform.authenticate(raw)
        try:
            reply = await self._answer(connection, raw)
        except PonctuelError as error:
            reply = _spoken_failure(connection, raw, error)
        except Exception as error:  # noqa: BLE001  # our fault must not end the call
            log.critical("unforeseen", error=type(error).__name__)
            reply = _spoken_failure(connection, raw, PonctuelError())
        return web.Response(
            status=reply.status,
            body=reply.body,
            headers={"Content-Type": reply.content_type} if reply.content_type else {},
        )

    async def _answer(self, connection: Connection, raw: RawRequest) -> Reply:
        event = connection.platform.parse(raw)
        if isinstance(event, CallStarted):
            answer = await connection.site.decide(
                connection.name, event, connection.deadline_seconds
            )
        else:
            handling = connection.site.handle(connection.name, event)
            if connection.platform.render_failure(raw) is None:
                answer = await handling
            else:
                answer = await self._in_time(handling, connection.deadline_seconds)
        return connection.platform.render(event, answer)

    async def _in_time(
        self, handling: Coroutine[None, None, Answer], deadline_seconds: float
    ) -> Answer:
        """Let the call that waits go on at the deadline, and the work to its end."""
        task = asyncio.create_task(handling)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        await asyncio.wait({task}, timeout=deadline_seconds)
        if not task.done():
            task.add_done_callback(_note_late)
            raise DeadlineError
        return task.result()

    async def finish(self, _: web.Application) -> None:
        """Wait for events whose platform has stopped waiting."""
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=FINISH_SECONDS)

    async def _read(self, request: web.Request, connection: Connection) -> RawRequest:
        limit = connection.platform.max_body_bytes
        if (request.content_length or 0) > limit:
            raise BodyTooLargeError(f"at most {limit} bytes")
        raw_body = await read_at_most(request, limit)
        return RawRequest(
            method=request.method,
            callback=request.match_info.get("callback", ""),
            query_string=request.raw_path.partition("?")[2],
            headers=request.headers,
            raw_body=raw_body,
            received_at=self._clock(),
            is_private_channel=self._connections.is_private_channel(request),
        )


def _add_resource(application: web.Application, path: str, handler: Handler) -> None:
    resource = application.router.add_resource(path)
    resource.add_route("POST", handler)
    resource.add_route("GET", handler)


async def read_at_most(request: web.Request, limit: int) -> bytes:
    """Raises BodyTooLargeError, or BadEventError for a body that breaks off."""
    try:
        if request.content.is_eof():  # as nearly always: it came with its headers
            raw_body = request.content.read_nowait()
        else:
            raw_body = await _read_in_time(request, limit)
    except BREAKS_OFF as error:
        raise BadEventError("the body breaks off") from error
    if len(raw_body) > limit:
        raise BodyTooLargeError(f"at most {limit} bytes")
    return raw_body


async def _read_in_time(request: web.Request, limit: int) -> bytes:
    raw_body = b""
    async with asyncio.timeout(BODY_SECONDS):
        while len(raw_body) <= limit and not request.content.at_eof():
            raw_body += await request.content.read(limit + 1 - len(raw_body))
    return raw_body


def _note_late(task: asyncio.Task[Answer]) -> None:
    error = None if task.cancelled() else task.exception()
    if error:
        log.warning("event lost", error=type(error).__name__)


def _spoken_failure(
    connection: Connection, raw: RawRequest, error: PonctuelError
) -> Reply:
    """The platform's own "do not record" where a call waits; else the error itself."""
    reply = connection.platform.render_failure(raw)
    if reply is None:
        raise error
    log.warning("not recorded", problem=error.error_id, connection=connection.name)
    return reply
