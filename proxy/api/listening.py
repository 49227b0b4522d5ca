"""GET /listen/{site}/{play}: a recording, a piece at a time, to whoever began its play.

What is sent is in the trace before (R30). There is no name of a file, nothing to keep
it by, and no answer with the whole: a browser plays it and is left with nothing.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing
from uuid import UUID
from weakref import WeakValueDictionary

import structlog
from aiohttp import hdrs, web

from proxy.access.accounts.sessions import Session
from proxy.access.identity import Identity
from proxy.access.permissions import Permission, Subject, permits
from proxy.access.wire import check_not_foreign, session_secret
from proxy.api.application import carefully
from proxy.api.faults import ForbiddenError, NotReadyError
from proxy.api.refusing import keep_refusal
from proxy.api.route import add_guarded
from proxy.errors import PonctuelError
from proxy.playback.listening import Heard, Listening
from proxy.playback.ranges import NoRangeError
from proxy.problems import problem_response, problems
from proxy.site import Site

log = structlog.get_logger()

ROOT = "/listen"
PATH = "/{site}/{play}"
PERMISSION = Permission.RECORDINGS_PLAY
# Whoever takes no more of it for so long is gone; clear audio waits for nobody.
LONGEST_SENDING = 60.0  # seconds for a piece
_MOST_UNDER_WAY = 64 * 1024  # bytes
# A player that seeks asks for the next piece before it lets go of the last.
_AT_ONCE = 2
_HEADERS = {
    hdrs.ACCEPT_RANGES: "bytes",
    hdrs.CACHE_CONTROL: "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
_NOBODYS = UUID(int=0)


class Playback:
    """What all sites' people hear."""

    def __init__(
        self,
        sites: Mapping[str, Site],
        identity: Identity,
        is_ready: Callable[[], bool],
    ) -> None:
        self._sites = sites
        self._identity = identity
        self._is_ready = is_ready
        self._turns: WeakValueDictionary[UUID, asyncio.Semaphore] = (
            WeakValueDictionary()
        )

    def add_to(self, application: web.Application) -> None:
        """The same door as the API's: nothing without a permission."""
        player = web.Application(middlewares=[carefully, problems])
        add_guarded(player, hdrs.METH_GET, PATH, PERMISSION, self._hear)
        application.add_subapp(ROOT, player)

    async def _hear(self, request: web.Request) -> web.StreamResponse:
        waited_for = _play(request, request.match_info["site"])
        turn = self._turns.setdefault(waited_for, asyncio.Semaphore(_AT_ONCE))
        async with turn:
            return await self._hear_now(request)

    async def _hear_now(self, request: web.Request) -> web.StreamResponse:
        """Who asks is read now: whoever waited may have left, or may no more."""
        session = await self._identity.by_session(session_secret(request))
        check_not_foreign(request)
        actor = session.actor
        if not permits(actor, PERMISSION, Subject(actor.site)):
            why = f"{PERMISSION} is not for the role {actor.role}"
            site = self._sites[actor.site]
            await keep_refusal(site, actor, PERMISSION, ROOT, why)
            raise ForbiddenError(why)
        if not self._is_ready():
            raise NotReadyError(fix="ask again in a few seconds")
        listening = self._sites[actor.site].hearing.listening
        play = _play(request, actor.site)
        return await self._answer(request, listening, session, play)

    async def _answer(
        self, request: web.Request, listening: Listening, who: Session, play: UUID
    ) -> web.StreamResponse:
        wanted = ", ".join(request.headers.getall(hdrs.RANGE, [])) or None
        try:
            heard = await listening.piece(who, play, wanted)
        except NoRangeError as error:
            response = problem_response(error)
            response.headers[hdrs.CONTENT_RANGE] = f"bytes */{error.size}"
            response.headers[hdrs.ACCEPT_RANGES] = "bytes"
            return response
        async with aclosing(heard.clear_audio):
            return await _send(request, heard)


async def _send(request: web.Request, heard: Heard) -> web.StreamResponse:
    first = await anext(heard.clear_audio)  # what is wrong with it is said in words
    response = web.StreamResponse(status=206, headers=_HEADERS)
    response.content_type = heard.media_type
    response.content_length = heard.piece.length
    response.headers[hdrs.CONTENT_RANGE] = heard.piece.content_range
    try:
        async with asyncio.timeout(LONGEST_SENDING):
            await _write(request, response, first, heard.clear_audio)
    except (TimeoutError, ConnectionError, PonctuelError) as error:
        # Half a piece is out: no word of ours can follow it.
        log.info("cut off", error=type(error).__name__)
        if request.transport is not None:
            request.transport.abort()
    return response


async def _write(
    request: web.Request,
    response: web.StreamResponse,
    first: bytes,
    rest: AsyncIterator[bytes],
) -> None:
    """Return once nothing of it waits in this process any more."""
    wait_for_nobody(request.transport)
    await response.prepare(request)
    await response.write(first)
    async for chunk in rest:
        await response.write(chunk)
    await response.write_eof()


def wait_for_nobody(transport: asyncio.Transport | None) -> None:
    """Let what is written be taken before there is more: here, and in the kernel."""
    if transport is not None:
        transport.set_write_buffer_limits(high=0)
        if (connected := transport.get_extra_info("socket")) is not None:
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _MOST_UNDER_WAY)


def _play(request: web.Request, site: str) -> UUID:
    """Which one; one that nobody has, where it is another site's or no id at all."""
    if request.match_info["site"] != site:
        return _NOBODYS
    try:
        return UUID(request.match_info["play"])
    except ValueError:
        return _NOBODYS
