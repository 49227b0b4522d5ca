"""What a letter says is so: nothing came since, nothing runs, nothing follows.

A call may be taken over while its caller's request is answered; what was begun for a
request goes on whatever is answered; what was prepared for it must not stay.
"""

from datetime import timedelta

import pytest

from proxy.rights.faults import MoveRefusedError, NotDoneError
from proxy.rights.outcomes.wants import Fate, What
from proxy.rights.records import Because, ItemState
from retention.holds import Authority, Hold
from retention.rights.deadlines import Kind
from retention.rights.request import Outcome
from tests.fakes.call_centre import SITE, wav
from tests.fakes.desk import OFFICER
from tests.fakes.listeners import recorded
from tests.fakes.packages import handing
from tests.fakes.persons import AGENT, THEIRS, asked, rights_of

LAST_ANSWERS = [Outcome.WITHDRAWN, Outcome.REFUSED, Outcome.NOTHING_HELD]


@pytest.fixture
async def desk(quiet):
    async with handing(quiet) as desk:
        yield desk


async def a_call_that_may_be_recorded(house):
    while not (drawn := await house.start_call(caller=THEIRS)).is_record:
        pass
    await house.tell("call.announced", drawn)
    return drawn


async def taken_over(house, drawn):
    reply = await house.upload(drawn.decision_id, wav(4.0))
    return reply.status


async def held(house, recording, days):
    ends_at = house.clock() + timedelta(days=days)
    placed = Hold(Authority.REQUISITION, "PV 2026/113", "asked for by a court", ends_at)
    await house.site.parts.holds.place(recording, placed, "dpo-1")


async def days_pass(house, days):
    house.clock.advance(days=days)
    for _ in range(2):
        await house.site.sweep()
        await rights_of(house.site).tend()


# --- What there is --------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Kind.ERASURE, Kind.OBJECTION])
async def test_what_was_taken_over_after_receipt_is_erased_before_anybody_is_told(
    quiet, kind
):
    drawn = await a_call_that_may_be_recorded(quiet)
    request = await asked(quiet, kind)
    assert await taken_over(quiet, drawn) == 201
    rights = rights_of(quiet.site)
    erasing = rights.outcomes.erasing
    assert await erasing.erase(OFFICER, request) == []

    with pytest.raises(NotDoneError) as refused:
        await rights.desk.answer(OFFICER, request, Outcome.GRANTED)
    assert refused.value.field == "items"
    assert len(await quiet.kept()) == 1

    assert [each.fate for each in await erasing.erase(OFFICER, request)] == [Fate.DONE]
    await rights.desk.answer(OFFICER, request, Outcome.GRANTED)
    assert await quiet.kept() == []


async def test_what_an_agent_said_since_the_receipt_is_restricted_as_well(quiet):
    await recorded(quiet, agent=AGENT)
    request = await asked(quiet, Kind.RESTRICTION, agent=AGENT)
    rights = rights_of(quiet.site)
    await rights.outcomes.restricting.restrict(OFFICER, request)
    second, _ = await recorded(quiet, agent=AGENT)

    with pytest.raises(NotDoneError):
        await rights.desk.answer(OFFICER, request, Outcome.GRANTED)

    items = await rights.requests.items(request)
    [state] = [each.state for each in items if each.recording_id == second]
    assert state is ItemState.FROZEN


async def test_while_a_call_of_theirs_may_be_recorded_nothing_is_answered_as_done(
    quiet,
):
    await a_call_that_may_be_recorded(quiet)
    request = await asked(quiet, Kind.ACCESS)
    desk = rights_of(quiet.site).desk

    with pytest.raises(NotDoneError) as refused:
        await desk.answer(OFFICER, request, Outcome.NOTHING_HELD)
    assert "come back" in refused.value.fix

    quiet.clock.advance(hours=4, minutes=1)
    await quiet.site.outcomes.close_overdue()
    await desk.answer(OFFICER, request, Outcome.NOTHING_HELD)


@pytest.mark.parametrize("kind", [Kind.ERASURE, Kind.OBJECTION])
async def test_of_a_call_that_runs_while_it_is_erased_nothing_is_kept(quiet, kind):
    drawn = await a_call_that_may_be_recorded(quiet)
    request = await asked(quiet, kind)
    rights = rights_of(quiet.site)
    with pytest.raises(NotDoneError) as refused:
        await rights.desk.answer(OFFICER, request, Outcome.NOTHING_HELD)
    assert "carry it out" in refused.value.fix

    await rights.outcomes.erasing.erase(OFFICER, request)
    await rights.desk.answer(OFFICER, request, Outcome.NOTHING_HELD)

    assert await taken_over(quiet, drawn) != 201
    assert await quiet.kept() == []
    assert await quiet.value("SELECT outcome FROM calls WHERE is_record") == "objected"


async def test_whoever_objected_is_on_the_list_also_where_nothing_is_held(centre):
    plan = centre.plan()
    plan["sites"][SITE] |= {"keep_opt_outs": True}
    await centre.open(sites=plan["sites"])
    request = await asked(centre, Kind.OBJECTION)
    rights = rights_of(centre.site)

    with pytest.raises(NotDoneError) as refused:
        await rights.desk.answer(OFFICER, request, Outcome.NOTHING_HELD)
    assert refused.value.field == "number"

    await rights.outcomes.erasing.erase(OFFICER, request)
    await rights.desk.answer(OFFICER, request, Outcome.NOTHING_HELD)
    assert await centre.site.opt_outs.has(THEIRS)


