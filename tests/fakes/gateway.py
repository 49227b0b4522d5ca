"""A gateway for short messages: a real server, that checks who asks, and can fail."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from aiohttp import web
from standardwebhooks import Webhook

from proxy.rights.senders import SenderConfig
from tests.fakes.faults import Faults

SECRET = "whsec_c2VuZGVyLXNlY3JldC1vZi10aGUtZ2F0ZXdheQ=="


@dataclass
class Gateway:
    """Keeps what it was handed: to whom, and which words."""

    sent: list[tuple[str, str]] = field(default_factory=list)
    faults: Faults = field(default_factory=Faults)
    address: str = ""

    @property
    def config(self) -> SenderConfig:
        return SenderConfig(
            url=f"{self.address}/sms",
            secret=SECRET,
            hosts=frozenset({self.address.removeprefix("http://")}),
            allow_private_addresses=True,
        )

    @property
    def code(self) -> str:
        """The six digits of the last message."""
        words = self.sent[-1][1].replace("\u00a0", " ").split()
        [code] = [digits for word in words if (digits := _digits(word))]
        return code

    async def take(self, request: web.Request) -> web.Response:
        raw = await request.read()
        headers = request.headers
        at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
        # By the reference library, without its look at a clock that is not the test's.
        signed = Webhook(SECRET).sign(headers["webhook-id"], at, raw.decode())
        if headers["webhook-signature"] != signed:
            return web.Response(status=401)
        told = json.loads(raw)
        self.sent.append((told["to"], told["text"]))
        return web.Response(status=202)


def _digits(word: str) -> str:
    plain = word.strip(".,:;!?")
    return plain if plain.isdigit() and len(plain) == 6 else ""


@asynccontextmanager
async def running_gateway() -> AsyncIterator[Gateway]:
    gateway = Gateway()
    app = web.Application()
    app.router.add_post("/sms", gateway.take)
    gateway.faults.install(app)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    gateway.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield gateway
    finally:
        await runner.cleanup()
