"""What a new policy allows that the one before it did not.

Two policies are compared for every kind of call that their strata tell apart, on every
day on which a campaign begins or ends, so that a stratum that is added, widened or
taken away counts as what it does to those calls. Where it is not certain that no call
gains, it is an increase.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise, product

from sampling.budget import MICRO
from sampling.coverage import ladder
from sampling.policy import SOFT_CEILING_PPM, Conditions, Consent, SamplingPolicy
from sampling.strata import WAYS, Facts, stratum_of

_ELSEWHERE = ""  # what no stratum names
_WORDS = ("announcement", "request", "opt_out_key", "opt_in_key")
_MOST_KINDS = 10_000  # no real policy comes near; comparing takes milliseconds


def is_increase(old: SamplingPolicy, new: SamplingPolicy) -> list[str]:
    """The fields in which `new` allows more than `old`; empty for a decrease.

    A field of a stratum is `strata.<name>.<field>`: the one that calls which gain are
    counted under from now on.
    """
    if not any(each.starts_on < each.ends_on for each in (new, *new.strata)):
        return []  # taken away: nothing is drawn any more
    found = dict.fromkeys(_raised(old, new))
    if not _can_be_compared(old, new):
        return [*found, "strata"]
    for before, after in _counted_under(old, new):
        for field in _raised(before.conditions, after.conditions):
            found[after.names(field)] = None
        if _asks_more(before, after):
            found[after.names("coverage")] = None
    # What people hear, and how they refuse or agree, is no operator's alone to change.
    found |= {
        field: None for field in _WORDS if getattr(old, field) != getattr(new, field)
    }
    for field in ("excluded_lines", "excluded_agents"):
        if getattr(old, field) - getattr(new, field):
            found[field] = None
    return list(found)


def is_above_soft_ceiling(policy: SamplingPolicy) -> bool:
    """Whether any rate or ceiling in it is above 5 %."""
    return any(
        max(each.rate_ppm, each.budget.ceiling_ppm) > SOFT_CEILING_PPM
        for each in (policy, *policy.strata)
    )


@dataclass(frozen=True, slots=True)
class _Place:
    """Where some calls are counted: a stratum of the policy, or the policy's own."""

    conditions: Conditions
    stratum: str
    is_own: bool
    counts_agents_alone: bool

    def names(self, field: str) -> str:
        return f"strata.{self.stratum}.{field}" if self.is_own else field

    @property
    def campaign(self) -> tuple[date, str]:
        """What "already heard" is counted by."""
        alone = self.stratum if self.counts_agents_alone else ""
        return self.conditions.starts_on, alone


def _counted_under(
    old: SamplingPolicy, new: SamplingPolicy
) -> Iterator[tuple[_Place, _Place]]:
    """Where each kind of call that may be drawn was counted, and where it will be."""
    seen = set()
    for facts, day in product(_kinds_of_calls(old, new), _days(old, new)):
        after = _place(new, facts, day)
        pair = _place(old, facts, day), after
        if after.conditions.is_running(day) and pair not in seen:
            seen.add(pair)
            yield pair


def _place(policy: SamplingPolicy, facts: Facts, day: date) -> _Place:
    name = stratum_of(policy, facts, day)
    return _Place(
        conditions=policy.conditions(name),
        stratum=name,
        is_own=any(own.name == name for own in policy.strata),
        counts_agents_alone=policy.has_own_coverage(name),
    )


def _days(*policies: SamplingPolicy) -> set[date]:
    every = [each for policy in policies for each in (policy, *policy.strata)]
    return {day for each in every for day in (each.starts_on, each.ends_on)}


def _can_be_compared(old: SamplingPolicy, new: SamplingPolicy) -> bool:
    kinds = math.prod(map(len, _values_told_apart(old, new)))
    return kinds * len(_days(old, new)) <= _MOST_KINDS


def _kinds_of_calls(old: SamplingPolicy, new: SamplingPolicy) -> Iterator[Facts]:
    groups, queues, agents = _values_told_apart(old, new)
    for group, way, queue, agent in product(groups, WAYS, queues, agents):
        yield Facts(group, way, queue, agent)


def _values_told_apart(
    old: SamplingPolicy, new: SamplingPolicy
) -> tuple[list[str], list[str], list[str]]:
    """Line groups, queues and groups of agents."""
    strata = (*old.strata, *new.strata)
    return (
        _told_apart([own.line_groups for own in strata]),
        _told_apart([own.queues for own in strata]),
        _told_apart([own.agent_groups for own in strata]),
    )


def _told_apart(selectors: Sequence[frozenset[str]]) -> list[str]:
    """One value for each way of being named by some of the selectors and not others."""
    values = [*sorted(frozenset[str]().union(*selectors)), _ELSEWHERE]
    named = {tuple(value in each for each in selectors): value for value in values}
    return list(named.values())


def _raised(old: Conditions, new: Conditions) -> Iterator[str]:
    for field, is_raised in _comparisons(old, new).items():
        if is_raised:
            yield field


def _comparisons(old: Conditions, new: Conditions) -> Mapping[str, bool]:
    return {
        "purpose": new.purpose != old.purpose,
        "rate": new.rate_ppm > old.rate_ppm,
        "ceiling": new.budget.ceiling_ppm > old.budget.ceiling_ppm,
        "burst": new.budget.burst > old.budget.burst,
        # With less smoothing the probability stays up while tokens are few.
        "smooth": new.budget.smooth < old.budget.smooth,
        "starts_on": new.starts_on < old.starts_on,
        "ends_on": new.ends_on > old.ends_on,
        "max_seconds": new.max_seconds > old.max_seconds,
        "kept_days": new.kept_days > old.kept_days,
        "consent": (old.consent, new.consent) == (Consent.OPT_IN, Consent.OPT_OUT),
        "coverage": _are_steps_raised(old, new),
    }


def _asks_more(before: _Place, after: _Place) -> bool:
    """Whether an agent's calls may get more because fewer count as heard."""
    old, new = before.conditions.coverage, after.conditions.coverage
    if old is None or new is None:
        return False
    return (
        new.at_least > old.at_least
        or new.expected_calls < old.expected_calls
        or after.campaign != before.campaign
    )


def _are_steps_raised(old: Conditions, new: Conditions) -> bool:
    """Whether some wish to hear an agent leads to a higher rate than it did."""
    if old.coverage is None and new.coverage is None:
        return False
    before, after = _steps(old), _steps(new)
    return any(
        _step_for(after, aim) > _step_for(before, aim) for aim in _aims(before, after)
    )


def _steps(conditions: Conditions) -> list[int]:
    """The rates that calls of known agents may get, in ppm."""
    if conditions.coverage is None:
        return [conditions.rate_ppm]
    return ladder(conditions.coverage)


def _step_for(steps: list[int], twice_the_aim: int) -> int:
    """As `sampling.coverage.rate_for` chooses, for an aim in half ppm."""
    return min(steps, key=lambda rate: (abs(2 * rate - twice_the_aim), rate))


def _aims(*ladders: list[int]) -> Iterator[int]:
    """The highest aim, in half ppm, for which each choice of steps is made.

    Of two equally near steps the lower one is taken, so that is in the middle of two.
    """
    for steps in ladders:
        for lower, higher in pairwise(steps):
            yield lower + higher
    yield 4 * MICRO
