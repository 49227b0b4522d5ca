"""A witness that cosigns as it should, or does what a test tells it to."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

from aiohttp import web

from proxy.ledger.note import Cosigner

Answer = Callable[["Asked"], Awaitable[web.Response]]


class Asked:
    """One question: the text to cosign and the size it was proven from."""

    def __init__(self, body: bytes) -> None:
        head, _, raw_note = body.decode().partition("\n\n")
        self.old_size = int(head.split()[1])
        self.text = raw_note.rpartition("\n\n")[0] + "\n"
        self.size = int(self.text.split("\n")[1])


class LyingWitness:
    """An HTTP server whose answers a test chooses; it proves nothing to itself."""

    def __init__(self, cosigner: Cosigner, clock: Callable[[], datetime]) -> None:
        self.cosigner = cosigner
        self.clock = clock
        self.answer: Answer = self.honestly
        self.size = 0  # what it cosigned last
        self.asked: list[Asked] = []
        self.patience = asyncio.Event()

    def application(self) -> web.Application:
        application = web.Application()
        application.router.add_post("/add-checkpoint", self._answer)
        return application

    async def _answer(self, request: web.Request) -> web.Response:
        asked = Asked(await request.read())
        self.asked.append(asked)
        return await self.answer(asked)

    def line(self, text: str, cosigner: Cosigner | None = None, late: int = 0) -> str:
        time = int(self.clock().timestamp()) - late
        return (cosigner or self.cosigner).cosign(text, time).encode()

    async def honestly(self, asked: Asked) -> web.Response:
        if asked.old_size != self.size:
            return web.Response(
                status=409, text=f"{self.size}\n", content_type="text/x.tlog.size"
            )
        self.size = asked.size
        return web.Response(text=self.line(asked.text))
