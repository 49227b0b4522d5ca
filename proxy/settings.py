"""Every PONCTUEL_ setting, read once and frozen: environment over `ponctuel.toml`.

`PONCTUEL_CONFIG` names another file. Faults are collected and reported together, one
line each, with the key and what to write instead. Secrets are `SecretStr`: their value
never shows in `repr`, logs or errors. Only `app.py`, `cli.py` and `commands/` read
this.
"""

import ipaddress
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
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
from proxy.policy_document import Code, Part
from proxy.site_settings import SitePart, WebAddress
from retention.periods import (
    GRACE,
    LARGEST_LAG,
    LONGEST_INSPECTION,
    SHORTEST_INSPECTION,
    SHORTEST_MONTHS,
    longest_kept,
)
from sampling.policy import faults_of_keeping


class DatabasePart(Part):
    """Where the state lives. Empty `dsn`: an embedded server in the data directory."""

    dsn: SecretStr = SecretStr("")
    migrate_dsn: SecretStr = SecretStr("")
    pool_size: int = Field(default=8, ge=2, le=100)


class HttpPart(Part):
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


class MetricsPart(Part):
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


class S3Part(Part):
    """A bucket for sealed audio, at any server that speaks S3."""

    endpoint: WebAddress
    bucket: Annotated[
        str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")
    ]
    prefix: Annotated[str, StringConstraints(pattern=r"^([A-Za-z0-9_-]{1,64}/)*$")] = ""
    region: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,64}$")] = (
        "us-east-1"
    )
    access_key: Annotated[str, StringConstraints(min_length=1)]
    secret_key: Annotated[SecretStr, Field(min_length=1)]
    is_path_style: bool = True
    ca_file: Path | None = None


class TransitPart(Part):
    """A key service with a transit engine: OpenBao, or HashiCorp Vault."""

    address: WebAddress
    token: SecretStr = SecretStr("")
    token_file: Path | None = None
    mount: str = "transit"
    notes_mount: str = "secret"
    ca_file: Path | None = None


class VaultPart(Part):
    """Where sealed audio is kept, and keys: in and beside `data_dir` by default."""

    objects: Path | None = None
    s3: S3Part | None = None
    keys: Path | None = None
    transit: TransitPart | None = None
    custodian: TransitPart | None = None
    max_bytes: int = Field(default=200_000_000, ge=1_000)

    @model_validator(mode="after")
    def is_one_store(self) -> Self:
        if self.objects and self.s3:
            raise ValueError("objects and s3 are two stores; name one of them")
        if self.keys and self.transit:
            raise ValueError("keys and transit are two stores; name one of them")
        return self


class BackupsPart(Part):
    """What the operator keeps copies of, in days; it is declared here, not made."""

    keys_days: int = Field(default=7, ge=0)
    audio_days: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def leaves_recordings_a_day(self) -> Self:
        longest = SHORTEST_MONTHS - LARGEST_LAG - timedelta(days=1)
        if self.audio_days > longest.days:
            raise ValueError(
                f"audio_days is {self.audio_days}: that leaves no day for the "
                f"recordings themselves; keep copies {longest.days} days at most"
            )
        return self

    @model_validator(mode="after")
    def is_shorter_than_the_grace(self) -> Self:
        if self.keys_days >= GRACE.days:
            raise ValueError(
                f"keys_days is {self.keys_days}: after {GRACE.days} days the verifier "
                f"counts a day's key as dead; keep copies {GRACE.days - 1} days at most"
            )
        return self

    @property
    def written(self) -> str:
        """In one spelling, without defaults, as what leaves a trace when it changes."""
        return self.model_dump_json(exclude_defaults=True)


class DrawPart(Part):
    """Epochs of the draw, and how long its calls can be found again."""

    epoch_seconds: int = Field(default=3600, ge=300, le=86_400)
    epochs_ahead: int = Field(default=24, ge=2, le=48)
    inspection_weeks: int = Field(
        default=LONGEST_INSPECTION, ge=SHORTEST_INSPECTION, le=LONGEST_INSPECTION
    )


class TimestampsPart(Part):
    """An RFC 3161 authority that dates a head each day. Off unless both are set."""

    url: Annotated[str, StringConstraints(pattern=r"^(https?://[^\s]+)?$")] = ""
    certificate: Path | None = None

    @model_validator(mode="after")
    def is_whole(self) -> Self:
        if bool(self.url) != bool(self.certificate):
            raise ValueError("url and certificate go together")
        return self


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
    backups: BackupsPart = BackupsPart()
    draw: DrawPart = DrawPart()
    timestamps: TimestampsPart = TimestampsPart()
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
        tokens = [
            token.get_secret_value()
            for site in self.sites.values()
            for connection in site.connections.values()
            for token in connection.upload_tokens
        ]
        if len(set(tokens)) != len(tokens):
            raise ValueError("two connections have the same upload token")
        return self

    @model_validator(mode="after")
    def call_lists_are_unique(self) -> Self:
        """Whatever a list holds and its connection did not draw is purged there."""
        owners: dict[str, list[str]] = {}
        for site in self.sites.values():
            for name, connection in site.connections.items():
                owners.setdefault(connection.call_list or name, []).append(name)
        shared = [names for names in owners.values() if len(names) > 1]
        if shared:
            raise ValueError(
                f"connections {' and '.join(shared[0])} have the same account or "
                "call_list_url: each would purge what the other has drawn; give each "
                "a (sub)account or list of its own"
            )
        return self

    @model_validator(mode="after")
    def people_have_their_own_tokens(self) -> Self:
        """One token is one person: four eyes must not be two of one pair."""
        owners: dict[str, list[str]] = {}
        for site, part in self.sites.items():
            for code, person in part.people.items():
                owners.setdefault(person.token_sha256, []).append(f"{site}.{code}")
        shared = [who for who in owners.values() if len(who) > 1]
        if shared:
            raise ValueError(
                f"people {' and '.join(shared[0])} have the same token; "
                "`ponctuel access token` makes each their own"
            )
        return self

    @model_validator(mode="after")
    def nothing_outlives_its_time_in_a_backup(self) -> Self:
        found = [
            f"sites.{name}.policy.{fault.field} {fault.wrong}: {fault.fix}"
            for name, site in self.sites.items()
            if site.policy
            for fault in faults_of_keeping(
                site.policy.to_policy(1), self.longest_kept_days
            )
        ]
        if found:
            raise ValueError("; ".join(found))
        return self

    @property
    def longest_kept_days(self) -> int:
        """What a policy may promise, with the backups there are."""
        return longest_kept(self.backups.audio_days).days

    @property
    def objects_directory(self) -> Path:
        return self.vault.objects or self.data_dir / "objects"

    @property
    def keys_directory(self) -> Path:
        """Beside `data_dir`, so that a copy of that holds no key of what is in it.

        Installations of before have it inside.
        """
        inside = self.data_dir / "keys"
        if self.vault.keys or inside.is_dir():
            return self.vault.keys or inside
        return Path(f"{self.data_dir.absolute()}-keys")


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
