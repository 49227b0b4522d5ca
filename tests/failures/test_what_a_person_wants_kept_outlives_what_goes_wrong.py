"""A recording an open request wants, or a restriction, past its own end.

Nothing but its hold keeps it then. Holds are ended by hand, or too late; a service is
away for weeks; one cannot be frozen: it is there, or others are, all the same.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from proxy.rights import freezing
from proxy.rights.records import ItemState, NewRequest
from retention.holds import Authority, Hold
from retention.keys import DayKey, KeyClass
from retention.rights.deadlines import Kind
from retention.rights.request import Outcome
from tests.fakes.broken_keys import day_key, file_of
from tests.fakes.desk import OFFICER
from tests.fakes.listeners import recorded
from tests.fakes.persons import AGENT, THEIRS, asked, rights_of


@pytest.fixture
async def recording(quiet):
    item, _ = await recorded(quiet, caller=THEIRS)
    return item


@pytest.fixture
async def past_its_end(quiet, recording):
    """Frozen for an open request, and past its own end."""
    request = await asked(quiet, Kind.ACCESS)
    quiet.clock.advance(days=31)
    await a_minute(quiet)
    assert await quiet.kept() == [str(recording)]
    return request


async def a_minute(house):
    await rights_of(house.site).tend()
    await house.site.sweep()


async def released(house):
    """Whatever hold there is, ended by hand."""
    holds = house.site.parts.holds
    [hold] = await holds.list()
    await holds.release(hold["hold_id"], "dpo-1")


async def placed(house, recording, days, **how):
    until = house.clock() + timedelta(days=days)
    hold = Hold(Authority.REQUISITION, "PV 2026/113", "asked for by a court", until)
    return await house.site.parts.holds.place(recording, hold, "dpo-1", **how)


async def states(house, request):
    return [item.state for item in await rights_of(house.site).requests.items(request)]


async def restricted(house, outcome=Outcome.GRANTED, *grounds):
    """A restriction, and the request for it answered and closed."""
    rights = rights_of(house.site)
    request = await asked(house, Kind.RESTRICTION)
    await rights.outcomes.restricting.restrict(OFFICER, request)
    await rights.desk.answer(OFFICER, request, outcome, *grounds)
    return request


# --- Holds that end -------------------------------------------------------------------


async def test_a_freeze_ended_by_hand_comes_back_and_nothing_is_lost(
    quiet, recording, past_its_end
):
    await released(quiet)
    await quiet.site.sweep()  # before anybody freezes it again

    await a_minute(quiet)

    assert await states(quiet, past_its_end) == [ItemState.FROZEN]
    assert await quiet.kept() == [str(recording)]


async def test_a_requisition_in_a_freezes_place_is_withdrawn_within_the_minute(
    quiet, recording, past_its_end
):
    await placed(quiet, recording, 5, instead_of=Authority.REQUEST)

    await released(quiet)
    await a_minute(quiet)

    assert await states(quiet, past_its_end) == [ItemState.FROZEN]
    assert await quiet.kept() == [str(recording)]


async def test_a_freeze_that_could_not_be_renewed_in_time_loses_nothing(
    quiet, recording, past_its_end
):
    holds = quiet.site.parts.holds
    [hold] = await holds.list()
    quiet.clock.advance(seconds=(hold["until"] - quiet.clock()).total_seconds() + 1)

    assert await holds.end_due(quiet.clock()) == 1
    await a_minute(quiet)

    assert await states(quiet, past_its_end) == [ItemState.FROZEN]
    assert await quiet.kept() == [str(recording)]


async def test_a_requisition_that_ended_while_the_service_was_away_for_weeks(
    quiet, recording
):
    await placed(quiet, recording, 25)
    request = await asked(quiet, Kind.ACCESS)
    assert await states(quiet, request) == [ItemState.HELD]
    quiet.clock.advance(days=45)

    await quiet.site.sweep()  # what a start does first

    await a_minute(quiet)
    assert await states(quiet, request) == [ItemState.FROZEN]
    assert await quiet.kept() == [str(recording)]


async def test_what_no_request_wants_is_gone_when_its_hold_is_ended_by_hand(
    quiet, recording
):
    quiet.clock.advance(days=10)
    await placed(quiet, recording, 30)
    quiet.clock.advance(days=21)

    await released(quiet)
    await a_minute(quiet)

    assert await quiet.kept() == []


# --- Restrictions ---------------------------------------------------------------------


async def test_a_restriction_that_waits_for_a_requisition_outlives_its_answer(
    quiet, recording
):
    await placed(quiet, recording, 30)
    quiet.clock.advance(days=25)
    await placed(quiet, recording, 20)  # beyond the recording's own end
    quiet.clock.advance(days=10)
    request = await restricted(quiet, Outcome.PARTLY, "held by a court", ["18"])

    await released(quiet)
    await quiet.site.sweep()  # before anybody restricts it

    await a_minute(quiet)
    [fate] = await rights_of(quiet.site).outcomes.restricting.of(request)
    assert fate.authority is Authority.RESTRICTION
    assert await quiet.kept() == [str(recording)]


async def test_a_restriction_that_waited_and_was_lifted_keeps_nothing(quiet, recording):
    await placed(quiet, recording, 30)
    request = await restricted(quiet, Outcome.PARTLY, "held by a court", ["18"])
    quiet.clock.advance(days=2)
    await a_minute(quiet)
    restricting = rights_of(quiet.site).outcomes.restricting
    await restricting.tell_lifting(OFFICER, request)
    await restricting.lift(OFFICER, request)

    quiet.clock.advance(
        days=29
    )  # the requisition is over, and the recording's own time
    await a_minute(quiet)

    assert await quiet.kept() == []


async def test_a_service_away_for_longer_than_a_restriction_runs_finds_it_there(
    quiet, recording
):
    await restricted(quiet)
    quiet.clock.advance(days=2)
    await a_minute(quiet)

    quiet.clock.advance(days=31)
    await quiet.site.sweep()  # what a start does first

    assert await quiet.kept() == [str(recording)]


# --- Freezing that fails --------------------------------------------------------------


@pytest.fixture
async def unfrozen(quiet, monkeypatch):
    """A request for two recordings; the service died before it froze them."""
    for _ in range(2):
        await recorded(quiet, agent=AGENT)
    rights = rights_of(quiet.site)

    async def nothing_yet(_request_id, _actor):
        """It died before."""

    async def received():
        with monkeypatch.context() as dying:
            dying.setattr(rights.freezing, "freeze", nothing_yet)
            new = NewRequest(kind=Kind.ACCESS, agent=AGENT)
            return (await rights.desk.receive(OFFICER, new)).request_id

    return received


async def test_before_keys_die_everything_is_frozen_however_much_there_is(
    quiet, unfrozen, monkeypatch
):
    monkeypatch.setattr(freezing, "_PER_ROUND", 1)
    quiet.clock.advance(days=29, hours=23)
    request = await unfrozen()
    quiet.clock.advance(hours=20)  # the day of their key is over

    await quiet.site.sweep()

    assert await states(quiet, request) == [ItemState.FROZEN] * 2
    assert len(await quiet.kept()) == 2


async def test_a_bug_with_one_recording_leaves_the_others_frozen(
    quiet, unfrozen, monkeypatch
):
    request = await unfrozen()
    freezes = rights_of(quiet.site).freezing
    settle, ill_fated = freezes.settle, []

    async def settle_but_one(recording_id, actor):
        ill_fated[:] = ill_fated or [recording_id]
        if recording_id in ill_fated:
            raise RuntimeError
        await settle(recording_id, actor)

    monkeypatch.setattr(freezes, "settle", settle_but_one)
    await freezes.tend()
    assert sorted(await states(quiet, request)) == [
        ItemState.FROZEN,
        ItemState.TO_FREEZE,
    ]

    await freezes.tend_all()  # ends, though one never succeeds


@contextmanager
def no_hold_keys(house) -> Iterator[None]:
    """The key store refuses every key a hold could hang under."""
    today = house.clock().date()
    days = [today + timedelta(days=ahead) for ahead in range(5, 100)]
    files = [file_of(house, DayKey(day, KeyClass.HOLD)) for day in days]
    for file in files:
        file.mkdir()
    yield
    for file in files:
        file.rmdir()


async def test_a_key_that_waits_for_a_freeze_dies_a_day_later_and_no_more(
    quiet, recording
):
    quiet.clock.advance(days=29, hours=23)
    key = await day_key(quiet)
    with no_hold_keys(quiet):
        request = await asked(quiet, Kind.ACCESS)
        quiet.clock.advance(hours=20)  # the day of its key is over
        report = await quiet.site.sweep()
    assert report.keys_failed == 1
    assert await states(quiet, request) == [ItemState.TO_FREEZE]

    await a_minute(quiet)

    assert await states(quiet, request) == [ItemState.FROZEN]
    assert await quiet.kept() == [str(recording)]
    assert not file_of(quiet, key).exists()


@pytest.mark.usefixtures("recording")
async def test_what_can_never_be_frozen_keeps_its_days_key_for_a_day(quiet):
    quiet.clock.advance(days=29, hours=23)
    key = await day_key(quiet)
    with no_hold_keys(quiet):
        await asked(quiet, Kind.ACCESS)
        quiet.clock.advance(hours=25)
        report = await quiet.site.sweep()

    assert report.all_failed == 0
    assert await quiet.kept() == []
    assert not file_of(quiet, key).exists()
