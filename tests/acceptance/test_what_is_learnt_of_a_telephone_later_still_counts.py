"""Who was identified by a telephone is asked again when it turns out to be shared.

Whatever comes up before the answer counts: a word of the person, or a recording of
another practice. Until the question is answered nobody is given a voice.
"""

import pytest

from proxy.rights.faults import MoveRefusedError, NotDoneError
from proxy.rights.packages.faults import LinkOverError
from retention.rights.deadlines import Kind
from retention.rights.request import Identity, Outcome, State
from tests.fakes.clinic import LINE
from tests.fakes.desk import OFFICER
from tests.fakes.listeners import recorded
from tests.fakes.packages import handing
from tests.fakes.persons import ANOTHERS, THEIRS, received, same_caller

pytestmark = pytest.mark.acceptance

HOUR = 11  # in Paris


@pytest.fixture
async def desk(house):
    async with handing(house) as desk:
        yield desk


async def by_code(desk, kind=Kind.ACCESS):
    """A request whose person read out the code."""
    at_desk = desk.rights.desk
    request = await received(at_desk, kind)
    await at_desk.send_code(OFFICER, request)
    known = await at_desk.confirm_code(OFFICER, request, desk.gateway.code)
    assert known.standing.state is State.IDENTIFIED
    return request


async def answered(desk, request, outcome=Outcome.GRANTED):
    return await desk.rights.desk.answer(OFFICER, request, outcome, "because")


async def test_a_telephone_said_to_be_shared_later_ends_the_copy_and_takes_the_question(
    house, desk
):
    await recorded(house, caller=THEIRS)
    day = house.clock().date()
    await desk.hours_pass(2)
    request = await by_code(desk)
    await desk.assembled(request)
    shown = await desk.opened(request)

    shared = await desk.rights.desk.mark_shared(OFFICER, request)
    assert shared.standing.state is State.IDENTIFIED
    with pytest.raises(LinkOverError):
        await desk.fetched(shown.ticket)
    await desk.assembled(request)
    with pytest.raises(MoveRefusedError) as refused:
        await desk.packages.issue(OFFICER, request)
    assert refused.value.field == "details"

    told = await desk.rights.desk.confirm_details(OFFICER, request, day, HOUR, LINE)
    assert told.standing.identity is Identity.CODE
    shown = await desk.opened(request)
    assert len(await desk.fetched(shown.ticket)) == shown.size
    assert await answered(desk, request)


async def test_a_recording_of_another_practice_found_at_the_answer_takes_the_question(
    house, desk
):
    await recorded(house, caller=THEIRS)
    day = house.clock().date()
    await desk.hours_pass(2)
    request = await by_code(desk)
    house.clock.advance(days=1)
    other, _ = await recorded(house, caller=ANOTHERS)
    await same_caller(house, other, practice="skin")
    await desk.hours_pass(2)
    await desk.assembled(request)
    shown = await desk.opened(request)
    with pytest.raises(NotDoneError):
        await answered(desk, request)

    with pytest.raises(LinkOverError):
        await desk.fetched(shown.ticket)
    await desk.assembled(request)
    with pytest.raises(MoveRefusedError, match="several people"):
        await desk.packages.issue(OFFICER, request)
    with pytest.raises(MoveRefusedError, match="several people"):
        await answered(desk, request)

    await desk.rights.desk.confirm_details(OFFICER, request, day, HOUR, LINE)
    shown = await desk.opened(request)
    assert len(await desk.fetched(shown.ticket)) == shown.size
    assert await answered(desk, request)


async def test_nothing_is_destroyed_for_whoever_may_be_another_of_the_household(
    house, desk
):
    await recorded(house, caller=THEIRS)
    request = await by_code(desk, Kind.ERASURE)
    await desk.rights.desk.mark_shared(OFFICER, request)

    with pytest.raises(MoveRefusedError, match="several people"):
        await desk.rights.outcomes.erasing.erase(OFFICER, request)

    assert await house.value("SELECT count(*) FROM recordings") == 1


async def test_what_was_done_before_it_was_learnt_is_told_all_the_same(house, desk):
    """It cannot be undone, and no call is left that anybody could be asked for."""
    await recorded(house, caller=THEIRS)
    request = await by_code(desk, Kind.ERASURE)
    await desk.rights.outcomes.erasing.erase(OFFICER, request)
    await desk.rights.desk.mark_shared(OFFICER, request)

    with pytest.raises(MoveRefusedError, match="begun"):
        await desk.rights.desk.doubt(OFFICER, request, "two voices, two names")
    assert await answered(desk, request)


async def test_whoever_cannot_say_it_is_not_identified_although_a_code_was_confirmed(
    desk,
):
    """A code on a shared telephone proves as little where nothing is held."""
    at_desk = desk.rights.desk
    request = await by_code(desk)
    await at_desk.mark_shared(OFFICER, request)
    with pytest.raises(MoveRefusedError, match="several people"):
        await answered(desk, request, Outcome.NOTHING_HELD)

    await at_desk.doubt(OFFICER, request, "nobody could say when they called")
    asked = await at_desk.requests.find(request)
    assert (asked.standing.state, asked.standing.identity) == ("identity-asked", None)

    assert await answered(desk, request, Outcome.NOT_IDENTIFIED)


async def test_a_doubt_about_somebody_identified_ends_their_copy(house, desk):
    await recorded(house, caller=THEIRS)
    day = house.clock().date()
    await desk.hours_pass(2)
    request = await by_code(desk)
    await desk.assembled(request)
    shown = await desk.opened(request)
    at_desk = desk.rights.desk

    await at_desk.mark_shared(OFFICER, request)
    await at_desk.doubt(OFFICER, request, "two voices, two names")
    with pytest.raises(LinkOverError):
        await desk.fetched(shown.ticket)
    await at_desk.confirm_details(OFFICER, request, day, HOUR, LINE)
    known = await at_desk.document_checked(
        OFFICER, request, proves=True, is_destroyed=True
    )

    assert known.standing.identity is Identity.DOCUMENT
