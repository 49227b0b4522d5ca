"""What a policy would give, before anybody asks for its approval.

The work is done beside the event loop, in bounded pieces and one at a time for a site:
calls that wait for their draw do not wait for it.
"""

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from proxy.access.permissions import Permission
from proxy.api.faults import BusyError, Fault, InvalidRequestError
from proxy.api.policies import Digest, Policy
from proxy.api.route import Asked, Model, Route
from proxy.errors import (
    PolicyRefusedError,
    StaleDocumentError,
    UnknownPolicyError,
    WrongStateError,
)
from proxy.governance.versions import PolicyVersion
from proxy.policy_document import PolicyPart, StratumName
from sampling.policy import SamplingPolicy
from sampling.simulate import MAX_SEED, simulate
from sampling.simulation.faults import SimulationInputError
from sampling.simulation.traffic import (
    MAX_AGENTS,
    MAX_CALLS,
    MAX_DAYS,
    MAX_SECONDS,
    MAX_STRATA,
    USUAL_SECONDS,
    USUAL_STRATUM,
    Traffic,
)

# Of all replications: some seconds of one processor, and 200 MB.
MOST_DRAWS = 100_000_000
MOST_AGENT_MONTHS = 4_000_000
MOST_AT_ONCE = 100_000  # calls of one replication
MOST_REPLICATIONS = 10_000
USUAL_REPLICATIONS = 2_000


class TrafficPart(Model):
    """Expected traffic: each agent has so many calls, spread evenly over the days.

    `shares` of the calls are counted under each stratum and add up to 1.
    """

    agents: Annotated[int, Field(ge=1, le=MAX_AGENTS)]
    calls_per_agent: Annotated[int, Field(ge=1, le=MAX_CALLS)]
    days: Annotated[int, Field(ge=1, le=MAX_DAYS)] = 28
    mean_seconds: Annotated[float, Field(ge=1, le=MAX_SECONDS)] = USUAL_SECONDS
    shares: Annotated[
        dict[StratumName, Annotated[float, Field(ge=0, le=1)]],
        Field(min_length=1, max_length=MAX_STRATA),
    ] = Field(default={USUAL_STRATUM: 1.0})

    def to_traffic(self) -> Traffic:
        return Traffic(
            agents=self.agents,
            calls_per_agent=self.calls_per_agent,
            days=self.days,
            mean_seconds=self.mean_seconds,
            shares=self.shares,
        )


class Trial(Model):
    """So many imaginary campaigns; the same `seed` gives the same figures."""

    traffic: TrafficPart
    replications: Annotated[int, Field(ge=1, le=MOST_REPLICATIONS)] = USUAL_REPLICATIONS
    seed: Annotated[int, Field(ge=0, le=MAX_SEED)] = 1


class TrialOfText(Trial):
    """A trial of a policy nobody has drafted yet."""

    document: PolicyPart


class TrialOfDraft(Trial):
    """A trial of a draft, kept with it; `digest` says which text is meant."""

    digest: Digest


class Figures(Model):
    """What came of it, and more figures than are named here.

    Shares lie between 0 and 1; a `worst_window_ratio` of 1 is the ceiling itself.
    """

    model_config = ConfigDict(extra="allow")

    seed: int
    replications: int
    agents: int
    calls: int
    days: int
    recorded_share: float
    recordings_per_agent: Mapping[str, float]
    chance_every_agent_heard: float
    worst_window_ratio: float
    audio_hours: float


async def run(asked: Asked[TrialOfText]) -> Mapping[str, Any]:
    return await _figures(asked.question.document.to_policy(1), asked.question)


async def try_draft(asked: Asked[TrialOfDraft]) -> PolicyVersion:
    number, trial = asked.place["policy"], asked.question
    draft = await asked.site.governance.find(number)
    if draft.digest != trial.digest:
        raise StaleDocumentError(field="digest", fix="read the policy again")
    figures = await _figures(draft.policy, trial)
    return await asked.site.governance.note_simulated(
        asked.actor, number, trial.digest, figures
    )


async def _figures(policy: SamplingPolicy, trial: Trial) -> Mapping[str, Any]:
    try:
        traffic = trial.traffic.to_traffic()
        _check_size(traffic, trial.replications)
        return await asyncio.to_thread(_simulated, policy, traffic, trial)
    except SimulationInputError as error:
        fault = Fault(f"traffic.{error.field}", error.wrong, error.fix)
        raise InvalidRequestError([fault]) from None


def _simulated(
    policy: SamplingPolicy, traffic: Traffic, trial: Trial
) -> Mapping[str, Any]:
    return simulate(policy, traffic, trial.replications, trial.seed).summary()


def _check_size(traffic: Traffic, replications: int) -> None:
    if traffic.calls > MOST_AT_ONCE:
        fix = f"at most {MOST_AT_ONCE:,} calls in all; the command line takes more"
        fault = Fault("traffic.calls_per_agent", "is too many", fix)
        raise InvalidRequestError([fault])
    most = min(MOST_DRAWS // traffic.calls, MOST_AGENT_MONTHS // traffic.agents)
    if replications > most:
        fix = f"at most {most:,} with so many calls and agents"
        raise InvalidRequestError([Fault("replications", "is too much work", fix)])


_TRIAL = {"traffic": {"agents": 8, "calls_per_agent": 150}, "replications": 500}

ROUTES: tuple[Route[Any], ...] = (
    Route(
        "POST",
        "/sites/{site}/simulations",
        Permission.SIMULATION_RUN,
        run,
        summary="What a policy would give under some traffic.",
        asks=TrialOfText,
        answers=Figures,
        refusals=(BusyError,),
        example={
            "document": {"preset": "large", "starts_on": "2027-01-04"},
            **_TRIAL,
        },
        is_heavy=True,
    ),
    Route(
        "POST",
        "/sites/{site}/policies/{policy}/simulate",
        Permission.SIMULATION_RUN,
        try_draft,
        summary="What a draft would give, kept with it for whoever approves it.",
        asks=TrialOfDraft,
        answers=Policy,
        refusals=(
            PolicyRefusedError,
            WrongStateError,
            StaleDocumentError,
            UnknownPolicyError,
            BusyError,
        ),
        example={"digest": "ab" * 32, **_TRIAL},
        is_heavy=True,
    ),
)
