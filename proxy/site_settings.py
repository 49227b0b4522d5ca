"""The settings of a site: its policy, practices, lines and connections."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    model_validator,
)

from sampling.budget import MICRO, Budget
from sampling.gates import OTHER_GROUP, LegalBasis, Line
from sampling.mixing import Mode
from sampling.policy import Coverage, Purpose, SamplingPolicy, faults, parse_rate
from sampling.presets import PRESETS

Number = Annotated[str, StringConstraints(pattern=r"^\+?[0-9]{2,20}$")]
MAX_LINE_GROUPS = 5
_PHONE_DIGITS = 9
DEFAULT_CAMPAIGN = timedelta(days=28)


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


def _https(raw: str) -> str:
    url = urlsplit(raw)
    is_here = (url.scheme, url.hostname) == ("http", "127.0.0.1")
    if not is_here and not (url.scheme == "https" and url.hostname):
        raise ValueError("must begin with https://")
    return raw.rstrip("/")


WebAddress = Annotated[str, AfterValidator(_https)]


class Part(BaseModel):
    """A section of the file: unknown keys are faults, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


# A short or empty token, such as an unset variable leaves, would let anyone in.
Token = Annotated[SecretStr, Field(min_length=16)]


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
    coverage: CoveragePart | None = None

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

    def to_policy(self, version: int) -> SamplingPolicy:
        return SamplingPolicy(
            version=version,
            purpose=self.purpose,
            rate_ppm=self.rate,
            budget=Budget(self.ceiling, self.burst, self.smooth),
            starts_on=self.starts_on,
            ends_on=self.ends_on or self.starts_on + DEFAULT_CAMPAIGN,
            max_seconds=self.max_seconds,
            kept_days=self.kept_days,
            announcement=self.announcement,
            opt_out_key=self.opt_out_key,
            coverage=self.coverage.to_coverage() if self.coverage else None,
        )

    @model_validator(mode="after")
    def is_lawful(self) -> Self:
        found = faults(self.to_policy(1))
        if found:
            raise ValueError("; ".join(f"{f.field} {f.wrong}: {f.fix}" for f in found))
        return self


class RandomnessPart(Part):
    """Who has a hand in the draws besides the operator, and where that is asked for."""

    mode: Mode = Mode.OPERATOR
    urls: tuple[WebAddress, ...] = Field(default=(), max_length=8)

    @model_validator(mode="after")
    def has_whom_to_ask(self) -> Self:
        if self.mode is not Mode.OPERATOR and not self.urls:
            asked = "drand relays" if self.mode is Mode.DRAND else "the nonces' holder"
            raise ValueError(f"mode {self.mode.value} needs `urls`: {asked}")
        return self


class PracticePart(Part):
    """A doctor's practice whose lines the site answers."""

    authorisation: str = ""


class LineGroupPart(Part):
    """Lines counted together, with the references the law asks for."""

    practice: Code
    article_6: str = ""
    article_9: str = ""
    dpia: str = ""
    staff_information: str = ""
    hosting: str = ""


class LinePart(Part):
    """One dialled number."""

    group: Code
    is_excluded: bool = False
    forward_to: str = ""


class ConnectionBasePart(Part):
    """What every kind of connection has."""

    deadline_ms: int = Field(default=800, ge=50, le=10_000)
    upload_tokens: tuple[Token, ...] = ()


class GenericPart(ConnectionBasePart):
    """Our own contract: CloudEvents signed by Standard Webhooks."""

    kind: Literal["generic"]
    secrets: tuple[SecretStr, ...] = ()
    bearer_tokens: tuple[SecretStr, ...] = ()
    source_token: SecretStr | None = None
    allowed_hosts: frozenset[str] = frozenset()
    allow_private_addresses: bool = False

    @model_validator(mode="after")
    def can_authenticate(self) -> Self:
        if not self.secrets and not self.bearer_tokens:
            raise ValueError(
                "needs `secrets` (whsec_…) or, on a closed network, `bearer_tokens`"
            )
        return self


class TwilioPart(ConnectionBasePart):
    """Twilio Programmable Voice."""

    kind: Literal["twilio"]
    account_sid: Annotated[str, StringConstraints(pattern=r"^AC[0-9a-f]{32}$")]
    auth_token: SecretStr
    secondary_auth_token: SecretStr | None = None
    shared_keys: dict[str, SecretStr] = {}
    public_url: WebAddress
    default_forward_to: str = Field(min_length=2)
    language: str = "fr-FR"
    api_base: WebAddress = "https://api.twilio.com"


ConnectionPart = Annotated[GenericPart | TwilioPart, Field(discriminator="kind")]


class WitnessPart(Part):
    """Somebody else, who cosigns the heads of the site's ledger."""

    url: WebAddress
    key: Annotated[
        str,
        StringConstraints(pattern=r"^[^+\s]{1,200}\+[0-9a-f]{8}\+[A-Za-z0-9+/]{44}$"),
    ]
    role: Literal["dpo", "cse", "public"]

    @property
    def public_key(self) -> str:
        """What counts, whatever the name before it."""
        return self.key.split("+", 2)[2]


class SitePart(Part):
    """One call-centre organisation: its policy, lines and connections."""

    origin: Annotated[str, StringConstraints(pattern=r"^[a-z0-9./_-]{0,200}$")] = ""
    policy: PolicyPart | None = None
    randomness: RandomnessPart = RandomnessPart()
    practices: dict[Code, PracticePart] = {}
    line_groups: dict[Code, LineGroupPart] = {}
    lines: dict[Number, LinePart] = {}
    connections: dict[Code, ConnectionPart] = {}
    witnesses: tuple[WitnessPart, ...] = ()
    quorum: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def witnesses_can_make_the_quorum(self) -> Self:
        if len({witness.public_key for witness in self.witnesses}) < len(
            self.witnesses
        ):
            raise ValueError("two witnesses have one key: they are one witness")
        if self.quorum > len(self.witnesses):
            raise ValueError(
                f"quorum is {self.quorum} of {len(self.witnesses)} witnesses; "
                "list more, or lower it"
            )
        return self

    @model_validator(mode="after")
    def names_exist(self) -> Self:
        if OTHER_GROUP in self.line_groups:
            raise ValueError(
                f'line_groups."{OTHER_GROUP}" is for unknown lines; rename'
            )
        if len(self.line_groups) > MAX_LINE_GROUPS:
            raise ValueError(
                f"{len(self.line_groups)} line_groups: at most {MAX_LINE_GROUPS}, so "
                "that each counts enough calls; put more lines in a group"
            )
        for number, line in self.lines.items():
            if line.group not in self.line_groups:
                raise ValueError(f'lines."{number}".group "{line.group}" is not listed')
        for name, group in self.line_groups.items():
            if group.practice not in self.practices:
                raise ValueError(
                    f'line_groups.{name}.practice "{group.practice}" is not listed'
                )
        return self

    def to_lines(self) -> dict[str, Line]:
        """Every dialled number with its group and legal references."""
        return {number: self._line(part) for number, part in self.lines.items()}

    def _line(self, part: LinePart) -> Line:
        group = self.line_groups[part.group]
        basis = LegalBasis(
            article_6=group.article_6,
            article_9=group.article_9,
            practice_authorisation=self.practices[group.practice].authorisation,
            dpia=group.dpia,
            staff_information=group.staff_information,
            hosting=group.hosting,
        )
        return Line(group=part.group, basis=basis, is_excluded=part.is_excluded)
