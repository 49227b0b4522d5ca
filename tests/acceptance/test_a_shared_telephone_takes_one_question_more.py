"""One question more where several people call with one telephone.

Whoever holds it now may read out a code: a call that is theirs must be named as well.
"""

from datetime import date, timedelta

import pytest

from proxy.rights.faults import ProofRefusedError
from proxy.rights.particulars import Window
from proxy.rights.records import Because
from retention.rights.request import Identity, State
from tests.fakes.call_centre import LINE
from tests.fakes.desk import OFFICER
from tests.fakes.listeners import recorded
from tests.fakes.persons import ANOTHERS, THEIRS, received, state

pytestmark = pytest.mark.acceptance

TODAY, HOUR = date(2026, 11, 18), 11  # in Paris


@pytest.fixture
def desk(rights):
    return rights.desk


async def test_a_shared_telephone_takes_a_question_more(house, desk, gateway):
    await recorded(house, caller=THEIRS)
    request = await received(desk, is_shared=True)
    await desk.send_code(OFFICER, request)

    waiting = await desk.confirm_code(OFFICER, request, gateway.code)
    assert waiting.standing.identity is None

    known = await desk.confirm_details(OFFICER, request, TODAY, HOUR + 1, LINE)
    assert known.standing.identity is Identity.CODE


async def test_a_number_that_called_several_practices_may_be_a_households(
    house, desk, gateway
):
    await recorded(house, caller=THEIRS)
    other, _ = await recorded(house, caller=ANOTHERS)
    await house.rows(
        "UPDATE recorded_callers SET number_key = (SELECT number_key FROM"
        " recorded_callers ORDER BY decision_id = (SELECT decision_id FROM recordings"
        " WHERE recording_id = $1) LIMIT 1)",
        other,
    )
    await house.rows(
        "UPDATE recordings SET practice = 'skin' WHERE recording_id = $1", other
    )
    request = await received(desk)
    assert len(await desk.requests.items(request)) == 2
    await desk.send_code(OFFICER, request)

    waiting = await desk.confirm_code(OFFICER, request, gateway.code)

    assert waiting.standing.identity is None


async def test_what_they_say_of_a_call_must_be_of_one_of_theirs(house, desk, clock):
    await recorded(house, caller=THEIRS)
    clock.advance(days=1)
    await recorded(house, caller=ANOTHERS)  # somebody else, a day later
    request = await received(desk, is_shared=True)

    for day, hour, line in (
        (TODAY, HOUR + 3, LINE),
        (TODAY + timedelta(days=1), HOUR, LINE),
        (TODAY, HOUR, "skin"),
    ):
        with pytest.raises(ProofRefusedError):
            await desk.confirm_details(OFFICER, request, day, hour, line)

    right = await desk.confirm_details(OFFICER, request, TODAY, HOUR, LINE)
    assert right.details_at
    assert right.standing.identity is None  # details alone prove nothing


async def test_details_are_not_guessed(house, desk):
    await recorded(house, caller=THEIRS)
    request = await received(desk, is_shared=True)
    for hour in (0, 1, 2, 3, 4):
        with pytest.raises(ProofRefusedError):
            await desk.confirm_details(OFFICER, request, TODAY, hour, LINE)

    with pytest.raises(ProofRefusedError):
        await desk.confirm_details(OFFICER, request, TODAY, HOUR, LINE)


async def test_what_a_request_was_found_by_proves_nothing(house, desk):
    await recorded(house, caller=THEIRS)
    window = Window(TODAY, HOUR - 1, HOUR + 1, LINE)
    request = await received(desk, number="", windows=(window,))

    with pytest.raises(ProofRefusedError):
        await desk.confirm_details(OFFICER, request, TODAY, HOUR, LINE)


async def test_a_caller_with_a_withheld_number_is_known_by_a_document_or_a_practice(
    house, desk
):
    """Found in two practices: no question is left to ask whoever gave the answers."""
    await recorded(house, caller=THEIRS)
    other, _ = await recorded(house, caller=ANOTHERS)
    await house.rows(
        "UPDATE recordings SET practice = 'skin' WHERE recording_id = $1", other
    )
    windows = tuple(Window(TODAY, HOUR - 1, HOUR + 1, each) for each in (LINE, "skin"))
    by_practice, by_document = [
        await received(desk, number="", windows=windows) for _ in range(2)
    ]
    assert len(await desk.requests.items(by_practice)) == 2

    known = await desk.identified_otherwise(OFFICER, by_practice, Identity.PRACTICE)
    await desk.doubt(OFFICER, by_document, "nothing else can be asked")
    shown = await desk.document_checked(
        OFFICER, by_document, proves=True, is_destroyed=True
    )

    assert known.standing.identity is Identity.PRACTICE
    assert shown.standing.identity is Identity.DOCUMENT


async def test_a_call_of_ones_own_opens_none_that_is_found_by_an_ending(
    house, desk, gateway, clock
):
    await recorded(house, caller=THEIRS)
    clock.advance(hours=5)
    anothers, _ = await recorded(house, caller=ANOTHERS)
    await house.rows(
        "UPDATE recorded_callers SET number_key = (SELECT number_key FROM"
        " recorded_callers ORDER BY decision_id = (SELECT decision_id FROM recordings"
        " WHERE recording_id = $1) LIMIT 1)",
        anothers,
    )
    request = await received(desk)
    await house.rows(
        "UPDATE request_items SET matched_by = 'number-ending' WHERE recording_id = $1",
        anothers,
    )
    await desk.send_code(OFFICER, request)
    waiting = await desk.confirm_code(OFFICER, request, gateway.code)
    assert waiting.standing.identity is None

    with pytest.raises(ProofRefusedError):
        await desk.confirm_details(OFFICER, request, TODAY, HOUR, LINE)
    assert await state(desk, request) is State.IDENTITY_ASKED
    await desk.drop_item(OFFICER, request, anothers, Because.NOT_THEIRS)

    known = await desk.confirm_details(OFFICER, request, TODAY, HOUR, LINE)
    assert known.standing.identity is Identity.CODE


async def test_no_other_proof_passes_the_question_by(house, desk):
    await recorded(house, caller=THEIRS)
    request = await received(desk)
    await desk.mark_shared(OFFICER, request)

    with pytest.raises(ProofRefusedError):
        await desk.identified_otherwise(OFFICER, request, Identity.PRACTICE)
    await desk.doubt(OFFICER, request, "two voices, two names")
    with pytest.raises(ProofRefusedError):
        await desk.document_checked(OFFICER, request, proves=True, is_destroyed=True)

    await desk.confirm_details(OFFICER, request, TODAY, HOUR, LINE)
    known = await desk.document_checked(
        OFFICER, request, proves=True, is_destroyed=True
    )
    assert known.standing.identity is Identity.DOCUMENT
