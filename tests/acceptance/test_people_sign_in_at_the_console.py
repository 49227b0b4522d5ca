"""Signing in and out, in a real browser, by keyboard, in both languages."""

import pytest

from proxy.access.permissions import Role
from tests.fakes.browser import chromium
from tests.fakes.console import enrol, window
from tests.fakes.evidence import until

pytestmark = pytest.mark.acceptance


@pytest.fixture
async def browser():
    async with chromium() as started:
        yield started


@pytest.mark.parametrize(
    ("language", "welcome", "ended"),
    [
        ("en", "You make and end accounts", "Your session has ended"),
        ("fr", "Vous créez les comptes", "Votre session est terminée"),
    ],
)
async def test_somebody_signs_in_and_out_by_keyboard_alone(
    house, browser, language, welcome, ended
):
    person = await enrol(house, "ada-1", Role.ADMINISTRATOR)
    async with window(browser, house.service.address, language) as shown:
        await show_password(shown, person)
        await show_digits(shown, person.digits(house))
        assert welcome in await shown.text
        cookies = {c["name"]: c for c in await shown.page.context.cookies()}
        await shown.page.focus("form[action$=sign-out] button")
        await shown.page.keyboard.press("Enter")
        await shown.page.wait_for_selector("[name=password]")
        await shown.page.context.add_cookies([cookies["__Host-ponctuel"]])
        await shown.go()  # what the browser held is worth nothing any more
        assert ended in await shown.text
        assert await shown.barriers() == {}
        assert await shown.page.get_attribute("html", "lang") == language
    kept = cookies["__Host-ponctuel"]
    assert (kept["httpOnly"], kept["secure"], kept["sameSite"]) == (
        True,
        True,
        "Strict",
    )
    assert shown.faults == []
    assert all(asked.startswith(house.service.address) for asked in shown.requests)


async def show_password(shown, person):
    """First a wrong one."""
    keyboard = shown.page.keyboard
    await shown.go()  # nobody is there yet: the sign-in page comes
    assert await shown.barriers() == {}
    await shown.page.focus("[name=code]")
    await keyboard.type(person.code)
    await keyboard.press("Tab")
    await keyboard.type("not the password of anybody")
    await keyboard.press("Enter")
    await shown.page.wait_for_selector("[role=alert]")
    assert await shown.barriers() == {}
    await shown.page.focus("[name=password]")
    await keyboard.type(person.password)
    await keyboard.press("Enter")


async def show_digits(shown, digits):
    await shown.page.wait_for_selector("[name=proof]")
    assert await shown.barriers() == {}
    await shown.page.keyboard.type(digits)  # the field has the focus
    await shown.page.keyboard.press("Enter")
    await shown.page.wait_for_selector("nav.main")
    assert await shown.barriers() == {}


async def test_a_session_ended_in_another_window_is_over_in_this_one(house, browser):
    person = await enrol(house, "ada-1", Role.ADMINISTRATOR)
    address = house.service.address
    async with window(browser, address) as here, window(browser, address) as there:
        await here.sign_in(house, person)
        await there.sign_in(house, person)
        await there.press("My account")
        assert await there.barriers() == {}
        await there.press("End")
        await there.page.wait_for_load_state()
        await here.go("/accounts")
        assert "Your session has ended" in await here.text
        await here.press("Sign in again")
        await here.page.wait_for_selector("[name=password]")
    assert here.faults == there.faults == []


async def test_a_changed_password_lets_in_and_the_former_does_not(house, browser):
    person = await enrol(house, "ada-1", Role.ADMINISTRATOR)
    former, person_then = person.password, "five brass kettles hum along the pier"
    async with window(browser, house.service.address) as shown:
        await shown.sign_in(house, person)
        await shown.press("My account")
        await shown.fill(current=former, password="short", again="short")
        await shown.press("Change it")
        assert "would be guessed" in await shown.text
        assert await shown.barriers() == {}
        await shown.fill(current=former, password=person_then, again=person_then)
        await shown.press("Change it")
        await shown.press("Sign out")
        await shown.page.wait_for_selector("[name=code]")
        await shown.fill(code=person.code, password=former)
        await shown.press("Continue")
        assert "Not signed in" in await shown.text
        person.password = person_then
        await shown.sign_in(house, person)
    assert shown.faults == []


INLINE = """() => {
  const image = document.createElement("img");
  image.setAttribute("onerror", "window.ran = true");
  image.src = "/console/static/nothing.png";
  const away = document.createElement("img");
  away.src = "https://elsewhere.example/x.png";
  document.body.append(image, away);
}"""


async def test_what_somebody_slipped_into_a_page_does_not_run_and_is_noticed(
    house, browser
):
    async with window(browser, house.service.address) as shown:
        await shown.go("/sign-in")
        assert shown.faults == []
        await shown.page.evaluate(INLINE)
        await until(lambda: len(shown.faults) >= 2)
        assert await shown.page.evaluate("() => window.ran") is None
    assert all("Content Security Policy" in fault for fault in shown.faults)
