"""The console's wire: forms that are not ours, headers, redirects, limits, routes."""

import re

import aiohttp
import pytest
from aiohttp import web

from proxy.access.permissions import Role
from proxy.api.route import PUBLIC, UnguardedRouteError
from proxy.console.application import Console
from proxy.console.defences import HEADERS
from proxy.console.table import ROUTES
from proxy.console.visit import PageRoute
from tests.fakes.console import PASSWORD, enrol
from tests.fakes.forms import Forms

pytestmark = pytest.mark.acceptance


@pytest.fixture
def browser(house):
    return Forms(house.http, house.service.address)


@pytest.fixture
async def signed_in(house, browser):
    await browser.sign_in(house, await enrol(house, "ada-1", Role.ADMINISTRATOR))
    return browser


async def test_a_form_without_its_token_or_with_anothers_is_refused(house, signed_in):
    stranger = Forms(house.http, house.service.address)
    invitation = {"code": "trainer-tess", "role": "trainer"}
    foreign = await stranger.token("/sign-in")
    for shown in ({}, {"csrf": ""}, {"csrf": foreign}, {"csrf": "é" * 43}):
        answer, text = await signed_in.ask("POST", "/accounts", invitation | shown)
        assert answer.status == 403
        assert "ne venait pas de cette page" in text
    assert await house.value("SELECT count(*) FROM accounts") == 1


FOREIGN = (
    {"Origin": "https://elsewhere.example"},
    {"Origin": "null"},
    {"Sec_Fetch_Site": "cross-site"},
    {"Sec_Fetch_Site": "same-site"},
    {"Sec_Fetch_Site": "cross-site", "Origin": "null"},
)


async def test_a_form_sent_from_another_site_is_refused(house, signed_in):
    fields = {"code": "t-1", "role": "trainer", "csrf": await signed_in.token("/")}
    for headers in FOREIGN:
        answer, _ = await signed_in.ask("POST", "/accounts", fields, **headers)
        assert answer.status == 403, headers
    assert await house.value("SELECT count(*) FROM accounts") == 1


async def test_nobody_is_signed_in_by_another_sites_form(house, browser):
    person = await enrol(house, "ada-1", Role.ADMINISTRATOR)
    who = {"site": "clinic", "code": person.code, "password": PASSWORD}
    answer, _ = await browser.ask("POST", "/sign-in", who)  # no cookie, no token
    assert answer.status == 403
    csrf = await browser.token("/sign-in")
    other = Forms(house.http, house.service.address)
    await other.token("/sign-in")
    answer, _ = await other.ask("POST", "/sign-in", who | {"csrf": csrf})
    assert answer.status == 403  # a token that was copied into another browser


async def test_the_form_of_a_session_that_ended_says_so(house, signed_in):
    csrf = await signed_in.token("/accounts")
    house.clock.advance(minutes=16)
    answer, text = await signed_in.ask("POST", "/accounts", {"csrf": csrf})
    assert answer.status == 401
    assert "Votre session est terminée" in text
    assert answer.cookies["__Host-ponctuel"]["max-age"] == "0"


async def test_a_session_is_new_and_what_was_before_it_counts_no_more(house, browser):
    person = await enrol(house, "ada-1", Role.ADMINISTRATOR)
    browser.cookies["__Host-ponctuel"] = planted = f"clinic.{'A' * 43}"
    before = await browser.token("/sign-in")
    answer = await browser.sign_in(house, person)
    assert browser.cookies["__Host-ponctuel"] != planted
    assert answer.cookies["__Host-ponctuel-form"]["max-age"] == "0"
    assert answer.cookies["__Host-ponctuel-begun"]["max-age"] == "0"
    cookie = answer.cookies["__Host-ponctuel"]
    assert (cookie["secure"], cookie["httponly"], cookie["path"]) == (True, True, "/")
    assert (cookie["samesite"], cookie["domain"]) == ("Strict", "")
    assert not cookie["max-age"]
    assert not cookie["expires"]
    answer, _ = await browser.ask("POST", "/sign-out", {"csrf": before})
    assert answer.status == 403


async def test_whoever_signs_out_leaves_nothing_in_the_browser(house, browser):
    await browser.sign_in(house, await enrol(house, "ada-1", Role.ADMINISTRATOR))
    csrf = await browser.token("/")
    answer, _ = await browser.ask("POST", "/sign-out", {"csrf": csrf})
    assert answer.headers["Location"] == "/console/sign-in"
    assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'
    assert answer.cookies["__Host-ponctuel"]["max-age"] == "0"


