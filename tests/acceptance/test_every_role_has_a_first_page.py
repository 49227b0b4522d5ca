"""Each role's first page says what they can do, leads there, and has no barrier."""

import pytest

from proxy.access.permissions import Role
from proxy.console.words import LANGUAGES
from tests.fakes.browser import chromium
from tests.fakes.console import enrol, window
from tests.fakes.listeners import recorded

pytestmark = pytest.mark.acceptance


async def look_around(shown, centre, role):
    """Open whatever the menu offers."""
    agent = "agent-1" if role is Role.AGENT else None
    person = await enrol(centre, f"{role.value.replace('_', '-')}-x", role, agent)
    await shown.sign_in(centre, person)
    assert LANGUAGES["en"](f"home.{role}") in await shown.text
    links = shown.page.locator("nav.main a")
    places = [await each.get_attribute("href") for each in await links.all()]
    for place in places:
        await shown.go(place.removeprefix("/console"))
        assert await shown.page.locator("[aria-current=page]").count() == 1, place
        assert await shown.barriers() == {}, (role, place)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_role_finds_its_pages_and_no_barrier(house, scheme):
    await recorded(house, agent="agent-1")
    # The most pages are the DPO's; others test them in light.
    roles = [role for role in Role if (role is Role.DPO) is (scheme == "dark")]
    async with chromium() as browser:
        for role in roles:
            async with window(browser, house.service.address) as shown:
                await shown.page.emulate_media(color_scheme=scheme)
                await look_around(shown, house, role)
            assert shown.faults == []


async def test_no_page_is_wider_than_a_telephone(house):
    person = await enrol(house, "dpo-dina", Role.DPO)
    async with chromium() as browser, window(browser, house.service.address) as shown:
        await shown.sign_in(house, person)
        await shown.page.set_viewport_size({"width": 320, "height": 640})
        for place in ("/", "/recordings", "/trace", "/grants", "/account", "/reviews"):
            await shown.go(place)
            wide = "document.documentElement.scrollWidth"
            assert await shown.page.evaluate(wide) <= 320, place  # WCAG 1.4.10
    assert shown.faults == []


async def test_an_agent_hears_their_own_call_and_is_offered_no_other(house):
    own, _ = await recorded(house, agent="agent-1")
    await recorded(house, agent="agent-2")
    person = await enrol(house, "agent-x", Role.AGENT, "agent-1")
    async with chromium() as browser, window(browser, house.service.address) as shown:
        await shown.sign_in(house, person)
        await shown.press("Recordings")
        assert await shown.page.locator("tbody tr").count() == 1
        assert str(own) in await shown.text
        await shown.page.select_option("[name=purpose]", "own")
        await shown.page.click("td button")
        await shown.page.wait_for_selector("audio")
        assert await shown.page.locator("textarea, [name=agent]").count() == 0
        assert await shown.barriers() == {}
    assert shown.faults == []
