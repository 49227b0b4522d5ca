"""What every part of a site's access is made of."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from proxy.access.hours import Hours
from proxy.access.oidc_config import OidcConfig
from proxy.access.permissions import Role
from proxy.database.pool import Connection
from proxy.ledger.transaction import Ledger


class Seal(Protocol):
    """What keeps a secret from whoever reads the database: the key ring."""

    def wrap_service(self, secret: bytes) -> bytes:
        """Wrap a secret of at least 16 bytes, a multiple of 8 (RFC 3394)."""
        ...

    def unwrap_service(self, wrapped: bytes) -> bytes: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessConfig:
    """What a site is told about its people."""

    idle: timedelta = timedelta(minutes=15)
    longest: timedelta = timedelta(hours=10)
    has_break_glass: bool = False
    listed: Mapping[str, Role] = field(default_factory=dict)
    """Those the settings name, by their codes; no account takes one of them."""
    practices: frozenset[str] = frozenset()
    public_url: str = ""
    """The origin of our pages; without one, neither passkeys nor single sign-on."""
    oidc: OidcConfig | None = None
    hours: Hours = field(default_factory=Hours)
    review_sample: int = 20
    """How many lines of a month somebody looks at by hand."""


OpenIncident = Callable[[Connection, str, str], Awaitable[object]]
"""Opens an incident of a kind under a reference, with the caller's change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What every part of it is made of."""

    ledger: Ledger
    seal: Seal
    name_agent: Callable[[str], bytes]
    open_incident: OpenIncident
    clock: Callable[[], datetime]
    config: AccessConfig
