"""From receipt to closing at the desk: dates, answers; and who did each.

What is kept of it names nobody once it is closed; what an officer looked at is traced.
"""

from datetime import date, timedelta

import pytest

from proxy.access.trace.acts import Act
from proxy.rights.faults import (
    BadRequestError,
    MoveRefusedError,
    NoLetterheadError,
    NotDoneError,
    UnknownRequestError,
)
from proxy.rights.records import ItemState, NewRequest
from retention.rights.deadlines import Kind
from retention.rights.request import Identity, Outcome, State
from tests.fakes.desk import OFFICER
from tests.fakes.fulfilled import Told
from tests.fakes.listeners import recorded
from tests.fakes.persons import THEIRS, received, rights_of

pytestmark = pytest.mark.acceptance


@pytest.fixture
def rights(house):
    return rights_of(house.site)


@pytest.fixture
def desk(rights):
    return rights.desk


@pytest.fixture
def told(rights):
    told = Told()
    for kind in Kind:
        rights.fulfilments.register(kind, told)
    return told


async def identified(desk, kind=Kind.ACCESS, **changes):
    request = await received(desk, kind, **changes)
    await desk.identified_otherwise(OFFICER, request, Identity.PRACTICE)
    return request


# --- Dates ----------------------------------------------------------------------------


async def test_dates_are_counted_from_the_day_it_came_by_the_sites_calendar(
    desk, clock
):
    clock.now = clock.now.replace(month=1, day=31, hour=23, minute=30)  # 1 February
    now = await desk.receive(OFFICER, NewRequest(kind=Kind.ACCESS, number=THEIRS))
    came = NewRequest(kind=Kind.ACCESS, number=THEIRS, received_on=date(2026, 1, 31))
    letter = await desk.receive(OFFICER, came)

    assert (now.due_on, letter.due_on) == (date(2026, 3, 1), date(2026, 2, 28))


@pytest.mark.parametrize("days", [1, -400])
async def test_a_day_it_cannot_have_come_on_is_refused(desk, clock, days):
    day = clock().date() + timedelta(days=days)
    with pytest.raises(BadRequestError):
        await received(desk, received_on=day)


@pytest.mark.parametrize("kind", sorted(set(Kind) - {Kind.MEDICAL_FILE}))
async def test_old_information_gives_more_time_to_a_medical_file_alone(desk, kind):
    with pytest.raises(BadRequestError) as refused:
        await received(desk, kind, is_older_than_five_years=True)

    assert refused.value.field == "is_older_than_five_years"
    assert await desk.list() == []
    assert await received(desk, Kind.MEDICAL_FILE, is_older_than_five_years=True)


async def test_the_worklist_is_by_due_date_a_page_at_a_time_and_names_nobody(desk):
    last = await received(desk)
    first = await received(desk, Kind.MEDICAL_FILE)
    extended = await identified(desk)
    letter = await desk.extend(OFFICER, extended, "many recordings of many years")

    page = await desk.list(limit=2)
    [rest] = await desk.list(after=(page[-1].due_on, page[-1].request_id))

    assert [each.request_id for each in page] == [first, last]
    assert rest.request_id == extended
    assert {each.particulars for each in [*page, rest]} == {None}
    assert "18 février 2027" in letter.replace("\u00a0", " ")
    with pytest.raises(MoveRefusedError):
        await desk.extend(OFFICER, extended, "once more")


async def test_a_medical_file_is_not_handed_over_before_48_hours(desk, told, clock):
    request = await identified(desk, Kind.MEDICAL_FILE)
    told.is_done = True
    clock.advance(hours=47, minutes=59)
    with pytest.raises(MoveRefusedError) as refused:
        await desk.answer(OFFICER, request, Outcome.GRANTED)
    assert "48 hours" in refused.value.detail

    clock.advance(minutes=1)
    assert await desk.answer(OFFICER, request, Outcome.GRANTED)


# --- Answers --------------------------------------------------------------------------


async def test_what_is_not_done_is_not_answered_as_done(house, desk, told):
    await recorded(house, caller=THEIRS)
    request = await identified(desk, Kind.ERASURE)

    for outcome in (Outcome.GRANTED, Outcome.PARTLY):
        with pytest.raises(NotDoneError):
            await desk.answer(OFFICER, request, outcome, "because")
    told.is_done = told.is_partial = True
    with pytest.raises(NotDoneError):
        await desk.answer(OFFICER, request, Outcome.GRANTED)

    assert await desk.answer(OFFICER, request, Outcome.PARTLY, "one is held")


