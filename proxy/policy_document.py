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
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from sampling.budget import MICRO, Budget
from sampling.policy import (
    Consent,
    Coverage,
    PolicyFault,
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


_RATE_SCHEMA = {
    "anyOf": [
        {"type": "string", "pattern": r"^[0-9]{1,3}(\.[0-9]{1,6})?%?$"},
        {"type": "number", "minimum": 0, "exclusiveMaximum": 1},
    ],
    "description": 'A share of calls: "1.8%" or 0.018; a bare 2 is refused.',
    "examples": ["1.8%", "0.018"],
}
Rate = Annotated[int, BeforeValidator(_rate), WithJsonSchema(_RATE_SCHEMA)]

# What any database can store; what is lawful is far below.
Whole = Annotated[int, Field(ge=0, le=2**31 - 1)]
# No arithmetic with days leaves the calendar.
Day = Annotated[date, Field(ge=date(2000, 1, 1), le=date(2999, 12, 31))]


class Part(BaseModel):
    """A section of the file: unknown keys are faults, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class CoveragePart(Part):
    """The wish to hear every agent; how many calls one has, only the site can say."""

    at_least: Whole = 1
    calls_per_agent: Whole
    lowest: Rate = Field(default=5_000, json_schema_extra={"default": "0.5%"})
    highest: Rate = Field(default=50_000, json_schema_extra={"default": "5%"})

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
    burst: Whole | None = None
    smooth: Whole | None = None
    starts_on: Day | None = None
    ends_on: Day | None = None
    max_seconds: Whole | None = None
    kept_days: Whole | None = None
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


class PolicyFaultsError(ValueError):
    """Every field is well written, but together they are no lawful policy."""

    def __init__(self, found: list[PolicyFault]) -> None:
        self.faults = found
        super().__init__("; ".join(f"{f.field} {f.wrong}: {f.fix}" for f in found))


_LEFT_OUT = object()
_USUAL: dict[str, str | int] = {"ceiling": "2%", "burst": 50, "smooth": 20}


def _usually(field: str) -> int:
    """A number that, left out, is the preset's, or the usual one without a preset."""
    number: int = Field(
        default_factory=lambda: _LEFT_OUT,
        validate_default=True,
        json_schema_extra={"default": _USUAL[field]} if field in _USUAL else {},
    )
    return number


def _numbers_of(preset: str | None) -> dict[str, str | int]:
    if preset is None:
        return _USUAL
    own = PRESETS[preset]
    return {
        "rate": _written(own.rate_ppm),
        "ceiling": _written(own.budget.ceiling_ppm),
        "burst": own.budget.burst,
        "smooth": own.budget.smooth,
    }


class PolicyPart(Part):
    """The sampling policy of a site. Without one nothing is ever recorded."""

    preset: Literal["large", "small"] | None = None
    purpose: Purpose = Purpose.TRAINING
    rate: Rate = _usually("rate")
    ceiling: Rate = _usually("ceiling")
    burst: Whole = _usually("burst")
    smooth: Whole = _usually("smooth")
    starts_on: Day
    ends_on: Day | None = None
    max_seconds: Whole = 600
    kept_days: Whole = 30
    announcement: str = Field(
        default=(
            "Cet appel sera enregistré pour la formation de notre personnel. "
            "Pour refuser, appuyez sur la touche 9."
        ),
        min_length=10,
        max_length=600,
    )
    opt_out_key: Annotated[str, StringConstraints(pattern=r"^[0-9*#]$")] = "9"
    request: str = Field(
        default=(
            "Nous souhaitons enregistrer cet appel pour la formation de notre "
            "personnel. Pour accepter, appuyez sur la touche 1. Sans réponse de votre "
            "part, rien n'est enregistré."
        ),
        min_length=10,
        max_length=600,
    )
    opt_in_key: Annotated[str, StringConstraints(pattern=r"^[0-9*#]$")] = "1"
    consent: Consent = Consent.OPT_OUT
    coverage: CoveragePart | None = None
    strata: dict[StratumName, StratumPart] = {}
    excluded_lines: frozenset[Number] = frozenset()
    excluded_agents: frozenset[PlatformCode] = frozenset()

    @field_validator("rate", "ceiling", "burst", "smooth", mode="before")
    @classmethod
    def begins_with_its_preset(cls, given: object, info: ValidationInfo) -> object:
        """Keys written out win over the preset; an unknown preset is refused."""
        if given is not _LEFT_OUT:
            return given
        numbers = _numbers_of(info.data.get("preset"))
        if info.field_name not in numbers:
            raise PydanticCustomError("missing", "Field required")
        return numbers[info.field_name]

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
            request=self.request,
            opt_in_key=self.opt_in_key,
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
            raise PolicyFaultsError(found)
        return self
