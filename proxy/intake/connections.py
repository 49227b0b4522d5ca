"""The configured connections, by the name that stands in their address."""

import hmac
import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import lru_cache

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from proxy.errors import (
    PonctuelError,
    UnknownConnectionError,
    WebhookRejectedError,
)
from proxy.intake.pipeline import SiteIntake
from proxy.intake.taking import Intake
from proxy.platforms.base import Platform

Networks = Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network]


# Probes tell nothing. A webhook may prove who sent it without a closed channel: its
# platform judges that.
_FOR_ANYBODY = ("/healthz", "/readyz", "/webhooks/")


class InClearError(PonctuelError):
    """This is answered over TLS only."""

    status = 403
    error_id = "in-clear"


class Peer(Enum):
    """Who is at the other end of a connection in clear."""

    THIS_MACHINE = auto()
    TRUSTED_PROXY = auto()
    STRANGER = auto()


@dataclass(frozen=True, slots=True)
class Connection:
    """One account on one platform: who decides for it, and how long it waits."""

    name: str
    platform: Platform
    site: SiteIntake
    intake: Intake
    deadline_seconds: float
    upload_tokens: Sequence[str] = field(default=(), repr=False)


class Connections:
    """All connections of a service, and what they may believe about a request."""

    def __init__(
        self, connections: Mapping[str, Connection], trusted_proxies: Networks
    ) -> None:
        self._connections = connections
        self._trusted_proxies = trusted_proxies
        # Platforms call from few addresses; judging one costs as much as a draw.
        self._peer = lru_cache(maxsize=1024)(self._judge)

    @property
    def names(self) -> list[str]:
        return list(self._connections)

    def named(self, name: str) -> Connection:
        """Raises UnknownConnectionError."""
        try:
            return self._connections[name]
        except KeyError:
            raise UnknownConnectionError from None

    def of_upload(self, request: web.Request) -> Connection:
        """Who uploads, by bearer token. Raises WebhookRejectedError."""
        if not self.is_private_channel(request):
            raise WebhookRejectedError("a token is accepted over TLS or loopback only")
        scheme, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
        given = token.strip().encode("utf-8", "surrogateescape")
        matching = [
            connection
            for connection in self._connections.values()
            for token in connection.upload_tokens
            if hmac.compare_digest(token.encode(), given)
        ]
        if scheme.lower() != "bearer" or not matching:
            raise WebhookRejectedError(
                "no known upload token", fix="send Authorization: Bearer TOKEN"
            )
        return matching[0]

    def is_private_channel(self, request: web.Request) -> bool:
        """Over TLS, from this machine, or through a proxy that says it ended TLS."""
        if request.secure:
            return True
        match self._peer(request.remote or ""):
            case Peer.TRUSTED_PROXY:
                return request.headers.get("X-Forwarded-Proto") == "https"
            case Peer.THIS_MACHINE:
                return True
            case Peer.STRANGER:
                return False

    def _judge(self, address: str) -> Peer:
        try:
            peer = ipaddress.ip_address(address)
        except ValueError:
            return Peer.STRANGER
        if any(peer in network for network in self._trusted_proxies):
            return Peer.TRUSTED_PROXY
        return Peer.THIS_MACHINE if peer.is_loopback else Peer.STRANGER


def private_only(connections: Connections) -> Middleware:
    """Refuse in clear what would carry a password, a token, a voice or a name.

    Behind a named proxy the listener can be reached past it.
    """

    @web.middleware
    async def judge(request: web.Request, handler: Handler) -> web.StreamResponse:
        is_for_anybody = request.path.startswith(_FOR_ANYBODY)
        if is_for_anybody or connections.is_private_channel(request):
            return await handler(request)
        raise InClearError(
            fix="open the https address; the proxy there sends X-Forwarded-Proto: https"
        )

    return judge
