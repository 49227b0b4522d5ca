"""From a tagged call to RECORD or SKIP, in ledger order, as plain data.

`decide` is the single place where gate, budget and draw meet. The service calls it
before the answer; an auditor's replay comes to the same values from the same leaves.
"""

from dataclasses import dataclass

from sampling.budget import Tokens, refilled, spent, threshold
from sampling.caps import NO_CAP, Cap
from sampling.draw import draw_value
from sampling.policy import SamplingPolicy

BUDGET_CODE = "budget"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A call waiting for its draw. `gate_code` is the closed gate, if any.

    `rate_ppm` is the probability it gets while there are tokens, in millionths. `cap`
    lowers that for a person's sake.
    """

    tag: bytes
    stratum: str
    gate_code: str | None
    rate_ppm: int
    cap: Cap = NO_CAP


@dataclass(frozen=True, slots=True)
class Decision:
    """The draw of one call: threshold T, number u, and what follows from them."""

    threshold: int
    value: int
    is_record: bool
    code: str | None


def decide(
    candidate: Candidate, policy: SamplingPolicy, key: bytes, tokens: Tokens
) -> tuple[Decision, dict[str, int]]:
    """Decide one call; return the decision and the buckets after it.

    A closed gate gives T = 0, yet the call still adds to the buckets: the bound counts
    calls, and a gate that changed the count would be a way to save up tokens unseen.
    A cap is the reason only where neither gate nor budget is one.
    """
    value = draw_value(key, candidate.tag)
    budgets, rate = policy.budgets(candidate.stratum), candidate.rate_ppm
    buckets = refilled(budgets, tokens)
    allowed = threshold(budgets, buckets, rate)
    limit = 0 if candidate.gate_code else allowed >> candidate.cap.halvings
    of_draw = candidate.cap.code if allowed else (BUDGET_CODE if rate else None)
    code = candidate.gate_code or of_draw
    decision = Decision(
        threshold=limit,
        value=value,
        is_record=value < limit,
        code=code,
    )
    after = spent(budgets, buckets) if decision.is_record else buckets
    return decision, after
