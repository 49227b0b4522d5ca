"""The generic contract, and nothing behind it: what the platform is tried against alone.

Decisions are a hash of the call id, so that about half the calls are drawn.
"""

import asyncio
import hashlib
import secrets
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from tests.acceptance.telephony.lab import LOCALHOST, Target

Answer = Callable[[str], web.Response]  # decision id → the answer to call.started


def record(decision_id: str, **other: object) -> web.Response:
    answer = {
        "decision": "record",
        "decision_id": decision_id,
        "announcement": "Cet appel sera enregistré.",
        "opt_out_key": "9",
        "max_seconds": 600,
    }
    return web.json_response(answer | other)


def skip(_: str) -> web.Response:
    return web.json_response(
        {
            "decision": "skip",
            "decision_id": None,
            "announcement": None,
            "opt_out_key": None,
            "max_seconds": None,
        }
    )


@dataclass
class StubService:
    """`answers` gives single callers an answer of their own; `delay` is in seconds."""

    target: Target
    answers: dict[str, Answer] = field(default_factory=dict)
    delay: float = 0
    events: list[tuple[str, dict]] = field(default_factory=list)
    drawn: dict[str, str] = field(default_factory=dict)  # decision id → call id
    sealed: dict[str, bytes] = field(default_factory=dict)
    offers: list[str] = field(default_factory=list)

    def calls(self, kind: str) -> list[str]:
        return [data["call_id"] for seen, data in self.events if seen == kind]

    async def webhook(self, request: web.Request) -> web.Response:
        if request.headers["Authorization"] != f"Bearer {self.target.webhook_token}":
            raise web.HTTPUnauthorized
        event = await request.json()
        kind, data = event["type"], event["data"]
        self.events.append((kind, data))
        if kind != "call.started":
            return web.Response(status=204)
        await asyncio.sleep(self.delay)
        return self._decide(data)

    def _decide(self, data: dict) -> web.Response:
        decision_id = str(uuid.uuid4())
        answer = self.answers.get(data["caller"])
        if answer is not None:
            return answer(decision_id)
        if hashlib.sha256(data["call_id"].encode()).digest()[0] % 2:
            return skip(decision_id)
        self.drawn[decision_id] = data["call_id"]
        return record(decision_id)

    async def before_upload(self, request: web.Request) -> None:
        """The refusal, before the audio."""
        decision_id = request.match_info["decision_id"]
        self.offers.append(decision_id)
        if request.headers["Authorization"] != f"Bearer {self.target.upload_token}":
            raise web.HTTPUnauthorized
        call_id = self.drawn.get(decision_id)
        if call_id is None or call_id not in self.calls("call.announced"):
            raise web.HTTPForbidden
        if decision_id in self.sealed or call_id in self.calls("call.opt_out"):
            raise web.HTTPConflict
        assert request.transport is not None
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    async def upload(self, request: web.Request) -> web.Response:
        self.sealed[request.match_info["decision_id"]] = await request.read()
        return web.Response(status=201)


@asynccontextmanager
async def stub_service() -> AsyncIterator[StubService]:
    stub = StubService(Target("", "kamailio", secrets.token_hex(), secrets.token_hex()))
    app = web.Application(client_max_size=1 << 26)
    app.router.add_post("/webhooks/kamailio", stub.webhook)
    app.router.add_put(
        "/recordings/{decision_id}", stub.upload, expect_handler=stub.before_upload
    )
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, LOCALHOST, 0)
    await site.start()
    try:
        (host, port), *_ = runner.addresses
        stub.target = Target(
            f"http://{host}:{port}",
            "kamailio",
            stub.target.webhook_token,
            stub.target.upload_token,
        )
        yield stub
    finally:
        await runner.cleanup()