async def test_no_foreign_link_begins_a_sign_in_at_the_provider(browser):
    said = {}
    for fetched in ("cross-site", "same-site", "same-origin", "none"):
        answer, _ = await browser.ask(
            "GET", "/sign-in/sso/at/clinic", Sec_Fetch_Site=fetched
        )
        said[fetched] = answer.status
    # Without a provider our own link leads nowhere either, but is not called foreign.
    assert said["cross-site"] == said["same-site"] == 403
    assert said["same-origin"] == said["none"] != 403


async def test_the_answer_to_a_code_nobody_has_is_that_to_a_wrong_password(
    house, browser
):
    await enrol(house, "ada-1", Role.ADMINISTRATOR)
    csrf = await browser.token("/sign-in")
    said = set()
    for site, code in (("clinic", "ada-1"), ("clinic", "bob-1"), ("other", "ada-1")):
        wrong = {"site": site, "code": code, "password": "not anybody's", "csrf": csrf}
        answer, text = await browser.ask("POST", "/sign-in", wrong)
        said.add((answer.status, text.replace(code, "CODE").replace(site, "SITE")))
    assert len({text for _, text in said}) == 1
    assert {status for status, _ in said} == {401}


ANSWERS = (
    ("GET", "/sign-in", 200),
    ("GET", "/static/console.css", 200),
    ("GET", "/", 303),
    ("GET", "/nowhere", 404),
    ("GET", "/static/../application.py", 404),
    ("GET", "/static/%2e%2e/application.py", 404),
    ("PUT", "/sign-in", 405),
    ("POST", "/sign-in", 403),
)


async def test_every_answer_carries_the_headers(browser):
    for method, path, status in ANSWERS:
        answer, _ = await browser.ask(method, path, {} if method == "POST" else None)
        assert answer.status == status, path
        assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS, path


async def test_the_policy_allows_nothing_inline_and_nothing_from_elsewhere():
    assert HEADERS["Content-Security-Policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "media-src 'self'; connect-src 'self'; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    )


async def test_choosing_a_language_leads_to_our_own_pages_only(browser):
    csrf = await browser.token("/sign-in")
    fields = {"csrf": csrf, "language": "en"}
    for back in ("//elsewhere.example", "https://elsewhere.example", "/../x", ""):
        answer, _ = await browser.ask("POST", "/language", fields | {"back": back})
        assert answer.headers["Location"] == "/console/"
    answer, _ = await browser.ask("POST", "/language", fields | {"back": "/sign-in"})
    assert answer.headers["Location"] == "/console/sign-in"
    _, text = await browser.ask("GET", "/sign-in", Accept_Language="fr")
    assert '<html lang="en">' in text


NO_FORMS = (
    (b"x=" + b"y" * 70_000, {}, 413),
    (b"a=1&a=2", {}, 400),
    (b"a=%00", {}, 400),
    (b"a=%ff", {}, 400),
    (b"&".join(b"f%d=1" % n for n in range(300)), {}, 400),
    (b"{}", {"Content_Type": "application/json"}, 415),
    (b"{}", {"Content_Type": "multipart/form-data; boundary=x"}, 415),
)


async def test_a_form_that_cannot_be_ours_is_not_read(browser):
    for body, headers, status in NO_FORMS:
        answer, text = await browser.ask("POST", "/sign-in", body, **headers)
        assert answer.status == status, body[:20]
        assert "<h1>" in text


async def test_what_a_role_may_not_see_is_said_and_what_is_not_there_looks_alike(
    signed_in,
):
    answer, text = await signed_in.ask("GET", "/alerts")
    assert answer.status == 403
    assert "Votre rôle ne le permet pas" in text
    unknown = "3f0b7a52-6c8e-4a53-9d44-1f3f6d2c9f10"
    pages = [
        await signed_in.ask("GET", place)
        for place in ("/nowhere", f"/accounts/{unknown}", "/accounts/1%27--")
    ]
    told = {re.search(r"<main.*</main>", text, re.DOTALL)[0] for _, text in pages}
    assert [answer.status for answer, _ in pages] == [404, 404, 404]
    assert len(told) == 1


