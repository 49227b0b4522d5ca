"""Listening in a real browser: a purpose, a player without a download, a form."""

import pytest

from proxy.access.permissions import Role
from proxy.access.trace.acts import Act
from tests.fakes.browser import chromium
from tests.fakes.console import enrol, window
from tests.fakes.evidence import until
from tests.fakes.listeners import grant, recorded, traced

pytestmark = pytest.mark.acceptance
PLAYED = "() => document.getElementById('player').currentTime > 0.2"


async def listen(shown):
    """By keyboard: a purpose, the button, the key."""
    await shown.page.select_option("[name=purpose]", "training")
    await shown.page.focus("td button")
    await shown.page.keyboard.press("Enter")
    await shown.page.wait_for_selector("audio")
    assert await shown.barriers() == {}


async def assess(shown):
    """First with somebody's number in it."""
    await shown.fill(**{"agent": "a-104", "criterion-1": "greeting", "score-1": "8"})
    await shown.fill(conclusion="call 06 12 34 56 78")
    await shown.press("Keep the analysis")
    assert "without numbers" in await shown.text
    assert await shown.barriers() == {}
    await shown.fill(conclusion="short and friendly")
    await shown.press("Keep the analysis")
    await shown.page.wait_for_selector("caption")
    assert "short and friendly" in await shown.text
    assert await shown.barriers() == {}


async def close(shown):
    await shown.press("Make it final")
    assert await shown.page.get_by_role("button", name="Make it final").count() == 0
    await shown.press("Analyses")
    assert "final" in await shown.text
    assert await shown.barriers() == {}


async def test_a_trainer_hears_a_recording_and_writes_an_analysis(house):
    recording, _ = await recorded(house)
    person = await enrol(house, "trainer-tess", Role.TRAINER)
    async with chromium() as browser, window(browser, house.service.address) as shown:
        await shown.sign_in(house, person)
        await shown.press("Recordings")
        assert "No recording is within your reach" in await shown.text
        await grant(house, person.code)
        await shown.go("/recordings")
        assert await shown.barriers() == {}
        await listen(shown)
        assert await traced(house, Act.HEARD) == []  # nothing before somebody plays it
        await shown.page.keyboard.press("k")
        await until(lambda: shown.page.evaluate(PLAYED))
        [heard, *_] = await traced(house, Act.HEARD)
        await assess(shown)
        await close(shown)
    assert (heard.item, heard.purpose) == (recording, "training")
    assert heard.actor == person.code
    assert shown.faults == []
