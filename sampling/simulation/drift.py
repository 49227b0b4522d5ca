"""How many calls pass before the monitors notice a fault.

The monitors' own engine, fed from the very moment of the fault with calls as they come
by chance, at the plain rates: coverage, budgets and earlier calls are left out. Only
the monitors made for a fault look; that others may notice it sooner is left out, too.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.random import Generator

from sampling.budget import MICRO
from sampling.monitoring.engine import UPWARD, Detector, Floats
from sampling.monitoring.threshold import Traffic as Load
from sampling.policy import SamplingPolicy
from sampling.simulation.figures import spread
from sampling.simulation.traffic import AnyTraffic, Integers

MOST_CALLS = 20_000  # by then a fault counts as not noticed
_REPLICATIONS = 20, 100  # at least, at most
_ENOUGH_CALLS = 200_000  # of all replications
_FIRST_LOOK, _LATER_LOOKS = 16, 512  # so many calls at a time
_MONTH = 30  # days
_SITE = "all"
_AGENT = "agent"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Site:
    """What the monitors know of a site; arrays have one place a stratum."""

    strata: tuple[str, ...]
    rates: Floats
    ceiling: float
    own_ceilings: Floats
    alarm_at: float


class _Watch:
    """The monitors of a site from the beginning of a fault on."""

    def __init__(self, site: _Site) -> None:
        self._site = site
        self._whole, self._strata = Detector(UPWARD), Detector(UPWARD)
        self._ways, self._agent = Detector(), Detector()

    def of_site(self, stratum: Integers, hits: list[bool]) -> Floats:
        """The higher of the monitors `ceiling` and `direction`, after each call."""
        site, p = self._site, self._site.rates[stratum]
        names = [site.strata[place] for place in stratum]
        ways = [name.rpartition("_")[2] for name in names]
        whole = [_SITE] * len(hits)
        ceiling = self._whole.run(whole, hits, np.maximum(p, site.ceiling))
        own = np.maximum(p, site.own_ceilings[stratum])
        ceiling = (ceiling + self._strata.run(names, hits, own)) / 2
        return np.maximum(ceiling, self._ways.run(ways, hits, p))

    def of_agent(self, stratum: Integers, hits: list[bool]) -> Floats:
        """The agent's part of the monitor `agent`, after each of the agent's calls."""
        return self._agent.run([_AGENT] * len(hits), hits, self._site.rates[stratum])


def drift(
    policy: SamplingPolicy, traffic: AnyTraffic, generator: Generator
) -> Mapping[str, Any] | None:
    """Calls until an alarm, by fault; None where a stratum is never drawn from."""
    site = _site_of(policy, traffic)
    if not site.rates.all():
        return None
    order = traffic.ordered(generator).stratum

    def calls_until(
        look: Callable[[_Watch, Integers, list[bool]], Floats], times: float
    ) -> Mapping[str, Any]:
        """An alarm where calls are recorded `times` as often as they should be."""
        found: list[int] = []
        least, most = _REPLICATIONS
        while len(found) < most and (len(found) < least or sum(found) < _ENOUGH_CALLS):
            found.append(_until(site, look, times, order, generator))
        return _told(np.array(found))

    always = 1 / site.rates.min()
    return {
        "alarm_at": site.alarm_at,
        "everything_recorded": calls_until(_Watch.of_site, always),
        "twice_the_rate": calls_until(_Watch.of_site, 2),
        "one_agent_always_own_calls": calls_until(_Watch.of_agent, always),
    }


def _site_of(policy: SamplingPolicy, traffic: AnyTraffic) -> _Site:
    terms = [policy.conditions(name) for name in traffic.strata]
    load = Load()  # as it is once the site has run for a month
    load.add(date.min, round(traffic.calls * _MONTH / traffic.days))
    return _Site(
        strata=traffic.strata,
        rates=np.array([each.rate_ppm / MICRO for each in terms]),
        ceiling=policy.budget.ceiling_ppm / MICRO,
        own_ceilings=np.array([each.budget.ceiling_ppm / MICRO for each in terms]),
        alarm_at=load.alarm_at,
    )


def _until(
    site: _Site,
    look: Callable[[_Watch, Integers, list[bool]], Floats],
    times: float,
    order: Integers,
    generator: Generator,
) -> int:
    """How many calls it takes; MOST_CALLS where that is not enough."""
    watch, done, size = _Watch(site), 0, _FIRST_LOOK
    while done < MOST_CALLS:
        size = min(size, MOST_CALLS - done)
        stratum = generator.choice(order, size)
        hits = generator.random(size) < times * site.rates[stratum]
        alarms = np.flatnonzero(look(watch, stratum, hits.tolist()) >= site.alarm_at)
        if len(alarms):
            return done + int(alarms[0]) + 1
        done, size = done + size, _LATER_LOOKS
    return MOST_CALLS


def _told(calls: Integers) -> Mapping[str, Any]:
    """`noticed`: the share of faults that were, within MOST_CALLS."""
    return {
        "replications": len(calls),
        "noticed": float((calls < MOST_CALLS).mean()),
        "calls": spread(calls),
    }
