"""A code the desk hands over proves no telephone: it takes two, and is looked at.

One officer, or one stolen token, that could find, prove, issue and hand over would hear
whoever they like by asking in that person's name.
"""

from dataclasses import replace

import pytest

from proxy.access.permissions import (
    Actor,
    Permission,
    Role,
    ShownBy,
    Subject,
    permits,
)
from proxy.rights.faults import (
    BadRequestError,
    MoveRefusedError,
    NoSenderError,
    NotSentError,
    TooManyCodesError,
)
from proxy.rights.packages.faults import SamePersonError
from proxy.rights.particulars import Window
from proxy.rights.records import NewRequest
from retention.rights.deadlines import Kind
from retention.rights.request import Identity, Outcome
from tests.fakes.clinic import LINE, SITE
from tests.fakes.desk import OFFICER
from tests.fakes.listeners import recorded
from tests.fakes.packages import handing
from tests.fakes.persons import THEIRS, rights_of, today

pytestmark = pytest.mark.acceptance

COLLEAGUE = replace(OFFICER, code="officer-paul")
THIRD = replace(OFFICER, code="officer-zoe")
HOUR = 11  # in Paris


@pytest.fixture
async def desk(house):
    async with handing(house) as desk:
        yield desk


async def received(desk, **whose):
    whose = whose or {"number": THEIRS}
    new = NewRequest(kind=Kind.ACCESS, contact="by post", **whose)
    return (await desk.rights.desk.receive(OFFICER, new)).request_id


async def known(desk, request, by=OFFICER):
    """Said to be known, and the copy is made."""
    await desk.rights.desk.identified_otherwise(by, request, Identity.PRACTICE)
    await desk.assembled(request)


async def told_of_a_call(house, desk, request, by=OFFICER):
    day = house.clock().date()
    await desk.rights.desk.confirm_details(by, request, day, HOUR, LINE)


# --- Two people -----------------------------------------------------------------------


async def test_whoever_issues_the_link_or_says_who_asks_does_not_hand_over_the_code(
    house, desk
):
    await recorded(house, caller=THEIRS)
    await desk.hours_pass(2)
    request = await received(desk, windows=today(house))
    await known(desk, request, by=OFFICER)
    link = await desk.packages.issue(COLLEAGUE, request)

    for either in (OFFICER, COLLEAGUE):
        with pytest.raises(SamePersonError) as refused:
            await desk.packages.hand_over_code(either, request)
        assert (refused.value.status, "another" in refused.value.fix) == (403, True)
    code = await desk.packages.hand_over_code(THIRD, request)

    opened = await desk.packages.links.open(link.secret, code)
    assert len(await desk.fetched(opened.ticket)) == opened.size


async def test_whoever_has_the_code_and_takes_a_new_link_has_neither(house, desk):
    await recorded(house, caller=THEIRS)
    await desk.hours_pass(2)
    request = await received(desk, windows=today(house))
    await known(desk, request)
    await desk.packages.issue(OFFICER, request)
    await desk.packages.hand_over_code(COLLEAGUE, request)

    await desk.packages.issue(COLLEAGUE, request)

    with pytest.raises(SamePersonError):
        await desk.packages.hand_over_code(COLLEAGUE, request)


@pytest.mark.parametrize("role", [Role.RIGHTS_OFFICER, Role.DPO])
@pytest.mark.parametrize(
    ("shown_by", "may"),
    [(ShownBy.TOKEN, False), (ShownBy.KEY, False), (ShownBy.SESSION, True)],
)
def test_a_code_is_handed_over_by_somebody_who_signed_in(role, shown_by, may):
    actor = Actor("somebody", role, SITE, shown_by)
    assert permits(actor, Permission.REQUESTS_HAND_OVER, Subject(SITE)) is may


async def test_the_dpo_is_told_of_who_was_taken_at_a_word_and_given_a_code(house, desk):
    await recorded(house, caller=THEIRS)
    await desk.hours_pass(2)
    request = await received(desk, windows=today(house))
    await known(desk, request)
    await desk.packages.issue(OFFICER, request)
    await desk.packages.hand_over_code(COLLEAGUE, request)

    await house.site.access.watch.look()

    alerts = await house.site.access.oversight.alerts.list(are_open=True)
    assert {(each.actor, each.rule.value) for each in alerts} == {
        (OFFICER.code, "on-their-word"),
        (COLLEAGUE.code, "code-handed-over"),
    }


@pytest.mark.parametrize("line", ["", "  "])
async def test_call_times_are_asked_for_with_their_line_or_practice(house, desk, line):
    await recorded(house, caller=THEIRS)
    everybody = (Window(house.clock().date(), 0, 24, line),)

    with pytest.raises(BadRequestError) as refused:
        await received(desk, windows=everybody)

    assert refused.value.field == "windows"
    assert await house.rows("SELECT 1 FROM requests") == []


# --- Whom no message reaches ----------------------------------------------------------


