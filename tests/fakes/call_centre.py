"""A whole call centre on one machine: Ponctuel itself, its platform, and its data.

The service is the real one, over HTTP, on a real PostgreSQL. The platform's events are
signed by the Standard Webhooks reference library, not by our code.
"""

import asyncio
import base64
import io
import json
import os
import struct
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
from standardwebhooks import Webhook

from proxy.app import Service
from proxy.ledger.entry import decode
from proxy.settings import Settings, load_settings
from proxy.site import Site
from tests.fakes.generic_platform import HeldRecordings

SITE = "clinic"
SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
UPLOAD_TOKEN = "upload-token-0123456789abcdef"
SOURCE_TOKEN = "source-token-0123456789abcdef"
CALLER = "+33612345678"
LINE = "+33140000001"
OUTBOUND_LINE = "+33140000002"
EXCLUDED_LINE = "+33140000003"
UNLAWFUL_LINE = "+33140000004"
CLOUDEVENTS = "application/cloudevents+json"

# The highest rate the law of this product allows: 10 + 1000 x 9 % = 100 in 1,000 calls.
HIGHEST = {"rate": "9%", "ceiling": "9%", "burst": 10, "smooth": 1}


def wav(seconds: float = 1.0, audio: bytes | None = None) -> bytes:
    """Mono 8 kHz 16-bit audio that is found again if it lies about anywhere."""
    samples = audio or os.urandom(int(seconds * 8000) * 2)
    header = struct.pack("<HHIIHH", 1, 1, 8000, 16000, 2, 16)
    chunks = b"WAVEfmt " + struct.pack("<I", 16) + header
    chunks += b"data" + struct.pack("<I", len(samples)) + samples
    return b"RIFF" + struct.pack("<I", len(chunks)) + chunks


async def until(
    is_so: Callable[[], Any], what: str = "condition", seconds: float = 10
) -> Any:
    """Ask again and again, without a fixed sleep; `is_so` may be a coroutine function.

    Returns the first answer that is true.
    """
    deadline = time.monotonic() + seconds
    while True:
        answer = is_so()
        answer = await answer if asyncio.iscoroutine(answer) else answer
        if answer:
            return answer
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        await asyncio.sleep(0.01)


_SITE_OPTIONS = ("is_pbx_connected", "more_connections")


def site_settings(
    policy: dict[str, object] | None,
    host: str,
    *,
    is_pbx_connected: bool = True,
    more_connections: dict[str, object] | None = None,
) -> dict[str, object]:
    lawful = {
        "practice": "cardio",
        "article_6": "6-1-f",
        "article_9": "9-2-h",
        "dpia": "dpia-2026",
        "staff_information": "cse-2026",
        "hosting": "hds-1",
    }
    connection = {
        "kind": "generic",
        "secrets": [SECRET],
        "upload_tokens": [UPLOAD_TOKEN],
        "source_token": SOURCE_TOKEN,
        "allowed_hosts": [host],
        "allow_private_addresses": True,
    }
    other = {**connection, "upload_tokens": ["other-" + UPLOAD_TOKEN]}
    site: dict[str, object] = {
        "practices": {"cardio": {"authorisation": "signed-2026"}},
        "line_groups": {"cardio": lawful, "unlawful": {**lawful, "article_9": ""}},
        "lines": {
            LINE: {"group": "cardio"},
            OUTBOUND_LINE: {"group": "cardio"},
            EXCLUDED_LINE: {"group": "cardio", "is_excluded": True},
            UNLAWFUL_LINE: {"group": "unlawful"},
        },
        "connections": {"other-pbx": other}
        | ({"pbx": connection} if is_pbx_connected else {})
        | (more_connections or {}),
    }
    return site | ({"policy": policy} if policy else {})


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


@dataclass(frozen=True)
class Call:
    """A call of the platform and what Ponctuel decided about it."""

    call_id: str
    decision: str
    decision_id: str

    @property
    def is_record(self) -> bool:
        return self.decision == "record"