# --- What was begun -------------------------------------------------------------------


@pytest.mark.parametrize("outcome", LAST_ANSWERS)
async def test_an_erasure_that_was_begun_is_not_taken_back(quiet, outcome):
    recording, _ = await recorded(quiet, caller=THEIRS)
    await held(quiet, recording, days=5)
    request = await asked(quiet, Kind.ERASURE)
    rights = rights_of(quiet.site)
    [begun] = await rights.outcomes.erasing.erase(OFFICER, request)
    assert begun.fate is Fate.BLOCKED

    with pytest.raises((MoveRefusedError, NotDoneError)):
        await rights.desk.answer(OFFICER, request, outcome, "asked every week")
    await rights.desk.answer(OFFICER, request, Outcome.PARTLY, "a court has it", ["17"])

    await days_pass(quiet, 6)
    assert await quiet.kept() == []


async def test_what_is_being_erased_is_not_dropped(quiet):
    recording, _ = await recorded(quiet, caller=THEIRS)
    await held(quiet, recording, days=5)
    request = await asked(quiet, Kind.ERASURE)
    rights = rights_of(quiet.site)
    await rights.outcomes.erasing.erase(OFFICER, request)

    with pytest.raises(MoveRefusedError):
        await rights.desk.drop_item(OFFICER, request, recording, Because.NOT_THEIRS)


@pytest.mark.parametrize("outcome", [Outcome.WITHDRAWN, Outcome.REFUSED])
async def test_an_erasure_that_was_not_begun_is_taken_back_and_destroys_nothing(
    quiet, outcome
):
    recording, _ = await recorded(quiet, caller=THEIRS)
    await held(quiet, recording, days=5)
    request = await asked(quiet, Kind.ERASURE)

    desk = rights_of(quiet.site).desk
    await desk.answer(OFFICER, request, outcome, "asked every week")

    await days_pass(quiet, 6)
    assert await quiet.kept() == [str(recording)]


async def test_a_restriction_that_was_lifted_may_be_taken_back(quiet):
    await recorded(quiet, caller=THEIRS)
    request = await asked(quiet, Kind.RESTRICTION)
    rights = rights_of(quiet.site)
    restricting = rights.outcomes.restricting
    await restricting.restrict(OFFICER, request)
    with pytest.raises(MoveRefusedError):
        await rights.desk.answer(OFFICER, request, Outcome.WITHDRAWN)

    await restricting.tell_lifting(OFFICER, request)
    await restricting.lift(OFFICER, request)
    await rights.desk.answer(OFFICER, request, Outcome.WITHDRAWN)


async def test_words_that_were_never_beside_a_recording_are_not_said_to_be(quiet):
    recording, _ = await recorded(quiet, caller=THEIRS)
    request = await asked(quiet, Kind.RECTIFICATION)
    rights = rights_of(quiet.site)
    wants = rights.outcomes.rectifying._wants
    only = [recording]
    await wants.note(OFFICER, request, What.RECTIFICATION, quiet.clock(), only=only)
    [hold] = await quiet.site.parts.holds.list()
    await quiet.site.parts.holds.release(hold["hold_id"], "dpo-1", is_doomed=True)
    await quiet.site.sweep()
    await rights.tend()

    [wanted] = await rights.outcomes.rectifying.of(request)
    assert (wanted.fate, wanted.done_at) == (Fate.ENDED, None)
    with pytest.raises(NotDoneError):
        await rights.desk.answer(OFFICER, request, Outcome.GRANTED)
    await rights.desk.answer(OFFICER, request, Outcome.NOTHING_HELD)


# --- What was prepared ----------------------------------------------------------------


async def test_a_package_made_anew_after_the_answer_keeps_its_recordings(house, desk):
    await recorded(house, caller=THEIRS)
    request = await desk.asked()
    await days_pass(house, 28)
    await desk.assembled(request)
    await desk.packages.issue(OFFICER, request)
    await desk.rights.desk.answer(OFFICER, request, Outcome.GRANTED)
    await days_pass(house, 3)

    await desk.assembled(request)
    await days_pass(house, 1)
    opened = await desk.opened(request)
    assert await desk.fetched(opened.ticket)

    await days_pass(house, 1)
    assert await house.kept() == []


async def test_a_package_nobody_gets_a_link_to_keeps_nothing_after_a_week(house, desk):
    await recorded(house, caller=THEIRS)
    request = await desk.asked()
    await days_pass(house, 28)
    await desk.assembled(request)
    await desk.packages.issue(OFFICER, request)
    await desk.rights.desk.answer(OFFICER, request, Outcome.GRANTED)
    await desk.assembled(request)

    await days_pass(house, 6)
    assert await house.kept()
    await days_pass(house, 1)
    assert await house.kept() == []


@pytest.mark.parametrize("is_linked", [True, False])
async def test_what_was_packed_for_a_request_that_was_taken_back_is_gone(
    house, desk, is_linked
):
    await recorded(house, caller=THEIRS)
    request = await desk.asked()
    await desk.assembled(request)
    if is_linked:
        await desk.packages.issue(OFFICER, request)

    await desk.rights.desk.answer(OFFICER, request, Outcome.WITHDRAWN)

    assert (
        await house.value("SELECT count(*) FROM packages WHERE root IS NOT NULL") == 0
    )
    assert await house.value("SELECT count(*) FROM package_members") == 0
    assert await house.value("SELECT count(*) FROM package_items") == 0
    with pytest.raises(MoveRefusedError):
        await desk.packages.make(OFFICER, request)
