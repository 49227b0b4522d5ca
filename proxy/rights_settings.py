"""The settings of a site about the rights of the persons it recorded."""

import base64
import binascii
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from phonenumbers import SUPPORTED_REGIONS
from pydantic import (
    AfterValidator,
    Field,
    SecretStr,
    StringConstraints,
    model_validator,
)

from proxy.policy_document import Part

_PREFIX = "whsec_"
_LEAST_SECRET = 24  # bytes; Standard Webhooks asks for 24 to 64

Line = Annotated[str, StringConstraints(max_length=300, pattern=r"^[^\x00-\x1f]*$")]


def _has_a_plan(country: str) -> str:
    if country not in SUPPORTED_REGIONS:
        raise ValueError("no country with a numbering plan (ISO 3166-1: FR, BE)")
    return country


Country = Annotated[str, AfterValidator(_has_a_plan)]
Host = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?$")
]


class SenderPart(Part):
    """The gateway that brings one-time codes to telephones."""

    url: str
    secret: SecretStr
    hosts: frozenset[Host] = frozenset()
    """Besides the one of `url`."""
    ca_file: Path | None = None
    allow_private_addresses: bool = False

    @model_validator(mode="after")
    def can_be_asked(self) -> Self:
        url = urlsplit(self.url)
        is_here = (url.scheme, url.hostname) == ("http", "127.0.0.1")
        if not is_here and not (url.scheme == "https" and url.hostname):
            raise ValueError("`url` must begin with https://")
        if not _is_secret(self.secret.get_secret_value()):
            raise ValueError(f"`secret` must be {_PREFIX} and base64 of 24 to 64 bytes")
        return self

    @property
    def all_hosts(self) -> frozenset[str]:
        """With the one the messages go to."""
        return self.hosts | {urlsplit(self.url).netloc}


class RightsPart(Part):
    """How requests are answered: whom letters are from, and how codes are sent."""

    country: Country = "FR"
    """Whose numbers are written without a country (ISO 3166-1)."""
    controller: Line = ""
    contact: Line = ""
    link_days: int = Field(default=7, ge=1, le=7)
    sender: SenderPart | None = None


class PracticeRights(Part):
    """Whether a practice decides itself about what is recorded on its lines."""

    is_controller: bool = False
    contact: Line = ""

    @model_validator(mode="after")
    def can_be_reached(self) -> Self:
        if self.is_controller and not self.contact:
            raise ValueError("is_controller needs `contact`: where requests go")
        return self


def _is_secret(told: str) -> bool:
    try:
        key = base64.b64decode(told.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return False
    return told.startswith(_PREFIX) and len(key) >= _LEAST_SECRET