async def test_what_nobody_here_does_is_never_answered_as_done(house):
    await recorded(house, caller=THEIRS)
    rights = rights_of(house.site)
    rights.fulfilments._by_kind.clear()
    request = await identified(rights.desk)

    with pytest.raises(NotDoneError):
        await rights.desk.answer(OFFICER, request, Outcome.GRANTED)


async def test_nothing_held_is_said_only_while_nothing_is_held(house, desk):
    empty = await identified(desk)
    assert "78" in await desk.answer(OFFICER, empty, Outcome.NOTHING_HELD)

    request = await identified(desk)
    recording, _ = await recorded(house, caller=THEIRS)  # after its receipt
    with pytest.raises(NotDoneError):
        await desk.answer(OFFICER, request, Outcome.NOTHING_HELD)

    [item] = await desk.requests.items(request)
    assert (item.recording_id, item.state) == (recording, ItemState.FROZEN)


async def test_a_refusal_says_why_and_where_to_complain(desk):
    request = await received(desk)
    with pytest.raises(MoveRefusedError):
        await desk.answer(OFFICER, request, Outcome.REFUSED)

    grounds = "la même demande, pour la septième fois ce mois-ci"
    letter = await desk.answer(
        OFFICER, request, Outcome.REFUSED, grounds, articles=["12(5)"]
    )

    assert "septième fois" in letter
    assert "CNIL" in letter
    assert "12(5)" in letter


async def test_a_letter_that_cannot_say_whom_it_is_from_is_not_written(house):
    desk = rights_of(house.site, controller=" ").desk
    request = await received(desk)

    with pytest.raises(NoLetterheadError) as refused:
        await desk.answer(OFFICER, request, Outcome.WITHDRAWN)

    assert refused.value.field.endswith("rights.controller")
    found = await desk.requests.find(request)
    assert found.standing.state is State.RECEIVED


# --- The end --------------------------------------------------------------------------


async def test_a_closed_request_names_nobody_and_its_history_stays(
    house, rights, desk, clock
):
    await recorded(house, caller=THEIRS)
    request = await received(desk, name="Jeanne Testard", contact="jeanne@example.org")
    text = await desk.answer(OFFICER, request, Outcome.WITHDRAWN)
    assert await desk.letter(OFFICER, request) == text

    clock.advance(days=1)
    await rights.tend()

    shown = await desk.show(OFFICER, request)
    assert shown.request.particulars is None
    assert list(shown.items) == []
    assert [(line.event, line.actor) for line in shown.history] == [
        ("received", OFFICER.code),
        ("answer", OFFICER.code),
        ("letter-read", OFFICER.code),
        ("close", "service"),
    ]
    with pytest.raises(UnknownRequestError):
        await desk.letter(OFFICER, request)
    with pytest.raises(MoveRefusedError):
        await desk.close(OFFICER, request)


async def test_what_is_granted_is_closed_when_it_is_delivered_and_not_before(
    house, desk, told
):
    await recorded(house, caller=THEIRS)
    request = await identified(desk)
    told.is_done = True
    await desk.answer(OFFICER, request, Outcome.GRANTED)
    with pytest.raises(NotDoneError):
        await desk.close(OFFICER, request)

    told.is_delivered = True
    closed = await desk.close(OFFICER, request)

    assert (closed.standing.state, closed.particulars) == (State.CLOSED, None)
    assert told.ended == [request]


async def test_each_step_and_each_look_is_in_the_trace_under_the_requests_id(
    house, desk
):
    request = await received(desk)
    await desk.show(OFFICER, request)
    await desk.answer(OFFICER, request, Outcome.WITHDRAWN)
    await desk.close(OFFICER, request)

    rows = await house.rows(
        "SELECT body::jsonb ->> 'purpose' AS did, actor FROM access_entries"
        " WHERE act = $1 AND item = $2 ORDER BY seq",
        Act.REQUEST.value,
        request,
    )
    assert [(row["did"], row["actor"]) for row in rows] == [
        (did, OFFICER.code) for did in ("received", "shown", "answer", "close")
    ]