async def test_where_no_message_can_be_sent_two_people_hand_the_copy_over(house):
    async with handing(house) as desk:
        await recorded(house, caller=THEIRS)
        await desk.hours_pass(2)
        rights = rights_of(house.site)
        silent = replace(desk, rights=rights)
        house.site.rights = rights
        request = await received(silent)
        await known(silent, request)
        link = await silent.packages.issue(OFFICER, request)

        with pytest.raises(NoSenderError):
            await silent.packages.links.send_code(link.secret)
        with pytest.raises(MoveRefusedError) as refused:
            await silent.packages.hand_over_code(COLLEAGUE, request)
        assert refused.value.field == "details"
        await told_of_a_call(house, silent, request)
        with pytest.raises(SamePersonError):
            await silent.packages.hand_over_code(OFFICER, request)
        code = await silent.packages.hand_over_code(COLLEAGUE, request)

        assert await silent.packages.links.send_code(link.secret) == ""
        opened = await silent.packages.links.open(link.secret, code)
        assert len(await silent.fetched(opened.ticket)) == opened.size
        await rights.close()


async def test_a_number_no_message_reaches_gets_its_code_by_another_way(house, desk):
    await recorded(house, caller=THEIRS)
    await desk.hours_pass(2)
    request = await received(desk)
    await told_of_a_call(house, desk, request)
    await known(desk, request)
    link = await desk.packages.issue(OFFICER, request)
    with pytest.raises(MoveRefusedError, match="codes go to the number"):
        await desk.packages.hand_over_code(COLLEAGUE, request)

    desk.gateway.faults.add("lost-answer", method="POST")
    with pytest.raises(NotSentError):
        await desk.packages.links.send_code(link.secret)
    sent, code = (
        desk.gateway.code,
        await desk.packages.hand_over_code(COLLEAGUE, request),
    )

    assert await desk.packages.links.send_code(link.secret) == ""  # none voids it
    assert len(desk.gateway.sent) == 1
    history = await desk.rights.requests.history(request)
    assert "code-not-sent" in [each.event for each in history]
    opened = await desk.packages.links.open(link.secret, code)
    assert sent == code or len(await desk.fetched(opened.ticket)) == opened.size


async def test_a_code_that_could_not_be_sent_at_the_desk_is_noted_as_well(house, desk):
    await recorded(house, caller=THEIRS)
    request = await received(desk)
    desk.gateway.faults.add("lost-answer", method="POST")
    with pytest.raises(NotSentError):
        await desk.rights.desk.send_code(OFFICER, request)

    history = await desk.rights.requests.history(request)

    assert [each.event for each in history][-1] == "code-not-sent"


# --- No more than three an hour -------------------------------------------------------


async def test_three_codes_an_hour_to_a_number_whatever_is_closed_meanwhile(
    house, desk
):
    at_desk = desk.rights.desk
    for _ in range(3):
        request = await received(desk)
        await at_desk.send_code(OFFICER, request)
        await at_desk.answer(OFFICER, request, Outcome.WITHDRAWN)
        await at_desk.close(OFFICER, request)

    with pytest.raises(TooManyCodesError):
        await at_desk.send_code(OFFICER, await received(desk))

    assert len(desk.gateway.sent) == 3
    left = await house.rows("SELECT digest, wrapped_key FROM request_codes")
    assert [tuple(row) for row in left] == [(None, None)] * 3


async def test_codes_for_a_copy_count_with_those_of_the_desk_and_with_every_link(
    house, desk, clock
):
    await recorded(house, caller=THEIRS)
    await desk.hours_pass(2)
    request = await received(desk)
    await desk.rights.desk.send_code(OFFICER, request)
    await desk.rights.desk.confirm_code(OFFICER, request, desk.gateway.code)
    await desk.assembled(request)
    for _ in range(2):
        link = await desk.packages.issue(OFFICER, request)
        await desk.packages.links.send_code(link.secret)
    link = await desk.packages.issue(OFFICER, request)

    with pytest.raises(TooManyCodesError):
        await desk.packages.links.send_code(link.secret)
    with pytest.raises(TooManyCodesError):
        await desk.rights.desk.send_code(OFFICER, await received(desk))

    assert len(desk.gateway.sent) == 3
    clock.advance(hours=1, seconds=1)
    await desk.packages.links.send_code(link.secret)


async def test_the_code_for_a_copy_is_typed_on_its_page_and_told_to_nobody(house, desk):
    await recorded(house, caller=THEIRS)
    await desk.hours_pass(2)
    request = await received(desk)
    await desk.rights.desk.send_code(OFFICER, request)
    await desk.rights.desk.confirm_code(OFFICER, request, desk.gateway.code)
    await desk.assembled(request)
    link = await desk.packages.issue(OFFICER, request)
    await desk.packages.links.send_code(link.secret)

    [(_, to_the_desk), (_, for_the_page)] = desk.gateway.sent

    assert "sur la page" in for_the_page
    assert "à personne" in for_the_page
    assert "sur la page" not in to_the_desk
    assert len(for_the_page) <= 160
