"""A package is fetched by link and code, once, in as many goes as it takes."""

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import pytest
from aiohttp import web

from proxy.access.accounts.faults import TooManyAttemptsError
from proxy.api.fetching import COOKIE, Fetching
from proxy.rights.faults import NotSentError, TooManyCodesError
from proxy.rights.packages.faults import (
    AlreadySendingError,
    LinkOverError,
    PackageOverError,
    WrongCodeError,
)
from tests.fakes.desk import OFFICER
from tests.fakes.evidence import until
from tests.fakes.form_browser import FormBrowser
from tests.fakes.listeners import recorded
from tests.fakes.packages import handing
from tests.fakes.persons import THEIRS

pytestmark = pytest.mark.acceptance


@pytest.fixture
async def desk(house):
    async with handing(house) as desk:
        yield desk


@pytest.fixture
async def request_id(house, desk):
    """A request whose package is assembled."""
    await recorded(house, caller=THEIRS)
    request_id = await desk.asked()
    await desk.assembled(request_id)
    return request_id


@pytest.fixture
async def link(desk, request_id):
    return await desk.packages.issue(OFFICER, request_id)


@pytest.fixture
async def fetching(house) -> AsyncIterator[str]:
    """The address packages are fetched at."""
    application = web.Application()
    Fetching({"clinic": house.site}, lambda: True).add_to(application)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@asynccontextmanager
