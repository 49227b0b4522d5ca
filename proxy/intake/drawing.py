"""The draws of one batch, as plain data: from a head and binds to rows and leaves.

Nothing here reads or writes. The same head, terms and binds give the same draws; only
the decisions' ids are new.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from operator import itemgetter
from typing import NamedTuple
from uuid import UUID, uuid4

from proxy.intake.binds import Bind
from proxy.intake.store import DrawnCall
from proxy.ledger.entry import Kind, encode
from proxy.ledger.transaction import Head
from sampling.caps import (
    CALLER_STOPPED,
    DAY_SECONDS,
    NO_CAP,
    AgentDays,
    Cap,
    cap_of_agent,
)
from sampling.coverage import AgentCalls, rate_for
from sampling.decision import Candidate, Decision, decide
from sampling.draw import hex64
from sampling.gates import closed_policy_gate
from sampling.policy import Conditions, SamplingPolicy
from sampling.seed import is_week_young, week_at

# Marks where a batch begins, so that an auditor sees that tags ascend within each.
FIRST_OF_BATCH: Mapping[str, str | int] = {"b": 1}


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What all draws of one batch share. `now` is not before the epoch's start.

    `stop_code` is set while somebody has stopped all draws.
    """

    policy: SamplingPolicy
    key: bytes
    epoch: int
    now: datetime
    stop_code: str | None = None

    @cached_property
    def today(self) -> date:
        return self.now.date()

    def gate_code(self, conditions: Conditions) -> str | None:
        return self.stop_code or closed_policy_gate(conditions, self.today)

    @cached_property
    def day(self) -> int:
        """Since 1970-01-01."""
        return int(self.now.timestamp()) // DAY_SECONDS

    @cached_property
    def names_week_before(self) -> bool:
        return is_week_young(self.now)


class Past(NamedTuple):
    """What caps go by: agents' last days, and the names of callers recorded already."""

    agents: Mapping[bytes, AgentDays]
    callers: Collection[bytes]


NO_PAST = Past({}, ())


class Heard(NamedTuple):
    """An agent's calls in the campaign of these conditions."""

    calls: AgentCalls
    campaign: Conditions


@dataclass(slots=True, kw_only=True)
class Batch:
    """Draws made on one head; true once they are committed on that very head.

    `heard`: what their campaign has had, with these draws, of the agents in them;
    `agents`: the same for the caps; `agent_draws`: whose each decision to record is.
    `callers`: whom these decisions are about, and which one.
    """

    head: Head
    terms: Terms
    tokens: dict[str, int]
    calls: list[DrawnCall] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    counted: Counter[tuple[str, str]] = field(default_factory=Counter)
    heard: dict[bytes, Heard] = field(default_factory=dict)
    past: Past = NO_PAST
    agents: dict[bytes, AgentDays] = field(default_factory=dict)
    agent_draws: dict[UUID, bytes] = field(default_factory=dict)
    callers: dict[bytes, UUID] = field(default_factory=dict)


def first_of_each(
    binds: Iterable[Bind], known: Mapping[bytes, DrawnCall]
) -> list[Bind]:
    """One bind for each call that is not drawn yet."""
    first: list[Bind] = []
    names = set(known)
    for bind in binds:
        if names.isdisjoint(bind.names):
            first.append(bind)
            names.update(bind.names)
    return first


def call_of(bind: Bind, known: Mapping[bytes, DrawnCall]) -> DrawnCall | None:
    """The call of a bind, if it was drawn, under whichever of its names."""
    return next((known[name] for name in bind.names if name in known), None)


def legs_of(
    binds: Iterable[Bind], known: Mapping[bytes, DrawnCall]
) -> dict[bytes, bytes]:
    """Which legs lead to which calls. One with a draw of its own keeps that."""
    return {
        bind.leg_key: call.call_key
        for bind in binds
        if bind.leg_key and bind.leg_key not in known
        if (call := call_of(bind, known))
    }


def draw_all(
    head: Head,
    terms: Terms,
    binds: Iterable[Bind],
    heard: Mapping[bytes, AgentCalls],
    past: Past = NO_PAST,
) -> Batch:
    """Draw for `binds`, one per call, in the order of their tags: nobody chose it.

    `heard` is what the campaigns have had of their agents so far. A call that has no
    name in the week of the draw is left out.
    """
    batch = Batch(head=head, terms=terms, tokens=dict(head.tokens), past=past)
    week = week_at(terms.now)
    named = {names: bind for bind in binds if (names := bind.tags.drawn_in(week))}
    for (name, name_before), bind in sorted(named.items(), key=itemgetter(0)):
        _draw(batch, bind, heard, name, name_before)
    return batch


