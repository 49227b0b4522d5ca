"""A whole call centre on one machine: Ponctuel itself, its platform, and its data.

The service is the real one, over HTTP, on a real PostgreSQL. The platform's events are
signed by the Standard Webhooks reference library, not by our code.
"""

import asyncio
import io
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zlib import crc32

import aiohttp
from standardwebhooks import Webhook

from proxy.app import Service
from proxy.settings import Settings, load_settings
from proxy.site import Site
from retention.keys import DayKey
from tests.fakes.clinic import (
    CALLER,
    CALLERS,
    CLOUDEVENTS,
    EXCLUDED_LINE,
    HIGHEST,
    LINE,
    OUTBOUND_LINE,
    SECRET,
    SITE,
    SOURCE_TOKEN,
    UNLAWFUL_LINE,
    UPLOAD_TOKEN,
    site_settings,
    wav,
)
from tests.fakes.evidence import Call, Evidence, until
from tests.fakes.generic_platform import HeldRecordings

__all__ = [
    "CALLER",
    "CALLERS",
    "CLOUDEVENTS",
    "EXCLUDED_LINE",
    "HIGHEST",
    "LINE",
    "OUTBOUND_LINE",
    "SECRET",
    "SITE",
    "SOURCE_TOKEN",
    "UNLAWFUL_LINE",
    "UPLOAD_TOKEN",
    "Call",
    "CallCentre",
    "Reply",
    "site_settings",
    "until",
    "wav",
]

_SITE_OPTIONS = ("deadline_ms", "is_pbx_connected", "more_connections")


@dataclass
class Reply:
    """What the service answered."""

    status: int
    body: Any
    content_type: str

    @property
    def problem(self) -> str:
        """The problem's stable name; fails for what is no problem document."""
        assert self.content_type == "application/problem+json", self
        return str(self.body["type"]).removeprefix("urn:ponctuel:problem:")


