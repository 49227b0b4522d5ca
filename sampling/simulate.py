"""What a policy would give: 10,000 imaginary months of a site, drawn by its rules.

All gates are taken to be open and nobody refuses: what is told are the most recordings
the policy gives, not a forecast of what is left of them. Agents are known before the
draw and have their caps; nobody calls twice.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator

from sampling.policy import SamplingPolicy
from sampling.simulation.course import lay_course
from sampling.simulation.draws import Draws
from sampling.simulation.drift import drift
from sampling.simulation.faults import SimulationInputError, check_within
from sampling.simulation.outcomes import Outcomes
from sampling.simulation.picture import picture
from sampling.simulation.summary import summary
from sampling.simulation.traffic import AnyTraffic

USUAL_REPLICATIONS = 10_000
MAX_REPLICATIONS = 100_000
MAX_DRAWS = 2_000_000_000  # of all replications: some minutes' work
MAX_AGENT_MONTHS = 20_000_000  # bounds what is kept in memory
MAX_SEED = 2**63 - 1
# Replications that share one order of calls; each such group has an order of its own.
_TOGETHER = 250
_NUMBERS_AT_ONCE = 2_000_000  # 16 MB
_DRIFT = 1  # numbers of its own, the same whatever the replications


@dataclass(frozen=True, slots=True)
class Simulation:
    """What came of a policy under some traffic: by replication, and in figures."""

    outcomes: Outcomes
    figures: dict[str, Any]

    def summary(self) -> dict[str, Any]:
        """All figures, as JSON can hold them."""
        return self.figures

    def picture(self) -> str:
        """The most important of them as SVG."""
        return picture(self.figures, self.outcomes.per_agent)


def _nobody_asks(_done: int) -> None:
    pass


def simulate(
    policy: SamplingPolicy,
    traffic: AnyTraffic,
    replications: int = USUAL_REPLICATIONS,
    seed: int = 1,
    on_progress: Callable[[int], None] = _nobody_asks,
) -> Simulation:
    """Draw the traffic so many times over; `on_progress` is told how many are done.

    The first day of the traffic is the first of the policy's campaign; buckets are full
    then and no agent was heard. The same seed gives the same figures. Raises
    SimulationInputError.
    """
    _check(traffic, replications, seed)
    generator = np.random.default_rng(seed)
    parts = []
    for first in range(0, replications, _TOGETHER):
        together = min(_TOGETHER, replications - first)
        parts.append(_replicate(policy, traffic, together, generator))
        on_progress(first + together)
    outcomes = Outcomes.joined(parts)
    figures = {
        "seed": seed,
        "replications": replications,
        **summary(policy, traffic, outcomes),
        "drift": drift(policy, traffic, np.random.default_rng([seed, _DRIFT])),
    }
    return Simulation(outcomes, figures)


def _check(traffic: AnyTraffic, replications: int, seed: int) -> None:
    check_within("replications", replications, 1, MAX_REPLICATIONS)
    check_within("seed", seed, 0, MAX_SEED)
    for what, each, most in (
        ("calls", traffic.calls, MAX_DRAWS),
        ("agents", traffic.agents, MAX_AGENT_MONTHS),
    ):
        if each * replications > most:
            raise SimulationInputError(
                "replications",
                f"{replications:,} times {each:,} {what} is too much",
                f"at most {most // each:,} with so many {what}",
            )


def _replicate(
    policy: SamplingPolicy, traffic: AnyTraffic, together: int, generator: Generator
) -> Outcomes:
    """Some replications with one order of calls, a few calls of them all at a time."""
    order = traffic.ordered(generator)
    course = lay_course(policy, traffic.strata, order, traffic.agents)
    draws = Draws(course, together)
    at_once = max(1, _NUMBERS_AT_ONCE // together)
    for first in range(0, traffic.calls, at_once):
        size = together, min(at_once, traffic.calls - first)
        draws.draw(
            first,
            generator.integers(2**64 - 1, size=size, dtype=np.uint64, endpoint=True),
        )
    return Outcomes.of(course, draws.recordings(), together, traffic)
