"""The HTTP client that asks an identity provider, and believes little.

It follows no redirect, sends no cookie, reads no answer without a limit, and repeats
nothing of an answer, which may quote a code or a secret, in an error.
"""

import asyncio
import json
import ssl
from collections.abc import Mapping
from http import HTTPStatus

import aiohttp

from proxy.access.oidc.refusals import ProviderFaultError
from proxy.access.oidc_config import OidcConfig

LARGEST_ANSWER = 256 << 10  # bytes; fifty keys of 4096 bits are 50 KB


class Asker:
    """Asks one provider; both methods raise ProviderFaultError."""

    def __init__(self, config: OidcConfig) -> None:
        self._config = config
        self._session: aiohttp.ClientSession | None = None
        self._opening = asyncio.Lock()

    async def get(self, address: str) -> Mapping[str, object]:
        return await self._ask("GET", address, {"Accept": "application/json"}, None)

    async def post(
        self, address: str, headers: Mapping[str, str], body: str
    ) -> Mapping[str, object]:
        return await self._ask("POST", address, headers, body)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _ask(
        self, method: str, address: str, headers: Mapping[str, str], body: str | None
    ) -> Mapping[str, object]:
        session = await self._open_session()
        try:
            async with session.request(
                method, address, data=body, headers=headers, allow_redirects=False
            ) as response:
                raw = await _read(response)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            kind = type(error).__name__  # its text may hold the address, with a code
            raise ProviderFaultError(f"it cannot be reached ({kind})") from None
        if response.status != HTTPStatus.OK:
            raise ProviderFaultError(f"it answered {response.status}")
        return _parse(raw)

    async def _open_session(self) -> aiohttp.ClientSession:
        # On first use: a session belongs to the running loop.
        async with self._opening:
            if self._session is None:
                context = await asyncio.to_thread(self._trust)
                seconds = self._config.timeout.total_seconds()
                self._session = aiohttp.ClientSession(
                    connector=aiohttp.TCPConnector(ssl=context),
                    timeout=aiohttp.ClientTimeout(total=seconds),
                    headers={"Accept-Encoding": "identity"},
                    cookie_jar=aiohttp.DummyCookieJar(),
                    auto_decompress=False,
                )
        return self._session

    def _trust(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=self._config.ca_file)
        except OSError as error:  # ssl.SSLError is one
            raise ProviderFaultError(
                f"ca_file cannot be read ({type(error).__name__})",
                field="access.oidc.ca_file",
                fix="name a file of certificates in PEM form",
            ) from None


async def _read(response: aiohttp.ClientResponse) -> bytes:
    try:
        await response.content.readexactly(LARGEST_ANSWER + 1)
    except asyncio.IncompleteReadError as whole:
        return whole.partial
    raise ProviderFaultError(f"its answer has more than {LARGEST_ANSWER} bytes")


def _parse(raw: bytes) -> Mapping[str, object]:
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise ProviderFaultError("its answer is no JSON object")
    return document
