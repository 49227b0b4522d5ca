"""A door before an HTTP server: it can refuse, lose answers, keep them back, or lie."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Self

import aiohttp
from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Change = Callable[[web.Response], web.Response]


class FaultyDoor:
    """Passes everything on to `behind`, until told otherwise."""

    def __init__(self, behind: str, session: aiohttp.ClientSession) -> None:
        self._behind = behind
        self._session = session
        self._change: Change | None = None
        self._after = 0
        self._kind = ""
        self._let_go = asyncio.Event()
        self.address = ""
        self.passed: list[tuple[str, str]] = []

    def mend(self) -> None:
        self._kind = ""
        self._let_go.set()

    def refuse(self, after: int = 0) -> None:
        """Hang up on each request but the first `after`; nothing is passed on."""
        self._break("refuse", after)

    def lose(self, after: int = 0) -> None:
        """Pass each request on, and hang up instead of giving the answer."""
        self._break("lose", after)

    def hold(self, after: int = 0) -> None:
        """Pass each request on, and keep the answer."""
        self._let_go = asyncio.Event()
        self._break("hold", after)

    def lie(self, change: Change, after: int = 0) -> None:
        """Pass each request on, and give another answer."""
        self._change = change
        self._break("lie", after)

    def _break(self, kind: str, after: int) -> None:
        self._kind, self._after = kind, after

    async def answer(self, request: web.Request) -> web.StreamResponse:
        kind = self._kind if self._after == 0 else ""
        self._after = max(0, self._after - 1)
        if kind == "refuse":
            return _hang_up(request)
        honest = await self._pass(request)
        if kind == "hold":
            await self._let_go.wait()
        if kind in {"lose", "hold"}:
            return _hang_up(request)
        return self._change(honest) if kind == "lie" else honest

    async def _pass(self, request: web.Request) -> web.Response:
        self.passed.append((request.method, request.path))
        async with self._session.request(
            request.method,
            self._behind + request.path_qs,
            data=await request.read(),
            headers=request.headers,
            allow_redirects=False,
        ) as response:
            return web.Response(
                status=response.status,
                body=await response.read(),
                content_type="application/json",
            )

    @classmethod
    @asynccontextmanager
    async def before(cls, behind: str) -> AsyncIterator[Self]:
        async with aiohttp.ClientSession() as session:
            door = cls(behind, session)
            async with serving(door.answer) as door.address:
                try:
                    yield door
                finally:
                    door.mend()


@asynccontextmanager
async def serving(
    handler: Handler, context: ssl.SSLContext | None = None
) -> AsyncIterator[str]:
    """The address of a server that has one answer to everything."""
    application = web.Application(client_max_size=1 << 22)
    application.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(application, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    scheme = "https" if context else "http"
    try:
        yield f"{scheme}://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def _hang_up(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
