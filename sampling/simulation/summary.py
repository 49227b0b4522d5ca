"""A simulation told in figures: how many, of whom, how long, how near the ceiling.

Times are in seconds or hours, sizes in bytes, shares between 0 and 1.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sampling.policy import SamplingPolicy
from sampling.simulation.figures import spread, spread_of_counts
from sampling.simulation.outcomes import Outcomes
from sampling.simulation.traffic import AnyTraffic
from sampling.simulation.windows import windows_of

BYTES_A_SECOND = 32_000  # 8 kHz, 16 bits, stereo
_WAV_HEADER = 44
# docs/sealing-format.md: a header, and a tag for each chunk.
_SEALED_HEADER, _CHUNK, _TAG = 16, 65_536, 16


def sealed_bytes(seconds: float) -> int:
    """The size of a sealed recording of so many seconds."""
    clear = _WAV_HEADER + math.ceil(seconds * BYTES_A_SECOND)
    return _SEALED_HEADER + clear + _TAG * math.ceil(clear / _CHUNK)


def heard_at_least(policy: SamplingPolicy) -> int:
    """How many recordings of each agent the policy wishes for; without a wish, one."""
    wishes = [each.coverage for each in (policy, *policy.strata)]
    return max((wish.at_least for wish in wishes if wish), default=1)


def summary(
    policy: SamplingPolicy, traffic: AnyTraffic, outcomes: Outcomes
) -> dict[str, Any]:
    """Every figure by its name, as JSON can hold it."""
    recorded = outcomes.per_stratum.sum(axis=1)
    all_calls = traffic.calls * len(recorded)
    return {
        "agents": traffic.agents,
        "calls": traffic.calls,
        "days": traffic.days,
        "recordings": spread(recorded),
        "recorded_share": int(recorded.sum()) / all_calls,
        "recordings_per_agent": spread_of_counts(
            np.bincount(outcomes.per_agent.ravel())
        ),
        "recordings_per_agent_and_week": spread_of_counts(outcomes.weeks),
        **_heard(outcomes, heard_at_least(policy)),
        **_against_the_ceiling(policy, traffic, outcomes),
        "calls_without_tokens": int(outcomes.empty.sum()) / all_calls,
        "calls_never_drawn": int(outcomes.never.sum()) / all_calls,
        **_audio(policy, traffic, outcomes),
    }


def _heard(outcomes: Outcomes, at_least: int) -> dict[str, Any]:
    """How sure it is that agents are heard, with the standard error of the chance."""
    is_heard = outcomes.per_agent >= at_least
    chance = float(is_heard.all(axis=1).mean())
    return {
        "heard_at_least": at_least,
        "chance_every_agent_heard": chance,
        "chance_every_agent_heard_error": math.sqrt(
            chance * (1 - chance) / len(is_heard)
        ),
        "chance_least_heard_agent": float(is_heard.mean(axis=0).min()),
        "agents_not_heard": spread((~is_heard).sum(axis=1)),
    }


def _against_the_ceiling(
    policy: SamplingPolicy, traffic: AnyTraffic, outcomes: Outcomes
) -> dict[str, Any]:
    """The fullest windows of calls; a ratio of 1 is the ceiling itself."""
    lengths = windows_of(traffic.calls)
    bounds = np.array([policy.budget.bound(calls) for calls in lengths])
    ratios = outcomes.worst / bounds
    windows = [
        {
            "calls": calls,
            "bound": float(bounds[column]),
            "most": int(outcomes.worst[:, column].max()),
            "recorded": spread(outcomes.worst[:, column]),
            "ratio": spread(ratios[:, column]),
            "worst_ratio": float(ratios[:, column].max()),
        }
        for column, calls in enumerate(lengths)
    ]
    return {"worst_window_ratio": float(ratios.max()), "worst_windows": windows}


def _audio(
    policy: SamplingPolicy, traffic: AnyTraffic, outcomes: Outcomes
) -> dict[str, Any]:
    """Of calls of mean length, cut where the policy cuts them.

    Lengths vary, and cutting the long ones leaves less than cutting the mean: this is
    the most it can be on average.
    """
    seconds = [
        min(traffic.mean_seconds, policy.conditions(name).max_seconds)
        for name in traffic.strata
    ]
    sizes = [sealed_bytes(each) for each in seconds]
    hours: NDArray[np.float64] = outcomes.per_stratum @ np.array(seconds) / 3600
    stored = outcomes.per_stratum @ np.array(sizes)
    return {
        "audio_hours": float(hours.mean()),
        "audio_hours_spread": spread(hours),
        "storage_bytes": spread(stored),
    }
