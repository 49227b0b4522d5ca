"""A sampling policy: what may be drawn, how often, how long, for what and until when.

The law gives no number for "occasional". The ceilings below are this product's own and
are constants of the code, not settings: no configuration, role or route overrides them.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum

from sampling.budget import MICRO, SITE_BUCKET, Budget

HARD_CEILING_PPM = 100_000  # 10 %
HARD_CEILING_PER_1000 = 100  # recordings in any 1,000 consecutive calls
SOFT_CEILING_PPM = 50_000  # 5 %: as far as any agent's probability may be raised
MAX_CAMPAIGN = timedelta(days=92)
MAX_KEPT_DAYS = 180  # always less than six calendar months
MAX_RECORDED_SECONDS = 3600
MAX_AT_LEAST = 10
MAX_EXPECTED_CALLS = 100_000


class Purpose(StrEnum):
    """The closed list of purposes the regulator admits for occasional recording."""

    TRAINING = "training"
    EVALUATION = "evaluation"
    QUALITY = "quality"


@dataclass(frozen=True, slots=True)
class Coverage:
    """The wish to hear every agent `at_least` times in a campaign.

    It moves an agent's probability between `min_ppm` and `max_ppm` and forces nothing.
    `expected_calls` is the forecast of one agent's calls in the whole campaign.
    """

    at_least: int
    expected_calls: int
    min_ppm: int
    max_ppm: int


class Consent(StrEnum):
    """What silence means once the caller has heard the announcement."""

    OPT_OUT = "opt_out"
    OPT_IN = "opt_in"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """How often, how long, for what and until when. Rates in parts per million.

    `ends_on` is the first day on which nothing is drawn any more. With `coverage`,
    `rate_ppm` is what calls get whose agent is not known yet.
    """

    purpose: Purpose
    rate_ppm: int
    budget: Budget
    starts_on: date
    ends_on: date
    max_seconds: int
    kept_days: int
    consent: Consent = Consent.OPT_OUT
    coverage: Coverage | None = None

    @property
    def has_days(self) -> bool:
        """Whether it allows anything on any day."""
        return self.starts_on < self.ends_on

    def is_running(self, today: date) -> bool:
        return self.starts_on <= today < self.ends_on


@dataclass(frozen=True, slots=True, kw_only=True)
class Stratum(Conditions):
    """Conditions of its own for some calls, counted under a name of their own.

    The name ends in `_in` or `_out`: a stratum has one direction. An empty set of line
    groups, queues or groups of agents leaves that open.
    """

    name: str
    line_groups: frozenset[str] = frozenset()
    queues: frozenset[str] = frozenset()
    agent_groups: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingPolicy(Conditions):
    """One signed, dated version of the rules.

    Its own conditions hold for calls in none of its `strata`; its `budget` is also that
    of the whole site, whatever the stratum. Callers hear the `announcement`, or the
    `request` where silence is no consent. `excluded_lines` are dialled numbers,
    `excluded_agents` the platform's neutral codes; neither is in the ledger.
    """

    version: int
    announcement: str
    opt_out_key: str
    request: str = ""
    opt_in_key: str = ""
    strata: tuple[Stratum, ...] = ()
    excluded_lines: frozenset[str] = frozenset()
    excluded_agents: frozenset[str] = frozenset()

    def conditions(self, stratum: str) -> Conditions:
        """What holds for calls counted under that name; its own where it has none."""
        for own in self.strata:
            if own.name == stratum:
                return own
        return self

    def has_own_coverage(self, stratum: str) -> bool:
        """Whether agents are heard for a campaign that is the stratum's alone."""
        own = self.conditions(stratum)
        return own.coverage is not None and (
            (own.coverage, own.starts_on) != (self.coverage, self.starts_on)
        )

    def budgets(self, stratum: str) -> Mapping[str, Budget]:
        """The buckets a call of that stratum passes; each must have a token for it."""
        return {SITE_BUCKET: self.budget, stratum: self.conditions(stratum).budget}


NO_POLICY = SamplingPolicy(
    version=0,
    purpose=Purpose.TRAINING,
    rate_ppm=0,
    budget=Budget(ceiling_ppm=0, burst=1, smooth=1),
    starts_on=date.min,
    ends_on=date.min,
    max_seconds=1,
    kept_days=1,
    announcement="",
    opt_out_key="",
)
"""What is in force until somebody adopts a policy: nothing is ever drawn."""


@dataclass(frozen=True, slots=True)
class PolicyFault:
    """Why a policy is refused: the field, what is wrong, and what would be right."""

    field: str
    wrong: str
    fix: str


class RateError(ValueError):
    """A rate that could be misread: what is wrong with it, and what to write."""

    def __init__(self, text: str, wrong: str, fix: str) -> None:
        self.wrong = wrong
        self.fix = fix
        super().__init__(f'"{text}" {wrong}; {fix}')


