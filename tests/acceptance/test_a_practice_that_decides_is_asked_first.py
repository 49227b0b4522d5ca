"""Where a practice is controller, nothing is done with its recordings without its word.

GDPR Art. 28(3)(a) and (e): whoever answers its telephone is its processor.
"""

import pytest

from proxy.rights.config import Practice
from proxy.rights.faults import BadRequestError, MoveRefusedError
from proxy.rights.records import Because
from retention.rights.deadlines import Kind
from retention.rights.request import Identity, Outcome, State
from tests.fakes.desk import OFFICER
from tests.fakes.listeners import recorded
from tests.fakes.packages import handing
from tests.fakes.persons import ANOTHERS, THEIRS, received, rights_of, same_caller

pytestmark = pytest.mark.acceptance

CARDIO = Practice(is_controller=True, contact="3 rue des Lilas, Lyon")
SKIN = Practice(is_controller=True, contact="5 rue des Lilas, Lyon")


@pytest.fixture
def rights(house):
    return rights_of(house.site, practices={"cardio": CARDIO, "skin": Practice()})


@pytest.fixture
def desk(rights):
    return rights.desk


async def identified(desk, kind=Kind.ACCESS, **changes):
    request = await received(desk, kind, **changes)
    await desk.identified_otherwise(OFFICER, request, Identity.PRACTICE)
    return request


async def agreed(desk, request, practice):
    await desk.escalate(OFFICER, request, practice)
    return await desk.controller_answered(OFFICER, request, "do it")


async def in_another_practice(house):
    """A recording of the same telephone, of calls to the skin practice."""
    other, _ = await recorded(house, caller=ANOTHERS)
    await same_caller(house, other, practice="skin")
    return other


# --- It is passed on ------------------------------------------------------------------


async def test_it_is_passed_to_the_practice_that_is_controller_and_comes_back(
    house, desk
):
    await recorded(house, caller=THEIRS)
    request = await identified(desk)

    for practice in ("skin", "nobody"):
        with pytest.raises(BadRequestError):
            await desk.escalate(OFFICER, request, practice)
    passed = await desk.escalate(OFFICER, request, "cardio")
    with pytest.raises(MoveRefusedError):
        await desk.answer(OFFICER, request, Outcome.NOTHING_HELD)
    back = await desk.controller_answered(OFFICER, request, "hand it over")

    assert "cardio" in passed.to_practice
    assert "cardio" in passed.to_person
    assert THEIRS[-8:] not in passed.to_practice
    assert back.escalated_to == "cardio"
    assert back.told.instruction == "cardio: hand it over"
    assert back.standing.state is State.IDENTIFIED


async def test_nobody_unknown_is_told_which_practice_a_number_called(house, desk):
    await recorded(house, caller=THEIRS)
    request = await received(desk)

    passed = await desk.escalate(OFFICER, request, "cardio")
    assert passed.to_person is None
    with pytest.raises(MoveRefusedError):
        await desk.letter(OFFICER, request)
    await desk.identified_otherwise(OFFICER, request, Identity.PRACTICE)

    assert "cardio" in await desk.letter(OFFICER, request)


# --- Before that ----------------------------------------------------------------------


async def test_nothing_is_destroyed_before_the_practice_says_so(house, rights, desk):
    await recorded(house, caller=THEIRS)
    request = await identified(desk, Kind.ERASURE)
    erasing = rights.outcomes.erasing

    with pytest.raises(MoveRefusedError) as refused:
        await erasing.erase(OFFICER, request)
    assert refused.value.field == "practice"
    assert "cardio" in refused.value.detail
    assert "escalate --practice cardio" in refused.value.fix
    assert await house.value("SELECT count(*) FROM recordings") == 1

    await agreed(desk, request, "cardio")
    await erasing.erase(OFFICER, request)
    assert await desk.answer(OFFICER, request, Outcome.GRANTED)


@pytest.mark.parametrize("outcome", ["granted", "partly", "refused"])
async def test_nothing_is_granted_or_refused_before_the_practice_says_so(
    house, desk, outcome
):
    await recorded(house, caller=THEIRS)
    request = await identified(desk, Kind.RESTRICTION)

    with pytest.raises(MoveRefusedError, match="cardio decides"):
        await desk.answer(OFFICER, request, Outcome(outcome), "because")

    assert (await desk.requests.find(request)).standing.is_open


async def test_no_link_is_issued_before_the_practice_says_so(house):
    async with handing(house, practices={"cardio": CARDIO}) as desk:
        await recorded(house, caller=THEIRS)
        request = await desk.asked()
        await desk.assembled(request)

        with pytest.raises(MoveRefusedError, match="cardio decides"):
            await desk.packages.issue(OFFICER, request)
        await agreed(desk.rights.desk, request, "cardio")

        assert await desk.packages.issue(OFFICER, request)


async def test_of_two_practices_each_is_asked_and_its_word_is_kept(house):
    rights = rights_of(house.site, practices={"cardio": CARDIO, "skin": SKIN})
    desk = rights.desk
    await recorded(house, caller=THEIRS)
    await in_another_practice(house)
    request = await received(desk, Kind.ERASURE)
    day = house.clock().date()
    await desk.confirm_details(OFFICER, request, day, 11, "cardio")
    await desk.identified_otherwise(OFFICER, request, Identity.PRACTICE)

    await agreed(desk, request, "skin")
    with pytest.raises(MoveRefusedError, match="cardio decides"):
        await rights.outcomes.erasing.erase(OFFICER, request)
    known = await agreed(desk, request, "cardio")

    assert known.told.instruction == "skin: do it\ncardio: do it"
    assert len(await rights.outcomes.erasing.erase(OFFICER, request)) == 2
    history = await desk.requests.history(request)
    words = [each.about for each in history if each.event == "controller-answered"]
    assert words == ["skin", "cardio"]


async def test_a_practice_whose_recordings_are_left_out_need_not_be_asked(house, desk):
    theirs, _ = await recorded(house, caller=THEIRS)
    request = await identified(desk, Kind.ERASURE)
    await desk.drop_item(OFFICER, request, theirs, Because.NOT_THEIRS)

    assert await desk.answer(OFFICER, request, Outcome.NOTHING_HELD)
    assert (await desk.requests.find(request)).standing.state is State.ANSWERED
