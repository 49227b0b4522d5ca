"""An OpenID provider whose tokens a test makes, and which does what a test tells it.

For what a real one will not do: sign for others, leave things out, lie, go silent.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from aiohttp import web
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey

from proxy.access.oidc_config import OidcConfig
from proxy.access.permissions import Role

CLIENT = "ponctuel"
CLIENT_SECRET = "at-least-sixteen-characters"
HUGE = 20_000_000


def rsa(name: str = "one", bits: int = 2048, **also: str) -> RSAKey:
    return RSAKey.generate_key(bits, {"kid": name, **also})


@dataclass
class LyingProvider:
    """Honest, until told otherwise.

    `wrong` names an endpoint ("discovery", "keys", "token") and how it misbehaves:
    "refuse" (503), "drop", "silent", "garbage" (no JSON), "list" (JSON, no object),
    "huge", "redirect". `claims` and `described` change what it says, None leaving out.
    """

    clock: Callable[[], datetime]
    key: RSAKey | ECKey = field(default_factory=rsa)
    algorithm: str = "RS256"
    address: str = ""
    wrong: tuple[str, str] = ("", "")
    claims: dict[str, Any] = field(default_factory=dict)
    described: dict[str, Any] = field(default_factory=dict)
    published: list[Any] | None = None
    token: Callable[[dict[str, Any]], str] | None = None
    subject: str = "somebody"
    asked: list[str] = field(default_factory=list)
    patience: asyncio.Event = field(default_factory=asyncio.Event)
    codes: dict[str, Mapping[str, str]] = field(default_factory=dict)

    def config(self, **changes: Any) -> OidcConfig:
        values: dict[str, Any] = {
            "issuer": self.address,
            "client_id": CLIENT,
            "client_secret": CLIENT_SECRET,
            "roles": {"call-trainers": Role.TRAINER, "switchboard": Role.AGENT},
            "amr": frozenset({"mfa"}),
            "acr": frozenset({"gold"}),
        }
        return OidcConfig(**values | changes)

    def visit(self, address: str) -> dict[str, str]:
        """Sign in, and be sent back with this query."""
        asked = {
            name: values[0]
            for name, values in parse_qs(urlsplit(address).query).items()
        }
        code = f"code-{len(self.codes)}"
        self.codes[code] = asked
        return {"code": code, "state": asked["state"]}

    def signed(self, claims: dict[str, Any]) -> str:
        header = {"alg": self.algorithm, "kid": self.key.kid}
        return jwt.encode(header, claims, self.key, [self.algorithm])

    def application(self) -> web.Application:
        application = web.Application()
        routes = {
            "/.well-known/openid-configuration": ("discovery", self._describe),
            "/keys": ("keys", self._keys),
            "/token": ("token", self._exchange),
        }
        for path, (name, answer) in routes.items():
            application.router.add_route("*", path, self._misbehaving(name, answer))
        return application

    def _misbehaving(self, name: str, answer: Any) -> Any:
        async def handle(request: web.Request) -> web.StreamResponse:
            self.asked.append(name)
            if self.wrong[0] == name:
                return await self._misbehave(request)
            document = answer(await request.post())
            return web.json_response(document)

        return handle

    async def _misbehave(self, request: web.Request) -> web.StreamResponse:
        match self.wrong[1]:
            case "refuse":
                return web.json_response({"error": "no"}, status=503)
            case "drop":
                request.transport.close()
            case "silent":
                await self.patience.wait()
            case "garbage":
                return web.Response(text="<html>", content_type="application/json")
            case "list":
                return web.json_response([])
            case "huge":
                return web.json_response({"issuer": "x" * HUGE})
            case "redirect":
                raise web.HTTPFound(f"{self.address}/elsewhere")
        return web.Response()

    def _describe(self, _: Any) -> dict[str, Any]:
        said = {
            "issuer": self.address,
            "authorization_endpoint": f"{self.address}/authorize",
            "token_endpoint": f"{self.address}/token",
            "jwks_uri": f"{self.address}/keys",
            "code_challenge_methods_supported": ["S256"],
        }
        return _changed(said, self.described)

    def _keys(self, _: Any) -> dict[str, Any]:
        if self.published is not None:
            return {"keys": self.published}
        return KeySet([self.key]).as_dict(private=False)

    def _exchange(self, form: Mapping[str, str]) -> dict[str, Any]:
        asked = self.codes.pop(form["code"])
        now = int(self.clock().timestamp())
        said = {
            "iss": self.address,
            "sub": self.subject,
            "aud": CLIENT,
            "exp": now + 300,
            "iat": now,
            "auth_time": now,
            "nonce": asked["nonce"],
            "groups": ["call-trainers"],
            "amr": ["pwd", "mfa"],
        }
        claims = _changed(said, self.claims)
        token = (self.token or self.signed)(claims)
        return {"id_token": token, "access_token": "access", "token_type": "Bearer"}


def _changed(said: dict[str, Any], by: Mapping[str, Any]) -> dict[str, Any]:
    merged = said | by
    return {name: value for name, value in merged.items() if value is not None}


def symmetric(secret: bytes) -> OctKey:
    """What a forger signs with who has only something public."""
    return OctKey.import_key(secret)


@asynccontextmanager
async def lying_provider(
    clock: Callable[[], datetime],
) -> AsyncIterator[LyingProvider]:
    """One that listens."""
    provider = LyingProvider(clock)
    runner = web.AppRunner(provider.application(), shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    provider.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield provider
    finally:
        provider.patience.set()
        await runner.cleanup()
