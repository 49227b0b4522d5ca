"""What happens after a webhook is authenticated and parsed.

A call start, step by step:
1. Tag: the root call's keyed name; a leg also gets one, which leads to its root.
2. Gate: the line's group and legal references, the campaign's dates.
3. Draw: in line for the sequencer, within the connection's deadline.
4. Answer: RECORD only if the draw is committed and nothing has ended it since.

Every other event changes the state of a call that was drawn; for one that was not, or
that nobody knows, there is nothing to change, except that a recording of it must go.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from proxy.errors import (
    NotDrawnError,
    OutcomeClosedError,
    PonctuelError,
    UnknownCallError,
)
from proxy.intake.binds import Bind
from proxy.intake.epochs import Epochs
from proxy.intake.outcomes import Failure, Outcomes
from proxy.intake.sequencer import Sequencer
from proxy.intake.stops import Stops
from proxy.intake.store import DrawnCall, find_call, find_decision
from proxy.intake.takeovers import Takeovers
from proxy.intake.voids import Voids
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
from sampling.gates import UNKNOWN_LINE, Line, closed_line_gate
from sampling.mixing import Mode
from sampling.policy import SamplingPolicy
from sampling.schedule import PolicySchedule
from sampling.seed import epoch_at


@dataclass(slots=True, kw_only=True)
class SiteIntake:
    """Everything one site does with its platforms' events."""

    ledger: Ledger
    epochs: Epochs
    sequencer: Sequencer
    outcomes: Outcomes
    takeovers: Takeovers
    stops: Stops
    voids: Voids
    lines: Mapping[str, Line]
    clock: Callable[[], datetime]
    name_agent: Callable[[str], bytes]
    schedule: PolicySchedule = field(default=PolicySchedule.empty(Mode.OPERATOR))

    def begin(self, schedule: PolicySchedule) -> None:
        """Draw by `schedule` from now on."""
        self.schedule = schedule
        self.sequencer.start(schedule)

    @property
    def policy(self) -> SamplingPolicy:
        """The policy of the running epoch."""
        running = epoch_at(self.clock(), self.epochs.epoch_seconds)
        return self.schedule.at(running)

    async def decide(
        self, connection: str, event: CallStarted, deadline_seconds: float
    ) -> Answer:
        """RECORD or SKIP for a call start. Raises PonctuelError: then it is SKIP."""
        try:
            bind = self._bind(connection, event)
        except PonctuelError as error:
            self.voids.count(error, self._stratum(event))
            raise
        caller = self.sequencer.line_up(bind, deadline_seconds)
        call = await caller.answered
        if call.may_be_recorded and not self.schedule.newest.announcement:
            # Its policy was taken away and ends only with the epoch: what would be
            # said to the caller went with it.
            await self.outcomes.fail(call.decision_id, Failure.ANNOUNCEMENT)
        return self._answer(call)

    def _bind(self, connection: str, event: CallStarted) -> Bind:
        return Bind(
            tags=self.epochs.tags(connection, event.root_call_id),
            leg_key=self._leg_key(connection, event),
            connection=connection,
            stratum=self._stratum(event),
            gate_code=closed_line_gate(self._line(event)),
            agent_key=self._agent_key(event.agent),
        )

    def _line(self, event: CallStarted) -> Line:
        return self.lines.get(event.line, UNKNOWN_LINE)

    def _stratum(self, event: CallStarted) -> str:
        """A line group and a direction: what budgets and metrics count by."""
        way = "in" if event.direction is Direction.INBOUND else "out"
        return f"{self._line(event).group}_{way}"

    def _agent_key(self, agent: str | None) -> bytes | None:
        """An agent's keyed name, where the policy counts agents' calls at all."""
        if not agent or self.policy.coverage is None:
            return None
        return self.name_agent(agent)

    def _leg_key(self, connection: str, event: CallStarted) -> bytes | None:
        if event.call_id == event.root_call_id:
            return None
        return self.epochs.tags(connection, event.call_id).this_week

    def _answer(self, call: DrawnCall) -> Answer:
        decision_id, policy = str(call.decision_id), self.schedule.newest
        if not call.may_be_recorded or not policy.announcement:
            return Answer(is_record=False, decision_id=decision_id)
        return Answer(
            is_record=True,
            decision_id=decision_id,
            announcement=policy.announcement,
            opt_out_key=policy.opt_out_key,
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
