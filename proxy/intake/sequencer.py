"""One draw per root call, in one order, committed before anyone is answered.

Callers put their call in line and wait. A single task takes everyone who is waiting as
one batch: look up who is bound already, decide the others in the order of their tags,
append their leaves, commit once. An idle sequencer starts at once, so batching never
adds a wait; under load the commit's cost is shared.

Several replicas may each run one: the ledger's head lock puts their batches in one
order, and the unique tag makes a second draw of the same call impossible.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID, uuid4

import structlog

from proxy.errors import PonctuelError
from proxy.intake.epochs import Epochs, Tags
from proxy.intake.store import QUERIES, DrawnCall, find_drawn
from proxy.ledger.entry import Kind
from proxy.ledger.transaction import Ledger, LedgerTransaction, NothingToRecordError
from sampling.decision import Candidate, Decision, decide
from sampling.draw import hex64
from sampling.policy import NO_POLICY, SamplingPolicy
from sampling.seed import epoch_to_draw_in, is_week_young

log = structlog.get_logger()

LARGEST_BATCH = 500
LARGEST_QUEUE = 5_000
# Marks where a batch begins, so that an auditor sees that tags ascend within each.
FIRST_OF_BATCH: dict[str, str | int] = {"b": 1}


class ClockFaultError(PonctuelError):
    """The clock went back further than a draw can follow."""

    status = 503
    error_id = "clock-fault"


class StalePolicyError(PonctuelError):
    """Another replica has adopted a different policy."""

    status = 503
    error_id = "stale-policy"


class DeadlineError(PonctuelError):
    """The draw was not committed within the connection's deadline."""

    status = 503
    error_id = "deadline"


class OverloadError(PonctuelError):
    """Too many calls are waiting for their draw."""

    status = 503
    error_id = "overload"


@dataclass(slots=True)
class Bind:
    """A call that asks for its draw.

    An abandoned one's platform has been told "skip": it must not end as RECORD.
    """

    tags: Tags
    leg_tag: bytes | None
    connection: str
    stratum: str
    gate_code: str | None
    is_abandoned: bool = False
    answered: asyncio.Future[DrawnCall] = field(init=False)

    def __post_init__(self) -> None:
        self.answered = asyncio.get_running_loop().create_future()


@dataclass(frozen=True, slots=True)
class _Drawn:
    bind: Bind
    decision: Decision
    decision_id: UUID
    draw_seq: int


@dataclass(frozen=True, slots=True)
class _Drawing:
    """What all draws of one batch share."""

    change: LedgerTransaction
    policy: SamplingPolicy
    key: bytes
    epoch: int
    names_last_week: bool


