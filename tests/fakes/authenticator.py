"""A browser with an authenticator in it: Chromium's own virtual one, over CDP.

It makes real credentials and real signatures. A test may be a dishonest page, which
changes what was asked, or a dishonest owner, who copies a credential.
"""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from playwright.async_api import Browser, CDPSession, Page

CREATE = """async ([raw, changes]) => {
  const asked = Object.assign(JSON.parse(raw), changes);
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(asked);
  return JSON.stringify(await navigator.credentials.create({publicKey}));
}"""
GET = """async ([raw, changes]) => {
  const asked = Object.assign(JSON.parse(raw), changes);
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(asked);
  return JSON.stringify(await navigator.credentials.get({publicKey}));
}"""


@dataclass
class Authenticator:
    """One device, and a page at one origin that may use it."""

    page: Page
    wire: CDPSession
    device: str

    async def create(self, options: str, **changes: Any) -> str:
        """What the page posts back: an answer to these options, or to changed ones."""
        return str(await self.page.evaluate(CREATE, [options, changes]))

    async def get(self, options: str, **changes: Any) -> str:
        return str(await self.page.evaluate(GET, [options, changes]))

    async def visit(self, origin: str) -> None:
        await self.page.goto(origin)

    async def forget_who_holds_it(self) -> None:
        """From here on it has verified nobody: no PIN, no finger."""
        told = {"authenticatorId": self.device, "isUserVerified": False}
        await self.wire.send("WebAuthn.setUserVerified", told)

    async def copies(self) -> list[Mapping[str, Any]]:
        """Everything in it, private keys too."""
        told = {"authenticatorId": self.device}
        found = await self.wire.send("WebAuthn.getCredentials", told)
        return list(found["credentials"])

    async def put_back(self, copy: Mapping[str, Any]) -> None:
        """Replace a credential by a copy of it made earlier, counter and all."""
        told = {"authenticatorId": self.device}
        same = {"credentialId": copy["credentialId"]}
        await self.wire.send("WebAuthn.removeCredential", told | same)
        await self.wire.send(
            "WebAuthn.addCredential", told | {"credential": dict(copy)}
        )


@asynccontextmanager
async def authenticator(
    browser: Browser, origin: str, *, can_verify: bool = True
) -> AsyncIterator[Authenticator]:
    """A device of somebody's own, in a browser of their own, at our page.

    One that cannot verify is like a plain key: whoever has it may use it.
    """
    context = await browser.new_context()
    page = await context.new_page()
    wire = await context.new_cdp_session(page)
    await wire.send("WebAuthn.enable")
    device = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": can_verify,
        "isUserVerified": can_verify,
        "automaticPresenceSimulation": True,
    }
    made = await wire.send("WebAuthn.addVirtualAuthenticator", {"options": device})
    await page.goto(origin)
    try:
        yield Authenticator(page, wire, made["authenticatorId"])
    finally:
        await context.close()


@asynccontextmanager
async def empty_page() -> AsyncIterator[str]:
    """The origin of a page with nothing in it."""

    async def show(_: web.Request) -> web.Response:
        return web.Response(
            text="<!doctype html><title>.</title>", content_type="text/html"
        )

    application = web.Application()
    application.router.add_get("/", show)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://localhost:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def changed(answer: str, **changes: Any) -> str:
    """An answer with parts of its `response` replaced."""
    document = json.loads(answer)
    document["response"] |= changes
    return json.dumps(document)
