"""At the console: a passkey, the organisation's own provider, a recovery code."""

import socket
from dataclasses import asdict
from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest

from proxy.access.permissions import Role
from tests.fakes.browser import chromium
from tests.fakes.console import enrol, window
from tests.fakes.glewlwyd import glewlwyd, glewlwyd_server, new_name
from tests.fakes.staff import staffed

__all__ = ["glewlwyd", "glewlwyd_server"]

pytestmark = pytest.mark.acceptance
DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}
SEEN_FROM_OUTSIDE = "https://ecoute.example.org"


def free_port():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


async def opened(centre, port, **access):
    sites = staffed(centre)
    sites["clinic"]["access"] = access
    await centre.open(sites=sites, http={"port": port})


async def add_device(shown):
    wire = await shown.page.context.new_cdp_session(shown.page)
    await wire.send("WebAuthn.enable")
    await wire.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})


async def add_passkey(shown, centre, person):
    """By somebody whose factor is not fresh any more: they show it once more."""
    await add_device(shown)
    centre.clock.advance(minutes=6)
    await shown.press("My account")
    await shown.press("Add a passkey")
    assert "still you" in await shown.page.inner_text("h1")
    assert await shown.barriers() == {}
    await shown.fill(proof=person.digits(centre))
    await shown.press("Confirm")
    await shown.press("Add a passkey")
    assert await shown.barriers() == {}
    await shown.press("Use the passkey")
    await shown.page.wait_for_selector("td:has-text('on one device only')")
    assert await shown.barriers() == {}


async def sign_in_alone(shown):
    await shown.press("Sign in with a passkey")
    assert await shown.barriers() == {}
    await shown.press("Continue")
    await shown.press("Use the passkey")
    await shown.page.wait_for_selector("nav.main")


async def sign_in_after_the_password(shown, person):
    await shown.page.wait_for_selector("[name=code]")
    await shown.fill(code=person.code, password=person.password)
    await shown.press("Continue")
    await shown.press("Sign in with a passkey")
    await shown.press("Use the passkey")
    await shown.page.wait_for_selector("nav.main")


async def test_a_passkey_is_added_and_signs_in_alone_or_after_the_password(centre):
    port = free_port()
    address = f"http://localhost:{port}"
    await opened(centre, port, public_url=address)
    person = await enrol(centre, "trainer-tess", Role.TRAINER)
    async with chromium() as browser, window(browser, address) as shown:
        await shown.sign_in(centre, person)
        await add_passkey(shown, centre, person)
        await shown.press("Sign out")
        await sign_in_alone(shown)
        await shown.press("Sign out")
        await sign_in_after_the_password(shown, person)
        await shown.press("My account")
        await shown.press("Remove")
        await shown.page.wait_for_selector("text=You have none.")
    assert shown.faults == []


async def test_without_a_passkey_the_page_says_so_and_stays(centre):
    port = free_port()
    address = f"http://localhost:{port}"
    await opened(centre, port, public_url=address)
    async with chromium() as browser, window(browser, address) as shown:
        await shown.go("/sign-in/passkey")
        await add_device(shown)
        await shown.press("Continue")
        await shown.press("Use the passkey")
        await shown.page.wait_for_selector("#refused:visible")
        assert await shown.barriers() == {}
    assert shown.faults == []


async def test_a_recovery_code_lets_in_once(house):
    person = await enrol(house, "trainer-tess", Role.TRAINER)
    async with chromium() as browser, window(browser, house.service.address) as shown:
        await shown.go("/sign-in/recovery")
        assert await shown.barriers() == {}
        whole = {"code": person.code, "password": person.password}
        await shown.fill(**whole, recovery=person.recovery[0])
        await shown.press("Sign in")
        await shown.press("My account")
        assert "you have left: 9" in await shown.text
        await shown.fill(proof=person.digits(house))
        await shown.press("Make new codes")
        await shown.page.wait_for_selector(".codes")
        assert await shown.barriers() == {}
        await shown.press("Sign out")
        await shown.go("/sign-in/recovery")
        await shown.fill(**whole, recovery=person.recovery[1])  # one of the old ones
        await shown.press("Sign in")
        assert "Not signed in" in await shown.text
    assert shown.faults == []


async def test_the_organisations_provider_signs_in(centre, glewlwyd):
    centre.clock.now = datetime.now(UTC)  # the provider goes by the true time
    asked = {k: v for k, v in asdict(glewlwyd.config()).items() if v}
    asked.pop("timeout")
    await opened(centre, 0, public_url=SEEN_FROM_OUTSIDE, oidc=asked)
    name = new_name()
    telephone = glewlwyd.add(name, "call-trainers")
    console = f"{centre.service.address}/console"
    async with centre.http.get(f"{console}/sign-in") as answer:
        assert "/console/sign-in/sso/at/clinic" in await answer.text()
    leaving = f"{console}/sign-in/sso/at/clinic"
    async with centre.http.get(leaving, allow_redirects=False) as answer:
        begun = answer.cookies["__Host-ponctuel-sso"]
        there = answer.headers["Location"]
    query = glewlwyd.visit(there, name, telephone)
    back = f"{console}/sign-in/sso/back?{urlencode(query)}"
    kept = {"Cookie": f"__Host-ponctuel-sso={begun.value}"}
    async with centre.http.get(back, headers=kept) as answer:
        arrived = await answer.text()
        session = answer.cookies["__Host-ponctuel"]
        ended = answer.cookies["__Host-ponctuel-sso"]
    async with centre.http.get(back, headers=kept) as again:
        assert again.status == 401  # what came back is good once
    signed_in = {"Cookie": f"__Host-ponctuel={session.value}", "Accept-Language": "en"}
    async with centre.http.get(f"{console}/", headers=signed_in) as home:
        assert "You hear the recordings your grants cover" in await home.text()
    assert there.startswith(glewlwyd.issuer.partition("/api")[0])
    assert begun["samesite"] == "Lax"  # it has to come along from there
    assert session["samesite"] == "Strict"
    assert ended["max-age"] == "0"
    assert 'http-equiv="refresh" content="0; url=/console/"' in arrived