class Sequencer:
    """Draws for one site."""

    def __init__(
        self,
        ledger: Ledger,
        epochs: Epochs,
        clock: Callable[[], datetime],
        on_unanswered: Callable[[UUID], None],
    ) -> None:
        """`on_unanswered` hears of RECORD draws whose caller had stopped waiting."""
        self._ledger = ledger
        self._site = ledger.site
        self._epochs = epochs
        self._clock = clock
        self._on_unanswered = on_unanswered
        self._policy = NO_POLICY
        self._waiting: list[Bind] = []
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self, policy: SamplingPolicy) -> None:
        self._policy = policy
        self._task = asyncio.create_task(self._run(), name=f"sequencer-{self._site}")

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        _fail(self._waiting, OverloadError("the service is stopping"))

    def line_up(self, bind: Bind) -> None:
        """Put a call in line; `bind.answered` becomes its draw or a PonctuelError."""
        if self._task is None or self._task.done():
            bind.answered.set_exception(OverloadError("draws have not begun yet"))
        elif len(self._waiting) >= LARGEST_QUEUE:
            bind.answered.set_exception(OverloadError())
        else:
            self._waiting.append(bind)
            self._wake.set()

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            batch = self._waiting[:LARGEST_BATCH]
            self._waiting = self._waiting[LARGEST_BATCH:]
            if not self._waiting:
                self._wake.clear()
            _fail((bind for bind in batch if bind.is_abandoned), DeadlineError())
            batch = [bind for bind in batch if not bind.is_abandoned]
            if batch:
                await self._answer(batch)

    async def _answer(self, batch: list[Bind]) -> None:
        """Draw a batch; a failure of any kind is an answer too: not recorded."""
        try:
            calls, fresh = await self._draw_batch(batch)
        except PonctuelError as error:
            _fail(batch, error)
        except Exception as error:  # noqa: BLE001  # a bug must not stop later draws
            log.critical("unforeseen in a draw", error=type(error).__name__)
            _fail(batch, PonctuelError(type(error).__name__))
        else:
            for bind, call in zip(batch, calls, strict=True):
                bind.answered.set_result(call)
            self._close_unanswered(batch, fresh)

    def _close_unanswered(
        self, batch: Sequence[Bind], fresh: Sequence[DrawnCall]
    ) -> None:
        """Hand over drawn calls of which nobody heard.

        A call answered before, or by another bind of this batch, is none of them.
        """
        heard = {
            bind.answered.result().decision_id
            for bind in batch
            if not bind.is_abandoned
        }
        for call in fresh:
            if call.may_be_recorded and call.decision_id not in heard:
                self._on_unanswered(call.decision_id)

    async def _draw_batch(
        self, batch: list[Bind]
    ) -> tuple[list[DrawnCall], list[DrawnCall]]:
        """The calls of `batch`, in its order, and which of them were drawn just now."""
        known: dict[bytes, DrawnCall] = {}
        drawn: list[DrawnCall] = []
        try:
            async with self._ledger.transaction() as change:
                names = [name for bind in batch for name in bind.tags.all]
                known = await find_drawn(change.connection, self._site, names)
                fresh = _first_of_each(batch, known)
                if fresh:
                    drawn = await self._draw_fresh(change, fresh)
                    known |= {call.call_key: call for call in drawn}
        except NothingToRecordError:  # every call was bound already
            pass
        calls = [_known_call(bind, known) for bind in batch]
        await self._note_legs(batch, calls)
        return calls, drawn

    async def _draw_fresh(
        self, change: LedgerTransaction, fresh: Sequence[Bind]
    ) -> list[DrawnCall]:
        policy = self._policy
        if change.policy_version != policy.version:
            raise StalePolicyError(f"version {change.policy_version} is in force")
        now = self._clock()
        epoch = epoch_to_draw_in(now, change.last_epoch, self._epochs.epoch_seconds)
        if epoch is None:
            raise ClockFaultError
        key = await self._epochs.key_of(change, epoch)
        change.last_epoch = epoch
        drawing = _Drawing(change, policy, key, epoch, is_week_young(now))
        drawn = [
            _draw_one(drawing, bind, is_first=not place)
            for place, bind in enumerate(fresh)
        ]
        await self._insert(change, policy, epoch, drawn, now)
        return [_as_call(item, policy) for item in drawn]

    async def _insert(
        self,
        change: LedgerTransaction,
        policy: SamplingPolicy,
        epoch: int,
        drawn: Sequence[_Drawn],
        now: datetime,
    ) -> None:
        await change.connection.execute(
            QUERIES["insert_calls"],
            self._site,
            [item.bind.tags.this_week for item in drawn],
            [item.decision_id for item in drawn],
            [item.bind.connection for item in drawn],
            [item.bind.stratum for item in drawn],
            epoch,
            [item.draw_seq for item in drawn],
            [item.decision.is_record for item in drawn],
            policy.kept_days,
            policy.max_seconds,
            policy.purpose.value,
            now,
        )
        records = sum(item.decision.is_record for item in drawn)
        await change.connection.execute(
            QUERIES["count_draws"], self._site, epoch, len(drawn), records
        )

    async def _note_legs(
        self, batch: Sequence[Bind], calls: Sequence[DrawnCall]
    ) -> None:
        """Remember legs, so that their events find the root call."""
        legs = [
            (bind.leg_tag, call.call_key)
            for bind, call in zip(batch, calls, strict=True)
            if bind.leg_tag
        ]
        if legs:
            leg_keys, call_keys = zip(*legs, strict=True)
            async with self._ledger.database.connection() as connection:
                await connection.execute(
                    QUERIES["insert_legs"], self._site, leg_keys, call_keys
                )


def _first_of_each(batch: Iterable[Bind], known: dict[bytes, DrawnCall]) -> list[Bind]:
    """One bind per call not yet drawn, in the order of the tags: nobody chose it."""
    first: dict[bytes, Bind] = {}
    names = set(known)
    for bind in batch:
        if names.isdisjoint(bind.tags.all):
            first[bind.tags.this_week] = bind
            names.update(bind.tags.all)
    return [first[tag] for tag in sorted(first)]


def _known_call(bind: Bind, known: dict[bytes, DrawnCall]) -> DrawnCall:
    return next(known[name] for name in bind.tags.all if name in known)


def _draw_one(drawing: _Drawing, bind: Bind, *, is_first: bool) -> _Drawn:
    change = drawing.change
    candidate = Candidate(bind.tags.this_week, bind.stratum, bind.gate_code)
    decision, change.tokens = decide(
        candidate, drawing.policy, drawing.key, change.tokens
    )
    leaf = _leaf(drawing, bind, decision)
    seq = change.append(Kind.DRAW, leaf | FIRST_OF_BATCH if is_first else leaf)
    change.count("calls", bind.stratum)
    if decision.is_record:
        change.count("selected", bind.stratum)
    elif decision.code:
        change.count("excluded", decision.code)
    return _Drawn(bind, decision, uuid4(), seq)


def _leaf(drawing: _Drawing, bind: Bind, decision: Decision) -> dict[str, str | int]:
    leaf: dict[str, str | int] = {
        "e": drawing.epoch,
        "c": bind.tags.this_week.hex(),
        "s": bind.stratum,
        "T": hex64(decision.threshold),
        "d": int(decision.is_record),
    }
    if drawing.names_last_week and bind.tags.last_week:
        leaf["c_prev"] = bind.tags.last_week.hex()
    if decision.code:
        leaf["x"] = decision.code
    return leaf


def _as_call(item: _Drawn, policy: SamplingPolicy) -> DrawnCall:
    return DrawnCall(
        call_key=item.bind.tags.this_week,
        decision_id=item.decision_id,
        connection=item.bind.connection,
        stratum=item.bind.stratum,
        draw_seq=item.draw_seq,
        is_record=item.decision.is_record,
        kept_days=policy.kept_days,
        max_seconds=policy.max_seconds,
        purpose=policy.purpose.value,
        announced_at=None,
        ended_at=None,
        outcome=None,
    )


def _fail(binds: Iterable[Bind], error: PonctuelError) -> None:
    for bind in binds:
        if not bind.answered.done():
            bind.answered.set_exception(error)
