"""One draw per root call, in one order, committed before anyone is answered.

Callers put their call in line and wait. A single task takes everyone who is waiting as
one batch: look up the head and who is bound already, decide the others in the order of
their tags, commit all of it in one statement. An idle sequencer starts at once, so
batching never adds a wait; under load the commit's cost is shared.

Of a site's replicas one leads and draws for all. The others hand their binds over, and
answer their own callers. Whoever leads next goes on with what is still waiting.
"""

import asyncio
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from uuid import UUID

import structlog

from proxy.errors import DatabaseUnavailableError, PonctuelError
from proxy.intake.binds import (
    Bind,
    Caller,
    DeadlineError,
    OverloadError,
    Patience,
    StalePolicyError,
)
from proxy.intake.epochs import Epochs
from proxy.intake.leading import Draws, Leader
from proxy.intake.relay import Forwarded, Relay, waiting_binds
from proxy.intake.seat import LOST, Seat, take_seat
from proxy.intake.store import DrawnCall
from proxy.ledger.transaction import Ledger
from sampling.schedule import PolicySchedule

log = structlog.get_logger()

LARGEST_BATCH = 500
LARGEST_QUEUE = 5_000
_LOOK_SECONDS = 0.25  # how often a replica tries to lead, and looks for lost messages
_ALIVE_SECONDS = 2.0  # how often an idle leader shows that it lives


