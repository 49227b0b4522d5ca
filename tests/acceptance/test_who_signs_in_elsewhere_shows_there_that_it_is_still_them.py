"""Whoever has no factor here but their organisation's account, at the console."""

from dataclasses import asdict
from datetime import timedelta
from urllib.parse import urlencode, urlsplit

import pytest

from proxy.access.oidc.sign_in import COOKIE as ABROAD
from proxy.access.wire import COOKIE
from proxy.console.defences import BEGUN
from tests.fakes.form_browser import FormBrowser
from tests.fakes.lying_provider import lying_provider
from tests.fakes.staff import staffed

pytestmark = pytest.mark.acceptance
SEEN_FROM_OUTSIDE = "https://ecoute.example.org"
GOES_ON = r'http-equiv="refresh" content="0; url=([^"]+)"'
ADD_PASSKEY = "/account/passkeys"


@pytest.fixture
async def provider(clock):
    async with lying_provider(clock) as provider:
        yield provider


@pytest.fixture
async def clinic(centre, provider):
    asked = {name: value for name, value in asdict(provider.config()).items() if value}
    asked.pop("timeout")
    sites = staffed(centre)
    sites["clinic"]["access"] = {"public_url": SEEN_FROM_OUTSIDE, "oidc": asked}
    await centre.open(sites=sites)
    return centre


@pytest.fixture
async def tess(clinic, provider):
    """Signed in at a provider that does not say when, so fresh for nothing."""
    browser = FormBrowser(clinic.http, clinic.service.address)
    provider.claims = {"auth_time": None}
    left = await browser.get("/sign-in/sso/at/clinic")
    await browser.get(f"/sign-in/sso/back?{urlencode(provider.visit(left.place))}")
    browser.cookies.pop(ABROAD)
    await browser.get("/account")
    return browser


async def leave(browser):
    """By the form of the page that asks; where that goes on to."""
    asked = await browser.get("/account/confirm")
    assert 'action="/console/account/confirm/sso"' in asked.text
    left = await browser.post("/account/confirm/sso")
    assert left.status == 200, left
    return left.hidden(GOES_ON)


async def come_back(browser, provider, there):
    """As a browser does, whose own cookies come along on the second page only."""
    shown = browser.cookies.copy()
    browser.cookies.clear()
    query = urlencode(provider.visit(there))
    arrived = await browser.get(f"/sign-in/sso/back?{query}")
    browser.cookies |= shown
    path = arrived.hidden(GOES_ON).removeprefix("/console")
    return await browser.get(path)


async def test_they_sign_in_there_anew_and_go_on_under_another_secret(provider, tess):
    stale = await tess.post(ADD_PASSKEY)
    assert stale.place == "/console/account/confirm"
    before = tess.cookies[COOKIE]

    there = await leave(tess)
    assert there.startswith(provider.address)
    assert "prompt=login" in there
    assert "max_age=0" in there
    provider.claims = {}
    back = await come_back(tess, provider, there)

    assert (back.status, back.place) == (303, "/console/account")
    assert tess.cookies[COOKIE] != before
    await tess.get("/account")
    assert (await tess.post(ADD_PASSKEY)).status == 200


async def test_it_is_as_fresh_as_the_provider_says_and_not_as_the_way_back(
    clinic, provider, tess
):
    there = await leave(tess)
    signed_in_at = clinic.clock()
    provider.claims = {"auth_time": int(signed_in_at.timestamp())}
    clinic.clock.advance(minutes=4)
    await come_back(tess, provider, there)

    session = await clinic.site.access.sessions.find(tess.cookies[COOKIE])
    assert abs(session.factor_at - signed_in_at) < timedelta(seconds=1)
    clinic.clock.advance(minutes=2)
    await tess.get("/account")
    assert (await tess.post(ADD_PASSKEY)).place == "/console/account/confirm"


async def test_a_provider_that_still_does_not_say_when_shows_nothing(provider, tess):
    """It was asked to have them sign in anew; who holds the browser can undo that."""
    before = tess.cookies[COOKIE]
    back = await come_back(tess, provider, await leave(tess))

    assert back.status == 401
    assert tess.cookies[COOKIE] == before
    await tess.get("/account")
    assert (await tess.post(ADD_PASSKEY)).place == "/console/account/confirm"


async def test_nobody_is_sent_there_by_a_page_that_is_not_ours(tess):
    csrf = tess.csrf
    for said in ({}, {"csrf": csrf + "x"}):
        tess.csrf = ""
        assert (await tess.post("/account/confirm/sso", **said)).status == 403
    for fetched in ("cross-site", "same-site"):
        tess.headers = {"Sec-Fetch-Site": fetched}
        assert (await tess.get("/account/sso")).status == 403
        assert (await tess.post("/account/confirm/sso", csrf=csrf)).status == 403
    tess.headers = {"Sec-Fetch-Site": "same-origin"}
    assert (await tess.get("/account/sso")).status == 303


@pytest.mark.parametrize("begun", [b"a\xffb", b"", b"other." + b"A" * 43])
async def test_a_cookie_that_is_no_secret_of_ours_is_refused_and_no_fault(
    clinic, tess, open_socket, begun
):
    address = clinic.service.address
    reader, writer = await open_socket(address)
    writer.write(
        b"GET /console/account/sso/back?state=x&code=y HTTP/1.1\r\nHost: %s\r\n"
        b"Connection: close\r\nCookie: %s=%s; %s=%s\r\n\r\n"
        % (
            urlsplit(address).netloc.encode(),
            COOKIE.encode(),
            tess.cookies[COOKIE].encode(),
            BEGUN.encode(),
            begun,
        )
    )
    assert int((await reader.readline()).split()[1]) == 401
