"""A real browser that can reach nothing but this machine."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, Page, async_playwright

from tests.peers import need

PATIENCE_MS = 30_000
# Not Playwright's routing, which would switch the browser's own cache off: every name
# but these is unknown, and every other address is asked of a proxy nobody runs.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--autoplay-policy=no-user-gesture-required",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
    "--proxy-server=http://127.0.0.1:9",
    "--proxy-bypass-list=127.0.0.1;localhost",
)


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Chromium, started and ended."""
    program = need("chromium", "apt install chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=program, args=list(ARGUMENTS)
        )
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def opened(browser: Browser, language: str = "en") -> AsyncIterator[Page]:
    """A page of its own: no cookie, nothing cached, this language asked for."""
    context = await browser.new_context(locale=language)
    context.set_default_timeout(PATIENCE_MS)
    try:
        yield await context.new_page()
    finally:
        await context.close()
