"""A server before a real S3 server, that fails or lies on order.

Requests are passed on as they are, so the signatures hold. A fault waits for its
operation and is used up; requests without one are passed on honestly.
"""

import asyncio
import io
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

_HOP = ("Connection", "Keep-Alive", "Transfer-Encoding", "Expect", "Date", "Server")
_LARGEST = 64 << 20


@dataclass(frozen=True)
class Reply:
    """What the real server answered, to be changed."""

    status: int
    headers: CIMultiDict[str]
    body: bytes


Change = Callable[[Reply], Reply]


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong, `times` times.

    kind: "refused" (not passed on; `status` and `code` are answered), "cut-off" (not
    passed on, the connection ends), "silent" (not passed on, never answered), "lost"
    (done; the connection ends), "lost-silent" (done; never answered), "held" (done when
    `let_go()` is called, though whoever asked may have gone), "changed" (done; `change`
    makes the answer another), "cut" (done; half of the body is sent), "bent" (done
    with a byte of the request's body changed).
    """

    operation: str
    kind: str
    times: int = 1
    status: int = 503
    code: str = "SlowDown"
    change: Change = field(default=lambda reply: reply)


@dataclass
class FaultyBucket:
    """The server. `seen` and `done` count requests by S3's names of what they ask."""

    server: str
    address: str = ""
    faults: list[Fault] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)
    _closing: asyncio.Event = field(default_factory=asyncio.Event)
    _going: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, operation: str, kind: str, **details: object) -> None:
        self.faults.append(Fault(operation, kind, **details))

    def mend(self) -> None:
        self.faults.clear()

    def let_go(self) -> None:
        self._going.set()

    @asynccontextmanager
    async def serving(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[None]:
        application = web.Application(client_max_size=_LARGEST)
        application.router.add_route("*", "/{path:.*}", self._answer)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
        scheme = "https" if tls else "http"
        self.address = f"{scheme}://127.0.0.1:{runner.addresses[0][1]}"
        try:
            async with aiohttp.ClientSession(auto_decompress=False) as self._http:
                yield
        finally:
            self._closing.set()
            self._going.set()
            await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        operation = name_of(request)
        self.seen[operation] += 1
        fault = self._take(operation)
        body = await request.read()
        if fault is None:
            return _response(await self._pass_on(request, body))
        return await self._fail(fault, request, body)

    def _take(self, operation: str) -> Fault | None:
        for place, fault in enumerate(self.faults):
            if fault.operation in (operation, "any"):
                left = replace(fault, times=fault.times - 1)
                self.faults[place : place + 1] = [left] if left.times else []
                return fault
        return None

    async def _fail(
        self, fault: Fault, request: web.Request, body: bytes
    ) -> web.StreamResponse:
        if fault.kind == "refused":
            text = f"<Error><Code>{fault.code}</Code><Message>no</Message></Error>"
            return web.Response(status=fault.status, text=text)
        if fault.kind == "silent":
            await self._closing.wait()
        if fault.kind in {"silent", "cut-off"}:
            return _hang_up(request)
        if fault.kind == "held":
            await self._going.wait()
        return await self._spoil(fault, request, body)

    async def _spoil(
        self, fault: Fault, request: web.Request, body: bytes
    ) -> web.StreamResponse:
        """Do it, and answer something else."""
        if fault.kind == "bent":
            body = bytes([body[0] ^ 1]) + body[1:]
        reply = await self._pass_on(request, body)
        if fault.kind == "lost-silent":
            await self._closing.wait()
        if fault.kind in {"lost", "lost-silent"}:
            return _hang_up(request)
        if fault.kind == "cut":
            return _cut(request, reply)
        return _response(fault.change(reply))

    async def _pass_on(self, request: web.Request, body: bytes) -> Reply:
        headers = CIMultiDict(request.headers)
        for name in _HOP:
            headers.popall(name, None)
        url = URL(self.server + request.raw_path, encoded=True)
        async with self._http.request(
            request.method, url, headers=headers, data=io.BytesIO(body)
        ) as answer:
            reply = Reply(
                answer.status, CIMultiDict(answer.headers), await answer.read()
            )
        self.done[name_of(request)] += 1
        return reply


def name_of(request: web.Request) -> str:
    """The operation, by S3's own name."""
    asked, method = request.query, request.method
    by_query = {
        ("GET", "versioning"): "GetBucketVersioning",
        ("GET", "object-lock"): "GetObjectLockConfiguration",
        ("GET", "uploads"): "ListMultipartUploads",
        ("GET", "list-type"): "ListObjectsV2",
        ("POST", "uploads"): "CreateMultipartUpload",
        ("POST", "uploadId"): "CompleteMultipartUpload",
        ("PUT", "uploadId"): "UploadPart",
        ("DELETE", "uploadId"): "AbortMultipartUpload",
    }
    for (of_method, parameter), name in by_query.items():
        if method == of_method and parameter in asked:
            return name
    if request.path.endswith("/store-id"):
        return f"{method} marker"
    return {
        "GET": "GetObject",
        "HEAD": "HeadObject",
        "PUT": "PutObject",
        "DELETE": "DeleteObject",
    }[method]


def _response(reply: Reply) -> web.Response:
    headers = CIMultiDict(reply.headers)
    for name in _HOP:
        headers.popall(name, None)
    return web.Response(status=reply.status, headers=headers, body=reply.body or None)


def _hang_up(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def _cut(request: web.Request, reply: Reply) -> web.Response:
    """Announce the whole body and send half of it."""
    assert request.transport is not None
    lines = [f"HTTP/1.1 {reply.status} OK"]
    lines += [f"{name}: {text}" for name, text in reply.headers.items()]
    head = "\r\n".join(lines) + "\r\n\r\n"
    request.transport.write(head.encode() + reply.body[: len(reply.body) // 2])
    request.transport.close()
    return web.Response()
