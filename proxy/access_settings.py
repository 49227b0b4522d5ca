"""The settings of who may listen: sessions, single sign-on, emergency access."""

import ipaddress
import re
from datetime import time, timedelta
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    Field,
    SecretStr,
    StringConstraints,
    model_validator,
)

from proxy.policy_document import Part

_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?")


def _origin(raw: str) -> str:
    """Where people open the console. A passkey is made for a name, never an address."""
    url = urlsplit(raw.rstrip("/"))
    host = url.hostname or ""
    if url.path or url.query or url.fragment or url.username is not None:
        raise ValueError('write "https://ecoute.example.org", without a path')
    if not _is_safe(url) or not _HOST.fullmatch(url.netloc) or _is_address(host):
        raise ValueError("must be https:// and a name; http:// for localhost only")
    return raw.rstrip("/")


def _issuer(raw: str) -> str:
    """An issuer is compared letter by letter, so nothing is taken off its end."""
    url = urlsplit(raw)
    if not _is_safe(url) or url.query or url.fragment or url.username is not None:
        raise ValueError("must be https:// and a host (http:// on this machine only)")
    return raw


def _host(raw: str) -> str:
    if not _HOST.fullmatch(raw):
        raise ValueError('write "host" or "host:port", in small letters')
    return raw


def _is_safe(url: SplitResult) -> bool:
    if url.scheme == "https":
        return bool(url.hostname)
    return url.scheme == "http" and url.hostname in {"localhost", "127.0.0.1"}


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _zone(raw: str) -> str:
    try:
        ZoneInfo(raw)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError('write a zone as "Europe/Paris"') from None
    return raw


Origin = Annotated[str, AfterValidator(_origin)]
Issuer = Annotated[str, AfterValidator(_issuer)]
Host = Annotated[str, AfterValidator(_host)]
Zone = Annotated[str, AfterValidator(_zone)]
# What goes into a header or a form as it stands (RFC 6749 2.3.1, appendix A).
ClientId = Annotated[str, StringConstraints(pattern=r"^[!-9;-~]{1,256}$")]
ClientSecret = Annotated[SecretStr, Field(min_length=16, max_length=512)]
Word = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,256}$")]
Group = Annotated[str, StringConstraints(min_length=1, max_length=256)]
Admitted = Literal[
    "operator",
    "dpo",
    "trainer",
    "rights_officer",
    "auditor",
    "agent",
    "administrator",
]


class PersonPart(Part):
    """Somebody who may do something here. Of their token only the SHA-256 is kept."""

    role: Literal[
        "operator", "dpo", "trainer", "rights_officer", "auditor", "administrator"
    ]
    token_sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class OidcPart(Part):
    """An OpenID provider, and what its groups may do here. Who is in none, nothing."""

    issuer: Issuer
    client_id: ClientId
    client_secret: ClientSecret | None = None
    secret_file: Path | None = None
    roles: dict[Group, Admitted] = Field(min_length=1, max_length=100)
    groups_claim: Word = "groups"
    scopes: tuple[Word, ...] = ("openid",)
    acr: frozenset[Word] = frozenset()
    amr: frozenset[Word] = frozenset()
    hosts: frozenset[Host] = frozenset()
    ca_file: Path | None = None

    @model_validator(mode="after")
    def can_ask(self) -> Self:
        if (self.client_secret is None) == (self.secret_file is None):
            raise ValueError("give either client_secret or secret_file")
        if "openid" not in self.scopes:
            raise ValueError('`scopes` needs "openid"')
        return self


class AccessPart(Part):
    """How people sign in and stay so. Emergency access is off unless switched on."""

    idle_minutes: int = Field(default=15, ge=1, le=60)
    session_hours: int = Field(default=10, ge=1, le=24)
    break_glass: bool = False
    time_zone: Zone = "Europe/Paris"
    opens: time = time(7)
    closes: time = time(21)
    weekends: bool = False
    review_sample: int = Field(default=20, ge=5, le=200)
    public_url: Origin | Literal[""] = ""
    oidc: OidcPart | None = None

    @property
    def idle(self) -> timedelta:
        return timedelta(minutes=self.idle_minutes)

    @property
    def longest(self) -> timedelta:
        return timedelta(hours=self.session_hours)

    @model_validator(mode="after")
    def a_day_has_an_evening(self) -> Self:
        if self.opens >= self.closes:
            raise ValueError("`opens` must come before `closes`, on one day")
        return self

    @model_validator(mode="after")
    def people_come_back(self) -> Self:
        if self.oidc and not self.public_url:
            raise ValueError("`oidc` needs `public_url`: where the provider sends them")
        return self