class Sequencer:
    """Draws for one site, or has the leader draw."""

    def __init__(
        self,
        ledger: Ledger,
        epochs: Epochs,
        clock: Callable[[], datetime],
        on_unanswered: Callable[[UUID], None],
        on_void: Callable[[Bind, PonctuelError], None],
    ) -> None:
        """`on_unanswered` hears of RECORD draws whose caller had stopped waiting.

        `on_void` hears of every bind that gets no draw, and why.
        """
        self._ledger = ledger
        self._site = ledger.site
        self._epochs = epochs
        self._clock = clock
        self._on_unanswered = on_unanswered
        self._on_void = on_void
        self._relay = Relay(ledger.site)
        self._patience = Patience()
        self._waiting: list[Caller] = []
        self._wake = asyncio.Event()
        self._has_binds = True
        self._is_stale = False
        self._version = 0
        self._leader: Leader | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self, schedule: PolicySchedule) -> None:
        self._version = schedule.newest_version
        self._leader = Leader(self._epochs, self._clock, schedule)
        self._task = asyncio.create_task(self._run(), name=f"sequencer-{self._site}")

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        left = [*self._waiting, *self._relay.forwarded.values()]
        self._refuse(left, OverloadError("the service is stopping"))

    def line_up(self, bind: Bind, patience: float) -> Caller:
        """Put a call in line for at most `patience` seconds.

        `answered` of what is returned becomes its draw, or a PonctuelError.
        """
        caller = Caller(bind, patience)
        self._patience.watch(caller)
        if self._task is None or self._task.done():
            self._refuse([caller], OverloadError("draws have not begun yet"))
        elif len(self._waiting) >= LARGEST_QUEUE:
            self._refuse([caller], OverloadError())
        else:
            self._waiting.append(caller)
            self._wake.set()
        return caller

    async def _run(self) -> None:
        while True:
            try:
                async with take_seat(self._ledger.database) as seat:
                    await seat.listen(self._hear_of_binds, self._wake.set)
                    await self._sit(seat)
            except DatabaseUnavailableError as error:
                self._refuse(self._take(LARGEST_QUEUE), error)
            except Exception as error:  # noqa: BLE001  # a bug must not stop all draws
                log.critical("unforeseen in a draw", error=type(error).__name__)
                self._refuse(self._take(LARGEST_QUEUE), PonctuelError())
            await self._woken_within(_LOOK_SECONDS)

    def _hear_of_binds(self) -> None:
        self._has_binds = True
        self._wake.set()

    async def _woken_within(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        is_woken = self._wake.is_set()
        self._wake.clear()
        return is_woken

    async def _sit(self, seat: Seat) -> None:
        tried_at = -math.inf
        while True:
            if seat.is_leader:
                await self._lead(seat)
                continue
            if not self._is_stale and time.monotonic() - tried_at >= _LOOK_SECONDS:
                tried_at = time.monotonic()
                await self._try_to_lead(seat)
            if not seat.is_leader:
                await self._follow(seat)

    async def _try_to_lead(self, seat: Seat) -> None:
        if await seat.try_to_lead():
            log.info("leads", site=self._site)
            await self._collect(seat)
            self._waiting[:0] = await self._relay.withdraw(seat.connection)
            self._hear_of_binds()

    async def _follow(self, seat: Seat) -> None:
        await self._woken_within(_LOOK_SECONDS)
        callers = self._take(LARGEST_BATCH)
        if self._waiting:
            self._wake.set()
        if self._is_stale:
            self._refuse(callers, StalePolicyError(fix="restart this replica"))
        elif callers:
            await self._relay.forward(seat.connection, callers, self._version)
        await self._collect(seat)

    async def _collect(self, seat: Seat) -> None:
        """Answer the callers of this replica whom the leader has drawn."""
        if not self._relay.forwarded:
            return
        for answer in await self._relay.collect(seat.connection):
            if answer.refusal:
                self._refuse([answer.caller], answer.refusal)
            elif answer.call:
                is_heard = answer.caller.tell(answer.call)
                if answer.is_fresh and not is_heard:
                    self._close_unheard(answer.call)
        self._refuse(await self._relay.give_up(seat.connection), DeadlineError())

    async def _lead(self, seat: Seat) -> None:
        if not await self._woken_within(_ALIVE_SECONDS):
            await seat.check()
        forwarded: list[Forwarded] = []
        if self._has_binds:
            self._has_binds = False
            forwarded = await waiting_binds(seat.connection, self._site, LARGEST_BATCH)
        callers = self._take(LARGEST_BATCH - len(forwarded))
        if len(forwarded) == LARGEST_BATCH:
            self._hear_of_binds()
        if self._waiting:
            self._wake.set()
        if callers or forwarded:
            await self._draw(seat, callers, forwarded)

    async def _draw(
        self, seat: Seat, callers: Sequence[Caller], forwarded: Sequence[Forwarded]
    ) -> None:
        """Draw a batch; a failure of any kind is an answer too: not recorded."""
        stale = [each for each in forwarded if each.policy_version != self._version]
        asked = {each.bind_id: each.bind for each in forwarded if each not in stale}
        await seat.refuse([each.bind_id for each in stale], StalePolicyError())
        try:
            draws = await self._drawn(seat, callers, asked)
        except LOST as error:
            self._refuse(callers, DatabaseUnavailableError(type(error).__name__))
            raise
        except PonctuelError as error:
            self._refuse(callers, error)
            await seat.refuse(asked, error)
            if isinstance(error, StalePolicyError):
                await self._give_way(seat)
        else:
            self._answer(callers, draws)
        is_behind = any(each.policy_version > self._version for each in stale)
        if is_behind and seat.is_leader:
            await self._give_way(seat)

    async def _give_way(self, seat: Seat) -> None:
        """Leave the draws to replicas that know the newest policy."""
        self._is_stale = True
        await seat.step_down()

    async def _drawn(
        self, seat: Seat, callers: Sequence[Caller], asked: Mapping[UUID, Bind]
    ) -> Draws:
        if self._leader is None:
            raise OverloadError("draws have not begun yet")
        binds = [caller.bind for caller in callers]
        try:
            return await self._leader.draw(seat, binds, asked)
        except (PonctuelError, *LOST):
            raise
        except Exception as error:
            log.critical("unforeseen in a draw", error=type(error).__name__)
            raise PonctuelError(type(error).__name__) from error

    def _answer(self, callers: Sequence[Caller], draws: Draws) -> None:
        """Tell the callers; a call drawn just now of which nobody heard is closed."""
        heard = set()
        for caller, call in zip(callers, draws.calls, strict=True):
            if caller.tell(call):
                heard.add(call.call_key)
        for call in draws.calls:
            if call.call_key in draws.fresh and call.call_key not in heard:
                heard.add(call.call_key)
                self._close_unheard(call)

    def _close_unheard(self, call: DrawnCall) -> None:
        if call.may_be_recorded:
            self._on_unanswered(call.decision_id)

    def _take(self, limit: int) -> list[Caller]:
        """Up to `limit` callers who still wait, the first first."""
        taken, self._waiting = self._waiting[:limit], self._waiting[limit:]
        self._refuse([each for each in taken if not each.is_waiting], DeadlineError())
        return [each for each in taken if each.is_waiting]

    def _refuse(self, callers: Iterable[Caller], error: PonctuelError) -> None:
        for caller in callers:
            caller.refuse(error)
            self._on_void(caller.bind, error)
