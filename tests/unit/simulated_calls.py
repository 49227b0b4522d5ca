"""Calls of an imaginary site, drawn by the service's own code, told as arrays.

Only the workload comes from NumPy's generator: which line a call is for, how many come
in an hour and wait together. Tags, epoch keys, rates, thresholds and draws are the
service's. Everything follows from the seed.
"""

from dataclasses import dataclass, replace
from datetime import date
from hashlib import sha256

import numpy as np

from sampling.coverage import AgentCalls
from sampling.decision import Candidate, decide
from sampling.draw import call_tag, epoch_key
from sampling.estimate import probability
from sampling.policy import Purpose, SamplingPolicy
from sampling.presets import PRESETS

STRATA = ("cardio_in", "cardio_out", "paediatrics_in", "other_in")
SHARES = (0.5, 0.3, 0.15, 0.05)
CALLS_AN_HOUR = 1_500
LARGEST_BATCH = 20


@dataclass(frozen=True)
class Ledger:
    """What the draws of a ledger say, in its order; one place in each array a call."""

    probability: np.ndarray
    number: np.ndarray
    is_record: np.ndarray
    stratum: np.ndarray
    hour: np.ndarray


def preset_policy(name) -> SamplingPolicy:
    preset = PRESETS[name]
    return SamplingPolicy(
        version=1,
        purpose=Purpose.TRAINING,
        rate_ppm=preset.rate_ppm,
        budget=preset.budget,
        starts_on=date(2026, 11, 1),
        ends_on=date(2026, 11, 29),
        max_seconds=600,
        kept_days=30,
        announcement="",
        opt_out_key="9",
    )


def key_of(seed, hour):
    secret = sha256(f"{seed} {hour}".encode()).digest()
    return epoch_key(hour, secret)


def simulate(policy, calls, seed, *, shares=SHARES, rates=None) -> Ledger:
    """Draw `calls` calls in batches, each sorted by tag as the sequencer does.

    With `rates` each call has one of them by chance, as agents of a coverage would.
    """
    workload = np.random.default_rng(seed)
    of_stratum = workload.choice(len(shares), size=calls, p=shares)
    of_rate = workload.choice(rates or [policy.rate_ppm], size=calls).tolist()
    sizes = iter(workload.integers(1, LARGEST_BATCH + 1, size=calls).tolist())
    tag_key = sha256(f"tags of {seed}".encode()).digest()
    tags = [call_tag(tag_key, "pbx", f"call {number}") for number in range(calls)]
    rows, tokens, start = [], {}, 0
    while start < calls:
        hour = start // CALLS_AN_HOUR
        end = min(start + next(sizes), (hour + 1) * CALLS_AN_HOUR, calls)
        key = key_of(seed, hour)
        for place in sorted(range(start, end), key=tags.__getitem__):
            stratum = int(of_stratum[place])
            candidate = Candidate(tags[place], STRATA[stratum], None, of_rate[place])
            made, tokens = decide(candidate, policy, key, tokens)
            rows.append((made.threshold, made.value, made.is_record, stratum, hour))
        start = end
    thresholds, numbers, *rest = zip(*rows, strict=True)
    chances = np.array([probability(threshold) for threshold in thresholds])
    return Ledger(chances, np.array(numbers, dtype=np.uint64), *map(np.array, rest))


@dataclass(frozen=True)
class Campaign:
    """One campaign's calls, agent by agent: `is_record` and `probability` per call."""

    agent: np.ndarray
    probability: np.ndarray
    is_record: np.ndarray


def simulate_campaign(policy, rate_of, forecasts, calls_of, seed) -> Campaign:
    """Agents take their calls in random order; `rate_of(policy, heard)` sets the rate.

    `forecasts` and `calls_of`: the calls expected of each agent, and those that come.
    """
    workload = np.random.default_rng(seed)
    agents = workload.permutation(np.repeat(np.arange(len(calls_of)), calls_of))
    policies = [_with_forecast(policy, int(forecast)) for forecast in forecasts]
    seen, drawn = [0] * len(calls_of), [0] * len(calls_of)
    key, tokens, rows = key_of(seed, 0), {}, []
    for place, agent in enumerate(agents.tolist()):
        rate = rate_of(policies[agent], AgentCalls(seen[agent], drawn[agent]))
        candidate = Candidate(place.to_bytes(16, "big"), STRATA[0], None, rate)
        made, tokens = decide(candidate, policies[agent], key, tokens)
        seen[agent] += 1
        drawn[agent] += made.is_record
        rows.append((probability(made.threshold), made.is_record))
    return Campaign(agents, *map(np.array, zip(*rows, strict=True)))


def _with_forecast(policy, calls):
    if policy.coverage is None:
        return policy
    return replace(policy, coverage=replace(policy.coverage, expected_calls=calls))
