"""What an ID token shows, once everything about it has been checked.

In this order (OpenID Connect Core 3.1.3.7, RFC 8725):

1. Its algorithm is one of ours, and one for the type of the key it names.
2. It is signed with that key of the provider.
3. Issuer, audience, nonce, access token and times are those of our question.
4. It was made just now.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from joserfc import jwt

from proxy.access.oidc.keys import BAD, Key
from proxy.access.oidc.protocol import LEEWAY_SECONDS, Expected, check_claims
from proxy.access.oidc.refusals import SingleSignOnRefusedError, Why

LONGEST_SUBJECT = 255  # OpenID Connect Core 2
MOST_GROUPS = 1000
FRESH = timedelta(minutes=10)
_LEEWAY = timedelta(seconds=LEEWAY_SECONDS)


@dataclass(frozen=True, slots=True)
class Shown:
    """What the provider vouches for. `factor_at`: when they signed in, if it says."""

    subject: str
    groups: frozenset[str]
    acr: str
    amr: frozenset[str]
    factor_at: datetime | None


def verify(
    raw_token: str, key: Key, expected: Expected, now: datetime, claim: str
) -> Shown:
    """Check a token; `claim` is the one with the groups.

    Raises SingleSignOnRefusedError.
    """
    header, claims = _signed(raw_token, key)
    try:
        check_claims(claims, header, expected, int(now.timestamp()))
        made_at = _time(claims["iat"])
    except BAD:
        raise SingleSignOnRefusedError(Why.CLAIMS) from None
    if claims["aud"] not in (expected.client_id, [expected.client_id]):
        # Another audience could use it too (OpenID Connect Core 3.1.3.7, 3).
        raise SingleSignOnRefusedError(Why.CLAIMS)
    if not -_LEEWAY <= now - made_at <= FRESH:
        raise SingleSignOnRefusedError(Why.AGE)
    return _read(claims, claim, now)


def _signed(
    raw_token: str, key: Key
) -> tuple[Mapping[str, object], Mapping[str, object]]:
    """Step 2."""
    try:
        token = jwt.decode(raw_token, key.public, list(key.algorithms))
    except BAD:
        raise SingleSignOnRefusedError(Why.TOKEN) from None
    return token.header, token.claims


def _read(claims: Mapping[str, object], claim: str, now: datetime) -> Shown:
    subject, groups, amr = claims["sub"], claims.get(claim, []), claims.get("amr", [])
    if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_SUBJECT:
        raise SingleSignOnRefusedError(Why.CLAIMS)
    return Shown(
        subject=subject,
        groups=_words(groups),
        acr=str(claims.get("acr", "")),
        amr=_words(amr),
        factor_at=_factor_at(claims.get("auth_time"), now),
    )


def _words(value: object) -> frozenset[str]:
    """A list of texts, or one text; anything else says nothing."""
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list) or len(listed) > MOST_GROUPS:
        return frozenset()
    return frozenset(each for each in listed if isinstance(each, str))


def _factor_at(value: object, now: datetime) -> datetime | None:
    """None where it does not say; Glewlwyd 2.7 always says 0 (November 2026)."""
    if not value:
        return None
    try:
        return min(now, _time(value))
    except BAD:
        return None


def _time(value: object) -> datetime:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError
    return datetime.fromtimestamp(value, UTC)
