"""The way to a package in a real browser: by keyboard, without a barrier, in French."""

from pathlib import Path

import pytest

from tests.fakes.browser import chromium
from tests.fakes.console import window
from tests.fakes.desk import OFFICER
from tests.fakes.listeners import recorded
from tests.fakes.packages import handing, unpacked
from tests.fakes.persons import THEIRS

pytestmark = pytest.mark.acceptance


@pytest.fixture
async def desk(house):
    async with handing(house) as desk:
        yield desk


async def downloaded(shown):
    async with shown.page.expect_download() as begun:
        await shown.page.focus("a[href^='/packages/']")
        await shown.page.keyboard.press("Enter")
    download = await begun.value
    assert download.suggested_filename == "ponctuel.zip"
    return read(await download.path())


def read(file):
    return Path(file).read_bytes()


@pytest.mark.parametrize(
    ("language", "titles"),
    [
        ("en", ("Enter your code", "Your package is ready")),
        ("fr", ("Saisissez votre code", "Votre dossier est prêt")),
    ],
)
async def test_link_code_and_password_by_keyboard_alone(
    house, desk, language, titles, tmp_path
):
    _, audio = await recorded(house, caller=THEIRS)
    request = await desk.asked()
    await desk.assembled(request)
    link = await desk.packages.issue(OFFICER, request)
    async with (
        chromium() as browser,
        window(browser, house.service.address, language) as shown,
    ):
        keyboard = shown.page.keyboard
        await shown.go(f"/packages#{link.secret}")
        assert "#" not in shown.page.url  # it is out of the history
        assert await shown.barriers() == {}
        await shown.page.focus("[name=link]")
        await keyboard.press("Enter")
        await shown.page.wait_for_selector("[name=code]")
        assert titles[0] in await shown.text
        assert await shown.barriers() == {}
        await keyboard.type(desk.gateway.code)  # the field has the focus
        await keyboard.press("Enter")
        await shown.page.wait_for_url("**/packages/ready")
        assert titles[1] in await shown.text
        assert await shown.barriers() == {}
        archive = await downloaded(shown)
        password = await shown.page.inner_text("code")
        files = unpacked(archive, password, tmp_path)
        assert audio in files.values()
        kept = {each["name"]: each for each in await shown.page.context.cookies()}
    ticket = kept["__Host-ponctuel-package"]
    assert (ticket["httpOnly"], ticket["secure"], ticket["sameSite"]) == (
        True,
        True,
        "Strict",
    )
    assert not any(link.secret in asked for asked in shown.requests)
