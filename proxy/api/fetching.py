"""GET /packages/{package}: the copy a person asked for, in one encrypted file.

To whoever holds the ticket that the page gave them for link and code. It is made while
it is sent, and a download that broke off goes on where it was (RFC 9110, 13.1.5 and
14); once its last byte has left, there is nothing here. Its name names nobody.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing
from uuid import UUID

import structlog
from aiohttp import hdrs, web

from proxy.access.accounts.tokens import site_of
from proxy.api.application import carefully
from proxy.api.faults import NotReadyError
from proxy.api.listening import wait_for_nobody
from proxy.api.route import PUBLIC, add_guarded
from proxy.errors import PonctuelError
from proxy.problems import problem_response, problems
from proxy.rights.packages.faults import LinkOverError
from proxy.rights.packages.ranges import OutsideError
from proxy.rights.packages.sending import Fetched, Sending
from proxy.site import Site

log = structlog.get_logger()

ROOT = "/packages"
COOKIE = "__Host-ponctuel-package"
NAME = "ponctuel.zip"
# Whoever takes nothing for so long is gone, and may come back.
LONGEST_SILENCE = 60.0  # seconds
_HEADERS = {
    hdrs.ACCEPT_RANGES: "bytes",
    hdrs.CACHE_CONTROL: "no-store",
    hdrs.CONTENT_DISPOSITION: f'attachment; filename="{NAME}"',
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


class Fetching:
    """The packages of all sites."""

    def __init__(self, sites: Mapping[str, Site], is_ready: Callable[[], bool]) -> None:
        self._sites = sites
        self._is_ready = is_ready

    def add_to(self, application: web.Application) -> None:
        """Nobody is signed in here: the ticket is all there is to show."""
        door = web.Application(middlewares=[carefully, problems])
        for method in (hdrs.METH_GET, hdrs.METH_HEAD):
            add_guarded(door, method, "/{package}", PUBLIC, self._fetch)
        application.add_subapp(ROOT, door)

    async def _fetch(self, request: web.Request) -> web.StreamResponse:
        if not self._is_ready():
            raise NotReadyError(fix="ask again in a few seconds")
        ticket = request.cookies.get(COOKIE, "")
        sending = self._sending(ticket)
        try:
            fetched = await sending.look(
                ticket,
                ", ".join(request.headers.getall(hdrs.RANGE, [])) or None,
                request.headers.get(hdrs.IF_RANGE),
            )
        except OutsideError as error:
            response = problem_response(error)
            response.headers[hdrs.CONTENT_RANGE] = f"bytes */{error.size}"
            return response
        if request.match_info["package"] != str(fetched.package.package_id):
            raise LinkOverError
        if request.method == hdrs.METH_HEAD:
            return _headed(web.StreamResponse(), fetched)
        return await _send(request, sending, fetched)

    def _sending(self, ticket: str) -> Sending:
        site = self._sites.get(site_of(ticket) or "")
        if site is None:
            raise LinkOverError
        return site.rights.packages.sending


def address_of(package_id: UUID) -> str:
    return f"{ROOT}/{package_id}"


def _headed(response: web.StreamResponse, fetched: Fetched) -> web.StreamResponse:
    span = fetched.span
    response.headers.update(_HEADERS)
    response.headers[hdrs.ETAG] = f'"{fetched.tag}"'
    response.content_type = "application/zip"
    response.content_length = span.stop - span.start
    if span.is_part:
        response.set_status(web.HTTPPartialContent.status_code)
        response.headers[hdrs.CONTENT_RANGE] = span.content_range
    return response


async def _send(
    request: web.Request, sending: Sending, fetched: Fetched
) -> web.StreamResponse:
    response = _headed(web.StreamResponse(), fetched)
    async with sending.sending(fetched) as blocks, aclosing(blocks):
        first = await anext(blocks)  # what is wrong with it is said in words
        try:
            await _write(request, response, first, blocks)
        except (TimeoutError, ConnectionError, PonctuelError) as error:
            # Half of it is out: no word of ours can follow it.
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
    """Each block waits until the one before has left this process.

    Not the last one's: what is asked for behind it ends the package.
    """
    wait_for_nobody(request.transport)
    async with asyncio.timeout(LONGEST_SILENCE):
        await response.prepare(request)
        await response.write(first)
    async for block in rest:
        async with asyncio.timeout(LONGEST_SILENCE):
            await response.write(block)
    await response.write_eof()
