"""Months drawn by the service's own batches beside months that were only simulated.

Same policies, same traffic: the real ones have tags, epoch keys and batches sorted by
tag, the simulated ones the numbers of a generator. Compared are the recordings of a
month, of its agents (five quantiles and how many have none) and of its fullest 1,000
calls.

The criterion is exact. If both kinds of month come from the same distribution, any
MONTHS of all months might as well have been the real ones. So the largest distance
between the two distribution functions (Kolmogorov and Smirnov) is compared with those
of PERMUTATIONS such choices by chance: a p-value below LEVEL comes no more often than
that, ties and all. Seeds are fixed and are the first that were tried, so nothing fails
by chance; with others each comparison would fail once in a thousand times.
"""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from functools import cache
from hashlib import sha256

import numpy as np
import pytest

from proxy.intake.binds import Bind
from proxy.intake.drawing import Past, Terms, draw_all
from proxy.intake.epochs import Tags
from proxy.ledger.transaction import Head
from sampling.budget import Budget
from sampling.draw import call_tag, draw_value, epoch_key
from sampling.policy import Coverage, Purpose, SamplingPolicy, Stratum
from sampling.presets import PRESETS
from sampling.seed import epoch_at, week_at
from sampling.simulate import simulate
from sampling.simulation.course import lay_course
from sampling.simulation.draws import Draws
from sampling.simulation.traffic import Calls, Traffic
from sampling.simulation.windows import windows_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SEED = 20261122
MONTHS = 40
SIMULATED = 10_000
PERMUTATIONS = 9_999
LEVEL = 0.001
LARGEST_BATCH = 20
EPOCH = 3600  # seconds
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)

PLAIN = SamplingPolicy(
    version=1,
    purpose=Purpose.TRAINING,
    rate_ppm=PRESETS["large"].rate_ppm,
    budget=PRESETS["large"].budget,
    starts_on=datetime(2026, 11, 1, tzinfo=UTC).date(),
    ends_on=datetime(2026, 11, 29, tzinfo=UTC).date(),
    max_seconds=600,
    kept_days=30,
    announcement="",
    opt_out_key="9",
)
WISH = Coverage(at_least=1, expected_calls=150, min_ppm=5_000, max_ppm=50_000)
RARELY = Stratum(
    name="cardiology_in",
    purpose=Purpose.TRAINING,
    rate_ppm=10_000,
    budget=Budget(10_000, 3, 3),
    starts_on=PLAIN.starts_on,
    ends_on=PLAIN.ends_on,
    max_seconds=600,
    kept_days=30,
)
ONE_LINE = Traffic(agents=40, calls_per_agent=150)
TWO_LINES = replace(ONE_LINE, shares={"cardiology_in": 0.4, "others_in": 0.6})
SITES = {
    "one rate": (PLAIN, ONE_LINE),
    "small buckets, one a stratum's own": (
        replace(PLAIN, rate_ppm=20_000, budget=Budget(20_000, 5, 1), strata=(RARELY,)),
        TWO_LINES,
    ),
    "every agent to be heard": (
        replace(PLAIN, rate_ppm=12_000, coverage=WISH),
        ONE_LINE,
    ),
}


def real_month(policy, traffic, seed):
    """A month of the service's own batches: calls, numbers, draws, in their order."""
    workload = np.random.default_rng([SEED, seed])
    arrivals = traffic.ordered(workload)
    head, heard, past, rows = Head(0, {}, 0, 0, 1), {}, {}, []
    for first, end in batches(arrivals, workload):
        terms = terms_at(policy, instant(policy, traffic, first), seed)
        binds = [
            bind_of(policy, traffic, arrivals, place, terms)
            for place in range(first, end)
        ]
        place_of = {bind.tags.this_week: first + n for n, bind in enumerate(binds)}
        batch = draw_all(head, terms, binds, heard, Past(past, ()))
        head = replace(head, size=head.size + len(batch.bodies), tokens=batch.tokens)
        heard |= {agent: each.calls for agent, each in batch.heard.items()}
        past |= batch.agents
        rows += [
            (place_of[tag], draw_value(terms.key, tag), call.is_record)
            for call in batch.calls
            if (tag := call.call_key)
        ]
    order, numbers, draws = map(list, zip(*rows, strict=True))
    calls = Calls(arrivals.agent[order], arrivals.stratum[order], arrivals.day[order])
    return calls, np.array(numbers, dtype=np.uint64), np.array(draws)


def batches(arrivals, workload):
    """Up to LARGEST_BATCH calls of a day wait together; yields first and end."""
    sizes = workload.integers(1, LARGEST_BATCH + 1, size=len(arrivals.day))
    midnights = set(np.flatnonzero(np.diff(arrivals.day)) + 1)
    first = 0
    for end in range(1, len(arrivals.day) + 1):
        is_last = end == len(arrivals.day)
        if is_last or end in midnights or end - first == sizes[first]:
            yield first, end
            first = end


def terms_at(policy, now, seed):
    epoch = epoch_at(now, EPOCH)
    secret = sha256(f"{seed} {epoch}".encode()).digest()
    return Terms(policy=policy, key=epoch_key(epoch, secret), epoch=epoch, now=now)


def instant(policy, traffic, place):
    """Calls come evenly, day and night."""
    start = datetime.combine(policy.starts_on, time(), UTC)
    return start + timedelta(days=traffic.days) * (place / traffic.calls)


