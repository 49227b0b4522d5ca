"""How a short message reaches a telephone: through whoever the site has for that.

A message goes to the gateway as a webhook signed by Standard Webhooks, with the rules
of everything that leaves this house (`platforms.outbound`). A gateway that answered
anything but 2xx may have sent it all the same: that is told, and nothing is repeated
by itself. No message of an error has the number or the text in it.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol
from uuid import uuid4

from proxy.errors import ForbiddenSourceError, SettingsError, SourceUnavailableError
from proxy.platforms.outbound import OutboundClient, OutboundPolicy
from proxy.rights.faults import NoSenderError, NotSentError

_PREFIX = "whsec_"
_LEAST_SECRET = 24  # bytes; Standard Webhooks asks for 24 to 64
_PATIENCE = timedelta(seconds=10)


class Sender(Protocol):
    """Sends short messages to telephones."""

    def check(self) -> None:
        """Raises NoSenderError where no message can be sent at all."""
        ...

    async def send(self, number: str, text: str) -> None:
        """Hand a message over; it is on its way once this returns.

        Raises NoSenderError (nothing was tried), NotSentError (it may be on its way).
        """
        ...

    async def close(self) -> None: ...


class NoSender:
    """A site that can send no messages; whoever asks for one is told where to begin."""

    def __init__(self, site: str) -> None:
        self._setting = f"sites.{site}.rights.sender"

    def check(self) -> None:
        raise NoSenderError(
            field=self._setting,
            fix="name a gateway, or have the person shown to be who they are otherwise",
        )

    async def send(self, number: str, text: str) -> None:  # noqa: ARG002  # Sender's
        self.check()

    async def close(self) -> None:
        """There is nothing to close."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderConfig:
    """Whom to hand messages to. `secret` is `whsec_` and base64 of 24 bytes or more."""

    url: str
    secret: str = field(repr=False)
    hosts: frozenset[str]
    ca_file: Path | None = None
    allow_private_addresses: bool = False

    def __post_init__(self) -> None:
        """Raises SettingsError."""
        if len(self.key) < _LEAST_SECRET:
            raise SettingsError(
                "the secret of a sender is no webhook secret",
                field="rights.sender.secret",
                fix=f"{_PREFIX} and base64 of 24 to 64 random bytes",
            )

    @property
    def key(self) -> bytes:
        prefix, _, encoded = self.secret.partition("_")
        try:
            key = base64.b64decode(encoded, validate=True)
        except ValueError:
            return b""
        return key if f"{prefix}_" == _PREFIX else b""


class WebhookSender:
    """A gateway that takes `{"to": "+33…", "text": "…"}`."""

    def __init__(self, config: SenderConfig, clock: Callable[[], datetime]) -> None:
        self._config = config
        self._clock = clock
        policy = OutboundPolicy(
            allowed_hosts=config.hosts,
            allow_private_addresses=config.allow_private_addresses,
            idle_timeout=_PATIENCE,
            total_timeout=_PATIENCE,
            ca_file=config.ca_file,
        )
        self._client = OutboundClient(policy, {})

    def check(self) -> None:
        """There is one; whether it works shows when it is asked."""

    async def send(self, number: str, text: str) -> None:
        body = json.dumps({"to": number, "text": text}, ensure_ascii=False).encode()
        headers = signed(self._config.key, body, self._clock())
        try:
            async with self._client.request(
                "POST", self._config.url, body, headers
            ) as response:
                if not response.ok:
                    raise NotSentError(f"the gateway answered {response.status}")
        except (SourceUnavailableError, ForbiddenSourceError) as error:
            raise NotSentError(
                "the gateway does not answer",
                fix="wait for it a minute, or send another code: the first ends then",
            ) from error

    async def close(self) -> None:
        await self._client.close()


def signed(key: bytes, body: bytes, now: datetime) -> dict[str, str]:
    """The headers of Standard Webhooks for this body."""
    message, at = f"msg_{uuid4().hex}", str(int(now.timestamp()))
    content = f"{message}.{at}.".encode() + body
    mac = hmac.digest(key, content, hashlib.sha256)
    return {
        "Content-Type": "application/json",
        "webhook-id": message,
        "webhook-timestamp": at,
        "webhook-signature": f"v1,{base64.b64encode(mac).decode()}",
    }
