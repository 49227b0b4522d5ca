"""Single sign-on in a real browser: which cookies come along from another site."""

import socket
from dataclasses import asdict
from datetime import UTC, datetime

import pyotp
import pytest

from proxy.access.permissions import Role
from tests.fakes.browser import chromium
from tests.fakes.console import enrol, window
from tests.fakes.glewlwyd import (
    CLIENT,
    PASSWORD,
    STRONG,
    glewlwyd,
    glewlwyd_server,
    new_name,
)
from tests.fakes.staff import staffed

__all__ = ["glewlwyd", "glewlwyd_server"]

pytestmark = pytest.mark.acceptance


def free_port():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


async def open_console(centre, server, **changes):
    """At localhost, which to a browser is another site than the provider's."""
    centre.clock.now = datetime.now(UTC)  # the provider goes by the true time
    port = free_port()
    address = f"http://localhost:{port}"
    server.come_back_to(f"{address}/console/sign-in/sso/back")
    asked = {
        name: value for name, value in asdict(server.config(**changes)).items() if value
    }
    asked.pop("timeout")
    sites = staffed(centre)
    sites["clinic"]["access"] = {"public_url": address, "oidc": asked}
    await centre.open(sites=sites, http={"port": port})
    return address


async def sign_in_there(page, server, name, telephone):
    """What the provider's own page does: Debian ships Glewlwyd without it."""
    ask = page.context.request
    shown = {"value": pyotp.TOTP(telephone).now()}
    for body in (
        {"username": name, "password": PASSWORD},
        {
            "username": name,
            "scheme_type": "otp",
            "scheme_name": "otp",
            "value": shown,
        },
    ):
        answer = await ask.post(f"{server.address}/api/auth/", data=body)
        assert answer.ok
    granted = {"scope": f"openid {STRONG}"}
    answer = await ask.put(f"{server.address}/api/auth/grant/{CLIENT}", data=granted)
    assert answer.ok


async def go_on(page, asked):
    """From a page of the provider, so that the browser knows who sends it to us."""
    there = next(url for url in asked if "/api/oidc/auth?" in url)
    await page.evaluate(f"location.href = {there + '&g_continue'!r}")


async def test_a_browser_comes_back_signed_in_and_stays_so(centre, glewlwyd):
    address = await open_console(centre, glewlwyd)
    name = new_name()
    telephone = glewlwyd.add(name, "call-trainers")
    async with chromium() as browser, window(browser, address) as shown:
        page = shown.page
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        await shown.go("/sign-in/sso/at/clinic")
        assert page.url.startswith(glewlwyd.address)
        await sign_in_there(page, glewlwyd, name, telephone)
        await go_on(page, asked)
        await page.wait_for_selector("nav.main")

        kept = {c["name"]: c for c in await page.context.cookies(address)}
        assert kept["__Host-ponctuel"]["sameSite"] == "Strict"
        assert "__Host-ponctuel-sso" not in kept
        assert page.url.rstrip("/") == f"{address}/console"
        await page.reload()
        await page.wait_for_selector("nav.main")
        await leave_to_show_it_is_still_them(shown, glewlwyd)
    accounts = await centre.site.access.accounts.list()
    assert [account.code[:4] for account in accounts] == ["sso-"]


async def leave_to_show_it_is_still_them(shown, glewlwyd):
    """From a form, which a browser lets lead to no other host than ours."""
    await shown.go("/account/confirm")
    assert await shown.barriers() == {}
    await shown.page.focus("button:has-text('By signing in anew')")
    await shown.page.keyboard.press("Enter")
    await shown.page.wait_for_url(f"{glewlwyd.address}/**")
    assert shown.faults == []


async def test_an_invited_person_ties_their_account_and_shows_our_factor_from_then_on(
    centre, glewlwyd
):
    address = await open_console(centre, glewlwyd, scopes=("openid",))
    person = await enrol(centre, "trainer-tess", Role.TRAINER)
    name = new_name()
    telephone = glewlwyd.add(name, "call-trainers")
    async with chromium() as browser, window(browser, address) as shown:
        page = shown.page
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        await shown.sign_in(centre, person)
        await shown.press("My account")
        await shown.press("Tie this account to the one of my organisation")
        await page.wait_for_url(f"{glewlwyd.address}/**")
        await sign_in_there(page, glewlwyd, name, telephone)
        await go_on(page, asked)
        await page.wait_for_url(f"{address}/console/account")

        await shown.press("Sign out")
        await page.wait_for_selector("[name=code]")
        asked.clear()
        await shown.go("/sign-in/sso/at/clinic")  # signed in there still
        await go_on(page, asked)
        await page.wait_for_selector("[name=proof]")
        await shown.fill(proof=person.digits(centre))
        await page.press("[name=proof]", "Enter")
        await page.wait_for_selector("nav.main")
    accounts = await centre.site.access.accounts.list()
    assert [account.code for account in accounts] == ["trainer-tess"]
    assert shown.faults == []


async def test_another_browser_cannot_finish_what_this_one_began(centre, glewlwyd):
    """Nor be made to: an answer that somebody else got signs nobody in as them."""
    address = await open_console(centre, glewlwyd)
    name = new_name()
    telephone = glewlwyd.add(name, "call-trainers")
    begun = await centre.site.access.oidc.begin()
    query = glewlwyd.visit(begun.address, name, telephone)
    async with chromium() as browser, window(browser, address) as shown:
        await shown.go("/sign-in/sso/at/clinic")  # it has a cookie, of its own
        parts = "&".join(f"{key}={value}" for key, value in query.items())
        await shown.go(f"/sign-in/sso/back?{parts}")

        kept = {c["name"] for c in await shown.page.context.cookies(address)}
        assert "__Host-ponctuel" not in kept
    assert await centre.site.access.accounts.list() == []
