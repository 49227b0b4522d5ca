"""One OpenID provider: where its endpoints are, its keys, and codes turned into tokens.

What it says of itself (OpenID Connect Discovery 1.0) is believed as far as it stays on
the hosts the settings name, over https. It is asked again every quarter of an hour, so
that a key it withdrew is not believed for long.
"""

import asyncio
import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from yarl import URL

from proxy.access.oidc.asking import Asker
from proxy.access.oidc.keys import Header, ProviderKeys
from proxy.access.oidc.protocol import Client, discovery_address
from proxy.access.oidc.refusals import ProviderFaultError
from proxy.access.oidc_config import OidcConfig

BELIEVED_FOR = timedelta(minutes=15)
# An unknown key id asks anew, but not for everybody who sends one.
ASKED_AGAIN_AFTER = timedelta(minutes=1)
LONGEST_ADDRESS = 2048


@dataclass(frozen=True, slots=True)
class Description:
    """What the provider says of itself, as far as it matters here."""

    authorization: str
    token: str
    keys: str
    names_itself: bool
    """Whether it says its name in each answer (RFC 9207): then it must."""
    takes_secret_in_body: bool


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a code was turned into."""

    id_token: str
    access_token: str


class Provider:
    """Asks the site's provider; every method raises ProviderFaultError."""

    def __init__(self, config: OidcConfig, clock: Callable[[], datetime]) -> None:
        self._config = config
        self._clock = clock
        self._asker = Asker(config)
        self._described: tuple[datetime, Description] | None = None
        self._keys: tuple[datetime, ProviderKeys] | None = None

    async def describe(self) -> Description:
        # Without a lock: while it is silent, one must not wait for another's waiting.
        if self._described is None or self._is_old(self._described[0]):
            self._described = self._clock(), await self._discover()
        return self._described[1]

    async def keys(self, header: Header) -> ProviderKeys:
        """Its keys, among them the one a token names, if it has it by now."""
        description = await self.describe()
        if self._keys is None or self._is_worth_asking(header):
            document = await self._asker.get(description.keys)
            self._keys = self._clock(), ProviderKeys.read(document)
        return self._keys[1]

    async def exchange(self, code: str, verifier: str, redirect_uri: str) -> Tokens:
        """Turn a code into tokens: once, as the provider forgets it then."""
        description = await self.describe()
        client = Client(
            self._config.client_id,
            await self._secret(),
            description.takes_secret_in_body,
        )
        headers, body = client.exchange(description.token, code, verifier, redirect_uri)
        answer = await self._asker.post(description.token, headers, body)
        return Tokens(_text(answer, "id_token"), _text(answer, "access_token"))

    async def close(self) -> None:
        await self._asker.close()

    async def _discover(self) -> Description:
        document = await self._asker.get(discovery_address(self._config.issuer))
        if document.get("issuer") != self._config.issuer:
            raise ProviderFaultError(
                "it calls itself by another name",
                field="access.oidc.issuer",
                fix="write the issuer exactly as the provider does",
            )
        if "S256" not in _list(document, "code_challenge_methods_supported", "S256"):
            raise ProviderFaultError("it does not know PKCE with S256 (RFC 7636)")
        ways = _list(
            document, "token_endpoint_auth_methods_supported", "client_secret_basic"
        )
        return Description(
            authorization=self._endpoint(document, "authorization_endpoint"),
            token=self._endpoint(document, "token_endpoint"),
            keys=self._endpoint(document, "jwks_uri"),
            names_itself=(
                document.get("authorization_response_iss_parameter_supported") is True
            ),
            takes_secret_in_body="client_secret_basic" not in ways,
        )

    def _endpoint(self, document: Mapping[str, object], name: str) -> str:
        raw = _text(document, name)
        try:
            url = URL(raw[: LONGEST_ADDRESS + 1])
        except ValueError:
            url = URL()
        issuer = URL(self._config.issuer)
        is_allowed = url.host_port_subcomponent in {
            issuer.host_port_subcomponent,
            *self._config.hosts,
        }
        is_safe = url.scheme == "https" or (
            url.scheme == issuer.scheme and is_loopback(url.host or "")
        )
        is_plain = url.user is None and url.password is None and not url.fragment
        if not (is_allowed and is_safe and is_plain) or len(raw) > LONGEST_ADDRESS:
            raise ProviderFaultError(
                f"its {name} is not on a host it may use",
                field="access.oidc.hosts",
                fix="list the host if the provider really has it there, over https",
            )
        return raw

    async def _secret(self) -> str:
        path = self._config.secret_file
        if path is None:
            return self._config.client_secret
        try:
            raw = await asyncio.to_thread(path.read_text, "utf-8")
        except (OSError, ValueError) as error:
            raise ProviderFaultError(
                f"our secret cannot be read ({type(error).__name__})",
                field="access.oidc.secret_file",
            ) from None
        return raw.strip()

    def _is_old(self, asked_at: datetime) -> bool:
        return self._clock() - asked_at >= BELIEVED_FOR

    def _is_worth_asking(self, header: Header) -> bool:
        if self._keys is None or self._is_old(self._keys[0]):
            return True
        asked_at, keys = self._keys
        is_allowed = self._clock() - asked_at >= ASKED_AGAIN_AFTER
        return is_allowed and not keys.has(header)


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _text(document: Mapping[str, object], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str) or not value:
        raise ProviderFaultError(f"it gives no {name}")
    return value


def _list(document: Mapping[str, object], name: str, default: str) -> list[object]:
    """What it can do; where it does not say, what everybody can."""
    value = document.get(name, [default])
    return value if isinstance(value, list) else []