@dataclass(kw_only=True)
class CallCentre(Evidence):
    """Builds services, plays the platform, and looks at what is kept."""

    clock: Callable[[], datetime]
    http: aiohttp.ClientSession
    platform: HeldRecordings
    services: list[Service] = field(default_factory=list)
    address: str = ""
    """Where calls go when the service runs in a process of its own."""

    # --- The service ------------------------------------------------------------

    @property
    def service(self) -> Service:
        """The service opened last."""
        return self.services[-1]

    @property
    def site(self) -> Site:
        return self.service.sites[SITE]

    def policy(self, **changes: object) -> dict[str, object]:
        usual = HIGHEST | {"starts_on": self.clock().date() - timedelta(days=1)}
        return usual | changes

    def settings(self, **changes: Any) -> Settings:
        return load_settings(**self.plan(**changes))

    def plan(self, **changes: Any) -> dict[str, Any]:
        """Settings of a usual site; `policy` and whole sections may be changed."""
        policy = changes.pop("policy", self.policy())
        dsn = changes.pop("dsn", self.dsn)
        options = {k: changes.pop(k) for k in _SITE_OPTIONS if k in changes}
        host = self.platform.address.removeprefix("http://")
        vault = changes.pop("vault", {})
        if "transit" not in vault:
            vault = {"keys": changes.get("data_dir", self.data_dir) / "keys"} | vault
        usual: dict[str, Any] = {
            "data_dir": self.data_dir,
            "database": {"dsn": dsn, "pool_size": 4},
            "vault": vault,
            "http": {"port": 0},
            "metrics": {"port": 0, "interval_seconds": 3600},
            "sites": {SITE: site_settings(policy, host, **options)},
        }
        return usual | changes

    def order(self, address_file: Path) -> dict[str, Any]:
        """What `crashing_service` needs to run a replica of this service."""
        return {
            "settings": self.plan(),
            "now": self.clock().isoformat(),
            "address_file": str(address_file),
            "config": str(self.folder / "empty.toml"),
        }

    async def open(self, **changes: Any) -> Service:
        """A running service that may draw; another one is another replica."""
        service = await self.open_unready(**changes)
        await service.wait_ready()
        return service

    async def open_unready(self, **changes: Any) -> Service:
        service = Service(self.settings(**changes), self.clock)
        self.services.append(service)
        await service.start()
        return service

    async def stop_worker(self) -> None:
        """Let no job run of itself: a test takes every step by hand."""
        jobs = self.service._jobs
        assert jobs
        await jobs.stop()

    async def close(self) -> None:
        """Stop every service there is."""
        while self.services:
            await self.services.pop().stop()

    # --- The platform -----------------------------------------------------------

    async def send(
        self,
        kind: str,
        data: dict[str, object],
        *,
        connection: str = "pbx",
        service: Service | None = None,
        address: str = "",
        **signing: Any,
    ) -> Reply:
        """Sign and post one event."""
        address = address or self.address or (service or self.service).address
        event_id = signing.pop("event_id", str(uuid.uuid4()))
        event = {
            "specversion": "1.0",
            "id": event_id,
            "source": "urn:pbx",
            "type": kind,
            "data": data,
        }
        raw_body = json.dumps(event)
        headers = self.signed(raw_body, event_id, **signing)
        return await self.ask(
            "POST", f"{address}/webhooks/{connection}", data=raw_body, headers=headers
        )

    def signed(
        self,
        raw_body: str,
        event_id: str,
        secret: str = SECRET,
        at: datetime | None = None,
    ) -> dict[str, str]:
        at = at or self.clock()
        return {
            "content-type": CLOUDEVENTS,
            "webhook-id": event_id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": Webhook(secret).sign(event_id, at, raw_body),
        }

    async def ask(self, method: str, url: str, **options: Any) -> Reply:
        async with self.http.request(method, url, **options) as response:
            text = await response.text()
            is_json = "json" in response.content_type
            body = json.loads(text) if is_json and text else text
            return Reply(response.status, body, response.content_type)

    def started(self, call_id: str, **changes: object) -> dict[str, object]:
        """The data of a call.started; nobody calls, or is called, twice."""
        is_outbound = changes.get("direction") == "outbound"
        outside = f"{CALLERS}{crc32(call_id.encode()) % 10**8:08}"
        usual: dict[str, object] = {
            "call_id": call_id,
            "direction": "inbound",
            "caller": LINE if is_outbound else outside,
            "callee": outside if is_outbound else LINE,
            "line": LINE,
            "started_at": self.clock().isoformat(),
        }
        return usual | changes

    async def start_call(
        self, call_id: str = "", *, service: Service | None = None, **changes: object
    ) -> Call:
        call_id = call_id or f"call-{uuid.uuid4()}"
        reply = await self.send(
            "call.started", self.started(call_id, **changes), service=service
        )
        assert reply.status == 200, reply
        return Call(call_id, reply.body["decision"], reply.body["decision_id"])

    async def drawn_call(self, *, is_announced: bool = False) -> Call:
        """Place calls until one is drawn for recording."""
        while True:
            calls = await asyncio.gather(*(self.start_call() for _ in range(16)))
            for call in calls:
                if call.is_record:
                    if is_announced:
                        await self.tell("call.announced", call)
                    return call

    async def skipped_call(self) -> Call:
        while (call := await self.start_call()).is_record:
            pass
        return call

    async def tell(self, kind: str, call: Call) -> None:
        """Report something that happened to a call."""
        reply = await self.send(kind, {"call_id": call.call_id})
        assert reply.status == 204, reply

    async def offer(self, url: str, decision_id: str, **options: Any) -> Reply:
        """Report a recording that the platform holds."""
        data = {"decision_id": decision_id, "url": url}
        return await self.send("recording.available", data, **options)

    async def upload(
        self,
        decision_id: str,
        audio: Any,
        token: str = UPLOAD_TOKEN,
        *,
        address: str = "",
        **options: Any,
    ) -> Reply:
        """Push audio, given as bytes or as an asynchronous stream of them."""
        address = address or self.address or self.service.address
        return await self.ask(
            "PUT",
            f"{address}/recordings/{decision_id}",
            data=io.BytesIO(audio) if isinstance(audio, bytes) else audio,
            headers={"Authorization": f"Bearer {token}", "Content-Type": "audio/wav"},
            **options,
        )

    async def ready(self) -> Reply:
        return await self.ask("GET", f"{self.service.address}/readyz")

    # --- The vault ---------------------------------------------------------------

    def day_keys(self) -> list[date]:
        """The days whose keys are in the key directory."""
        files = (self.data_dir / "keys" / SITE).glob("audio-*.key")
        found = (DayKey.named(file.stem) for file in files)
        return sorted(key.day for key in found if key)

    async def heard(self, recording_id: str) -> bytes:
        """The clear audio of a kept recording."""
        recording = await self.site.vault.find(uuid.UUID(recording_id))
        return b"".join(
            [piece async for piece in await self.site.vault.open(recording)]
        )
