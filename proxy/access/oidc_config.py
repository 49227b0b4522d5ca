"""How a site asks its identity provider who somebody is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from proxy.access.permissions import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcConfig:
    """One OpenID provider, and what its groups may do here: who is in none, nothing.

    `hosts` are those beside the issuer's own at which it may have its endpoints, as
    "host" or "host:port". `acr` and `amr` are the values of these claims (OpenID
    Connect Core 2; RFC 8176) that mean it saw a second factor.
    """

    issuer: str
    client_id: str
    client_secret: str = field(default="", repr=False)
    secret_file: Path | None = None
    roles: Mapping[str, Role]
    groups_claim: str = "groups"
    scopes: tuple[str, ...] = ("openid",)
    acr: frozenset[str] = frozenset()
    amr: frozenset[str] = frozenset()
    hosts: frozenset[str] = frozenset()
    ca_file: Path | None = None
    timeout: timedelta = timedelta(seconds=10)
