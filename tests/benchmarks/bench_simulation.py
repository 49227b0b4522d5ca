"""10,000 months of a 40-agent site beside a plain Python loop with the same rules.

The loop calls `decide` for each call, as the service does, its hash included; the other
one is given its numbers and does the rules' arithmetic only.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date

import numpy as np

from sampling.budget import Tokens, refilled, spent, threshold
from sampling.caps import AgentDays, cap_of_agent
from sampling.coverage import AgentCalls, rate_for
from sampling.decision import Candidate, decide
from sampling.policy import Coverage, Purpose, SamplingPolicy
from sampling.presets import PRESETS
from sampling.simulate import simulate
from sampling.simulation.traffic import Traffic
from tests.benchmarks.rows import Row, run

MONTHS, MONTHS_IN_A_LOOP = 10_000, 10
SEED = 1
ROUNDS = 3
STRATUM = "calls_in"
SITE = Traffic(agents=40, calls_per_agent=150, shares={STRATUM: 1.0})
PLAIN = SamplingPolicy(
    version=1,
    purpose=Purpose.TRAINING,
    rate_ppm=PRESETS["large"].rate_ppm,
    budget=PRESETS["large"].budget,
    starts_on=date(2026, 11, 1),
    ends_on=date(2026, 11, 29),
    max_seconds=600,
    kept_days=30,
    announcement="",
    opt_out_key="9",
)
WISH = Coverage(at_least=1, expected_calls=150, min_ppm=5_000, max_ppm=50_000)
WITH_WISH = replace(PLAIN, rate_ppm=12_000, coverage=WISH)


PEERS = {
    "a Python loop over decide": lambda policy: _months(policy, _decided),
    "a Python loop given its numbers": lambda policy: _months(policy, _reckoned),
}


def rows() -> list[Row]:
    return [*_rows("months", PLAIN), *_rows("months with a wish", WITH_WISH)]


def _rows(name: str, policy: SamplingPolicy) -> list[Row]:
    """The best of each, in turns: other work on the machine only ever slows."""
    ours: list[float] = []
    theirs: list[list[float]] = [[] for _ in PEERS]
    for _ in range(ROUNDS):
        ours.append(_seconds(_simulated, policy) / MONTHS)
        for took, loop in zip(theirs, PEERS.values(), strict=True):
            took.append(_seconds(loop, policy) / MONTHS_IN_A_LOOP)
    rate = 1 / min(ours)
    whole = Row(
        f"10,000 {name}, with what monitors see", MONTHS / rate, "s", goal="seconds"
    )
    rates = {peer: 1 / min(took) for peer, took in zip(PEERS, theirs, strict=True)}
    return [
        whole,
        *(
            Row(f"simulate {name}", rate, "months/s", peer, its, rate / its, ">= 50 x")
            for peer, its in rates.items()
        ),
    ]


def _simulated(policy: SamplingPolicy) -> None:
    simulate(policy, SITE, MONTHS, SEED)


def _seconds(action: Callable[[SamplingPolicy], None], policy: SamplingPolicy) -> float:
    start = time.perf_counter()
    action(policy)
    return time.perf_counter() - start


Draw = Callable[[SamplingPolicy, Candidate, int, Tokens], tuple[bool, Tokens]]


def _months(policy: SamplingPolicy, draw: Draw) -> None:
    generator = np.random.default_rng(SEED)
    for _ in range(MONTHS_IN_A_LOOP):
        order = SITE.ordered(generator)
        agents, days = order.agent.tolist(), order.day.tolist()
        heard = [AgentCalls(0, 0)] * SITE.agents
        past: dict[int, AgentDays] = {}
        numbers = generator.integers(2**64 - 1, size=SITE.calls, dtype=np.uint64)
        tokens: Tokens = {}
        for agent, day, number in zip(agents, days, numbers.tolist(), strict=True):
            before, known = heard[agent], past.get(agent, AgentDays(day)).at(day)
            rate = rate_for(policy, before)
            cap = cap_of_agent(known, rate)
            candidate = Candidate(number.to_bytes(16), STRATUM, None, rate, cap)
            is_drawn, tokens = draw(policy, candidate, number, tokens)
            heard[agent] = AgentCalls(before.seen + 1, before.drawn + is_drawn)
            past[agent] = known.and_call(is_record=is_drawn)


def _decided(
    policy: SamplingPolicy, candidate: Candidate, _number: int, tokens: Tokens
) -> tuple[bool, Tokens]:
    decision, after = decide(candidate, policy, b"an epoch's key", tokens)
    return decision.is_record, after


def _reckoned(
    policy: SamplingPolicy, candidate: Candidate, number: int, tokens: Tokens
) -> tuple[bool, Tokens]:
    budgets = policy.budgets(STRATUM)
    full = refilled(budgets, tokens)
    allowed = threshold(budgets, full, candidate.rate_ppm)
    if number < allowed >> candidate.cap.halvings:
        return True, spent(budgets, full)
    return False, full


def main() -> None:
    run(rows, "numpy")


if __name__ == "__main__":
    main()
