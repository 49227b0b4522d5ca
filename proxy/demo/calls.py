"""How the simulated platform places its calls, and misbehaves on purpose.

It obeys every decision (it records on "record" only, after the announcement), except
for one call per order that it records unasked. What goes wrong besides is what goes
wrong in life: an event sent twice, a forger, callers who hang up or refuse.
"""

import asyncio
import base64
import json
import secrets
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, auto
from http import HTTPStatus

import aiohttp

from proxy.demo.recordings import Recordings
from proxy.demo.signing import sign

# Numbers kept out of use for films and examples (plan de numérotation of the Arcep).
LINES = ("+33199000001", "+33199000002", "+33199000003")
EXCLUDED_LINE = "+33199000004"
_CALLER = "+3363998{:04d}"

_AT_ONCE = 8  # calls in progress
_DUPLICATED_EVERY = 25
_EXCLUDED_EVERY = 20
_OUTBOUND_EVERY = 4
_NO_ANSWER = 0


class Course(Enum):
    """How a call that is to be recorded goes on."""

    USUAL = auto()
    FLAKY_FETCH = auto()
    REFUSED = auto()
    HUNG_UP = auto()
    REPORTED_TWICE = auto()


# One each, then only usual ones. The first leaves a recording, so there is one at all.
_UNUSUAL = (
    Course.FLAKY_FETCH,
    Course.REFUSED,
    Course.HUNG_UP,
    Course.REPORTED_TWICE,
)


@dataclass(frozen=True, slots=True)
class Order:
    """Calls `first` … `first + count - 1` of a run, by a clock that is set wrong."""

    webhook: str
    run: str
    first: int
    count: int
    clock_offset_seconds: float
    misbehaves: bool


class Calls:
    """The calls of one platform."""

    def __init__(
        self, http: aiohttp.ClientSession, secret: str, recordings: Recordings
    ) -> None:
        self._http = http
        self._secret = secret
        self._recordings = recordings
        self._drawn = 0
        self._has_disobeyed = False
        self.counted: Counter[str] = Counter()

    async def place(self, order: Order, on_progress: Callable[[int], None]) -> None:
        """Place the calls, a few at a time; return when every event was answered."""
        self._has_disobeyed = not order.misbehaves
        gate = asyncio.Semaphore(_AT_ONCE)
        done = 0

        async def one(number: int) -> None:
            nonlocal done
            async with gate:
                await self._live(order, number)
            done += 1
            on_progress(done)

        async with asyncio.TaskGroup() as group:
            for number in range(order.first, order.first + order.count):
                group.create_task(one(number))
        if order.misbehaves:
            await self._forge(order)

    async def _live(self, order: Order, number: int) -> None:
        """One call, from its first event to its last."""
        call_id = f"appel-{order.run}-{number:06d}"
        event = _event("call.started", _start_of(order, number, call_id))
        self.counted["placed"] += 1
        answer = await self._send(order, event)
        if order.misbehaves and number % _DUPLICATED_EVERY == 1:
            self.counted["duplicates"] += 1
            again = await self._send(order, event)
            self.counted["duplicates_agreed"] += again == answer
        if answer.get("decision") == "record":
            await self._be_recorded(order, call_id, str(answer["decision_id"]))
            return
        await self._tell(order, "call.ended", call_id=call_id)
        if not self._has_disobeyed:
            self._has_disobeyed = True
            await self._record_unasked(order, str(answer.get("decision_id")))

    async def _be_recorded(self, order: Order, call_id: str, decision_id: str) -> None:
        course = Course.USUAL
        if order.misbehaves and self._drawn < len(_UNUSUAL):
            course = _UNUSUAL[self._drawn]
            self._drawn += 1
            self.counted[course.name.lower()] += 1
        if course is Course.REFUSED:  # a key pressed while the announcement is played
            await self._tell(order, "call.opt_out", call_id=call_id)
        if course in (Course.REFUSED, Course.HUNG_UP):
            await self._tell(order, "call.ended", call_id=call_id)
            return
        await self._tell(order, "call.announced", call_id=call_id)
        await self._tell(order, "call.ended", call_id=call_id)
        url = self._recordings.record(is_flaky=course is Course.FLAKY_FETCH)
        for _ in range(2 if course is Course.REPORTED_TWICE else 1):
            await self._report(order, decision_id, url)

    async def _record_unasked(self, order: Order, decision_id: str) -> None:
        url = self._recordings.record(is_solicited=False)
        self.counted["unsolicited"] += 1
        await self._report(order, decision_id, url)

    async def _report(self, order: Order, decision_id: str, url: str) -> None:
        await self._tell(order, "recording.available", decision_id=decision_id, url=url)

    async def _tell(self, order: Order, kind: str, **data: str) -> None:
        await self._send(order, _event(kind, data))

    async def _forge(self, order: Order) -> None:
        """Start a call as somebody without the secret would."""
        data = _start_of(order, order.first, f"appel-{order.run}-faux")
        forged = base64.b64encode(secrets.token_bytes(32)).decode()
        status, _ = await self._post(order, _event("call.started", data), forged)
        self.counted["forged"] += 1
        self.counted["forged_refused"] += status == HTTPStatus.UNAUTHORIZED

    async def _send(self, order: Order, event: Mapping[str, object]) -> dict[str, str]:
        status, body = await self._post(order, event, self._secret)
        if status not in (HTTPStatus.OK, HTTPStatus.NO_CONTENT):
            self.counted["unexpected_answers"] += 1
            return {}
        answer: dict[str, str] = json.loads(body or b"{}")
        return answer

    async def _post(
        self, order: Order, event: Mapping[str, object], secret: str
    ) -> tuple[int, bytes]:
        body = json.dumps(event).encode()
        sent_at = int(time.time() + order.clock_offset_seconds)
        headers = sign(secret, str(event["id"]), sent_at, body)
        try:
            async with self._http.post(
                order.webhook, data=body, headers=headers
            ) as reply:
                return reply.status, await reply.read()
        except aiohttp.ClientError:  # the call goes on without an answer
            return _NO_ANSWER, b""


def _event(kind: str, data: Mapping[str, str]) -> dict[str, object]:
    """CloudEvents 1.0, structured mode."""
    return {
        "specversion": "1.0",
        "id": secrets.token_urlsafe(16),
        "source": "/simulator",
        "type": kind,
        "data": data,
    }


def _start_of(order: Order, number: int, call_id: str) -> dict[str, str]:
    line = LINES[number % len(LINES)]
    if number % _EXCLUDED_EVERY == _EXCLUDED_EVERY // 2:
        line = EXCLUDED_LINE
    is_outbound = number % _OUTBOUND_EVERY == 0
    outside = _CALLER.format(number % 10_000)
    started_at = datetime.fromtimestamp(time.time() + order.clock_offset_seconds, UTC)
    return {
        "call_id": call_id,
        "direction": "outbound" if is_outbound else "inbound",
        "caller": line if is_outbound else outside,
        "callee": outside if is_outbound else line,
        "line": line,
        "agent": f"agent-{number % 7}",
        "started_at": started_at.isoformat(),
    }
