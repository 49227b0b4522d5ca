"""A telephony platform of the generic contract: holds recordings, and misbehaves.

A real HTTP server. GET gives the audio, DELETE deletes it, afterwards both and HEAD
answer 404. `/calls` lists the calls of a day. It writes down every request, and fails
on order; requests for the list are of the method "LIST" here.
"""

import asyncio
import csv
import io
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime

from aiohttp import web


@dataclass(frozen=True)
class Misbehaviour:
    """One wrong answer to one request.

    kind: "refuse" (do nothing, answer `status`), "lost" (do it, drop the connection),
    "drop" (do nothing, drop the connection), "half" (send half the audio, then drop
    it), "lie" (say it is done, do nothing), "slow" (be honest, but only when
    `HeldRecordings.hurry` is set), "cut short" (a list without its end, sent as whole).
    """

    kind: str
    status: int = 500


@dataclass
class HeldRecordings:
    """The platform's recordings by name, and everything it was asked."""

    address: str = ""
    audio: dict[str, bytes] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    hurry: asyncio.Event = field(default_factory=asyncio.Event)
    listed: list[dict[str, object]] = field(default_factory=list)
    _to_come: dict[str, deque[Misbehaviour]] = field(default_factory=dict)

    def hold(self, name: str, audio: bytes) -> str:
        """Have a recording; return its address."""
        self.audio[name] = audio
        return f"{self.address}/recordings/{name}"

    def list_call(
        self,
        call_id: str,
        started_at: datetime,
        *,
        root_call_id: str = "",
        recorded: int = 0,
        recording_url: str = "",
    ) -> None:
        """Have had a call, as its list of that day says."""
        self.listed.append(
            {
                "call_id": call_id,
                "root_call_id": root_call_id,
                "started_at": started_at.isoformat(),
                "recorded": recorded,
                "recording_url": recording_url,
            }
        )

    def misbehave(
        self, method: str, kind: str, *, times: int = 1, status: int = 500
    ) -> None:
        """Answer the next `times` requests of `method` wrongly."""
        wrong = [Misbehaviour(kind, status)] * times
        self._to_come.setdefault(method, deque()).extend(wrong)

    def count(self, method: str, name: str) -> int:
        return self.asked.count((method, name))

    def application(self) -> web.Application:
        application = web.Application()
        application.router.add_route("*", "/recordings/{name}", self._answer)
        application.router.add_get("/calls", self._list)
        return application

    def list_of(self, day: str) -> str:
        """What `/calls?day=…` answers: those of that day, and how many there are."""
        rows = [row for row in self.listed if str(row["started_at"]).startswith(day)]
        text = io.StringIO(newline="")
        names = ["call_id", "root_call_id", "started_at", "recorded", "recording_url"]
        writer = csv.DictWriter(text, names)
        writer.writeheader()
        writer.writerows(rows)
        return f"{text.getvalue()}total,{len(rows)}\r\n"

    async def _list(self, request: web.Request) -> web.StreamResponse:
        day = request.query["day"]
        self.asked.append(("LIST", day))
        body = self.list_of(day).encode()
        to_come = self._to_come.get("LIST")
        wrong = to_come.popleft() if to_come else None
        if wrong is None:
            return web.Response(body=body, content_type="text/csv")
        if wrong.kind == "refuse":
            return web.Response(status=wrong.status)
        if wrong.kind == "cut short":  # by whoever wrote the list, and sent as a whole
            return web.Response(body=body[: len(body) // 2])
        if wrong.kind == "half":
            await _send_half(request, body)
        if wrong.kind == "slow":
            await self.hurry.wait()
        return _drop(request)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        self.asked.append((request.method, name))
        to_come = self._to_come.get(request.method)
        if not to_come:
            return self._honest(request.method, name)
        wrong = to_come.popleft()
        if wrong.kind == "refuse":
            return web.Response(status=wrong.status)
        if wrong.kind == "lie":
            return web.Response(status=204)
        if wrong.kind == "slow":
            await self.hurry.wait()
            return self._honest(request.method, name)
        if wrong.kind == "half":
            await _send_half(request, self.audio[name])
        if wrong.kind == "lost":
            self._honest(request.method, name)
        return _drop(request)

    def _honest(self, method: str, name: str) -> web.Response:
        audio = self.audio.get(name)
        if audio is None:
            return web.Response(status=404)
        if method == "DELETE":
            del self.audio[name]
            return web.Response(status=204)
        return web.Response(body=audio, content_type="audio/wav")


async def _send_half(request: web.Request, audio: bytes) -> None:
    response = web.StreamResponse(headers={"Content-Length": str(len(audio))})
    await response.prepare(request)
    await response.write(audio[: len(audio) // 2])


def _drop(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
