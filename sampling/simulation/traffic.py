"""Who calls whom and when: expected traffic, or what was counted on past days.

Agents are only counted, never named: an agent is a number from 0 on.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from sampling.policy import MAX_CAMPAIGN
from sampling.simulation.faults import SimulationInputError, check_within

MAX_AGENTS = 2_000
MAX_CALLS = 1_000_000
MAX_DAYS = MAX_CAMPAIGN.days
MAX_SECONDS = 24 * 3600
MAX_STRATA = 20
USUAL_SECONDS = 180.0
USUAL_STRATUM = "calls_in"
_STRATUM = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}_(in|out)")
_TOLERANCE = 1e-6  # of shares written with a few digits

Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Calls:
    """Calls in the order of their draws, one place in each array a call.

    `stratum` counts in the traffic's `strata`, `day` from the first day on.
    """

    agent: Integers
    stratum: Integers
    day: Integers


class AnyTraffic(Protocol):
    """Calls whose number is known and whose order is chance."""

    @property
    def agents(self) -> int: ...

    @property
    def calls(self) -> int: ...

    @property
    def days(self) -> int: ...

    @property
    def mean_seconds(self) -> float: ...

    @property
    def strata(self) -> tuple[str, ...]: ...

    def ordered(self, generator: Generator) -> Calls:
        """One order in which these calls may come."""
        ...


def _one_stratum() -> Mapping[str, float]:
    return {USUAL_STRATUM: 1.0}


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """Expected traffic: each agent has so many calls, spread evenly over the days.

    `shares`: the part of the calls counted under each stratum, by chance.
    `mean_seconds`: of one call, recorded or not. Raises SimulationInputError.
    """

    agents: int
    calls_per_agent: int
    days: int = 28
    mean_seconds: float = USUAL_SECONDS
    shares: Mapping[str, float] = field(default_factory=_one_stratum)

    def __post_init__(self) -> None:
        check_within("agents", self.agents, 1, MAX_AGENTS)
        check_within("calls_per_agent", self.calls_per_agent, 1, MAX_CALLS)
        check_within("agents x calls_per_agent", self.calls, 1, MAX_CALLS)
        check_within("days", self.days, 1, MAX_DAYS)
        check_within("mean_seconds", self.mean_seconds, 1, MAX_SECONDS)
        check_strata("shares", self.strata)
        for name, share in self.shares.items():
            check_within(f"shares.{name}", share, 0, 1)
        if abs(sum(self.shares.values()) - 1) > _TOLERANCE:
            raise SimulationInputError(
                "shares", f"add up to {sum(self.shares.values()):g}", "make it 1"
            )

    @property
    def calls(self) -> int:
        return self.agents * self.calls_per_agent

    @property
    def strata(self) -> tuple[str, ...]:
        return tuple(self.shares)

    def ordered(self, generator: Generator) -> Calls:
        agents = np.repeat(np.arange(self.agents), self.calls_per_agent)
        shares = np.array(list(self.shares.values()))
        return Calls(
            agent=generator.permutation(agents),
            stratum=generator.choice(
                len(shares), size=self.calls, p=shares / shares.sum()
            ),
            day=np.arange(self.calls) * self.days // self.calls,
        )


@dataclass(frozen=True, slots=True)
class DayCount:
    """Calls of one agent in one stratum on one day, days counted from 0."""

    day: int
    agent: int
    stratum: int
    calls: int


@dataclass(frozen=True, kw_only=True)
class CountedTraffic:
    """Traffic as it was counted: days keep their calls, whose order in them is chance.

    Raises SimulationInputError.
    """

    counts: tuple[DayCount, ...]
    strata: tuple[str, ...]
    mean_seconds: float = USUAL_SECONDS

    def __post_init__(self) -> None:
        for count in self.counts:
            check_within("calls", count.calls, 0, MAX_CALLS)
        check_within("calls in all", self.calls, 1, MAX_CALLS)
        check_within("agents", self.agents, 1, MAX_AGENTS)
        check_within("days", self.days, 1, MAX_DAYS)
        check_within("mean_seconds", self.mean_seconds, 1, MAX_SECONDS)
        check_strata("strata", self.strata)

    @cached_property
    def agents(self) -> int:
        return 1 + max(count.agent for count in self.counts)

    @cached_property
    def calls(self) -> int:
        return sum(count.calls for count in self.counts)

    @cached_property
    def days(self) -> int:
        return 1 + max(count.day for count in self.counts)

    def ordered(self, generator: Generator) -> Calls:
        rows = [(each.agent, each.stratum, each.day) for each in self.counts]
        times = [each.calls for each in self.counts]
        calls = np.repeat(np.array(rows, dtype=np.int64), times, axis=0)
        order = np.argsort(calls[:, 2] + generator.random(len(calls)))
        agent, stratum, day = calls[order].T
        return Calls(agent, stratum, day)


def check_strata(field: str, names: tuple[str, ...]) -> None:
    """Raise SimulationInputError unless these can be names of strata."""
    check_within(field, len(names), 1, MAX_STRATA)
    for name in names:
        check_stratum(field, name)


def check_stratum(field: str, name: str) -> None:
    """Raise SimulationInputError unless a stratum can have this name."""
    if not _STRATUM.fullmatch(name):
        raise SimulationInputError(
            field,
            "a name is not that of a stratum",
            "small letters and digits, then _in or _out: cardiology_in",
        )