# Short: whoever writes 1e9 or forty digits does not mean a rate.
_RATE = re.compile(
    r"(?P<number>[0-9]{1,3}(\.[0-9]{1,20})?(e-[0-9]{2})?) ?(?P<percent>%?)"
)


def parse_rate(text: str) -> int:
    """Parts per million of "1.8%" or "0.018". A bare 2 is refused: 2 what?

    Raises RateError, which says what to write instead.
    """
    written = _RATE.fullmatch(text.strip())
    if written is None:
        raise RateError(text, "is not a rate", 'write "1.8%" or "0.018"')
    number = Decimal(written["number"])
    if number >= 1 and not written["percent"]:
        raise RateError(text, "is ambiguous", 'write it with "%" or as a fraction of 1')
    ppm = number * (MICRO // 100 if written["percent"] else MICRO)
    if ppm != int(ppm):
        raise RateError(text, "is finer than one in a million", "round it")
    return int(ppm)


def faults(policy: SamplingPolicy) -> list[PolicyFault]:
    """Everything that makes this policy unlawful here; empty when it may be used."""
    found = _faults_of(policy)
    for own in policy.strata:
        found += [
            replace(fault, field=f"strata.{own.name}.{fault.field}")
            for fault in _faults_of(own)
        ]
    return found


def faults_of_keeping(policy: SamplingPolicy, longest_days: int) -> list[PolicyFault]:
    """Whatever would be kept longer than a site may, whose backups keep audio too."""
    kept = {"": policy} | {f"strata.{own.name}.": own for own in policy.strata}
    return [
        PolicyFault(
            f"{place}kept_days",
            f"is {own.kept_days}, and audio is backed up",
            f"at most {longest_days}, or shorten backups.audio_days",
        )
        for place, own in kept.items()
        if own.kept_days > longest_days
    ]


def _faults_of(policy: Conditions) -> list[PolicyFault]:
    checks = (*_checks_of_rates(policy), *_checks_of_lengths(policy))
    found = [fault for is_wrong, fault in checks if is_wrong]
    return found + _coverage_faults(policy)


def _checks_of_rates(policy: Conditions) -> Iterator[tuple[bool, PolicyFault]]:
    budget = policy.budget
    per_1000 = budget.burst + budget.ceiling_ppm / 1000
    yield (
        policy.rate_ppm > HARD_CEILING_PPM,
        PolicyFault("rate", "above the hard ceiling", "at most 10%"),
    )
    yield (
        budget.ceiling_ppm > HARD_CEILING_PPM,
        PolicyFault("ceiling", "above the hard ceiling", "at most 10%"),
    )
    yield (
        policy.rate_ppm > budget.ceiling_ppm,
        PolicyFault("rate", "above the policy's own ceiling", "lower the rate"),
    )
    yield (
        per_1000 > HARD_CEILING_PER_1000,
        PolicyFault(
            "burst",
            f"allows {per_1000:g} recordings in 1,000 calls",
            "burst + 1000 x ceiling must be at most 100",
        ),
    )
    yield (
        not 1 <= budget.smooth <= budget.burst,
        PolicyFault("smooth", "out of range", "between 1 and burst"),
    )


def _checks_of_lengths(policy: Conditions) -> Iterator[tuple[bool, PolicyFault]]:
    yield (
        not timedelta(0) < policy.ends_on - policy.starts_on <= MAX_CAMPAIGN,
        PolicyFault("ends_on", "campaign too long or empty", "1 to 92 days"),
    )
    yield (
        not 1 <= policy.max_seconds <= MAX_RECORDED_SECONDS,
        PolicyFault("max_seconds", "out of range", "1 to 3600"),
    )
    yield (
        not 1 <= policy.kept_days <= MAX_KEPT_DAYS,
        PolicyFault("kept_days", "out of range", "1 to 180"),
    )


def _coverage_faults(policy: Conditions) -> list[PolicyFault]:
    coverage = policy.coverage
    if coverage is None:
        return []
    checks = (
        (
            not 1 <= coverage.at_least <= MAX_AT_LEAST,
            PolicyFault("coverage.at_least", "out of range", "1 to 10"),
        ),
        (
            not 1 <= coverage.expected_calls <= MAX_EXPECTED_CALLS,
            PolicyFault("coverage.calls_per_agent", "out of range", "1 to 100000"),
        ),
        (
            not 1 <= coverage.min_ppm <= policy.rate_ppm,
            PolicyFault("coverage.lowest", "not below the rate", "above 0, up to rate"),
        ),
        (
            not policy.rate_ppm <= coverage.max_ppm <= SOFT_CEILING_PPM,
            PolicyFault("coverage.highest", "out of range", "from rate up to 5%"),
        ),
    )
    return [fault for is_wrong, fault in checks if is_wrong]
