"""A policy laid over one order of calls: what is known of each before its draw."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from sampling.budget import Budget
from sampling.gates import closed_policy_gate
from sampling.policy import Conditions, SamplingPolicy
from sampling.simulation.caps import Past, past_of
from sampling.simulation.faults import check_within
from sampling.simulation.rates import RateTables, rate_tables
from sampling.simulation.thresholds import LARGEST_SMOOTH, Numbers
from sampling.simulation.traffic import Calls, Flags, Integers

NOBODY = -1


@dataclass(frozen=True, slots=True)
class Buckets:
    """The rules of each stratum's bucket, one place in each array a stratum."""

    refill: Integers
    full: Integers
    smooth: Numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What each call brings to its draw, one place in each array a call.

    `place`: earlier calls of its stratum. `listener`: whose wish to be heard it may
    meet, an agent in a campaign, or NOBODY's. `rate_at`: where in `ppm` its rate is
    while nothing of the listener was drawn; each one drawn moves it on by one, up to
    `most_drawn`. `bound`: no T of it can be higher; 0 where it
    is outside its campaign or has no rate. `past`: what its agent had before it.
    """

    calls: Calls
    place: Integers
    listener: Integers
    ppm: Numbers
    rate_at: Integers
    most_drawn: Integers
    bound: Numbers
    past: Past
    site: Buckets
    own: Buckets

    @property
    def listeners(self) -> int:
        return int(self.listener.max()) + 1

    @property
    def agents(self) -> int:
        return int(self.calls.agent.max()) + 1


def lay_course(
    policy: SamplingPolicy, strata: Sequence[str], calls: Calls, agents: int
) -> Course:
    """The first day of the calls is the first of the policy's campaign.

    Raises SimulationInputError where smoothing is beyond exact arithmetic, which is far
    beyond what is lawful.
    """
    terms = [policy.conditions(name) for name in strata]
    is_open = _are_running(policy, terms, calls)
    listener = _listeners(policy, strata, calls, agents, is_open)
    seen = earlier_in_group(listener)
    tables = rate_tables(terms, int(seen.max()) + 1)
    rows: Integers = np.minimum(seen, tables.most_seen[calls.stratum])
    width: Integers = tables.most_drawn[calls.stratum] + 1
    bounds = _bounds(policy.budget, terms, tables)[calls.stratum]
    return Course(
        calls=calls,
        place=earlier_in_group(calls.stratum),
        listener=listener,
        ppm=tables.ppm.astype(np.uint64),
        rate_at=tables.start[calls.stratum] + rows * width,
        most_drawn=tables.most_drawn[calls.stratum],
        bound=np.where(is_open, bounds, np.uint64(0)),
        past=past_of(calls, is_open),
        site=_buckets([policy.budget]),
        own=_buckets([each.budget for each in terms]),
    )


def earlier_in_group(group: Integers) -> Integers:
    """For each place, how many earlier places are of the same group."""
    order = np.argsort(group, kind="stable")
    in_order = group[order]
    starts = np.ones(len(group), dtype=np.bool_)
    starts[1:] = in_order[1:] != in_order[:-1]
    place = np.arange(len(group))
    first = np.maximum.accumulate(np.where(starts, place, 0))
    earlier = np.empty_like(place)
    earlier[order] = place - first
    return earlier


def _are_running(
    policy: SamplingPolicy, terms: Sequence[Conditions], calls: Calls
) -> Flags:
    days = range(int(calls.day.max()) + 1)
    table = [
        [
            closed_policy_gate(each, policy.starts_on + timedelta(day)) is None
            for day in days
        ]
        for each in terms
    ]
    return np.array(table)[calls.stratum, calls.day]


def _listeners(
    policy: SamplingPolicy,
    strata: Sequence[str],
    calls: Calls,
    agents: int,
    is_open: Flags,
) -> Integers:
    """Agents in campaigns with a wish, counted apart as the service counts them."""
    known: dict[tuple[date, str], int] = {}
    campaign = [NOBODY] * len(strata)
    for place, name in enumerate(strata):
        own = policy.conditions(name)
        if own.coverage:
            alone = name if policy.has_own_coverage(name) else ""
            campaign[place] = known.setdefault((own.starts_on, alone), len(known))
    campaigns = np.array(campaign)[calls.stratum]
    counts = is_open & (campaigns != NOBODY)
    return np.where(counts, campaigns * agents + calls.agent, NOBODY)


def _bounds(site: Budget, terms: Sequence[Conditions], tables: RateTables) -> Numbers:
    """T with full buckets and the highest rate, for each stratum."""
    bounds = [
        min(
            bucket.threshold(bucket.full(), int(rate)) for bucket in (site, each.budget)
        )
        for each, rate in zip(terms, tables.highest, strict=True)
    ]
    return np.array(bounds, dtype=np.uint64)


def _buckets(budgets: Sequence[Budget]) -> Buckets:
    for budget in budgets:
        check_within("smooth", budget.smooth, 1, LARGEST_SMOOTH)
    return Buckets(
        refill=np.array([budget.ceiling_ppm for budget in budgets]),
        full=np.array([budget.full() for budget in budgets]),
        smooth=np.array([budget.smooth for budget in budgets], dtype=np.uint64),
    )