def _draw(
    batch: Batch,
    bind: Bind,
    heard: Mapping[bytes, AgentCalls],
    name: bytes,
    name_before: bytes | None,
) -> None:
    terms = batch.terms
    conditions = terms.policy.conditions(bind.stratum)
    agent = _agent(batch, bind, conditions, heard)
    rate = rate_for(conditions, agent)
    candidate = Candidate(
        tag=name,
        stratum=bind.stratum,
        gate_code=terms.gate_code(conditions) or bind.closed_gate(terms.today),
        rate_ppm=rate,
        cap=_cap(batch, bind, rate),
    )
    decision, batch.tokens = decide(candidate, terms.policy, terms.key, batch.tokens)
    leaf = _leaf(terms.epoch, candidate, decision)
    if conditions.coverage:
        leaf["p"] = candidate.rate_ppm
    if terms.names_week_before and name_before:
        leaf["c_prev"] = name_before.hex()
    if not batch.bodies:
        leaf |= FIRST_OF_BATCH
    batch.calls.append(_call(batch, bind, name, conditions, decision))
    batch.bodies.append(encode(Kind.DRAW, leaf))
    _count(batch, bind, decision)
    if agent and bind.agent_key and not candidate.gate_code:
        drawn = agent.drawn + decision.is_record
        after = AgentCalls(agent.seen + 1, drawn)
        batch.heard[bind.agent_key] = Heard(after, conditions)
    if not candidate.gate_code:
        _remember(batch, bind, decision)


def _cap(batch: Batch, bind: Bind, rate_ppm: int) -> Cap:
    """What stands against the call for its agent's sake, or else for its caller's."""
    cap = cap_of_agent(days, rate_ppm) if (days := _days(batch, bind)) else NO_CAP
    if cap.is_stop:
        return cap
    known = (batch.callers, batch.past.callers)
    is_recorded = any(name in names for name in bind.caller_names for names in known)
    return CALLER_STOPPED if is_recorded else cap


def _days(batch: Batch, bind: Bind) -> AgentDays | None:
    """The last days of the bind's agent, this batch included."""
    if bind.agent_name is None:
        return None
    if bind.agent_name in batch.agents:
        return batch.agents[bind.agent_name]
    day = batch.terms.day
    return batch.past.agents.get(bind.agent_name, AgentDays(day)).at(day)


def _remember(batch: Batch, bind: Bind, decision: Decision) -> None:
    """For the caps. A call behind a closed gate has no chance and leaves no trace."""
    if bind.agent_name and (days := _days(batch, bind)):
        after = days.and_call(is_record=decision.is_record)
        batch.agents[bind.agent_name] = after
    if not decision.is_record:
        return
    decision_id = batch.calls[-1].decision_id
    if bind.agent_name:
        batch.agent_draws[decision_id] = bind.agent_name
    if bind.caller_names:
        batch.callers[bind.caller_names[0]] = decision_id


def _agent(
    batch: Batch, bind: Bind, conditions: Conditions, heard: Mapping[bytes, AgentCalls]
) -> AgentCalls | None:
    """What the campaign has had of the bind's agent, this batch included."""
    if bind.agent_key is None or conditions.coverage is None:
        return None
    if bind.agent_key in batch.heard:
        return batch.heard[bind.agent_key].calls
    return heard.get(bind.agent_key, AgentCalls(0, 0))


def _leaf(epoch: int, candidate: Candidate, decision: Decision) -> dict[str, str | int]:
    leaf: dict[str, str | int] = {
        "e": epoch,
        "c": candidate.tag.hex(),
        "s": candidate.stratum,
        "T": hex64(decision.threshold),
        "d": int(decision.is_record),
    }
    if decision.code:
        leaf["x"] = decision.code
    return leaf


def _count(batch: Batch, bind: Bind, decision: Decision) -> None:
    batch.counted["calls", bind.stratum] += 1
    if decision.is_record:
        batch.counted["selected", bind.stratum] += 1
    elif decision.code and not decision.threshold:  # one that is lowered is drawn
        batch.counted["excluded", decision.code] += 1


def _call(
    batch: Batch, bind: Bind, name: bytes, conditions: Conditions, decision: Decision
) -> DrawnCall:
    return DrawnCall(
        call_key=name,
        decision_id=uuid4(),
        connection=bind.connection,
        stratum=bind.stratum,
        draw_seq=batch.head.size + len(batch.bodies),
        is_record=decision.is_record,
        kept_days=conditions.kept_days,
        max_seconds=conditions.max_seconds,
        purpose=conditions.purpose.value,
        announced_at=None,
        ended_at=None,
        outcome=None,
        consent=conditions.consent.value,
        opted_in_at=None,
    )
