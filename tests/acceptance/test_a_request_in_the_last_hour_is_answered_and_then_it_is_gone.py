"""R27: nothing ends under a request that was received in time, and it ends after it."""

import asyncio
from datetime import timedelta

import pytest

from proxy.errors import ObjectMissingError
from retention.holds import Authority
from retention.rights.deadlines import Kind
from retention.rights.request import Outcome
from tests.fakes.auditing import verdict_on
from tests.fakes.call_centre import wav
from tests.fakes.desk import OFFICER
from tests.fakes.listeners import recorded
from tests.fakes.packages import handing, unpacked
from tests.fakes.persons import THEIRS, asked

pytestmark = pytest.mark.acceptance

KEPT = timedelta(days=30)
AUDIO = wav(seconds=4.0)


@pytest.fixture
async def desk(house):
    await house.stop_worker()
    async with handing(house) as desk:
        yield desk


async def an_hour_before_its_end(house):
    """A recording of somebody, with nothing left to live for but an hour."""
    recording, _ = await recorded(house, AUDIO, caller=THEIRS)
    ends_at = house.clock() + KEPT
    house.clock.now = ends_at - timedelta(hours=1)
    await house.site.tend()
    return recording, ends_at


async def hours_pass(house, hours):
    """The service is at work in each of them."""
    for _ in range(hours):
        house.clock.advance(hours=1)
        await house.site.tend()
        await house.site.sweep()


async def all_is_gone_and_the_verifier_is_clean(house, recording):
    with pytest.raises(ObjectMissingError):
        await house.site.vault.find(recording, set(Authority))
    assert house.objects() == []
    assert len(await house.leaves("DEL")) == 1
    assert await house.value("SELECT count(*) FROM recording_keys") == 0
    await house.site.tend()
    said = await verdict_on(house)
    assert (said["status"], said["findings"]) == (0, [])


async def test_a_copy_asked_for_at_expiry_minus_an_hour_is_delivered_and_deleted(
    house, desk
):
    recording, ends_at = await an_hour_before_its_end(house)
    request = await asked(house, Kind.ACCESS)
    await hours_pass(house, 72)
    assert house.clock() > ends_at + timedelta(days=2)
    assert len(house.objects()) == 1

    await desk.assembled(request)
    link = await desk.packages.issue(OFFICER, request)
    await desk.rights.desk.answer(OFFICER, request, Outcome.GRANTED)
    opened = await desk.opened_by(link)
    archive = await desk.fetched(opened.ticket)
    files = await asyncio.to_thread(unpacked, archive, opened.password, house.folder)
    await hours_pass(house, 1)

    assert [name for name in files if name.endswith((".wav", ".flac"))]
    await all_is_gone_and_the_verifier_is_clean(house, recording)


async def test_an_erasure_asked_for_then_is_done_and_leaves_nothing(house, desk):
    recording, _ = await an_hour_before_its_end(house)
    request = await asked(house, Kind.ERASURE)
    await hours_pass(house, 3)
    assert len(house.objects()) == 1

    await desk.rights.outcomes.erasing.erase(OFFICER, request)
    await desk.rights.desk.answer(OFFICER, request, Outcome.GRANTED)

    await all_is_gone_and_the_verifier_is_clean(house, recording)


@pytest.mark.parametrize("outcome", [Outcome.REFUSED, Outcome.WITHDRAWN])
async def test_what_is_refused_or_taken_back_is_gone_within_the_day(
    house, desk, outcome
):
    recording, _ = await an_hour_before_its_end(house)
    request = await asked(house, Kind.ACCESS)
    await hours_pass(house, 3)

    await desk.rights.desk.answer(OFFICER, request, outcome, "asked every week")
    await hours_pass(house, 24)

    await all_is_gone_and_the_verifier_is_clean(house, recording)
