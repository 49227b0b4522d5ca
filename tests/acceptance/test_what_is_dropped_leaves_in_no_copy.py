"""A recording that turns out to be another person's leaves in no copy on its way.

The desk drops it, or another request has it erased, while the copy is downloaded.
"""

from contextlib import aclosing, asynccontextmanager

import pytest

from proxy.rights.packages.faults import LinkOverError, PackageOverError
from proxy.rights.packages.store import Ended
from proxy.rights.records import Because
from retention.rights.request import Outcome
from tests.fakes.call_centre import wav
from tests.fakes.desk import OFFICER
from tests.fakes.listeners import recorded
from tests.fakes.packages import handing
from tests.fakes.persons import ANOTHERS, THEIRS, same_caller

pytestmark = pytest.mark.acceptance

LONG = 150.0  # seconds: more than is sent between two looks


@pytest.fixture
async def desk(house):
    async with handing(house) as desk:
        yield desk


async def two_packed(house, desk, audio=b""):
    """A request whose copy is made, and the second of its two recordings."""
    await recorded(house, caller=THEIRS)
    house.clock.advance(days=1)
    other, _ = await recorded(house, audio, caller=ANOTHERS)
    await same_caller(house, other)
    request = await desk.asked()
    await desk.assembled(request)
    return request, other


async def dropped(desk, request, recording):
    await desk.rights.desk.drop_item(
        OFFICER, request, recording, Because.ANOTHER_PERSONS
    )


@asynccontextmanager
async def downloading(desk, ticket):
    look = await desk.packages.sending.look(ticket)
    async with desk.packages.sending.sending(look) as blocks, aclosing(blocks):
        yield blocks


async def cut_off(blocks):
    """How many bytes leave before it is."""
    sent = 0
    try:
        async for block in blocks:
            sent += len(block)
    except PackageOverError:
        return sent
    raise AssertionError("all of it left")


async def test_a_download_is_cut_off_before_a_recording_that_is_dropped(house, desk):
    request, other = await two_packed(house, desk)
    shown = await desk.opened(request)
    async with downloading(desk, shown.ticket) as blocks:
        await anext(blocks)
        await dropped(desk, request, other)

        await cut_off(blocks)

    ended = await desk.packages.show(OFFICER, request)
    assert (ended.ended_because, ended.fetched_at) == (Ended.GONE, None)


@pytest.mark.parametrize("how", ["dropped", "erased"])
async def test_what_becomes_of_a_long_recording_while_it_leaves_cuts_it_off(
    house, desk, how
):
    request, other = await two_packed(house, desk, wav(LONG))
    shown = await desk.opened(request)
    sent = 0
    async with downloading(desk, shown.ticket) as blocks:
        while sent < shown.size // 3:  # well inside the long one
            sent += len(await anext(blocks))
        if how == "dropped":
            await dropped(desk, request, other)
        else:
            await house.rows(
                "UPDATE recordings SET doomed_at = now() WHERE recording_id = $1", other
            )

        more = await cut_off(blocks)

    assert sent + more < shown.size - 500_000
    assert (await desk.packages.show(OFFICER, request)).ended_because is Ended.GONE


async def test_a_link_to_a_copy_with_a_dropped_recording_leads_nowhere(house, desk):
    request, other = await two_packed(house, desk)
    link = await desk.packages.issue(OFFICER, request)
    shown = await desk.opened_by(link)
    await dropped(desk, request, other)

    with pytest.raises(LinkOverError):
        await desk.packages.links.send_code(link.secret)
    with pytest.raises(LinkOverError):
        await desk.fetched(shown.ticket)

    package = await desk.assembled(request)
    assert package.recordings == 1
    again = await desk.opened(request)
    assert len(await desk.fetched(again.ticket)) == again.size
    assert await desk.rights.desk.answer(OFFICER, request, Outcome.GRANTED)
