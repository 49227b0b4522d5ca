"""The ceiling: a token bucket in call counts that nothing can overdraw.

Every call adds `ceiling_ppm` micro-tokens, up to `burst` tokens; every RECORD costs
one. So in any n consecutive calls at most burst + ceiling·n are recorded: each
recording has paid a token, and no more tokens than that ever existed. Integers only, so
that an outsider computes the very same thresholds.

As the bucket empties the probability falls smoothly instead of stopping at once, which
keeps every call possible and none predictable.
"""

from collections.abc import Mapping
from dataclasses import dataclass

MICRO = 1_000_000
SITE_BUCKET = "all"

Tokens = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Budget:
    """One bucket's rules. `ceiling_ppm`: tokens added per call, in millionths."""

    ceiling_ppm: int
    burst: int
    smooth: int

    def full(self) -> int:
        """Micro-tokens of a full bucket, which is how one starts."""
        return self.burst * MICRO

    def refill(self, micro_tokens: int) -> int:
        """The bucket after one more call."""
        return min(self.full(), micro_tokens + self.ceiling_ppm)

    def threshold(self, micro_tokens: int, rate_ppm: int) -> int:
        """T such that P(u < T) is the rate, lowered as the bucket empties.

        floor(2^64 · ppm · min(tok, smooth) / (10^6 · smooth)), and 0 below one token.
        """
        if micro_tokens < MICRO:
            return 0
        scale = self.smooth * MICRO
        return (rate_ppm * min(micro_tokens, scale) << 64) // (MICRO * scale)

    def bound(self, calls: int) -> float:
        """The most recordings there can be in any `calls` consecutive calls."""
        return self.burst + calls * self.ceiling_ppm / MICRO


Budgets = Mapping[str, Budget]
"""The rules of each bucket a call passes: the site's and its stratum's."""


def refilled(budgets: Budgets, tokens: Tokens) -> dict[str, int]:
    """All buckets after one more call, which passes those of `budgets`."""
    after = dict(tokens)
    for name, budget in budgets.items():
        after[name] = budget.refill(tokens.get(name, budget.full()))
    return after


def threshold(budgets: Budgets, tokens: Tokens, rate_ppm: int) -> int:
    """The lowest T that the buckets of `budgets` allow."""
    return min(
        budget.threshold(tokens[name], rate_ppm) for name, budget in budgets.items()
    )


def spent(budgets: Budgets, tokens: Tokens) -> dict[str, int]:
    """All buckets after one RECORD, which costs each of `budgets` a token."""
    after = dict(tokens)
    for name in budgets:
        after[name] -= MICRO
    return after
