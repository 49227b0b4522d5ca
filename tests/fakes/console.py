"""People at the console: enrolled, and in front of a browser."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pyotp
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page

from proxy.access.accounts.accounts import APPOINTED, Wanted
from proxy.access.permissions import Actor, Role, ShownBy
from tests.fakes.browser import opened
from tests.fakes.clinic import SITE
from tests.fakes.staff import CARLA

PASSWORD = "seven otters borrow quiet umbrellas at dusk"
ADMINISTRATOR = Actor("admin-ada", Role.ADMINISTRATOR, SITE, ShownBy.SESSION)
_STEP = timedelta(seconds=30)


@dataclass
class Person:
    """Somebody with a password and an authenticator, whose digits are good once."""

    code: str
    password: str
    totp_secret: str
    recovery: tuple[str, ...] = ()
    shown_until: datetime | None = field(default=None, repr=False)

    def digits(self, centre: Any) -> str:
        """What the app shows now; the clock goes on if these were shown already."""
        if self.shown_until and centre.clock() < self.shown_until:
            centre.clock.now = self.shown_until
        self.shown_until = centre.clock() + _STEP
        return pyotp.TOTP(self.totp_secret).at(centre.clock())


async def enrol(centre: Any, code: str, role: Role, agent: str | None = None) -> Person:
    """Invited, accepted and, where the role needs it, appointed; without a browser."""
    invitations = centre.site.access.invitations
    invited = await invitations.invite(ADMINISTRATOR, Wanted(code, role, agent))
    person = await accept(centre, code, invited.secret)
    if role in APPOINTED:
        await centre.site.access.accounts.appoint(CARLA, code, agent)
    return person


async def accept(centre: Any, code: str, secret: str) -> Person:
    """Whoever has the link chooses a password and shows an app's digits."""
    invitations = centre.site.access.invitations
    offer = await invitations.offer(secret)
    person = Person(code, PASSWORD, offer.totp_secret)
    digits = person.digits(centre)
    person.recovery = await invitations.accept(
        secret, PASSWORD, opening=offer.opening, totp=digits
    )
    return person


@dataclass
class Window:
    """A browser's window at the console, and what went wrong in it."""

    page: Page
    address: str
    faults: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    async def go(self, path: str = "/") -> None:
        await self.page.goto(f"{self.address}/console{path}")

    @property
    async def text(self) -> str:
        return await self.page.inner_text("main")

    async def press(self, name: str) -> None:
        """Click what is called so."""
        button = self.page.get_by_role("button", name=name, exact=True)
        link = self.page.get_by_role("link", name=name, exact=True)
        await button.or_(link).first.wait_for()
        await (button if await button.count() else link).first.click()

    async def fill(self, **fields: str) -> None:
        for name, value in fields.items():
            await self.page.fill(f"[name={name}]:visible", value)

    async def sign_in(self, centre: Any, person: Person) -> None:
        await self.go("/sign-in")
        await self.fill(code=person.code, password=person.password)
        await self.page.press("[name=password]", "Enter")
        await self.page.wait_for_selector("[name=proof]")
        await self.fill(proof=person.digits(centre))
        await self.page.press("[name=proof]", "Enter")
        await self.page.wait_for_selector("nav.main")

    async def barriers(self) -> Mapping[str, int]:
        """What axe finds against WCAG 2.1 A and AA, and its best practices."""
        found = await Axe().run(self.page)
        return {
            each["id"]: [node["html"] for node in each["nodes"]]
            for each in found.response["violations"]
        }


@asynccontextmanager
async def window(
    browser: Browser, address: str, language: str = "en"
) -> AsyncIterator[Window]:
    """A fresh window; anything its console or the content policy reports is a fault."""
    async with opened(browser, language) as page:
        shown = Window(page, address)
        page.on("console", lambda said: _listen(shown, said.type, said.text))
        page.on("pageerror", lambda error: shown.faults.append(str(error)))
        page.on("request", lambda asked: shown.requests.append(asked.url))
        yield shown


def _listen(shown: Window, kind: str, text: str) -> None:
    """Refused forms are answered with their status, which Chromium reports as well."""
    is_status = re.match(r"Failed to load resource: the server responded with", text)
    if kind in ("error", "warning") and not is_status:
        shown.faults.append(text)
