"""A provider's public keys, and which of them a token may be signed with.

Symmetric keys are left out: a token "signed" with something public, as the client's id
or a public key's bytes, proves nothing (RFC 8725 2.1).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey, import_key
from joserfc.util import urlsafe_b64decode

from proxy.access.oidc.refusals import (
    ProviderFaultError,
    SingleSignOnRefusedError,
    Why,
)

MOST_KEYS = 50
SMALLEST_RSA = 2048  # bits; RFC 7518 3.3
LONGEST_TOKEN = 16 << 10  # characters; a few hundred groups
# RSA (PKCS #1, PSS) and ECDSA by type of key; neither `none` nor HMAC (RFC 8725 3.1).
ALGORITHMS: Mapping[str, tuple[str, ...]] = {
    "RSA": ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    "EC": ("ES256", "ES384", "ES512"),
}
# What reading somebody else's JOSE may raise, joserfc's own among it.
BAD = (
    JoseError,
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    OverflowError,
    RecursionError,
)


@dataclass(frozen=True, slots=True)
class Header:
    """What a token says of how it is signed. Nobody has vouched for it yet."""

    algorithm: str
    key_id: str | None

    @classmethod
    def read(cls, raw_token: str) -> Self:
        """Raises SingleSignOnRefusedError for no token, or none of our algorithms."""
        first = raw_token.partition(".")[0].encode()
        try:
            document = json.loads(urlsafe_b64decode(first))
        except BAD:
            raise SingleSignOnRefusedError(Why.TOKEN) from None
        if len(raw_token) > LONGEST_TOKEN or not isinstance(document, dict):
            raise SingleSignOnRefusedError(Why.TOKEN)
        algorithm, key_id = document.get("alg"), document.get("kid")
        if not any(algorithm in known for known in ALGORITHMS.values()):
            raise SingleSignOnRefusedError(Why.ALGORITHM)
        return cls(str(algorithm), key_id if isinstance(key_id, str) else None)


@dataclass(frozen=True, slots=True)
class Key:
    """One public key, and the ways it may sign.

    Where the provider says which, that one alone (RFC 8725 3.1).
    """

    name: str | None
    public: ECKey | RSAKey
    algorithms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProviderKeys:
    """Those that can be used; what cannot be read is as if it were not there."""

    keys: tuple[Key, ...]

    @classmethod
    def read(cls, document: Mapping[str, object]) -> Self:
        """Raises ProviderFaultError for what is no set of keys (RFC 7517 5)."""
        listed = document.get("keys")
        if not isinstance(listed, list) or len(listed) > MOST_KEYS:
            raise ProviderFaultError("its keys are no set of keys")
        found = [_read(each) for each in listed]
        return cls(tuple(each for each in found if each))

    def has(self, header: Header) -> bool:
        return bool(self._fitting(header))

    def of(self, header: Header) -> Key:
        """The one key that fits; without a name, the only one that could.

        Raises SingleSignOnRefusedError.
        """
        found = self._fitting(header)
        if len(found) != 1:
            raise SingleSignOnRefusedError(Why.KEY)
        return found[0]

    def _fitting(self, header: Header) -> list[Key]:
        return [
            key
            for key in self.keys
            if header.algorithm in key.algorithms and header.key_id in (None, key.name)
        ]


def _read(listed: object) -> Key | None:
    if not isinstance(listed, dict) or not _is_for_signatures(listed):
        return None
    parts = {"kty", "n", "e", "crv", "x", "y"}  # nothing private, whatever it gives
    public = {name: value for name, value in listed.items() if name in parts}
    try:
        key = import_key(public)
    except BAD:
        return None
    if not isinstance(key, ECKey | RSAKey):
        return None
    name = listed.get("kid")
    ways = ALGORITHMS[key.key_type]
    only = tuple(way for way in ways if listed.get("alg", way) == way)
    return Key(name if isinstance(name, str) else None, key, only)


def _is_for_signatures(listed: Mapping[str, object]) -> bool:
    kind = listed.get("kty")
    if kind not in ("RSA", "EC") or listed.get("use", "sig") != "sig":
        return False
    return kind == "EC" or _bits(listed.get("n")) >= SMALLEST_RSA


def _bits(number: object) -> int:
    try:
        return int.from_bytes(urlsafe_b64decode(str(number).encode())).bit_length()
    except ValueError:
        return 0
