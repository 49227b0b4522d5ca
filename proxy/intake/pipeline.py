"""What happens after a webhook is authenticated and parsed.

A call start, step by step:
1. Tag: the root call's keyed name; a leg also gets one, which leads to its root.
2. Gate: the line's group and legal references, the campaign's dates.
3. Draw: in line for the sequencer, within the connection's deadline.
4. Answer: RECORD only if the draw is committed and nothing has ended it since.

Every other event changes the state of a call that was drawn; for one that was not, or
that nobody knows, there is nothing to change, except that a recording of it must go.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from uuid import UUID

from proxy.errors import (
    DatabaseUnavailableError,
    NotDrawnError,
    OutcomeClosedError,
    PonctuelError,
    UnknownCallError,
)
from proxy.intake.epochs import Epochs, NoSeedError
from proxy.intake.outcomes import Failure, Outcomes
from proxy.intake.sequencer import (
    Bind,
    ClockFaultError,
    DeadlineError,
    Sequencer,
    StalePolicyError,
)
from proxy.intake.stops import Stops
from proxy.intake.store import DrawnCall, find_call, find_decision, find_drawn
from proxy.intake.takeovers import Takeovers
from proxy.ledger.transaction import Ledger
from proxy.platforms.base import (
    SKIP,
    Answer,
    CallAnnounced,
    CallEnded,
    CallMarkedPrivate,
    CallOptedOut,
    CallStarted,
    Direction,
    Event,
    RecordingAbsent,
    RecordingAvailable,
    RecordingStarted,
)
from sampling.gates import UNKNOWN_LINE, Line, closed_gate
from sampling.policy import NO_POLICY, SamplingPolicy

MOST_DOUBTFUL = 100_000
_VOID_CODES: Mapping[type[PonctuelError], str] = {
    ClockFaultError: "clock",
    DatabaseUnavailableError: "store",
    DeadlineError: "late",
    NoSeedError: "seed",
    StalePolicyError: "policy",
}


@dataclass(slots=True, kw_only=True)
class SiteIntake:
    """Everything one site does with its platforms' events.

    `void` counts calls that could not be drawn since the last publication, by code and
    stratum. `doubtful` are calls, by tag, whose draw may have been committed although
    the database's answer was lost.
    """

    ledger: Ledger
    epochs: Epochs
    sequencer: Sequencer
    outcomes: Outcomes
    takeovers: Takeovers
    stops: Stops
    lines: Mapping[str, Line]
    clock: Callable[[], datetime]
    policy: SamplingPolicy = NO_POLICY
    void: Counter[tuple[str, str]] = field(default_factory=Counter)
    doubtful: dict[bytes, str] = field(default_factory=dict)

    def begin(self, policy: SamplingPolicy) -> None:
        """Draw by `policy` from now on."""
        self.policy = policy
        self.sequencer.start(policy)

    async def decide(
        self, connection: str, event: CallStarted, deadline_seconds: float
    ) -> Answer:
        """RECORD or SKIP for a call start. Raises PonctuelError: then it is SKIP."""
        line = self.lines.get(event.line, UNKNOWN_LINE)
        try:
            bind = self._bind(connection, event, line)
        except NoSeedError:
            self.void["seed", stratum_of(line, event.direction)] += 1
            raise
        self.sequencer.line_up(bind)
        done, _ = await asyncio.wait({bind.answered}, timeout=deadline_seconds)
        if not done:
            bind.is_abandoned = True
            bind.answered.add_done_callback(partial(self._count_if_void, bind))
            raise DeadlineError
        self._count_if_void(bind, bind.answered)
        return self._answer(bind.answered.result())

    def _count_if_void(self, bind: Bind, answered: asyncio.Future[DrawnCall]) -> None:
        """Count a call whose draw failed; a late one that was drawn is not void."""
        error = answered.exception()
        is_doubtful = isinstance(error, DatabaseUnavailableError)
        if is_doubtful and len(self.doubtful) < MOST_DOUBTFUL:
            self.doubtful[bind.tags.this_week] = bind.stratum
        elif isinstance(error, PonctuelError):
            code = _VOID_CODES.get(type(error), "overload")
            self.void[code, bind.stratum] += 1

    async def settle_doubtful(self) -> None:
        """Count as void what was not drawn after all, now that the database answers."""
        doubtful = dict(self.doubtful)
        if not doubtful:
            return
        async with self.ledger.database.connection() as borrowed:
            drawn = await find_drawn(borrowed, self.ledger.site, list(doubtful))
        for tag, stratum in doubtful.items():
            del self.doubtful[tag]
            if tag not in drawn:
                self.void["store", stratum] += 1

    def _bind(self, connection: str, event: CallStarted, line: Line) -> Bind:
        is_leg = event.call_id != event.root_call_id
        return Bind(
            tags=self.epochs.tags(connection, event.root_call_id),
            leg_tag=(
                self.epochs.tags(connection, event.call_id).this_week
                if is_leg
                else None
            ),
            connection=connection,
            stratum=stratum_of(line, event.direction),
            gate_code=closed_gate(self.policy, line, self.clock().date()),
        )

    def _answer(self, call: DrawnCall) -> Answer:
        decision_id = str(call.decision_id)
        if not call.may_be_recorded:
            return Answer(is_record=False, decision_id=decision_id)
        return Answer(
            is_record=True,
            decision_id=decision_id,
            announcement=self.policy.announcement,
            opt_out_key=self.policy.opt_out_key,
            max_seconds=call.max_seconds,
        )

    async def handle(self, connection: str, event: Event) -> Answer:
        """Any event but a call start; durable on return.

        The answer is the call's decision as it stands now, for platforms that ask again
        (a caller's choice). Raises UnknownCallError for a call that was never bound.
        """
        if isinstance(event, RecordingAvailable):
            call = await self._call_of_recording(connection, event)
            await self.takeovers.begin(connection, event.source_ref, call)
            return SKIP
        call_id = getattr(event, "call_id", None)
        if call_id is None:
            return SKIP
        call = await self._find(connection, call_id)
        if call is None:
            return await self._handle_unknown(connection, event)
        await self._change(connection, event, call)
        after = await self._find(connection, call_id)
        return SKIP if after is None else self._answer(after)

    async def _handle_unknown(self, connection: str, event: Event) -> Answer:
        if isinstance(event, RecordingStarted):  # nobody asked for it: end it
            await self.stops.stop_now(connection, event.call_id)
            return SKIP
        raise UnknownCallError(fix="send call.started first")

    async def _change(self, connection: str, event: Event, call: DrawnCall) -> None:
        match event:
            case CallAnnounced():
                _check_may_be_recorded(call)
                await self.outcomes.note_announced(call)
            case CallOptedOut():
                await self.outcomes.object(call)
                await self.stops.stop_now(connection, event.call_id)
            case CallMarkedPrivate():
                await self.outcomes.make_private(call)
                await self.stops.stop_now(connection, event.call_id)
            case CallEnded():
                await self.outcomes.note_ended(call)
            case RecordingStarted() if call.may_be_recorded and call.announced_at:
                await self.stops.stop_after(connection, event.call_id, call.max_seconds)
            case RecordingStarted():
                await self.stops.stop_now(connection, event.call_id)
            case RecordingAbsent():
                await self.outcomes.fail(call.decision_id, Failure.PLATFORM)
            case _:
                pass

    async def _call_of_recording(
        self, connection: str, event: RecordingAvailable
    ) -> DrawnCall | None:
        """The call a recording belongs to, if it is one of this connection's."""
        call = None
        if event.decision_id is not None:
            decision_id = as_uuid(event.decision_id)
            if decision_id is not None:
                async with self.ledger.database.transaction() as borrowed:
                    call = await find_decision(borrowed, self.ledger.site, decision_id)
        elif event.call_id is not None:
            call = await self._find(connection, event.call_id)
        return call if call is not None and call.connection == connection else None

    async def _find(self, connection: str, call_id: str) -> DrawnCall | None:
        names = self.epochs.tags(connection, call_id).all
        async with self.ledger.database.transaction() as borrowed:
            return await find_call(borrowed, self.ledger.site, names)


def stratum_of(line: Line, direction: Direction) -> str:
    """A line group and a direction: what budgets and metrics count by."""
    return f"{line.group}_{'in' if direction is Direction.INBOUND else 'out'}"


def as_uuid(text: str) -> UUID | None:
    """A decision's id as a platform wrote it; None when it cannot be one of ours."""
    try:
        return UUID(text)
    except ValueError:
        return None


def _check_may_be_recorded(call: DrawnCall) -> None:
    """Refuse to take note of an announcement nobody may follow with a recording.

    A platform begins to record when the announcement is taken note of, so this answer
    is its last chance to hear that it must not.
    """
    if not call.is_record:
        raise NotDrawnError
    if call.outcome in ("failed", "objected"):
        raise OutcomeClosedError(f"it is {call.outcome}")
