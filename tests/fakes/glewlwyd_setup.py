"""What a Glewlwyd server is told, by its REST API, to be an OpenID provider for us."""

from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

CLIENT = "ponctuel"
CLIENT_SECRET = "at-least-sixteen-characters"


def plugin(issuer: str) -> dict[str, Any]:
    private, public = keys()
    groups = {
        "name": "groups",
        "user-property": "groups",
        "type": "string",
        "mandatory": True,
    }
    off = dict.fromkeys(
        (
            "allow-non-oidc",
            "auth-type-token-enabled",
            "auth-type-password-enabled",
            "auth-type-client-enabled",
            "auth-type-refresh-enabled",
            "pkce-method-plain-allowed",
            "request-parameter-allow",
            "encrypt-out-token-allow",
            "refresh-token-rolling",
        ),
        False,
    )
    on = dict.fromkeys(
        (
            "auth-type-code-enabled",
            "auth-type-id-token-enabled",
            "auth-type-code-revoke-replayed",
            "pkce-allowed",
            "pkce-required",
            "oauth-as-iss-id",
            "jwks-show",
        ),
        True,
    )
    told = {
        "iss": issuer,
        "jwt-type": "rsa",
        "jwt-key-size": "256",
        "key": private,
        "cert": public,
        "access-token-duration": 600,
        "refresh-token-duration": 600,
        "code-duration": 60,
        "refresh-token-one-use": "never",
        "client-refresh-token-one-use-parameter": "none",
        "subject-type": "public",
        "name-claim": "no",
        "email-claim": "no",
        "scope-claim": "no",
        "claims": [groups],
        "address-claim": {"type": "no"},
        "allowed-scope": ["openid"],
        "scope": [],
    }
    return {
        "module": "oidc",
        "name": "oidc",
        "display_name": "oidc",
        "order_rank": 0,
        "readonly": False,
        "parameters": told | on | off,
    }


def telephones() -> dict[str, Any]:
    return {
        "module": "otp",
        "name": "otp",
        "display_name": "otp",
        "expiration": 600,
        "max_use": 0,
        "allow_user_register": True,
        "parameters": {
            "issuer": "tests",
            "secret-minimum-size": 16,
            "otp-length": 6,
            "hotp-allow": False,
            "hotp-window": 0,
            "totp-allow": True,
            "totp-window": 1,
            "totp-start-offset": 0,
        },
    }


def scope(name: str, *schemes: str) -> dict[str, Any]:
    asked = [{"scheme_type": each, "scheme_name": each} for each in schemes]
    return {
        "name": name,
        "display_name": name,
        "description": name,
        "password_required": True,
        "password_max_age": 0,
        "scheme": {"also": asked} if asked else {},
        "scheme_required": {"also": 1} if asked else {},
    }


def client(redirect_uri: str) -> dict[str, Any]:
    return {
        "client_id": CLIENT,
        "name": CLIENT,
        "client_secret": CLIENT_SECRET,
        "confidential": True,
        "enabled": True,
        "redirect_uri": [redirect_uri],
        "authorization_type": ["code"],
        "token_endpoint_auth_method": ["client_secret_basic"],
        "scope": [],
    }


def keys() -> tuple[str, str]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
    )
    public = key.public_key().public_bytes(
        Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
    )
    return private.decode(), public.decode()
