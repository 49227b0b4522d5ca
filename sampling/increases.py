"""What a new policy allows that the one before it did not.

Two policies are compared for every kind of call that their strata tell apart, on every
day on which a campaign begins or ends, so that a stratum that is added, widened or
taken away counts as what it does to those calls. Where it is not certain that no call
gains, it is an increase. So is what looks like one to an auditor, who has POLICY leaves
only: names of strata and their figures.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import chain, pairwise, product

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
    if _is_taken_away(new):
        return []
    found = dict.fromkeys(_raised(old, new))
    if not _can_be_compared(old, new):
        return [*found, "strata"]
    pairs = list(_counted_under(old, new))
    for before, after in pairs:
        found |= dict.fromkeys(_raised_at(before, after))
    found |= dict.fromkeys(_begun_afresh(old, pairs))
    # What people hear, and how they refuse or agree, is no operator's alone to change.
    found |= {
        field: None for field in _WORDS if getattr(old, field) != getattr(new, field)
    }
    for field in ("excluded_lines", "excluded_agents"):
        if getattr(old, field) - getattr(new, field):
            found[field] = None
    return list(found) or raised_by_name(old, new)


def raised_by_name(old: SamplingPolicy, new: SamplingPolicy) -> list[str]:
    """In which fields `new` allows more as leaves show it: without whom strata want.

    A stratum is compared with the one that had its name. What calls a new one took, and
    where those of one that is gone went, may be anywhere in its direction: it counts if
    they gain wherever that was.
    """
    if _is_taken_away(new):
        return []
    found = dict.fromkeys(_raised_at(_own_place(old), _own_place(new)))
    for name in sorted({each.name for each in (*old.strata, *new.strata)}):
        pairs = [*product(_places_for(name, old), _places_for(name, new))]
        raised = [[*_raised_at(before, after)] for before, after in pairs]
        if all(raised) and all(after.conditions.has_days for _, after in pairs):
            found |= dict.fromkeys(chain.from_iterable(raised))
    return list(found)


def _is_taken_away(policy: SamplingPolicy) -> bool:
    return not any(each.has_days for each in (policy, *policy.strata))


def above_soft_ceiling(policy: SamplingPolicy) -> list[str]:
    """Every rate and ceiling in it that is above 5 %."""
    places: dict[str, Conditions] = {"": policy}
    places |= {f"strata.{own.name}.": own for own in policy.strata}
    return [
        place + field
        for place, own in places.items()
        for field, ppm in (("rate", own.rate_ppm), ("ceiling", own.budget.ceiling_ppm))
        if ppm > SOFT_CEILING_PPM
    ]


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


def _begun_afresh(
    old: SamplingPolicy, pairs: Sequence[tuple[_Place, _Place]]
) -> Iterator[str]:
    """Strata under whose new names calls find a full bucket, and no lower rate for it.

    A bucket goes by its name and begins full. Renamed or split every epoch, a stratum
    would never come to the end of its tokens; only the site's bucket would still hold.
    """
    had_buckets = {own.name for own in old.strata}
    had_buckets |= {before.stratum for before, _ in pairs}
    for before, after in pairs:
        rate = after.conditions.rate_ppm
        is_lower = not before.is_own and rate < before.conditions.rate_ppm
        if rate and not is_lower and after.stratum not in had_buckets:
            yield f"strata.{after.stratum}.name" if after.is_own else "strata"


def _place(policy: SamplingPolicy, facts: Facts, day: date) -> _Place:
    return _place_named(policy, stratum_of(policy, facts, day))


def _own_place(policy: SamplingPolicy) -> _Place:
    return _place_named(policy, _ELSEWHERE)


def _places_for(name: str, policy: SamplingPolicy) -> list[_Place]:
    """Where the calls of a stratum of that name may be counted in a policy."""
    names = [own.name for own in policy.strata]
    if name in names:
        return [_place_named(policy, name)]
    way = name[name.rindex("_") :]
    same_way = [other for other in names if other.endswith(way)]
    return [_place_named(policy, other) for other in (_ELSEWHERE, *same_way)]


def _place_named(policy: SamplingPolicy, name: str) -> _Place:
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


def _raised_at(before: _Place, after: _Place) -> Iterator[str]:
    for field in _raised(before.conditions, after.conditions):
        yield after.names(field)
    if _asks_more(before, after):
        yield after.names("coverage")


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
