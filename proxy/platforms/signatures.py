"""Who sent a webhook: Standard Webhooks signatures, and bearer tokens.

Signed content, headers and prefixes are those of the Standard Webhooks specification
(standard-webhooks/spec): `{webhook-id}.{webhook-timestamp}.{raw body}`. A request is
accepted when any signature it carries matches any key of the connection, so both sides
can rotate. Whatever is missing, malformed, stale or forged is `WebhookRejectedError`,
and no message repeats a secret, a token or a signature.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable, Iterator
from datetime import timedelta

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from proxy.errors import SettingsError, WebhookRejectedError
from proxy.platforms.base import RawRequest

TOLERANCE = timedelta(minutes=5)  # both ways, as in the reference libraries
MIN_SECRET_BYTES = 24  # the specification asks for 24 to 64 random bytes
PUBLIC_KEY_BYTES = 32  # RFC 8032, section 5.1.5
MIN_TOKEN_LENGTH = 16
# Each costs a verification with every key; an honest sender has two while it rotates.
MAX_SIGNATURES = 16
MAX_TIMESTAMP_DIGITS = 12


class StandardWebhooks:
    """Checks `v1` (HMAC-SHA256) and `v1a` (ed25519) signatures."""

    def __init__(self, secrets: Iterable[str]) -> None:
        """Take `whsec_…` secrets and `whpk_…` public keys, all of them valid now.

        Raises `SettingsError` for a secret of another shape.
        """
        self._secrets: list[bytes] = []
        self._public_keys: list[Ed25519PublicKey] = []
        for secret in secrets:
            self._add(secret)

    def check(self, request: RawRequest) -> None:
        """Raise `WebhookRejectedError` unless one of our keys signed this request."""
        message_id = _header(request, "webhook-id")
        timestamp = _header(request, "webhook-timestamp")
        signatures = list(_signatures(_header(request, "webhook-signature")))
        if b"." in message_id:
            # With a dot in it, the same bytes could be split into another id.
            raise WebhookRejectedError("webhook-id must not contain a dot")
        _check_age(timestamp, request)
        signed = b".".join((message_id, timestamp, request.raw_body))
        if not any(self._matches(*each, signed) for each in signatures):
            raise WebhookRejectedError(
                "no signature of this request matches a secret of this connection",
                fix="sign `id.timestamp.body` over the exact bytes sent",
            )

    def _add(self, secret: str) -> None:
        prefix, _, encoded = secret.partition("_")
        # The reference library takes secrets without padding too.
        key = _decode(encoded.encode() + b"=" * (-len(encoded) % 4))
        if prefix == "whsec" and len(key) >= MIN_SECRET_BYTES:
            self._secrets.append(key)
        elif prefix == "whpk" and len(key) == PUBLIC_KEY_BYTES:
            self._public_keys.append(Ed25519PublicKey.from_public_bytes(key))
        else:
            raise SettingsError(
                "a webhook secret is neither a secret nor a public key",
                field="secrets",
                fix="whsec_ with base64 of 24 to 64 bytes, or whpk_ with that of 32",
            )

    def _matches(self, version: bytes, signature: bytes, signed: bytes) -> bool:
        if version == b"v1":
            macs = (hmac.digest(key, signed, hashlib.sha256) for key in self._secrets)
            return any(hmac.compare_digest(mac, signature) for mac in macs)
        return any(_is_signed_by(key, signature, signed) for key in self._public_keys)


def check_bearer(request: RawRequest, tokens: Iterable[str]) -> None:
    """Accept `Authorization: Bearer …` of a platform that cannot sign.

    A token proves nothing about the body and can be replayed by whoever reads it, so it
    counts only over TLS or from the loopback interface.
    """
    if not request.is_private_channel:
        raise WebhookRejectedError(
            "a bearer token is accepted over TLS or loopback only",
            fix="use https, or sign the requests",
        )
    scheme, _, token = _header(request, "authorization").partition(b" ")
    if scheme.lower() != b"bearer":
        raise WebhookRejectedError("Authorization is not of the kind Bearer")
    if not any(hmac.compare_digest(token.strip(), each.encode()) for each in tokens):
        raise WebhookRejectedError("the bearer token is not one of this connection's")


def checked_tokens(tokens: Iterable[str]) -> tuple[str, ...]:
    """Return `tokens`; raise `SettingsError` for one that could be guessed."""
    checked = tuple(tokens)
    if any(len(token.strip()) < MIN_TOKEN_LENGTH for token in checked):
        raise SettingsError(
            f"a bearer token is shorter than {MIN_TOKEN_LENGTH} characters",
            field="bearer_tokens",
            fix="use 32 random bytes in hexadecimal",
        )
    return checked


def _header(request: RawRequest, name: str) -> bytes:
    text = request.headers.get(name, "")
    if not text:
        raise WebhookRejectedError(f"the header {name} is missing")
    # aiohttp decodes header bytes with surrogateescape: this gives them back.
    return text.encode("utf-8", "surrogateescape")


def _signatures(header: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Version and bytes of each usable signature; versions to come are passed over."""
    candidates = header.split()
    if len(candidates) > MAX_SIGNATURES:
        raise WebhookRejectedError("webhook-signature lists too many signatures")
    for candidate in candidates:
        version, _, encoded = candidate.partition(b",")
        if version in {b"v1", b"v1a"}:
            yield version, _decode(encoded)


def _check_age(timestamp: bytes, request: RawRequest) -> None:
    if not timestamp.isdigit() or len(timestamp) > MAX_TIMESTAMP_DIGITS:
        raise WebhookRejectedError("webhook-timestamp is not in whole Unix seconds")
    age = request.received_at.timestamp() - int(timestamp)
    if abs(age) > TOLERANCE.total_seconds():
        raise WebhookRejectedError(
            f"webhook-timestamp is {age:.0f} s away from the time here",
            fix="set the sender's clock; sign each delivery attempt anew",
        )


def _decode(encoded: bytes) -> bytes:
    """Decode strict base64; give b"", which matches nothing, for anything else."""
    try:
        return base64.b64decode(encoded, validate=True)
    except ValueError:
        return b""


def _is_signed_by(key: Ed25519PublicKey, signature: bytes, signed: bytes) -> bool:
    try:
        key.verify(signature, signed)
    except InvalidSignature:
        return False
    return True
