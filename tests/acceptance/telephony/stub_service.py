"""The generic contract, and nothing behind it, to try the platform alone.

Decisions follow a hash of the call id, so that about half the calls are drawn.
"""

import asyncio
import hashlib
import secrets
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from aiohttp import web

from tests.acceptance.telephony.lab import Target
from tests.acceptance.telephony.ports import LOCALHOST

Answer = Callable[[str], web.Response]  # decision id → the answer to call.started


def record(decision_id: object, /, **other: object) -> web.Response:
    answer = {
        "decision": "record",
        "decision_id": decision_id,
        "announcement": "Cet appel sera enregistré.",
        "opt_out_key": "9",
        "max_seconds": 600,
    }
    return web.json_response(answer | other)


def skip(_decision_id: str) -> web.Response:
    nothing = ("decision_id", "announcement", "opt_out_key", "max_seconds")
    return web.json_response({"decision": "skip"} | dict.fromkeys(nothing))


@dataclass
class StubService:
    """`answers` gives single callers an answer of their own."""

    target: Target
    answers: dict[str, Answer] = field(default_factory=dict)
    thinks_for: float = 0  # seconds before each decision
    is_deaf_to: set[str] = field(default_factory=set)  # kinds of events, with a 503
    unheard: list[str] = field(default_factory=list)
    events: list[tuple[str, dict]] = field(default_factory=list)
    asked_again: list[str] = field(default_factory=list)  # call ids
    drawn: dict[str, str] = field(default_factory=dict)  # decision id → call id
    sealed: dict[str, bytes] = field(default_factory=dict)

    async def ended_calls(self) -> int:
        return len(self.calls("call.ended"))

    def calls(self, kind: str) -> list[str]:
        return [data["call_id"] for seen, data in self.events if seen == kind]

    async def webhook(self, request: web.Request) -> web.Response:
        if request.headers["Authorization"] != f"Bearer {self.target.webhook_token}":
            raise web.HTTPUnauthorized
        event = await request.json()
        kind, data = event["type"], event["data"]
        if kind in self.is_deaf_to:
            self.unheard.append(kind)
            raise web.HTTPServiceUnavailable
        if kind == "call.announced" and data["call_id"] in self.calls(kind):
            return self._asked_again(data["call_id"])
        self.events.append((kind, data))
        if kind != "call.started":
            return web.Response(status=204)
        await asyncio.sleep(self.thinks_for)
        return self._decide(data)

    def _asked_again(self, call_id: str) -> web.Response:
        """Whether a capture may go on."""
        self.asked_again.append(call_id)
        if call_id in self.calls("call.opt_out"):
            raise web.HTTPConflict
        return web.Response(status=204)

    def _decide(self, data: dict) -> web.Response:
        decision_id = str(uuid.uuid4())
        is_drawn = hashlib.sha256(data["call_id"].encode()).digest()[0] % 2
        answer = self.answers.get(data["caller"], record if is_drawn else skip)
        response = answer(decision_id)
        if b'"decision": "record"' in response.body and decision_id in response.text:
            self.drawn[decision_id] = data["call_id"]
        return response

    async def before_upload(self, request: web.Request) -> None:
        """The refusal, before the audio."""
        decision_id = request.match_info["decision_id"]
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
    app = web.Application(client_max_size=1 << 26)
    runner = web.AppRunner(app)
    stub = StubService(Target("", "kamailio", secrets.token_hex(), secrets.token_hex()))
    app.router.add_post("/webhooks/kamailio", stub.webhook)
    app.router.add_put(
        "/recordings/{decision_id}", stub.upload, expect_handler=stub.before_upload
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, LOCALHOST, 0).start()
        (host, port), *_ = runner.addresses
        stub.target = replace(stub.target, url=f"http://{host}:{port}")
        yield stub
    finally:
        await runner.cleanup()
