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
from uuid import UUID

import structlog

from proxy.database.pool import UNAVAILABLE
from proxy.errors import (
    DatabaseUnavailableError,
    NoOutsideValueError,
    PonctuelError,
)
from proxy.intake.binds import (
    Bind,
    Caller,
    DeadlineError,
    OverloadError,
    Patience,
    StalePolicyError,
)
from proxy.intake.epochs import NoSeedError
from proxy.intake.leading import Draws, Leader
from proxy.intake.policy_book import PolicyBook
from proxy.intake.relay import Forwarded, Relay, waiting_binds
from proxy.intake.seat import Seat, take_seat
from proxy.intake.store import DrawnCall
from proxy.ledger.transaction import Ledger, LedgerWentBackError, StaleHeadError

log = structlog.get_logger()

# What no other replica could do better, or is over at once.
_EVERYBODYS = (LedgerWentBackError, NoOutsideValueError, NoSeedError, StaleHeadError)

LARGEST_BATCH = 500
LARGEST_QUEUE = 5_000
_LOOK_SECONDS = 0.25  # how often a replica tries to lead, and looks for lost messages
_PAUSE_SECONDS = 0.05  # between two attempts to reach the database
_REST_SECONDS = 0.6  # how long others may try to lead after a fault of our own
_UNTIL_NEXT_REST_SECONDS = 30.0
_ALIVE_SECONDS = 2.0  # how often an idle leader shows that it lives