@dataclass
class CallCentre:
    """Builds services, plays the platform, and looks at what is kept."""

    folder: Path
    dsn: str
    clock: Callable[[], datetime]
    http: aiohttp.ClientSession
    platform: HeldRecordings
    services: list[Service] = field(default_factory=list)

    # --- The service ------------------------------------------------------------

    @property
    def data_dir(self) -> Path:
        return self.folder / "var"

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
        """Settings of a usual site; `policy` and whole sections may be changed."""
        policy = changes.pop("policy", self.policy())
        dsn = changes.pop("dsn", self.dsn)
        options = {k: changes.pop(k) for k in _SITE_OPTIONS if k in changes}
        host = self.platform.address.removeprefix("http://")
        usual: dict[str, Any] = {
            "data_dir": self.data_dir,
            "database": {"dsn": dsn, "pool_size": 4},
            "http": {"port": 0},
            "metrics": {"port": 0, "interval_seconds": 3600},
            "sites": {SITE: site_settings(policy, host, **options)},
        }
        return load_settings(**(usual | changes))

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
        **signing: Any,
    ) -> Reply:
        """Sign and post one event."""
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
        address = (service or self.service).address
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
        """The data of a call.started."""
        usual: dict[str, object] = {
            "call_id": call_id,
            "direction": "inbound",
            "caller": CALLER,
            "callee": LINE,
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
        self, decision_id: str, audio: Any, token: str = UPLOAD_TOKEN, **options: Any
    ) -> Reply:
        """Push audio, given as bytes or as an asynchronous stream of them."""
        return await self.ask(
            "PUT",
            f"{self.service.address}/recordings/{decision_id}",
            data=io.BytesIO(audio) if isinstance(audio, bytes) else audio,
            headers={"Authorization": f"Bearer {token}", "Content-Type": "audio/wav"},
            **options,
        )

    async def ready(self) -> Reply:
        return await self.ask("GET", f"{self.service.address}/readyz")

    # --- What is kept -----------------------------------------------------------

    async def rows(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        """Ask the database itself, past the service and past every fault."""
        connection = await asyncpg.connect(self.dsn)
        try:
            return list(await connection.fetch(query, *arguments))
        finally:
            await connection.close()

    async def value(self, query: str, *arguments: object) -> Any:
        rows = await self.rows(query, *arguments)
        return rows[0][0] if rows else None

    async def sizes(self) -> dict[str, int]:
        """How many rows every table has, the job queue's included."""
        tables = await self.rows(
            "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables"
            " WHERE schemaname IN ('public', 'jobs') AND tablename !~ 'statistics|log|schedules'"
        )
        counted = " UNION ALL ".join(
            f"SELECT '{row['name']}', count(*) FROM {row['name']}"  # noqa: S608  # ours
            for row in tables
        )
        return {name: number for name, number in await self.rows(counted)}

    async def all_leaves(self) -> list[dict[str, Any]]:
        rows = await self.rows("SELECT body FROM ledger_entries ORDER BY seq")
        return [decode(row["body"]) for row in rows]

    async def leaves(self, kind: str) -> list[dict[str, Any]]:
        return [leaf for leaf in await self.all_leaves() if leaf["leaf"] == kind]

    async def counts(self) -> Counter[tuple[str, str]]:
        """The aggregates behind the metrics."""
        rows = await self.rows("SELECT metric, label, value FROM counts")
        return Counter({(row["metric"], row["label"]): row["value"] for row in rows})

    async def outcome(self, call: Call) -> tuple[str | None, str | None]:
        rows = await self.rows(
            "SELECT outcome, outcome_code FROM calls WHERE decision_id = $1",
            uuid.UUID(call.decision_id),
        )
        return rows[0]["outcome"], rows[0]["outcome_code"]

    async def outcome_leaves(self, call: Call) -> list[dict[str, Any]]:
        place = await self.value(
            "SELECT draw_seq FROM calls WHERE decision_id = $1",
            uuid.UUID(call.decision_id),
        )
        return [leaf for leaf in await self.leaves("OUT") if leaf["draw"] == place]

    def objects(self) -> list[Path]:
        """Every file of the object store, unfinished ones included."""
        folder = self.data_dir / "objects"
        return [file for file in folder.rglob("*") if file.is_file()]

    def day_keys(self) -> list[date]:
        return self.site.keys.days()

    def holds_clear(self, audio: bytes) -> bool:
        """Whether any file holds a piece of this audio in clear."""
        pieces = [audio[at : at + 64] for at in range(100, len(audio) - 64, 4096)]
        return any(
            piece in content
            for file in self.folder.rglob("*")
            if file.is_file()
            for content in [file.read_bytes()]
            for piece in pieces
        )

    async def heard(self, recording_id: str) -> bytes:
        """The clear audio of a kept recording."""
        recording = await self.site.vault.find(uuid.UUID(recording_id))
        return b"".join(
            [piece async for piece in await self.site.vault.open(recording)]
        )

    async def kept(self) -> list[str]:
        """The ids of all recordings there are."""
        rows = await self.rows("SELECT recording_id FROM recordings ORDER BY 1")
        return [str(row["recording_id"]) for row in rows]
