"""While a request is open its recordings are kept, unheard; then their own end counts.

Requests outlive short retention (R27; GDPR Art. 12(2)). Neither another request for the
same recording, nor another right, nor the sweep takes the freeze from one that is open.
"""

from datetime import timedelta

import pytest

from proxy.errors import ObjectMissingError, RestrictedError
from proxy.rights.records import Because, ItemState, NewRequest
from retention.holds import Authority, Hold
from retention.rights.deadlines import Kind
from retention.rights.request import Identity, Outcome, State
from tests.fakes.desk import OFFICER
from tests.fakes.fulfilled import Told
from tests.fakes.listeners import recorded
from tests.fakes.persons import THEIRS, received, rights_of

pytestmark = pytest.mark.acceptance

KEPT = timedelta(days=30)
SOME_TIME = {"days": 10}


@pytest.fixture
def rights(house):
    return rights_of(house.site)


@pytest.fixture
def desk(rights):
    return rights.desk


@pytest.fixture
async def recording(house):
    recording_id, _ = await recorded(house, caller=THEIRS)
    return recording_id


async def states(desk, request_id):
    return [each.state for each in await desk.requests.items(request_id)]


async def held_for(house):
    return [row["reference"] for row in await house.site.parts.holds.list()]


async def over(house, rights, days=0, **more):
    """Some time goes by, as the service lives through it."""
    house.clock.advance(days=days, **more)
    await rights.tend()
    await house.site.sweep()


async def withdraw(desk, request_id):
    await desk.answer(OFFICER, request_id, Outcome.WITHDRAWN)


def a_claim(clock, **changes):
    told = {
        "authority": Authority.CLAIM,
        "reference": "RG 26/113",
        "reason": "a claim is made",
        "until": clock() + timedelta(days=20),
    }
    return Hold(**told | changes)


# --- One request ----------------------------------------------------------------------


async def test_a_request_an_hour_before_the_end_is_answered_and_then_it_is_gone(
    house, rights, desk, recording
):
    house.clock.advance(seconds=(KEPT - timedelta(hours=1)).total_seconds())
    request = await received(desk)
    assert await states(desk, request) == [ItemState.FROZEN]
    with pytest.raises(RestrictedError):
        await house.heard(str(recording))

    await over(house, rights, days=20)
    assert await house.kept() == [str(recording)]
    await withdraw(desk, request)
    await over(house, rights, hours=23)

    assert await house.kept() == []
    assert house.objects() == []
    assert len(await house.leaves("DEL")) == 1
    assert await held_for(house) == []


async def test_what_is_answered_before_its_end_goes_back_to_its_own_end(
    house, rights, desk, recording
):
    request = await received(desk)
    await withdraw(desk, request)

    assert await house.heard(str(recording))
    await over(house, rights, days=31)
    assert await house.kept() == []


async def test_a_request_that_is_overdue_keeps_its_freeze(
    house, rights, desk, recording
):
    request = await received(desk)

    for _ in range(10):
        await over(house, rights, days=12)

    assert await states(desk, request) == [ItemState.FROZEN]
    assert await house.kept() == [str(recording)]


async def test_what_is_not_theirs_after_all_is_let_go(house, desk, recording):
    request = await received(desk)

    await desk.drop_item(OFFICER, request, recording, Because.NOT_THEIRS)

    assert await states(desk, request) == [ItemState.RELEASED]
    assert await held_for(house) == []
    assert await house.heard(str(recording))


async def test_a_recording_the_sweep_came_first_to_is_none_of_a_requests(
    house, desk, recording, monkeypatch
):
    """Found, and marked for destruction before the request commits."""
    [found] = await desk.parts.finder.by_number(OFFICER, THEIRS)

    async def by_number(_by, _number):
        house.clock.advance(seconds=KEPT.total_seconds())
        await house.site.shelf.doom_due(house.clock(), 10)
        return [found]

    monkeypatch.setattr(desk.parts.finder, "by_number", by_number)
    request = await received(desk)

    assert await desk.requests.items(request) == []
    with pytest.raises(ObjectMissingError):
        await house.heard(str(recording))


async def test_from_the_commit_on_the_sweep_passes_it_over(
    house, desk, recording, monkeypatch
):
    """Its end comes between the commit and the hold."""
    house.clock.advance(seconds=(KEPT - timedelta(seconds=1)).total_seconds())
    freeze = desk.parts.freezing.freeze

    async def late(request_id, actor):
        house.clock.advance(minutes=5)
        assert (await house.site.sweep()).destroyed == 0
        await freeze(request_id, actor)

    monkeypatch.setattr(desk.parts.freezing, "freeze", late)
    request = await received(desk)

    assert await states(desk, request) == [ItemState.FROZEN]
    assert await house.kept() == [str(recording)]


async def test_the_same_request_given_twice_is_one(house, desk, recording):
    new = NewRequest(kind=Kind.ACCESS, number=THEIRS)

    first = await desk.receive(OFFICER, new)
    again = await desk.receive(OFFICER, new)

    assert (again.request_id, again.reference) == (first.request_id, first.reference)
    assert len(await desk.list()) == 1
    assert await states(desk, first.request_id) == [ItemState.FROZEN]
    assert len(await house.leaves("HOLD")) == 1
    assert recording


# --- Two requests ---------------------------------------------------------------------


