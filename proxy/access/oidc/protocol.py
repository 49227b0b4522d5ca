"""The parts of OpenID Connect that Authlib knows, behind types.

Authlib's own clients fetch whatever address they are told and read whatever comes back;
here it writes requests and judges claims, and `asking` does the asking.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from authlib.oidc.discovery import get_well_known_url

LEEWAY_SECONDS = 60
"""How far a provider's clock may be from ours."""


@dataclass(frozen=True, slots=True)
class Question:
    """What the browser takes to the provider (RFC 6749, 7636; OIDC Core 3.1.2)."""

    client_id: str
    redirect_uri: str
    scopes: tuple[str, ...]
    state: str
    nonce: str
    verifier: str
    max_age: int
    is_fresh: bool = False
    """Ask the provider to have them sign in anew, whatever it remembers."""

    def address(self, endpoint: str) -> str:
        return str(
            prepare_grant_uri(
                endpoint,
                self.client_id,
                "code",
                redirect_uri=self.redirect_uri,
                scope=list(self.scopes),
                state=self.state,
                nonce=self.nonce,
                code_challenge=create_s256_code_challenge(self.verifier),  # type: ignore[no-untyped-call]  # its stub has no types
                code_challenge_method="S256",
                max_age="0" if self.is_fresh else str(self.max_age),
                prompt="login" if self.is_fresh else None,
            )
        )


@dataclass(frozen=True, slots=True)
class Client:
    """What we are to the provider."""

    client_id: str
    secret: str
    is_in_body: bool
    """Whether the secret goes in the form (`client_secret_post`), not in a header."""

    def exchange(
        self, endpoint: str, code: str, verifier: str, redirect_uri: str
    ) -> tuple[dict[str, str], str]:
        """The headers and the body that turn a code into tokens (RFC 6749 4.1.3)."""
        body = prepare_token_request(
            "authorization_code",
            redirect_uri=redirect_uri,
            code=code,
            code_verifier=verifier,
        )
        method = "client_secret_post" if self.is_in_body else "client_secret_basic"
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
        }
        auth = ClientAuth(self.client_id, self.secret, method)
        _, headers, body = auth.prepare("POST", endpoint, headers, body)  # type: ignore[no-untyped-call]  # its stub has no types
        return headers, body


@dataclass(frozen=True, slots=True)
class Expected:
    """What an ID token must say to be the answer to our question."""

    issuer: str
    client_id: str
    nonce: str
    access_token: str


def check_claims(
    claims: Mapping[str, object],
    header: Mapping[str, object],
    expected: Expected,
    now: int,
) -> None:
    """Judge a token's claims (OpenID Connect Core 3.1.3.7). Raises joserfc's errors."""
    wanted = {
        "iss": {"essential": True, "value": expected.issuer},
        "aud": {"essential": True, "value": expected.client_id},
        "sub": {"essential": True},
        "nonce": {"essential": True, "value": expected.nonce},
    }
    given = {
        "nonce": expected.nonce,
        "client_id": expected.client_id,
        "access_token": expected.access_token,
    }
    CodeIDToken(dict(claims), dict(header), wanted, given).validate(now, LEEWAY_SECONDS)


def discovery_address(issuer: str) -> str:
    """Where a provider describes itself (OpenID Connect Discovery 1.0, 4)."""
    return get_well_known_url(issuer, external=True)
