"""A platform that asks about many calls at once, some twice, and forgets no answer.

It behaves as a platform does: whatever breaks is asked again, at whichever replica.
"""

import asyncio
import random  # noqa: TID251  # a seed repeats a run; no draw depends on it
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import aiohttp

from tests.fakes.call_centre import LINE, OUTBOUND_LINE, CallCentre, Reply
from tests.fakes.replicas import Life, Replica

PATIENCE_SECONDS = 4.0  # of the platform; the service's own deadline is far shorter
_ATTEMPTS = 50
_PAUSE_SECONDS = 0.05


@dataclass(frozen=True)
class Ask:
    """One question about a call, and what came of it."""

    call_id: str
    life: Life
    begun: float
    ended: float
    decision: str | None  # None: no answer came
    decision_id: str | None = None  # None with "skip": nothing was drawn

    @property
    def seconds(self) -> float:
        return self.ended - self.begun

    @property
    def is_excused(self) -> bool:
        """Whether it was put to a process that was dead or frozen meanwhile."""
        return self.life.was_away(self.begun, self.ended)


@dataclass
class Callers:
    """So many calls at once, to any of the replicas, until told to stop."""

    centre: CallCentre
    replicas: Sequence[Replica]
    chance: random.Random
    asks: list[Ask] = field(default_factory=list)
    hung_up: set[str] = field(default_factory=set)  # decisions, as acknowledged
    is_over: bool = False
    _calls: int = 0

    async def call_for_ever(self) -> None:
        while not self.is_over:
            self._calls += 1
            await self._place(f"call-{self._calls}")
            await asyncio.sleep(self.chance.uniform(0, _PAUSE_SECONDS))

    async def _place(self, call_id: str) -> None:
        first, other = self.chance.sample(self.replicas, 2)
        repeated = self.chance.random()
        if repeated < 0.1:  # asked by two at once
            answers = await asyncio.gather(
                self.ask_until_answered(call_id, first),
                self.ask_until_answered(call_id, other),
            )
        else:
            answers = [await self.ask_until_answered(call_id, first)]
            if repeated < 0.3:
                answers.append(await self.ask_until_answered(call_id, other))
        for drawn in {ask.decision_id for ask in answers if ask.decision == "record"}:
            await self._hang_up(call_id, str(drawn))

    async def ask_until_answered(self, call_id: str, replica: Replica) -> Ask:
        for _ in range(_ATTEMPTS):
            ask = await self.ask(call_id, replica.reached)
            if ask.decision:
                break
            await asyncio.sleep(_PAUSE_SECONDS)
            replica = self.chance.choice(self.replicas)
        return ask

    async def ask(self, call_id: str, life: Life) -> Ask:
        is_inbound = int(call_id.partition("-")[2]) % 3 > 0
        data = self.centre.started(
            call_id,
            direction="inbound" if is_inbound else "outbound",
            line=LINE if is_inbound else OUTBOUND_LINE,
        )
        begun = time.monotonic()
        reply = await self._post("call.started", data, life)
        body = reply.body if reply and reply.status == 200 else {}
        ask = Ask(
            call_id,
            life,
            begun,
            time.monotonic(),
            body.get("decision"),
            body.get("decision_id"),
        )
        self.asks.append(ask)
        return ask

    async def _hang_up(self, call_id: str, decision_id: str) -> None:
        """The caller hangs up before the announcement: that too reaches the ledger."""
        for _ in range(_ATTEMPTS):
            life = self.chance.choice(self.replicas).reached
            reply = await self._post("call.ended", {"call_id": call_id}, life)
            if reply and reply.status == 204:
                self.hung_up.add(decision_id)
                return
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _post(
        self, kind: str, data: dict[str, object], life: Life
    ) -> Reply | None:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await self.centre.send(kind, data, address=life.address)
        except (aiohttp.ClientError, OSError, TimeoutError):
            return None