def bind_of(policy, traffic, arrivals, place, terms):
    stratum = traffic.strata[arrivals.stratum[place]]
    campaign = stratum if policy.has_own_coverage(stratum) else ""
    tag = call_tag(b"a week's key", "pbx", f"call {place}")
    return Bind(
        tags=Tags(week_at(terms.now), tag, None, None),
        leg_key=None,
        connection="pbx",
        stratum=stratum,
        gate_code=None,
        agent_key=f"{campaign} {arrivals.agent[place]}".encode(),
        agent_name=str(arrivals.agent[place]).encode(),
    )


@cache
def real_months(site):
    return [real_month(*SITES[site], seed) for seed in range(MONTHS)]


@cache
def simulated(site):
    return simulate(*SITES[site], replications=SIMULATED, seed=SEED)


def figures(recorded, per_agent, fullest) -> dict[str, np.ndarray]:
    """What is compared; one place in each array a month."""
    quantiles = np.quantile(per_agent, QUANTILES, axis=1, method="inverted_cdf")
    named = {
        f"{q:.0%} of agents": each for q, each in zip(QUANTILES, quantiles, strict=True)
    }
    return {
        "recorded": recorded,
        "agents not heard": (per_agent == 0).sum(axis=1),
        "fullest 1,000 calls": fullest,
        **named,
    }


def figures_of_real(site) -> dict[str, np.ndarray]:
    _, traffic = SITES[site]
    months = real_months(site)
    per_agent = [
        np.bincount(calls.agent[draws], minlength=traffic.agents)
        for calls, _, draws in months
    ]
    fullest = [
        np.convolve(draws, np.ones(1000, dtype=int), "valid").max()
        for _, _, draws in months
    ]
    recorded = [draws.sum() for _, _, draws in months]
    return figures(np.array(recorded), np.array(per_agent), np.array(fullest))


def figures_of_simulated(site) -> dict[str, np.ndarray]:
    outcomes = simulated(site).outcomes
    column = windows_of(SITES[site][1].calls).index(1000)
    return figures(
        outcomes.per_stratum.sum(axis=1), outcomes.per_agent, outcomes.worst[:, column]
    )


def p_value(real, imagined):
    """Of the largest distance between two distribution functions; see above."""
    values, place = np.unique(np.concatenate([real, imagined]), return_inverse=True)
    everything = np.bincount(place)
    among_real = np.bincount(place[: len(real)], minlength=len(values))
    by_chance = np.random.default_rng(SEED).multivariate_hypergeometric(
        everything, len(real), size=PERMUTATIONS
    )

    def distance(chosen):
        of_chosen = np.cumsum(chosen, axis=-1) / len(real)
        of_others = np.cumsum(everything - chosen, axis=-1) / len(imagined)
        return np.abs(of_chosen - of_others).max(axis=-1)

    beyond = (distance(by_chance) >= distance(among_real) - 1e-12).sum()
    return (1 + beyond) / (1 + PERMUTATIONS)


@pytest.mark.parametrize("site", SITES)
def test_told_the_same_numbers_it_draws_the_very_calls_the_service_drew(site):
    policy, traffic = SITES[site]
    for calls, numbers, draws in real_months(site):
        made = Draws(lay_course(policy, traffic.strata, calls, traffic.agents), 1)
        made.draw(0, numbers[np.newaxis])

        assert made.recordings().call.tolist() == np.flatnonzero(draws).tolist()


@pytest.mark.parametrize("site", SITES)
def test_months_of_the_service_are_as_those_that_were_simulated(site):
    real, imagined = figures_of_real(site), figures_of_simulated(site)

    found = {name: p_value(real[name], imagined[name]) for name in real}

    assert min(found.values()) >= LEVEL, found


@pytest.mark.parametrize("site", SITES)
def test_the_stated_bands_hold_the_services_months(site):
    """Of the real months, those outside 5 % to 95 % are not more than chance allows."""
    real, imagined = figures_of_real(site), figures_of_simulated(site)
    for name in ("recorded", "fullest 1,000 calls", "agents not heard"):
        low, high = np.quantile(imagined[name], (0.05, 0.95), method="inverted_cdf")
        is_out = (imagined[name] < low) | (imagined[name] > high)
        outside = int(((real[name] < low) | (real[name] > high)).sum())

        # An upper confidence limit of the share that is outside by chance.
        share = is_out.mean() + 4 * np.sqrt(0.1 / SIMULATED)
        assert binomial_tail(outside, MONTHS, share) >= LEVEL, name


def binomial_tail(least, of, share):
    """P(at least so many)."""
    chances = np.ones(1)
    for _ in range(of):
        chances = np.convolve(chances, [1 - share, share])
    return chances[least:].sum()


FAULTS = {
    "a fifth more is recorded": ("one rate", {"rate_ppm": 21_600}),
    "a stratum's own conditions are forgotten": (
        "small buckets, one a stratum's own",
        {"strata": ()},
    ),
    "nobody's wish to be heard is": ("every agent to be heard", {"coverage": None}),
    "the bucket is smoothed that should not be": (
        "small buckets, one a stratum's own",
        {"budget": Budget(20_000, 5, 5)},
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_it_would_be_noticed_if(fault):
    site, change = FAULTS[fault]
    policy, traffic = SITES[site]
    faulty = simulate(replace(policy, **change), traffic, SIMULATED, SEED).outcomes
    real = figures_of_real(site)
    column = windows_of(traffic.calls).index(1000)
    imagined = figures(
        faulty.per_stratum.sum(axis=1), faulty.per_agent, faulty.worst[:, column]
    )

    assert min(p_value(real[name], imagined[name]) for name in real) < LEVEL
