"""Every PONCTUEL_ setting, read once and frozen: environment over `ponctuel.toml`.

`PONCTUEL_CONFIG` names another file. Faults are collected and reported together, one
line each, with the key and what to write instead. Secrets are `SecretStr`: their value
never shows in `repr`, logs or errors. Only `app.py`, `cli.py` and `commands/` read
this.
"""

import ipaddress
import os
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)
from pydantic_settings import (
    SettingsError as SourceError,
)
from typing_extensions import override

from proxy.errors import SettingsError
from sampling.budget import Budget
from sampling.gates import OTHER_GROUP, LegalBasis, Line
from sampling.policy import Purpose, SamplingPolicy, faults, parse_rate

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
    if not raw.startswith(("https://", "http://127.0.0.1")):
        raise ValueError("must begin with https://")
    return raw.rstrip("/")


WebAddress = Annotated[str, AfterValidator(_https)]


class _Part(BaseModel):
    """A section of the file: unknown keys are faults, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PolicyPart(_Part):
    """The sampling policy of a site. Without one nothing is ever recorded."""

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
        )

    @model_validator(mode="after")
    def is_lawful(self) -> Self:
        found = faults(self.to_policy(1))
        if found:
            raise ValueError("; ".join(f"{f.field} {f.wrong}: {f.fix}" for f in found))
        return self


class PracticePart(_Part):
    """A doctor's practice whose lines the site answers."""

    authorisation: str = ""


class LineGroupPart(_Part):
    """Lines counted together, with the references the law asks for."""

    practice: Code
    article_6: str = ""
    article_9: str = ""
    dpia: str = ""
    staff_information: str = ""
    hosting: str = ""


class LinePart(_Part):
    """One dialled number."""

    group: Code
    is_excluded: bool = False
    forward_to: str = ""


class _ConnectionPart(_Part):
    deadline_ms: int = Field(default=800, ge=50, le=10_000)
    upload_tokens: tuple[SecretStr, ...] = ()


class GenericPart(_ConnectionPart):
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


class TwilioPart(_ConnectionPart):
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


class SitePart(_Part):
    """One call-centre organisation: its policy, lines and connections."""

    policy: PolicyPart | None = None
    practices: dict[Code, PracticePart] = {}
    line_groups: dict[Code, LineGroupPart] = {}
    lines: dict[Number, LinePart] = {}
    connections: dict[Code, ConnectionPart] = {}

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


class DatabasePart(_Part):
    """Where the state lives. Empty `dsn`: an embedded server in the data directory."""

    dsn: SecretStr = SecretStr("")
    migrate_dsn: SecretStr = SecretStr("")
    pool_size: int = Field(default=8, ge=2, le=100)


class HttpPart(_Part):
    """The listener. An address others can reach needs TLS, here or at a named proxy."""

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    trusted_proxies: tuple[str, ...] = ()

    @model_validator(mode="after")
    def is_closed(self) -> Self:
        if bool(self.tls_certificate) != bool(self.tls_key):
            raise ValueError("tls_certificate and tls_key go together")
        for proxy in self.trusted_proxies:
            ipaddress.ip_network(proxy)
        if not (is_loopback(self.host) or self.tls_certificate or self.trusted_proxies):
            raise ValueError(
                f'host "{self.host}" can be reached from outside in clear: set '
                "tls_certificate and tls_key, or name trusted_proxies that end TLS"
            )
        return self


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class MetricsPart(_Part):
    """The scrape listener and how often figures that move with calls are published."""

    host: str = "127.0.0.1"
    port: int = Field(default=9464, ge=0, le=65535)
    interval_seconds: int = Field(default=60, ge=1, le=3600)
    token: SecretStr | None = None

    @model_validator(mode="after")
    def is_closed(self) -> Self:
        if not (is_loopback(self.host) or self.token):
            raise ValueError(
                f'host "{self.host}" can be reached from outside: set a token, '
                "which Prometheus sends as its bearer credentials"
            )
        return self


class VaultPart(_Part):
    """Where sealed audio and keys are kept. Defaults lie in the data directory."""

    objects: Path | None = None
    keys: Path | None = None
    max_bytes: int = Field(default=200_000_000, ge=1_000)


class DrawPart(_Part):
    """Epochs of the draw."""

    epoch_seconds: int = Field(default=3600, ge=300, le=86_400)
    epochs_ahead: int = Field(default=24, ge=2, le=48)


class Settings(BaseSettings):
    """All settings of one service."""

    model_config = SettingsConfigDict(
        env_prefix="PONCTUEL_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    data_dir: Path = Path("var")
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    database: DatabasePart = DatabasePart()
    http: HttpPart = HttpPart()
    metrics: MetricsPart = MetricsPart()
    vault: VaultPart = VaultPart()
    draw: DrawPart = DrawPart()
    sites: dict[Code, SitePart] = {}

    @classmethod
    @override
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        del dotenv_settings, file_secret_settings
        file = TomlConfigSettingsSource(settings_cls, _config_file())
        return init_settings, env_settings, file

    @model_validator(mode="after")
    def connections_are_unique(self) -> Self:
        names = [name for site in self.sites.values() for name in site.connections]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"connections {', '.join(twice)} exist in two sites")
        return self

    @property
    def objects_directory(self) -> Path:
        return self.vault.objects or self.data_dir / "objects"

    @property
    def keys_directory(self) -> Path:
        return self.vault.keys or self.data_dir / "keys"


def _config_file() -> Path:
    return Path(os.environ.get("PONCTUEL_CONFIG", "ponctuel.toml"))


def load_settings(**overrides: object) -> Settings:
    """Read the settings. Raises SettingsError with every fault, one per line."""
    named = os.environ.get("PONCTUEL_CONFIG")
    if named and not Path(named).is_file():
        raise SettingsError(
            f"{named} is not a file",
            field="PONCTUEL_CONFIG",
            fix="name an existing file or unset it",
        )
    try:
        return Settings(**overrides)  # type: ignore[arg-type]  # overrides are checked
    except ValidationError as error:
        raise SettingsError("\n".join(_lines(error))) from None
    except (SourceError, ValueError) as error:
        raise SettingsError(
            f"cannot be read: {error}", field=str(_config_file()), fix="mend its syntax"
        ) from None


def _lines(error: ValidationError) -> Iterator[str]:
    for fault in error.errors(include_input=False, include_url=False):
        yield f"{_key(fault)}: {_message(fault)}"


def _key(fault: ErrorDetails) -> str:
    """The key as written in the file; union discriminators are not part of it."""
    parts = [str(part) for part in fault["loc"] if part not in ("generic", "twilio")]
    return ".".join(parts) or "settings"


def _message(fault: ErrorDetails) -> str:
    known = {
        "missing": "is missing; add it",
        "extra_forbidden": "is not a setting; remove it or check its spelling",
    }
    text = known.get(fault["type"], fault["msg"].removeprefix("Value error, "))
    if fault["type"] == "string_pattern_mismatch":
        return f"does not fit the pattern {fault['ctx']['pattern']}"
    return text