@pytest.mark.parametrize("is_first_over", [True, False])
async def test_of_two_requests_the_last_one_open_keeps_the_freeze(
    house, rights, desk, recording, is_first_over
):
    requests = [await received(desk), await received(desk, Kind.ERASURE)]
    over_first, last = requests if is_first_over else reversed(requests)

    await withdraw(desk, over_first)
    assert await states(desk, last) == [ItemState.FROZEN]
    assert await held_for(house) == [(await desk.requests.find(last)).reference]
    await over(house, rights, days=31)
    assert await house.kept() == [str(recording)]

    await withdraw(desk, last)
    await over(house, rights, days=1)
    assert await house.kept() == []
    assert await held_for(house) == []


async def test_a_request_that_comes_in_as_the_other_ends_finds_the_recording(
    house, rights, desk, recording, monkeypatch
):
    """Past its own end, between the look and the release of the other's hold."""
    first = await received(desk)
    await over(house, rights, days=31)
    release = house.site.parts.holds.release
    second = []

    async def release_late(hold_id, actor):
        monkeypatch.setattr(desk.parts.freezing, "freeze", nothing_yet)
        second.append(await received(desk))
        await release(hold_id, actor)
        await house.site.sweep()

    async def nothing_yet(_request_id, _actor):
        """It died before."""

    monkeypatch.setattr(house.site.parts.holds, "release", release_late)
    await withdraw(desk, first)
    await over(house, rights)

    assert await states(desk, second[0]) == [ItemState.FROZEN]
    assert await house.kept() == [str(recording)]


# --- Another right --------------------------------------------------------------------


@pytest.mark.parametrize("is_released", [True, False])
async def test_what_another_right_holds_is_taken_over_when_that_ends(
    house, rights, desk, recording, is_released
):
    holds = house.site.parts.holds
    house.clock.advance(**SOME_TIME)
    hold = await holds.place(recording, a_claim(house.clock), "dpo-carla")
    request = await received(desk)
    assert await states(desk, request) == [ItemState.HELD]
    assert await held_for(house) == ["RG 26/113"]

    await over(house, rights, days=19)
    if is_released:
        await holds.release(hold, "dpo-carla")
    else:
        house.clock.advance(days=2)
    await house.site.sweep()  # before the desk comes to it
    await over(house, rights)

    assert await house.kept() == [str(recording)]
    assert await states(desk, request) == [ItemState.FROZEN]
    await withdraw(desk, request)
    await over(house, rights, days=1)
    assert await house.kept() == []


async def test_a_claim_stays_when_a_request_ends(house, rights, desk, recording):
    holds = house.site.parts.holds
    await holds.place(recording, a_claim(house.clock), "dpo-carla")
    request = await received(desk)

    await withdraw(desk, request)

    assert await held_for(house) == ["RG 26/113"]
    end = await house.value("SELECT held_until FROM recordings")
    assert end == house.clock() + timedelta(days=20)
    await over(house, rights, days=31)
    assert await house.kept() == []


async def test_a_requisition_takes_the_place_of_a_freeze_that_comes_back_after_it(
    house, rights, desk, recording
):
    request = await received(desk)
    requisition = a_claim(house.clock, authority=Authority.REQUISITION)
    place = house.site.parts.holds.place

    hold = await place(recording, requisition, "dpo-carla", Authority.REQUEST)
    await rights.tend()
    assert await states(desk, request) == [ItemState.HELD]
    await over(house, rights, days=19)
    await house.site.parts.holds.release(hold, "dpo-carla")
    house.clock.advance(days=3)  # past its own end
    await house.site.sweep()
    await rights.tend()

    assert await states(desk, request) == [ItemState.FROZEN]
    assert await house.kept() == [str(recording)]


async def test_a_hold_somebody_placed_by_hand_is_not_ended_with_the_request(
    house, desk, recording
):
    by_hand = a_claim(house.clock, authority=Authority.REQUEST, reference="by letter")
    await house.site.parts.holds.place(recording, by_hand, "dpo-carla")

    request = await received(desk)
    assert await states(desk, request) == [ItemState.HELD]
    await withdraw(desk, request)

    assert await held_for(house) == ["by letter"]


# --- Done, delivered, over ------------------------------------------------------------


async def test_what_is_granted_stays_frozen_until_it_is_delivered(
    house, rights, desk, recording
):
    told = Told()
    rights.fulfilments.register(Kind.ACCESS, told)
    request = await received(desk)
    await desk.identified_otherwise(OFFICER, request, Identity.PRACTICE)
    told.is_done = True
    await desk.answer(OFFICER, request, Outcome.GRANTED)

    await over(house, rights, days=2)
    assert await states(desk, request) == [ItemState.FROZEN]

    told.is_delivered = True
    await over(house, rights)
    assert await held_for(house) == []
    assert told.ended == [request]
    closed = await desk.requests.find(request)
    assert closed.standing.state is State.CLOSED
    assert closed.particulars is None
    assert await desk.requests.items(request) == []
    assert recording


async def test_thousands_of_recordings_are_frozen_a_piece_at_a_time(
    house, rights, desk, recording, monkeypatch
):
    """Those that end within the hour at once, whatever their number."""
    monkeypatch.setattr("proxy.rights.freezing._AT_ONCE", 0)
    request = await received(desk)
    assert await states(desk, request) == [ItemState.TO_FREEZE]
    await rights.tend()
    assert await states(desk, request) == [ItemState.FROZEN]

    await withdraw(desk, request)
    house.clock.advance(seconds=(KEPT - timedelta(minutes=59)).total_seconds())
    again = await received(desk)
    assert await states(desk, again) == [ItemState.FROZEN]
    assert recording
