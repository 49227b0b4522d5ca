"""What happens after a webhook is authenticated and parsed.

A call start, step by step:
1. Tag: the root call's keyed name; a leg also gets one, which leads to its root.
2. Gate: the stratum it is counted under, exclusions, the line's legal references, who
   objected; with the draw, the dates of the stratum's campaign.
3. Draw: in line for the sequencer, within the connection's deadline.
4. Answer: RECORD only if the draw is committed and nothing has ended it since.

Every other event changes the state of a call that was drawn; for one that was not, or
that nobody knows, there is nothing to change, except that a recording of it must go.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from proxy.errors import (
    NotConsentedError,
    NotDrawnError,
    OutcomeClosedError,
    PonctuelError,
    UnknownCallError,
)
from proxy.intake.agent_caps import AgentCaps
from proxy.intake.binds import Bind
from proxy.intake.callers import CallerNames
from proxy.intake.due import Due
from proxy.intake.epochs import Epochs
from proxy.intake.opt_outs import OPTED_OUT, OptOuts
from proxy.intake.outcomes import Failure, Outcomes
from proxy.intake.policy_book import PolicyBook
from proxy.intake.sequencer import Sequencer
from proxy.intake.sightings import Sightings, Source
from proxy.intake.stops import Stops
from proxy.intake.store import DrawnCall, find_call, find_decision
from proxy.intake.takeovers import Takeovers
from proxy.intake.voids import Voids
from proxy.intake.whose import Whose, note_in_time
from proxy.ledger.transaction import Ledger
from proxy.platforms.base import (
    SKIP,
    Answer,
    CallAnnounced,
    CallEnded,
    CallMarkedPrivate,
    CallOptedIn,
    CallOptedOut,
    CallStarted,
    Direction,
    Event,
    RecordingAbsent,
    RecordingAvailable,
    RecordingStarted,
)
from sampling.gates import (
    EXCLUDED,
    UNKNOWN_LINE,
    Line,
    closed_line_gate,
    exclusion_code,
)
from sampling.policy import Consent, SamplingPolicy
from sampling.seed import epoch_at
from sampling.strata import Facts, stratum_of


@dataclass(slots=True, kw_only=True)
class SiteIntake:
    """Everything one site does with its platforms' events."""

    ledger: Ledger
    epochs: Epochs
    sequencer: Sequencer
    outcomes: Outcomes
    takeovers: Takeovers
    stops: Stops
    opt_outs: OptOuts
    sightings: Sightings
    voids: Voids
    lines: Mapping[str, Line]
    clock: Callable[[], datetime]
    name_agent: Callable[[str], bytes]
    callers: CallerNames
    agent_caps: AgentCaps
    policies: PolicyBook

    def begin(self) -> None:
        """Draw from now on."""
        self.sequencer.start()

    @property
    def policy(self) -> SamplingPolicy:
        """The policy of the running epoch."""
        running = epoch_at(self.clock(), self.epochs.epoch_seconds)
        return self.policies.schedule.at(running)

    @property
    def _has_words(self) -> bool:
        """Whether callers can be told that they are recorded.

        Not where the policy was taken away, although it ends only with the epoch.
        """
        newest = self.policies.schedule.newest
        return bool(newest.announcement and self.policy.announcement)

    async def decide(
        self, connection: str, event: CallStarted, deadline_seconds: float
    ) -> Answer:
        """RECORD or SKIP for a call start. Raises PonctuelError: then it is SKIP."""
        due = Due(deadline_seconds)
        try:
            if not self.callers.is_fresh:
                self.epochs.tags(connection, event.root_call_id)  # no draw without
                await due.wait_for(self.callers.refresh())
            bind = self._bind(connection, event)
        except PonctuelError as error:
            self.voids.count(error, self._stratum(event, self.policy))
            raise
        bind = await self._without_objectors(bind, event, due)
        caller = self.sequencer.line_up(bind, due.left)
        call = await caller.answered
        self.sightings.note_agent(call, event.agent)
        if call.may_be_recorded and await self._ends_for_people(bind, call, due):
            await self.stops.stop_now(connection, event.root_call_id)
            return Answer(is_record=False, decision_id=str(call.decision_id))
        if call.may_be_recorded and not self._has_words:
            await self.outcomes.fail(call.decision_id, Failure.ANNOUNCEMENT)
        await self.opt_outs.note_caller(call, event, due)
        if call.may_be_recorded:
            await self._note_whose(call, event, bind, due)
        return self._answer(call)

    async def _note_whose(
        self, call: DrawnCall, event: CallStarted, bind: Bind, due: Due
    ) -> None:
        """Raises PonctuelError where it must be noted and is not: then it is SKIP."""
        try:
            whose = self._whose(event, bind)
            await note_in_time(self.ledger.database, self.policies, call, whose, due)
        except PonctuelError:
            self.sequencer.close_unheard(call)
            raise

    def _whose(self, event: CallStarted, bind: Bind) -> Whose:
        """A leg's line may be anybody's: whose call it is, is said by its root."""
        is_root = event.call_id == event.root_call_id
        return Whose(
            practice=self._line(event).practice if is_root else "",
            agent_key=bind.agent_name,
            number_key=self.callers.number_of(event),
            caller_key=bind.caller_names[0] if bind.caller_names else None,
            is_root=is_root,
        )

    async def _ends_for_people(self, bind: Bind, call: DrawnCall, due: Due) -> bool:
        """Close a call drawn before one who must not be recorded took part in it.

        That is somebody excluded or, as a last resort, an agent recorded often enough.
        Other gates do not end it: what was drawn lawfully keeps its answer.
        """
        if bind.gate_code == OPTED_OUT:
            await self.outcomes.object(call)
        elif bind.gate_code == EXCLUDED:
            await self.outcomes.make_private(call)
        elif bind.agent_name is not None:
            return await self.agent_caps.end_if_spent(call, bind.agent_name, due)
        else:
            return False
        return True

    async def _without_objectors(
        self, bind: Bind, event: CallStarted, due: Due
    ) -> Bind:
        try:
            code = await self.opt_outs.gate_code(bind, event, due)
        except PonctuelError as error:
            self.voids.note(bind, error)
            raise
        return bind if code == bind.gate_code else replace(bind, gate_code=code)

    def _bind(self, connection: str, event: CallStarted) -> Bind:
        """By the policy of this moment; where another one draws it, by that one."""
        line = self._line(event)
        return Bind(
            tags=self.epochs.tags(connection, event.root_call_id),
            leg_key=self._leg_key(connection, event),
            connection=connection,
            expiry=line.basis.expiry,
            agent_name=self.name_agent(event.agent) if event.agent else None,
            caller_names=self.callers.of(event),
            judge=partial(self._judged_anew, event),
            **self._judgement(
                event, self.policy, closed_line_gate(line, self.clock().date())
            ),
        )

    def _judged_anew(
        self, event: CallStarted, bind: Bind, policy: SamplingPolicy
    ) -> Bind:
        """Behind a gate nobody asked who objects, so one that was closed stays so."""
        return replace(bind, **self._judgement(event, policy, bind.gate_code))

    def _judgement(
        self, event: CallStarted, policy: SamplingPolicy, closed_gate: str | None
    ) -> dict[str, Any]:
        """The fields of a Bind that hang on the policy."""
        stratum = self._stratum(event, policy)
        return {
            "policy_version": policy.version,
            "stratum": stratum,
            "gate_code": exclusion_code(policy, event.line, event.agent) or closed_gate,
            "agent_key": self._agent_key(event.agent, stratum, policy),
        }

    def _line(self, event: CallStarted) -> Line:
        return self.lines.get(event.line, UNKNOWN_LINE)

    def _stratum(self, event: CallStarted, policy: SamplingPolicy) -> str:
        """What budgets and metrics count the call by."""
        facts = Facts(
            line_group=self._line(event).group,
            way="in" if event.direction is Direction.INBOUND else "out",
            queue=event.queue,
            agent_group=event.agent_group,
        )
        return stratum_of(policy, facts, self.clock().date())

    def _agent_key(
        self, agent: str | None, stratum: str, policy: SamplingPolicy
    ) -> bytes | None:
        """An agent's keyed name, where the stratum counts agents' calls at all."""
        if not agent or policy.conditions(stratum).coverage is None:
            return None
        if policy.has_own_coverage(stratum):
            agent = f"{stratum}\0{agent}"
        return self.name_agent(agent)

    def _leg_key(self, connection: str, event: CallStarted) -> bytes | None:
        if event.call_id == event.root_call_id:
            return None
        return self.epochs.tags(connection, event.call_id).this_week

    def _answer(self, call: DrawnCall) -> Answer:
        decision_id, policy = str(call.decision_id), self.policy
        if not call.may_be_recorded or not self._has_words:
            return Answer(is_record=False, decision_id=decision_id)
        asks = call.consent == Consent.OPT_IN
        return Answer(
            is_record=True,
            decision_id=decision_id,
            announcement=policy.request if asks else policy.announcement,
            opt_out_key=policy.opt_out_key,
            opt_in_key=policy.opt_in_key if asks else None,
            max_seconds=call.max_seconds,
        )

    async def handle(self, connection: str, event: Event) -> Answer:
        """Any event but a call start; durable on return.

        The answer is the call's decision as it stands now, for platforms that ask again
        (a caller's choice). Raises UnknownCallError for a call that was never bound.
        """
        if isinstance(event, RecordingAvailable):
            call = await self._call_of_recording(connection, event)
            await self._see_recording(connection, event, call)
            await self.takeovers.begin(connection, event.source_ref, call)
            await self.sightings.react(call)
            return SKIP
        call_id = getattr(event, "call_id", None)
        if call_id is None:
            return SKIP
        call = await self._find(connection, call_id)
        if call is None:
            return await self._handle_unknown(connection, event)
        if isinstance(event, RecordingStarted):
            await self.sightings.note(call.call_key, Source.STARTED)
        await self._change(connection, event, call)
        if isinstance(event, RecordingStarted):
            await self.sightings.react(call)
        after = await self._find(connection, call_id)
        return SKIP if after is None else self._answer(after)

    async def _handle_unknown(self, connection: str, event: Event) -> Answer:
        if isinstance(event, RecordingStarted):  # nobody asked for it: end it
            name = self.epochs.tags(connection, event.call_id).this_week
            await self.sightings.note(name, Source.STARTED)
            await self.stops.stop_now(connection, event.call_id)
            await self.sightings.react(None)
            return SKIP
        raise UnknownCallError(fix="send call.started first")

    async def _change(self, connection: str, event: Event, call: DrawnCall) -> None:
        match event:
            case CallAnnounced():
                _check_may_be_recorded(call)
                _check_agreed(call)
                await self.outcomes.note_announced(call)
            case CallOptedIn():
                _check_may_be_recorded(call)
                await self.outcomes.note_opted_in(call)
            case CallOptedOut():
                await self.opt_outs.remember(call)
                await self.outcomes.object(call)
                await self._remove(connection, event.call_id, call)
            case CallMarkedPrivate():
                await self.outcomes.make_private(call)
                await self._remove(connection, event.call_id, call)
            case CallEnded():
                await self.outcomes.note_ended(call)
            case RecordingStarted():
                await self._limit(connection, event, call)
            case RecordingAbsent():
                await self.outcomes.fail(call.decision_id, Failure.PLATFORM)
            case _:
                pass

    async def _remove(self, connection: str, call_id: str, call: DrawnCall) -> None:
        """At the platform: end what is recorded there, delete what was."""
        await self.stops.stop_now(connection, call_id)
        await self.takeovers.hurry(call.decision_id)

    async def _limit(
        self, connection: str, event: RecordingStarted, call: DrawnCall
    ) -> None:
        """A recording that runs ends in time, or at once if it may not run."""
        if call.may_begin:
            await self.stops.stop_after(connection, event.call_id, call.max_seconds)
        else:
            await self.stops.stop_now(connection, event.call_id)

    async def _see_recording(
        self, connection: str, event: RecordingAvailable, call: DrawnCall | None
    ) -> None:
        """Note that it exists; without its call, under a name of its own."""
        if call is None:
            known_as = event.call_id or event.source_ref
            name = self.epochs.tags(connection, known_as).this_week
        else:
            name = call.call_key
        await self.sightings.note(name, Source.AVAILABLE)

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


def _check_agreed(call: DrawnCall) -> None:
    """A platform that only announces, and does not ask, must not begin either."""
    if call.lacks_opt_in:
        raise NotConsentedError(fix="ask, and send call.opt_in if they say yes")
