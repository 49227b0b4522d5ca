"""Ways in which a platform's API fails or lies, for any fake server to adopt.

A fault is used up by the first request it fits; requests without a fault are honest.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong.

    kind: "status" (do nothing, answer `status`, which may be a lie), "silence" (do
    nothing, never answer), "lost-answer" (do it, never answer), "cut" (announce more
    bytes than are sent), "unmeasured" (end the body by ending the connection),
    "redirect" (to `location`), "garbage" (200 and no JSON). It waits for
    a request whose path ends with `suffix` and whose query has `asked` in it.
    """

    kind: str
    method: str = "GET"
    suffix: str = ""
    asked: str = ""
    status: int = 500
    location: str = ""


@dataclass
class Faults:
    """The faults that wait for their request."""

    waiting: list[Fault] = field(default_factory=list)
    closing: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, kind: str, **details: str | int) -> None:
        self.waiting.append(Fault(kind, **details))

    def install(self, app: web.Application) -> None:
        app.middlewares.append(self._middleware)
        app.on_shutdown.append(self._let_go)

    async def _let_go(self, _app: web.Application) -> None:
        self.closing.set()

    def _take(self, request: web.Request) -> Fault | None:
        for fault in self.waiting:
            is_meant = request.path.endswith(fault.suffix)
            if (
                is_meant
                and request.method == fault.method
                and fault.asked in request.query_string
            ):
                self.waiting.remove(fault)
                return fault
        return None

    @web.middleware
    async def _middleware(
        self, request: web.Request, handler: Handler
    ) -> web.StreamResponse:
        fault = self._take(request)
        if fault is None:
            return await handler(request)
        if fault.kind == "lost-answer":
            await handler(request)
        if fault.kind in {"lost-answer", "silence"}:
            await self.closing.wait()
            return _hang_up(request)
        if fault.kind in {"cut", "unmeasured"}:
            return await _cut(request, await handler(request), fault.kind)
        if fault.kind == "redirect":
            return web.Response(status=302, headers={"Location": fault.location})
        if fault.kind == "garbage":
            return web.Response(text="<html>Maintenance</html>")
        return web.Response(status=fault.status)


def _hang_up(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.close()
    return web.Response()


async def _cut(
    request: web.Request, honest: web.StreamResponse, kind: str
) -> web.StreamResponse:
    body = honest.body
    assert isinstance(body, bytes)
    assert request.transport is not None
    lines = ["HTTP/1.1 200 OK", "Content-Type: audio/x-wav", "Connection: close"]
    if kind == "cut":
        lines.append(f"Content-Length: {len(body) + 1000}")
    head = "\r\n".join(lines) + "\r\n\r\n"
    request.transport.write(head.encode() + body)
    request.transport.close()
    return web.Response()
