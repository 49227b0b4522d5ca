"""A sampling policy as people write it: in the settings, in a file, over the API.

Rates are written as "1.8%" or "0.018" and read as integers; what is left out of a
stratum is the policy's own. Every fault names its field and what would be right.
"""

from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from sampling.budget import MICRO, Budget
from sampling.policy import (
    Consent,
    Coverage,
    Purpose,
    SamplingPolicy,
    Stratum,
    faults,
    parse_rate,
)
from sampling.presets import PRESETS

Number = Annotated[str, StringConstraints(pattern=r"^\+?[0-9]{2,20}$")]
DEFAULT_CAMPAIGN = timedelta(days=28)
_PHONE_DIGITS = 9


def _without_number(code: str) -> str:
    if sum(character.isdigit() for character in code) >= _PHONE_DIGITS:
        raise ValueError("looks like a telephone number; choose a neutral code")
    return code


# A code becomes a label of metrics, so it must not be able to hold a telephone number.
Code = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$"),
    AfterValidator(_without_number),
]


def _rate(raw: object) -> int:
    """A bare TOML integer is refused like the bare text it would be."""
    return parse_rate(str(raw))


Rate = Annotated[int, BeforeValidator(_rate)]


class Part(BaseModel):
    """A section of the file: unknown keys are faults, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class CoveragePart(Part):
    """The wish to hear every agent; how many calls one has, only the site can say."""

    at_least: int = 1
    calls_per_agent: int
    lowest: Rate = 5_000
    highest: Rate = 50_000

    def to_coverage(self) -> Coverage:
        return Coverage(self.at_least, self.calls_per_agent, self.lowest, self.highest)


def _written(ppm: int) -> str:
    return str(Decimal(ppm) / MICRO)


# A platform's word for a queue, a group of agents or an agent: a code, never a name.
PlatformCode = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9._:@-]{1,64}$"),
    AfterValidator(_without_number),
]
StratumName = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}_(in|out)$"),
    AfterValidator(_without_number),
]


class StratumPart(Part):
    """Conditions of its own for some calls; what is left out is the policy's."""

    line_groups: frozenset[Code] = frozenset()
    queues: frozenset[PlatformCode] = frozenset()
    agent_groups: frozenset[PlatformCode] = frozenset()
    purpose: Purpose | None = None
    rate: Rate | None = None
    ceiling: Rate | None = None
    burst: int | None = None
    smooth: int | None = None
    starts_on: date | None = None
    ends_on: date | None = None
    max_seconds: int | None = None
    kept_days: int | None = None
    consent: Consent | None = None
    coverage: CoveragePart | None = None

    def to_stratum(self, name: str, of: "PolicyPart") -> Stratum:
        own = self.model_dump(exclude_none=True)
        given = of.model_dump() | own
        coverage = self.coverage or (None if "rate" in own else of.coverage)
        return Stratum(
            name=name,
            line_groups=self.line_groups,
            queues=self.queues,
            agent_groups=self.agent_groups,
            purpose=given["purpose"],
            rate_ppm=given["rate"],
            budget=Budget(given["ceiling"], given["burst"], given["smooth"]),
            starts_on=given["starts_on"],
            ends_on=self.ends_on or of.last_day,
            max_seconds=given["max_seconds"],
            kept_days=given["kept_days"],
            consent=given["consent"],
            coverage=coverage.to_coverage() if coverage else None,
        )


class PolicyPart(Part):
    """The sampling policy of a site. Without one nothing is ever recorded."""

    preset: Literal["large", "small"] | None = None
    purpose: Purpose = Purpose.TRAINING
    rate: Rate
    ceiling: Rate = 20_000
    burst: int = 50
    smooth: int = 20
    starts_on: date
    ends_on: date | None = None
    max_seconds: int = 600
    kept_days: int = 30
    announcement: str = Field(
        default=(
            "Cet appel sera enregistré pour la formation de notre personnel. "
            "Pour refuser, appuyez sur la touche 9."
        ),
        min_length=10,
        max_length=600,
    )
    opt_out_key: Annotated[str, StringConstraints(pattern=r"^[0-9*#]$")] = "9"
    consent: Consent = Consent.OPT_OUT
    coverage: CoveragePart | None = None
    strata: dict[StratumName, StratumPart] = {}
    excluded_lines: frozenset[Number] = frozenset()
    excluded_agents: frozenset[PlatformCode] = frozenset()

    @model_validator(mode="before")
    @classmethod
    def begins_with_its_preset(cls, given: object) -> object:
        """Keys written out win over the preset; an unknown preset is refused later."""
        if not isinstance(given, dict):
            return given
        preset = PRESETS.get(str(given.get("preset")))
        if preset is None:
            return given
        return {
            "rate": _written(preset.rate_ppm),
            "ceiling": _written(preset.budget.ceiling_ppm),
            "burst": preset.budget.burst,
            "smooth": preset.budget.smooth,
            **given,
        }

    @property
    def last_day(self) -> date:
        """The first day on which nothing is drawn any more."""
        return self.ends_on or self.starts_on + DEFAULT_CAMPAIGN

    def to_policy(self, version: int) -> SamplingPolicy:
        return SamplingPolicy(
            version=version,
            purpose=self.purpose,
            rate_ppm=self.rate,
            budget=Budget(self.ceiling, self.burst, self.smooth),
            starts_on=self.starts_on,
            ends_on=self.last_day,
            max_seconds=self.max_seconds,
            kept_days=self.kept_days,
            consent=self.consent,
            announcement=self.announcement,
            opt_out_key=self.opt_out_key,
            coverage=self.coverage.to_coverage() if self.coverage else None,
            strata=tuple(
                part.to_stratum(name, self)
                for name, part in sorted(self.strata.items())
            ),
            excluded_lines=self.excluded_lines,
            excluded_agents=self.excluded_agents,
        )

    @model_validator(mode="after")
    def is_lawful(self) -> Self:
        found = faults(self.to_policy(1))
        if found:
            raise ValueError("; ".join(f"{f.field} {f.wrong}: {f.fix}" for f in found))
        return self
