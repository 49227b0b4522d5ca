"""The notice, on its public page, over the API and on the command line."""

import json

import aiohttp
import pytest

from proxy.letters.notices import NoticeKind
from tests.fakes.api import API, TOKENS, people
from tests.fakes.browser import chromium
from tests.fakes.call_centre import SITE
from tests.fakes.command_line import ponctuel
from tests.fakes.console import window

pytestmark = pytest.mark.acceptance
RIGHTS = {"controller": "Accueil <Durand> & fils", "contact": "12 rue des Lilas, Lyon"}


def told_of(centre, **policy):
    written = {"kept_days": 45, "opt_out_key": "7"} | policy
    sites = centre.plan(policy=centre.policy(**written))["sites"]
    sites[SITE] |= {
        "rights": RIGHTS,
        "dpo_contact": "dpo@durand.example",
        "people": people(),
        "access": {"public_url": "https://durand.example"},
    }
    return sites


@pytest.fixture
async def open_house(centre):
    centre.sites = told_of(centre)
    await centre.open(sites=centre.sites)
    return centre


@pytest.mark.parametrize(
    ("language", "kept", "key"),
    [("fr", "45\u00a0jours", "touche 7"), ("en", "45\u00a0days", "pressing 7")],
)
async def test_everybody_reads_it_and_it_leads_nowhere(open_house, language, kept, key):
    address = f"{open_house.service.address}/console/notice/{SITE}"
    async with aiohttp.ClientSession() as session:
        asked = {"Accept-Language": language}
        async with session.get(address, headers=asked) as answer:
            page = await answer.text()

    text = open_house.site.notices.current(NoticeKind.NOTICE, language)
    assert answer.status == 200
    assert kept in page
    assert key.replace(" 7", "\u00a07") in page.replace(" 7", "\u00a07")
    assert text.version in page
    assert "Accueil &lt;Durand&gt; &amp; fils" in page
    assert "Set-Cookie" not in answer.headers or "session" not in str(answer.cookies)


async def test_it_is_read_without_a_script_and_without_a_barrier(open_house):
    async with (
        chromium() as browser,
        window(browser, open_house.service.address) as shown,
    ):
        for other in ("Français", "English"):
            await shown.go(f"/notice/{SITE}")
            assert await shown.barriers() == {}
            links = await shown.page.locator("main a").count()
            assert links == 0
            if await shown.page.get_by_role("button", name=other).count():
                await shown.press(other)
                assert f"/notice/{SITE}" in shown.page.url
    assert shown.faults == []


@pytest.mark.parametrize("place", ["nowhere", "x" * 40, "..%2f", "%00"])
async def test_a_site_that_is_not_there_has_no_notice(open_house, place):
    address = f"{open_house.service.address}/console/notice/{place}"
    async with aiohttp.ClientSession() as session, session.get(address) as answer:
        assert answer.status == 404


async def test_the_api_has_the_texts_in_force_and_those_before(open_house):
    await open_house.site.tend()
    asked = {"Authorization": f"Bearer {TOKENS['aude']}"}
    base = f"{open_house.service.address}{API}/sites/{SITE}"
    async with aiohttp.ClientSession(headers=asked) as session:
        async with session.get(f"{base}/notices") as answer:
            now = await answer.json()
        async with session.get(f"{base}/notice-history") as answer:
            before = await answer.json()

    versions = {item["version"] for item in now["items"]}
    assert len(now["items"]) == 4
    assert {item["version"] for item in before["items"]} == versions
    assert all(item["ended_at"] is None for item in before["items"])


async def test_the_command_prints_what_the_page_says(open_house):
    await open_house.site.tend()

    def run(*arguments):
        named = ("notices", *arguments, "--site", SITE)
        token, sites = TOKENS["olga"], open_house.sites
        return ponctuel(open_house, *named, token=token, sites=sites)

    plain = await run("show", "--language", "en")
    spoken = await run("show", "--kind", "announcement", "--json")
    history = await run("history", "--json")

    notices = open_house.site.notices
    assert plain.stdout == notices.current(NoticeKind.NOTICE, "en").text, plain.stderr
    announced = notices.current(NoticeKind.ANNOUNCEMENT, "fr")
    told = json.loads(spoken.stdout)
    assert (told["text"], told["version"]) == (announced.text, announced.version)
    assert f"https://durand.example/console/notice/{SITE}" in announced.text
    assert len(history.stdout.splitlines()) == 4


async def test_doctor_says_where_callers_are_told_something_else(centre):
    wrong = "Cet appel est enregistré et gardé 10 jours. Touche 8 pour refuser."
    sites = told_of(centre, announcement=wrong)
    await centre.open(sites=sites)

    done = await ponctuel(centre, "doctor", sites=sites)

    assert f"{SITE}: notice" in done.stdout, done.stderr
    assert "names 8, and 7 is in force: name 7" in done.stdout
    assert "says 10 jour, and recordings are kept 45 days" in done.stdout


async def test_doctor_says_where_nobody_is_named_to_ask(house):
    sites = told_of(house)
    sites[SITE] |= {"rights": {}, "dpo_contact": ""}

    done = await ponctuel(house, "doctor", sites=sites)

    [line] = [each for each in done.stdout.splitlines() if f"{SITE}: notice" in each]
    assert "warn: none can be made" in line
    assert "desk.contact is missing" in line
