"""The one HTTP client that talks to platforms about the recordings they hold.

A webhook may name the address of a recording, so this client must not become a tool for
reaching anything else. Its rules, whoever asks:

- only hosts on the connection's list, over https (http for loopback, where allowed);
- no redirects, no cookies, no proxy from the environment, no decompression;
- no private, loopback or shared address unless the settings allow them, and never a
  link-local or multicast one, judged on the address of the socket about to connect: a
  name that resolves differently the second time (DNS rebinding) gains nothing;
- no message repeats an address, because addresses contain recordings' ids.
"""

import ipaddress
import socket
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path

import aiohttp
from yarl import URL

from proxy.errors import (
    ForbiddenSourceError,
    SettingsError,
    SourceMissingError,
    SourceUnavailableError,
)

CHUNK_BYTES = 64 * 1024
MAX_ADDRESS_LENGTH = 2048
GONE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
REDIRECTS = range(300, 400)
# An IPv4 address travels inside these, where the checks below would not see it:
# 6to4 (RFC 3056), Teredo (RFC 4380), NAT64 (RFC 6052, RFC 8215).
_TUNNELS = tuple(
    ipaddress.IPv6Network(each)
    for each in ("2002::/16", "2001::/32", "64:ff9b::/96", "64:ff9b:1::/48")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundPolicy:
    """Where a connection's client may go, and how long it waits.

    `allowed_hosts` are "host" (the scheme's own port) or "host:port". `total_timeout`
    bounds one whole exchange, `idle_timeout` the silence between two pieces of it.
    """

    allowed_hosts: frozenset[str]
    allow_private_addresses: bool = False
    connect_timeout: timedelta = timedelta(seconds=5)
    idle_timeout: timedelta = timedelta(seconds=30)
    total_timeout: timedelta = timedelta(minutes=15)
    ca_file: Path | None = None
    """Who vouches for those hosts, where it is not one of the world's authorities."""


class OutboundClient:
    """Fetches, deletes and asks, within an `OutboundPolicy`.

    Every method raises `ForbiddenSourceError` for what the policy forbids and
    `SourceUnavailableError` for what may go better another time.
    """

    def __init__(self, policy: OutboundPolicy, headers: Mapping[str, str]) -> None:
        """Send `headers` (our credentials) with every request."""
        if not all(each.isascii() and each.isprintable() for each in headers.values()):
            raise SettingsError("the platform's credentials cannot be sent in a header")
        self._policy = policy
        self._headers = {"Accept-Encoding": "identity", **headers}
        self._allowed_hosts = frozenset(map(_authority, policy.allowed_hosts))
        self._session: aiohttp.ClientSession | None = None

    def check(self, raw_url: str) -> URL:
        """Parse an address; raise `ForbiddenSourceError` unless it may be asked."""
        url = _parse(raw_url)
        if url.host_port_subcomponent not in self._allowed_hosts:
            raise ForbiddenSourceError(
                "the host is not one of this connection's",
                fix="add it to allowed_hosts if it really serves your recordings",
            )
        address = _literal_address(url)
        if address and not self._may_connect(address):
            raise _private_address()
        if url.scheme != "https" and not self._may_go_unencrypted(url):
            raise ForbiddenSourceError("the address is not https")
        return url

    @asynccontextmanager
    async def request(
        self,
        method: str,
        raw_url: str,
        form: Mapping[str, str] | bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send one request and give the answer, its body unread."""
        url = self.check(raw_url)
        with _translated():
            response = await self._open_session().request(
                method, url, data=form, headers=headers, allow_redirects=False
            )
        try:
            if response.status in REDIRECTS:
                raise ForbiddenSourceError("the platform redirects to another address")
            yield response
        finally:
            response.release()

    @asynccontextmanager
    async def stream(self, raw_url: str) -> AsyncIterator[AsyncIterator[bytes]]:
        """GET a recording piece by piece. Raises `SourceMissingError` for 404 and 410.

        A body that ends early raises `SourceUnavailableError` from the iterator.
        """
        async with self.request("GET", raw_url) as response:
            if response.status in GONE:
                raise SourceMissingError
            if response.status != HTTPStatus.OK:  # 206 would be a part of it
                raise unexpected_answer(response)
            _require_known_end(response)
            async with aclosing(_chunks(response)) as chunks:
                yield chunks

    async def delete(self, raw_url: str) -> None:
        """DELETE a recording; one that is already gone counts as deleted."""
        async with self.request("DELETE", raw_url) as response:
            if not response.ok and response.status not in GONE:
                raise unexpected_answer(response)

    async def read(
        self, response: aiohttp.ClientResponse, limit: int = CHUNK_BYTES
    ) -> bytes:
        """Read an answer of at most `limit` bytes.

        Raises `SourceUnavailableError` for a longer one.
        """
        body = bytearray()
        async with aclosing(_chunks(response)) as chunks:
            async for chunk in chunks:
                body += chunk
                if len(body) > limit:
                    raise SourceUnavailableError("the platform's answer is too long")
        return bytes(body)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _open_session(self) -> aiohttp.ClientSession:
        # On first use: a session belongs to the running loop, platforms are built
        # before there is one.
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    socket_factory=self._checked_socket,
                    ssl=_trust(self._policy.ca_file),
                ),
                timeout=_timeout(self._policy),
                headers=self._headers,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
            )
        return self._session

    def _checked_socket(self, address: aiohttp.AddrInfoType) -> socket.socket:
        """Make the socket for one resolved address: the last moment to say no."""
        family, kind, protocol, _, peer = address
        if not self._may_connect(ipaddress.ip_address(peer[0])):
            raise _ForbiddenAddressError
        return socket.socket(family, kind, protocol)

    def _may_connect(
        self, address: ipaddress.IPv4Address | ipaddress.IPv6Address
    ) -> bool:
        if isinstance(address, ipaddress.IPv6Address):
            if address.ipv4_mapped:
                return self._may_connect(address.ipv4_mapped)
            if address.is_site_local or any(address in each for each in _TUNNELS):
                return False
        if address.is_multicast or address.is_link_local or address.is_unspecified:
            # Link-local is where clouds serve credentials: no setting opens it.
            return False
        return address.is_global or self._policy.allow_private_addresses

    def _may_go_unencrypted(self, url: URL) -> bool:
        address = _literal_address(url)
        is_loopback = address.is_loopback if address else url.host == "localhost"
        return is_loopback and self._policy.allow_private_addresses


def unexpected_answer(response: aiohttp.ClientResponse) -> SourceUnavailableError:
    """Tell the operator what a platform's status means here."""
    if response.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return SourceUnavailableError(
            f"the platform refused our credentials ({response.status})",
            fix="check this connection's credentials at the platform",
        )
    return SourceUnavailableError(f"the platform answered {response.status}")


class _ForbiddenAddressError(OSError):
    """Raised inside the connector, which handles only OSError in an orderly way."""


def _private_address() -> ForbiddenSourceError:
    return ForbiddenSourceError(
        "the host has a private address",
        fix="set allow_private_addresses if your platform is in your own network",
    )


def _authority(allowed_host: str) -> str:
    try:
        url = URL(f"https://{allowed_host}")
    except ValueError:
        url = URL()
    if url.host_port_subcomponent is None or url != url.origin():
        raise SettingsError(
            "not a host", field="allowed_hosts", fix='write "host" or "host:port"'
        )
    return url.host_port_subcomponent


def _parse(raw_url: str) -> URL:
    try:
        url = URL(raw_url[: MAX_ADDRESS_LENGTH + 1])
    except ValueError:
        raise ForbiddenSourceError("this is not an address") from None
    if len(raw_url) > MAX_ADDRESS_LENGTH or not url.host:
        raise ForbiddenSourceError("this is not an address")
    if url.user is not None or url.password is not None:
        raise ForbiddenSourceError("the address contains credentials")
    return url


def _literal_address(
    url: URL,
) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(url.host or "")
    except ValueError:
        return None


def _timeout(policy: OutboundPolicy) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(
        total=policy.total_timeout.total_seconds(),
        connect=policy.connect_timeout.total_seconds(),
        sock_read=policy.idle_timeout.total_seconds(),
    )


def _trust(ca_file: Path | None) -> ssl.SSLContext | bool:
    return True if ca_file is None else ssl.create_default_context(cafile=ca_file)


def _require_known_end(response: aiohttp.ClientResponse) -> None:
    """Refuse a body that the connection's end would end: so would a cut (RFC 9112)."""
    is_chunked = "chunked" in response.headers.get("Transfer-Encoding", "").lower()
    if response.content_length is None and not is_chunked:
        raise SourceUnavailableError("the platform does not state the audio's length")


async def _chunks(response: aiohttp.ClientResponse) -> AsyncGenerator[bytes, None]:
    with _translated():
        async for chunk in response.content.iter_chunked(CHUNK_BYTES):
            yield chunk


@contextmanager
def _translated() -> Iterator[None]:
    """Turn aiohttp's errors into ours, without what they say about addresses."""
    try:
        yield
    except aiohttp.InvalidURL:
        raise ForbiddenSourceError("this is not an address") from None
    except (aiohttp.ClientError, OSError) as error:  # TimeoutError is an OSError
        cause = getattr(error, "os_error", error)
        if isinstance(cause, _ForbiddenAddressError):
            raise _private_address() from None
        raise SourceUnavailableError(
            f"the platform did not answer properly ({type(cause).__name__})"
        ) from None