async def asking(house, address, opened, method="GET", **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with house.http.request(
        method,
        f"{address}/packages/{opened.package_id}",
        headers={"Cookie": f"{COOKIE}={opened.ticket}", **named},
    ) as answer:
        yield answer


async def got(house, address, opened, method="GET", **headers):
    async with asking(house, address, opened, method, **headers) as answer:
        return answer.status, answer.headers, await answer.read()


# --- Link and code --------------------------------------------------------------------


async def test_a_link_is_shown_once_and_only_its_hash_is_kept(house, link):
    assert link.address == f"https://clinic.example/console/packages#{link.secret}"
    kept = str(await house.rows("SELECT * FROM packages"))
    assert link.secret not in kept
    assert link.secret.partition(".")[2] not in kept


async def test_the_code_goes_to_the_number_of_the_request_and_nowhere_else(desk, link):
    assert await desk.packages.links.send_code(link.secret) == THEIRS[-2:]
    [(to, text)] = desk.gateway.sent
    assert to == THEIRS
    assert desk.gateway.code in text
    assert len(text) <= 160


async def test_a_wrong_code_opens_nothing_and_the_fifth_ends_the_link(desk, link):
    links = desk.packages.links
    await links.send_code(link.secret)
    right = desk.gateway.code
    wrong = f"{(int(right) + 1) % 10**6:06}"
    for _ in range(5):
        with pytest.raises(WrongCodeError):
            await links.open(link.secret, wrong)
    with pytest.raises(LinkOverError):
        await links.open(link.secret, right)


async def test_a_code_opens_once_and_not_after_ten_minutes(desk, link, clock):
    links = desk.packages.links
    await links.send_code(link.secret)
    await links.open(link.secret, desk.gateway.code)
    with pytest.raises(WrongCodeError):
        await links.open(link.secret, desk.gateway.code)

    await links.send_code(link.secret)
    clock.advance(minutes=10)
    with pytest.raises(WrongCodeError):
        await links.open(link.secret, desk.gateway.code)


async def test_no_more_than_five_codes_are_sent_for_a_link(desk, link, clock):
    for _ in range(5):
        await desk.packages.links.send_code(link.secret)
        clock.advance(hours=1, seconds=1)  # three are sent in one
    with pytest.raises(TooManyCodesError):
        await desk.packages.links.send_code(link.secret)
    assert len(desk.gateway.sent) == 5


async def test_a_code_that_arrived_although_the_gateway_failed_is_good(desk, link):
    desk.gateway.faults.add("lost-answer", method="POST")
    with pytest.raises(NotSentError):
        await desk.packages.links.send_code(link.secret)
    await desk.packages.links.open(link.secret, desk.gateway.code)


async def test_an_expired_link_leads_nowhere(desk, link, clock):
    await desk.packages.links.send_code(link.secret)
    clock.advance(days=7)
    with pytest.raises(LinkOverError):
        await desk.packages.links.open(link.secret, desk.gateway.code)


async def test_a_new_link_voids_the_former_one(desk, request_id, link):
    opened = await desk.opened_by(link)
    await desk.packages.issue(OFFICER, request_id)
    with pytest.raises(LinkOverError):
        await desk.packages.links.send_code(link.secret)
    with pytest.raises(LinkOverError):
        await desk.packages.sending.look(opened.ticket)


async def test_whoever_guesses_at_links_is_slowed_down(desk, link):
    links = desk.packages.links
    for number in range(20):
        with pytest.raises(LinkOverError):
            await links.send_code(f"clinic.{number:043}", "203.0.113.9")
    with pytest.raises(TooManyAttemptsError):
        await links.send_code(link.secret, "203.0.113.9")
    await links.send_code(link.secret, "203.0.113.10")
    assert len(desk.gateway.sent) == 1


# --- The download ---------------------------------------------------------------------


async def test_a_download_names_nobody_and_is_kept_by_no_cache(
    house, desk, link, fetching
):
    opened = await desk.opened_by(link)
    status, headers, body = await got(house, fetching, opened)
    assert (status, len(body)) == (200, opened.size)
    assert headers["Content-Length"] == str(opened.size)
    assert headers["Content-Type"] == "application/zip"
    assert headers["Content-Disposition"] == 'attachment; filename="ponctuel.zip"'
    assert headers["Cache-Control"] == "no-store"
    assert headers["Accept-Ranges"] == "bytes"


async def test_a_download_that_broke_off_goes_on_with_the_very_same_bytes(
    house, desk, link, fetching
):
    opened = await desk.opened_by(link)
    status, headers, _ = await got(house, fetching, opened, "HEAD")
    assert status == 200
    tag, half = headers["ETag"], opened.size // 2
    assert int(headers["Content-Length"]) == opened.size

    status, headers, first = await got(house, fetching, opened, Range=f"bytes=0-{half}")
    assert status == 206
    assert headers["Content-Range"] == f"bytes 0-{half}/{opened.size}"
    status, headers, again = await got(
        house, fetching, opened, Range=f"bytes=100-{half}", If_Range=tag
    )
    assert (status, again) == (206, first[100:])
    status, headers, end = await got(
        house, fetching, opened, Range=f"bytes={half + 1}-", If_Range=tag
    )
    assert status == 206
    assert len(first + end) == opened.size
    await fetched_whole(house)


async def fetched_whole(house):
    """What was sent is noted just after the person has it."""

    async def is_over():
        return await ended(house) == "fetched"

    await until(is_over)


async def ended(house):
    [row] = await house.rows("SELECT ended_because FROM packages")
    return row["ended_because"]


async def test_a_range_of_other_bytes_is_answered_with_all_of_these(
    house, desk, link, fetching
):
    opened = await desk.opened_by(link)
    status, _, body = await got(
        house, fetching, opened, Range="bytes=5-9", If_Range='"another"'
    )
    assert (status, len(body)) == (200, opened.size)


async def test_what_lies_behind_the_end_is_refused(house, desk, link, fetching):
    opened = await desk.opened_by(link)
    wanted = f"bytes={opened.size}-"
    status, headers, _ = await got(house, fetching, opened, Range=wanted)
    assert status == 416
    assert headers["Content-Range"] == f"bytes */{opened.size}"
    assert await ended(house) is None


async def test_it_is_over_once_every_byte_has_left_and_not_before(
    house, desk, link, fetching
):
    opened = await desk.opened_by(link)
    await got(house, fetching, opened, Range="bytes=100-")
    await got(house, fetching, opened, Range="bytes=0-98")
    assert await ended(house) is None

    await got(house, fetching, opened, Range="bytes=99-99")
    await fetched_whole(house)
    status, _, _ = await got(house, fetching, opened)
    assert status == 410
    with pytest.raises(LinkOverError):
        await desk.packages.links.send_code(link.secret)


async def test_two_downloads_at_once_are_refused(desk, link):
    opened = await desk.opened_by(link)
    sending = desk.packages.sending
    fetched = await sending.look(opened.ticket)
    async with sending.sending(fetched) as blocks, aclosing(blocks):
        await anext(blocks)
        with pytest.raises(AlreadySendingError):
            async with sending.sending(fetched):
                pass
    assert len(await desk.fetched(opened.ticket)) == opened.size


async def test_of_a_replica_that_died_while_sending_another_takes_over(
    house, desk, link, clock
):
    opened = await desk.opened_by(link)
    await house.rows(
        "UPDATE packages SET sender = gen_random_uuid(),"
        " sender_until = made_at + interval '1 minute'"
    )
    with pytest.raises(AlreadySendingError):
        await desk.fetched(opened.ticket)
    clock.advance(seconds=90)
    assert len(await desk.fetched(opened.ticket)) == opened.size


@pytest.mark.parametrize("cookie", ["", "clinic.x", "nowhere." + "a" * 43, "é"])
async def test_without_a_ticket_there_is_nothing(house, desk, link, fetching, cookie):
    opened = await desk.opened_by(link)
    async with house.http.get(
        f"{fetching}/packages/{opened.package_id}",
        headers={"Cookie": f"{COOKIE}={cookie}"},
    ) as answer:
        assert answer.status == 410
        assert opened.password not in await answer.text()


async def test_another_packages_address_leads_nowhere(house, desk, link, fetching):
    opened = await desk.opened_by(link)
    async with house.http.get(
        f"{fetching}/packages/00000000-0000-0000-0000-000000000000",
        headers={"Cookie": f"{COOKIE}={opened.ticket}"},
    ) as answer:
        assert answer.status == 410


# --- The pages ------------------------------------------------------------------------


async def test_by_the_pages_alone_a_person_gets_password_and_download(
    house, desk, link
):
    browser = FormBrowser(house.http, house.service.address)
    browser.headers["Accept-Language"] = "en"
    first = await browser.get("/packages")
    assert "Your recordings" in first.text
    second = await browser.post("/packages", link=link.secret)
    assert f"ends in {THEIRS[-2:]}" in second.text
    wrong = await browser.post("/packages/open", link=link.secret, code="000000")
    assert wrong.status == 403
    assert "This is not the code" in wrong.text
    ready = await browser.follow(
        "/packages/open", link=link.secret, code=desk.gateway.code
    )
    assert ready.hidden(r'href="(/packages/[0-9a-f-]{36})"')
    assert len(ready.hidden(r"<code>([A-Z2-7-]+)</code>")) == 28
    assert COOKIE in browser.cookies
    assert link.secret not in ready.text + ready.place


async def test_the_pages_say_of_a_wrong_link_what_they_say_of_one_that_is_over(
    house, link, clock
):
    browser = FormBrowser(house.http, house.service.address)
    await browser.get("/packages")
    guessed = await browser.post("/packages", link="clinic." + "a" * 43)
    clock.advance(days=7)
    over = await browser.post("/packages", link=link.secret)
    other = await browser.post("/packages", link="nowhere." + "a" * 43)
    odd = await browser.post("/packages", link="é" * 500)
    said = {page.text.replace(browser.csrf, "") for page in (guessed, over, other, odd)}
    assert {page.status for page in (guessed, over, other, odd)} == {410}
    assert len(said) == 1


async def test_what_became_of_a_recording_meanwhile_is_said_in_words(
    house, desk, link, fetching
):
    opened = await desk.opened_by(link)
    await house.rows("UPDATE recordings SET doomed_at = now()")
    with pytest.raises(PackageOverError):
        await desk.packages.sending.look(opened.ticket)
    assert await ended(house) == "gone"
    status, _, body = await got(house, fetching, opened)
    assert (status, b"link-over" in body) == (410, True)
