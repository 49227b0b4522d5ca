"""Hearing every agent at least k times, by probability alone.

A call of an agent not heard yet gets a higher probability, the higher the fewer calls
the agent has left; never 1, so no call is predictable, and always through the same
token bucket. What it got is written in its leaf, so estimates stay unbiased: divide by
it (`sampling.estimate`). That every agent is heard cannot be promised: whoever promises
it must force the last call.
"""

from dataclasses import dataclass

from sampling.budget import MICRO
from sampling.policy import Conditions, Coverage

# Recordings aimed at per missing one, because a draw may miss: of N calls the last r
# are reached unheard with probability (r/N)^1.6. In tenths, for integers.
_AIM_TENTHS = 16


@dataclass(frozen=True, slots=True)
class AgentCalls:
    """An agent's calls in this campaign before the one to be drawn.

    `seen`: all of them; `drawn`: those drawn to be recorded.
    """

    seen: int
    drawn: int


def ladder(coverage: Coverage) -> list[int]:
    """The only rates there are, in ppm: min, 2·min, 4·min … below max, and max.

    A rate free to take any value would tell in a public leaf how many calls the agent
    has had, and so which agent it was.
    """
    steps = [coverage.min_ppm]
    while steps[-1] * 2 < coverage.max_ppm:
        steps.append(steps[-1] * 2)
    return [*steps, coverage.max_ppm]


def rate_for(conditions: Conditions, heard: AgentCalls | None) -> int:
    """The rate of an agent's next call in ppm; `heard` is None for an unknown agent.

    1.6 · (k - drawn) / max(1, expected - seen), as the nearest step of the ladder (the
    lower of two equally near ones); the lowest step once k are drawn.
    """
    coverage = conditions.coverage
    if coverage is None or heard is None:
        return conditions.rate_ppm
    missing = coverage.at_least - heard.drawn
    if missing <= 0:
        return coverage.min_ppm
    left = 10 * max(1, coverage.expected_calls - heard.seen)
    aim = _AIM_TENTHS * MICRO * missing  # both sides times 10 · left: integers only
    return min(ladder(coverage), key=lambda rate: (abs(rate * left - aim), rate))
