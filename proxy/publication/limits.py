"""What a policy allows, and what its budgets leave: figures that need no query."""

from collections.abc import Iterable, Mapping
from datetime import date

from proxy.metrics_contract import OTHERS
from proxy.publication.sources import Figures
from sampling.budget import MICRO, SITE_BUCKET, threshold
from sampling.policy import HARD_CEILING_PPM, SamplingPolicy

_WINDOWS = (100, 1000, 10_000)


def limits(policy: SamplingPolicy) -> Figures:
    """Rates and bounds, 0-1; they hold whether or not the database answers."""
    rates = [policy.rate_ppm, *(stratum.rate_ppm for stratum in policy.strata)]
    figures: Figures = {
        ("policy_rate",): max(rates) / MICRO,
        ("rate_ceiling",): policy.budget.ceiling_ppm / MICRO,
        ("hard_ceiling",): HARD_CEILING_PPM / MICRO,
    }
    for window in _WINDOWS:
        bound = min(1.0, policy.budget.bound(window) / window)
        figures["window_bound_ratio", str(window)] = bound
    return figures


def budgets(
    policy: SamplingPolicy,
    tokens: Mapping[str, int],
    strata: Iterable[str],
    today: date,
) -> Figures:
    """Whole tokens left, and the chance of the next draw in millionths."""
    names = (*strata, *OTHERS)
    held = {
        name: tokens.get(name, policy.conditions(name).budget.full())
        for name in (*names, SITE_BUCKET)
    }
    figures: Figures = {
        ("tokens", name): micro // MICRO for name, micro in held.items()
    }
    for name in names:
        figures["probability_ppm", name] = _chance(policy, held, name, today)
    return figures


def _chance(
    policy: SamplingPolicy, held: Mapping[str, int], stratum: str, today: date
) -> int:
    conditions = policy.conditions(stratum)
    if not conditions.is_running(today):
        return 0
    limit = threshold(policy.budgets(stratum), held, conditions.rate_ppm)
    # Rounded: T is floored, and 40000 reads better than 39999.
    return (limit * MICRO + 2**63) >> 64
