"""Real Chromium plays a long recording to its end, and none of it is on its disk."""

import asyncio
from contextlib import asynccontextmanager

import numpy as np
import pytest
from aiohttp import web
from playwright.async_api import async_playwright

from proxy.access.trace.acts import Act
from proxy.access.wire import COOKIE
from proxy.playback.ranges import LARGEST_PIECE
from tests.fakes.browser import ARGUMENTS, PATIENCE_MS
from tests.fakes.byte_search import WORD, Secrets
from tests.fakes.call_centre import wav
from tests.fakes.listeners import recorded, traced, trainer
from tests.peers import need

pytestmark = pytest.mark.acceptance

SECONDS = 200
# As fast as a browser plays at all.
PLAY = """
async (address) => {
  const audio = new Audio(address);
  document.body.append(audio);
  const until = (what) => new Promise((done, failed) => {
    audio.addEventListener(what, done, {once: true});
    audio.addEventListener("error", () => failed(audio.error.message), {once: true});
  });
  const at = async (seconds) => {
    const there = until("seeked");
    audio.currentTime = seconds;
    await there;
  };
  audio.playbackRate = 16;
  await audio.play();
  await at(audio.duration - 8);
  await at(60);
  await at(0);
  const end = until("ended");
  await audio.play();
  await end;
  return [audio.duration, audio.currentTime];
}
"""


@asynccontextmanager
async def browser_on_disk(profile):
    """With a profile of its own, which is where a browser keeps what it keeps."""
    program = need("chromium", "apt install chromium")
    async with async_playwright() as playwright:
        context = await playwright.chromium.launch_persistent_context(
            profile,
            executable_path=program,
            args=list(ARGUMENTS),
            bypass_csp=True,  # the player here is the test's, not a page's of ours
            accept_downloads=True,
        )
        context.set_default_timeout(PATIENCE_MS)
        try:
            yield context
        finally:
            await context.close()


async def play(context, page_address, address):
    """How long it is, and how far it was played; and what was downloaded."""
    downloads = []
    page = await context.new_page()
    page.on("download", lambda download: downloads.append(download.url))
    await page.goto(page_address)
    async with asyncio.timeout(90):
        duration, reached = await page.evaluate(PLAY, address)
    await page.close()
    return duration, reached, downloads


def words_of(audio):
    """Every run of eight bytes: noise, so none is found by chance."""
    content = np.frombuffer(audio[44:], np.uint8)
    windows = np.lib.stride_tricks.sliding_window_view(content, WORD)
    words = np.sort(np.ascontiguousarray(windows).view(np.uint64).ravel())
    return Secrets(words, np.zeros(len(words), np.intp), ("audio",))


async def test_what_was_played_to_its_end_is_nowhere_on_the_browsers_disk(
    house, tmp_path
):
    tess = await trainer(house)
    recording, audio = await recorded(house, wav(SECONDS))
    address = await tess.play(recording)
    profile = tmp_path / "profile"

    async with browser_on_disk(profile) as context:
        cookie = {"name": COOKIE, "value": tess.secret, "url": "https://127.0.0.1/"}
        await context.add_cookies([cookie | {"httpOnly": True, "sameSite": "Strict"}])
        duration, reached, downloads = await play(
            context, f"{house.service.address}/console/", address
        )

    assert (duration, reached) == (SECONDS, SECONDS)
    assert downloads == []
    heard = await traced(house, Act.HEARD)
    assert {entry.last + 1 for entry in heard} >= {len(audio)}
    assert all(e.last - e.first < LARGEST_PIECE for e in heard)
    assert any(profile.rglob("*"))
    assert words_of(audio).in_files(tmp_path) == []


async def test_a_browser_does_keep_what_it_is_allowed_to(tmp_path):
    """So that the test above is known to look in the right places."""
    audio = wav(70.0)
    file = tmp_path / "audio.wav"
    file.write_bytes(audio)

    async def give(_):
        return web.FileResponse(file, headers={"Cache-Control": "max-age=3600"})

    async def page(_):
        return web.Response(text="<!doctype html>", content_type="text/html")

    application = web.Application()
    application.router.add_get("/audio", give)
    application.router.add_get("/", page)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    here = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    try:
        async with browser_on_disk(tmp_path / "profile") as context:
            await play(context, here, "/audio")
    finally:
        await runner.cleanup()

    assert words_of(audio).in_files(tmp_path / "profile") != []