ODD = (
    "/trace?since=9999-12-31&until=9999-12-31",
    "/trace?until=0001-01-01",
    "/trace?actor=%00",
    "/trace?actor=Claire%20Martin",
    "/trace?act=nothing",
    "/trace?item=1",
    f"/trace?after={'9' * 40}",
    f"/trace?after={'9' * 5000}",
    "/reviews/months/9999-12",
    "/reviews/months/0001-01",
    "/reviews/months/2026-13",
    "/recordings?day=9999-12-31",
    "/recordings?day=x",
    "/recordings?after=999999_" + "f" * 32,
    "/recordings?after=%00",
    "/analyses?after=-1",
    "/alerts/1",
    "/alerts/" + "0" * 300,
    "/emergencies/%2e%2e",
)


async def test_an_odd_address_is_nowhere(house, browser):
    await browser.sign_in(house, await enrol(house, "dpo-dina", Role.DPO))
    for path in ODD:
        answer, text = await browser.ask("GET", path)
        assert answer.status in {200, 404}, path
        assert "<h1>" in text


async def test_what_a_form_cannot_have_held_is_refused_in_words(house, browser):
    await browser.sign_in(house, await enrol(house, "dpo-dina", Role.DPO))
    csrf = await browser.token("/")
    unknown = "3f0b7a52-6c8e-4a53-9d44-1f3f6d2c9f10"
    for path, fields in (
        ("/grants", {"code": "x" * 3000, "until": "9999-12-31"}),
        ("/grants", {"code": "t-1", "until": "0000-00-00"}),
        ("/reviews/months/2026-10", {f"line-{'9' * 5000}": "in-order"}),
        ("/reviews/months/2026-10", {"line-": "in-order"}),
        ("/reviews/months/2026-10", {"line-1": "perhaps"}),
        ("/reviews/habilitations", {"digest": "é"}),
        (f"/alerts/{unknown}", {"decision": "none"}),
        (f"/emergencies/{unknown}", {"outcome": "perhaps"}),
        ("/emergency", {"recording": "1", "reason": "because of this very case"}),
        (f"/recordings/{unknown}/plays", {"purpose": "curiosity"}),
        (f"/recordings/{unknown}/plays", {"purpose": "case"}),
        ("/account/password", {"current": "x", "password": "y", "again": "y"}),
        ("/account/confirm", {"proof": "9" * 5000}),
        ("/account/recovery-codes", {"proof": "x"}),
    ):
        answer, text = await browser.ask("POST", path, fields | {"csrf": csrf})
        assert 400 <= answer.status < 500, path
        assert "<h1>" in text


async def test_what_people_type_is_shown_as_text(signed_in):
    csrf = await signed_in.token("/accounts")
    typed = '"><script>alert(1)</script>'
    fields = {"csrf": csrf, "code": typed, "role": "trainer"}
    _, text = await signed_in.ask("POST", "/accounts", fields)
    assert "<script>alert" not in text
    assert "&lt;script&gt;" in text


async def test_every_page_says_who_may_or_that_everybody_may(house):
    async def show(_):
        raise AssertionError

    with pytest.raises(UnguardedRouteError):
        PageRoute("GET", "/open", None, show)
    console = Console(house.service.sites, None, lambda: True, routes=())
    route = object.__new__(PageRoute)
    for name, value in (("method", "GET"), ("path", "/x"), ("permission", "nobody")):
        object.__setattr__(route, name, value)
    object.__setattr__(route, "handler", show)
    console._routes = (route,)
    with pytest.raises(UnguardedRouteError):
        console.add_to(web.Application())


def test_what_is_open_to_everybody_is_signing_in_a_notice_and_a_persons_own_copy():
    public = {route.path for route in ROUTES if route.permission is PUBLIC}
    assert {path.split("/")[1] for path in public} == {
        "invitations",
        "language",
        "notice",
        "packages",
        "sign-in",
    }


async def test_while_the_service_starts_a_page_says_so(centre):
    await centre.open_unready()
    console = Console({}, None, lambda: False)
    application = web.Application()
    console.add_to(application)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    address = f"http://127.0.0.1:{runner.addresses[0][1]}/console/sign-in"
    async with aiohttp.ClientSession() as http, http.get(address) as answer:
        told = await answer.text()
    await runner.cleanup()
    assert answer.status == 503
    assert answer.headers["Retry-After"] == "5"
    assert "Indisponible" in told