class Sequencer:
    """Draws for one site, or has the leader draw."""

    def __init__(
        self,
        ledger: Ledger,
        leader: Leader,
        policies: PolicyBook,
        on_unanswered: Callable[[UUID], None],
        on_void: Callable[[Bind, PonctuelError], None],
    ) -> None:
        """`on_unanswered` hears of RECORD draws whose caller had stopped waiting.

        `on_void` hears of every bind that gets no draw, and why.
        """
        self._ledger = ledger
        self._site = ledger.site
        self._leader = leader
        self._policies = policies
        self._on_unanswered = on_unanswered
        self._on_void = on_void
        self._relay = Relay(ledger.site)
        self._patience = Patience()
        self._waiting: list[Caller] = []
        self._wake = asyncio.Event()
        self._has_binds = True
        self._stale_at = -1
        self._rests_until = -math.inf
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
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
        elif len(self._waiting) + len(self._relay.forwarded) >= LARGEST_QUEUE:
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
            await asyncio.sleep(_PAUSE_SECONDS)  # however many call in the meantime

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
            now = time.monotonic()
            is_able = not self._is_stale() and now >= self._rests_until
            if is_able and now - tried_at >= _LOOK_SECONDS:
                tried_at = now
                await self._try_to_lead(seat)
            if not seat.is_leader:
                await self._follow(seat)

    async def _try_to_lead(self, seat: Seat) -> None:
        if await seat.try_to_lead():
            log.info("leads", site=self._site)
            self._waiting[:0] = await self._relay.withdraw(seat.connection)
            await self._collect(seat)
            # What is left never came into the table, or its answer was lost.
            self._refuse(self._relay.forget(), DatabaseUnavailableError("lost"))
            self._hear_of_binds()

    async def _follow(self, seat: Seat) -> None:
        await self._woken_within(_LOOK_SECONDS)
        callers = self._take(LARGEST_BATCH)
        if self._waiting:
            self._wake.set()
        if self._is_stale():
            self._refuse(callers, StalePolicyError(fix="upgrade this replica"))
        elif callers:
            await self._relay.forward(seat.connection, callers)
        await self._collect(seat)

    async def _collect(self, seat: Seat) -> None:
        """Answer the callers of this replica whom the leader has drawn."""
        if not self._relay.forwarded:
            return
        answers = await self._relay.collect(seat.connection)
        if any(isinstance(answer.refusal, StalePolicyError) for answer in answers):
            await self._learn(seat)
        heard = {
            answer.call.call_key
            for answer in answers
            if answer.call and answer.caller.tell(answer.call)
        }
        for answer in answers:
            if answer.refusal and not self._ask_anew(answer.caller, answer.refusal):
                self._refuse([answer.caller], answer.refusal)
            elif answer.call and answer.is_fresh and answer.call.call_key not in heard:
                self.close_unheard(answer.call)
        late, lost = await self._relay.give_up(seat.connection)
        self._refuse(late, DeadlineError())
        self._refuse(lost, DatabaseUnavailableError("lost"))

    async def _lead(self, seat: Seat) -> None:
        if not await self._woken_within(_ALIVE_SECONDS):
            await seat.check()
        forwarded: list[Forwarded] = []
        if self._has_binds:
            self._has_binds = False
            most = LARGEST_BATCH // 2 if self._waiting else LARGEST_BATCH
            forwarded = await waiting_binds(seat.connection, self._site, most)
            if len(forwarded) == most:
                self._hear_of_binds()
        callers = self._take(LARGEST_BATCH - len(forwarded))
        if self._waiting:
            self._wake.set()
        if callers or forwarded:
            await self._draw(seat, callers, forwarded)

    async def _draw(
        self, seat: Seat, callers: Sequence[Caller], forwarded: Sequence[Forwarded]
    ) -> None:
        """Draw a batch; a failure of any kind is an answer too: not recorded."""
        asked = {
            each.bind_id: each.bind
            for each in forwarded
            if each.bind.policy_version <= self._policies.version
        }
        is_behind = len(asked) < len(forwarded)
        try:
            draws = await self._drawn(seat, callers, asked)
            await seat.refuse(draws.misjudged, StalePolicyError())
            await seat.refuse(draws.nameless, NoSeedError())
        except UNAVAILABLE as error:
            self._refuse(callers, DatabaseUnavailableError(type(error).__name__))
            raise
        except PonctuelError as error:
            self._refuse(callers, error)
            await seat.refuse(asked, error)
            if isinstance(error, StalePolicyError):
                await self._give_way(seat)
            elif not isinstance(error, _EVERYBODYS):
                await self._rest(seat)
        else:
            self._answer(callers, draws)
        if is_behind and seat.is_leader:
            await self._catch_up(seat)

    def _ask_anew(self, caller: Caller, refusal: PonctuelError) -> bool:
        """Under the newest policy, what the leader refused to draw under another.

        False where that changes nothing: a bind is judged once for each policy.
        """
        if not isinstance(refusal, StalePolicyError):
            return False
        bind = caller.bind.under(self._policies.schedule.newest)
        if bind is None or bind is caller.bind:
            return False
        caller.bind = bind
        self._waiting.append(caller)
        self._wake.set()
        return True

    async def _learn(self, seat: Seat) -> bool:
        """Read what has been adopted; False if this replica knows no more than before.

        One of an older release may not be able to read it.
        """
        before = self._policies.version
        try:
            await self._policies.learn(seat.connection)
        except PonctuelError as error:
            log.warning("cannot follow the policy", site=self._site, why=str(error))
        return self._policies.version != before

    async def _catch_up(self, seat: Seat) -> None:
        """Others know a newer policy: learn it, or leave the draws to them."""
        if await self._learn(seat):
            self._hear_of_binds()
        else:
            await self._give_way(seat)

    async def _give_way(self, seat: Seat) -> None:
        """Leave the draws to replicas that know the newest policy."""
        self._stale_at = self._policies.version
        await seat.step_down()

    def _is_stale(self) -> bool:
        """Whether it gave way, and has learned nothing since."""
        return self._stale_at == self._policies.version

    async def _rest(self, seat: Seat) -> None:
        """Let another replica lead: what failed may be this one's clock or keys.

        Whoever leads again after a rest is alone, or no worse than the others.
        """
        now = time.monotonic()
        if now - self._rests_until > _UNTIL_NEXT_REST_SECONDS:
            self._rests_until = now + _REST_SECONDS
            await seat.step_down()

    async def _drawn(
        self, seat: Seat, callers: Sequence[Caller], asked: Mapping[UUID, Bind]
    ) -> Draws:
        binds = [caller.bind for caller in callers]
        try:
            return await self._leader.draw(seat, binds, asked)
        except (PonctuelError, *UNAVAILABLE):
            raise
        except Exception as error:
            log.critical("unforeseen in a draw", error=type(error).__name__)
            raise PonctuelError(type(error).__name__) from error

    def _answer(self, callers: Sequence[Caller], draws: Draws) -> None:
        """Tell the callers; a call drawn just now of which nobody heard is closed."""
        heard = set()
        for caller, call in zip(callers, draws.calls, strict=True):
            if call is None:
                self._refuse([caller], NoSeedError("no name in the week of the draw"))
            elif caller.tell(call):
                heard.add(call.call_key)
        for call in draws.calls:
            if call and call.call_key in draws.fresh - heard:
                heard.add(call.call_key)
                self.close_unheard(call)

    def close_unheard(self, call: DrawnCall) -> None:
        """A platform is told "skip" of this draw, or nothing: it is not recorded."""
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
