"""What one Twilio connection needs to know, checked when it is made."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import urlsplit

from proxy.errors import SettingsError

ACCOUNT_SID = re.compile(r"AC[0-9a-fA-F]{32}")
API_BASE = "https://api.twilio.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class TwilioConfig:
    """One account at Twilio, or at a service that speaks its API.

    `public_url` is the webhook address as Twilio calls it, which is what it signs.
    `forward_to` says for each of our lines which number or `sip:` address takes its
    calls. `shared_keys` maps the id of a webhook SharedKey to its secret. While the
    primary token is being rotated, `secondary_auth_token` is accepted beside it.
    """

    account_sid: str
    auth_token: str = field(repr=False)
    public_url: str
    default_forward_to: str = field(repr=False)
    forward_to: Mapping[str, str] = field(default_factory=dict, repr=False)
    secondary_auth_token: str | None = field(default=None, repr=False)
    shared_keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    language: str = "fr-FR"
    api_base: str = API_BASE
    allow_private_addresses: bool = False
    idle_timeout: timedelta = timedelta(seconds=30)
    max_body_bytes: int = 64 * 1024  # Twilio's own are below 4 KiB (2026-11)

    def __post_init__(self) -> None:
        """Raises `SettingsError` naming the first field that cannot be right."""
        if not ACCOUNT_SID.fullmatch(self.account_sid):
            raise SettingsError(
                "not an account SID", field="account_sid", fix="AC and 32 hex digits"
            )
        if not self.auth_token:
            raise SettingsError("missing", field="auth_token")
        if not self.default_forward_to:
            raise SettingsError(
                "missing",
                field="default_forward_to",
                fix="name a number or sip: address: calls must go somewhere",
            )
        _check_base("public_url", self.public_url)
        _check_base("api_base", self.api_base)

    @property
    def account_address(self) -> str:
        """What the addresses of all the account's resources begin with."""
        return f"{self.api_base}/2010-04-01/Accounts/{self.account_sid}"


def _check_base(name: str, url: str) -> None:
    """Ask for scheme, host and path only: we append to it, and Twilio signs it."""
    try:
        parts = urlsplit(url)
        host = parts.hostname if parts.port != 0 else None
    except ValueError:
        raise SettingsError("not a web address", field=name) from None
    is_plain = not (parts.query or parts.fragment or "@" in parts.netloc)
    if parts.scheme not in {"http", "https"} or not host or not is_plain:
        raise SettingsError("not a plain web address", field=name)
    if url.endswith("/"):
        raise SettingsError("ends with a slash", field=name, fix="remove the slash")
