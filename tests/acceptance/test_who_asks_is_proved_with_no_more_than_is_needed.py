"""A code to the number itself, one question more where it is shared, a document last.

GDPR Art. 12(6): additional information is asked for on reasonable doubt alone. What is
refused is refused in the same words whether anything is there or not.
"""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from proxy.access.permissions import Actor, Role, ShownBy
from proxy.rights.faults import (
    BadRequestError,
    DocumentLeftError,
    MoveRefusedError,
    NoSenderError,
    OwnRequestError,
    ProofRefusedError,
    SomebodyElsesNumberError,
    TooManyCodesError,
)
from proxy.rights.particulars import Window
from proxy.rights.records import Document, NewRequest
from retention.rights.deadlines import Kind
from retention.rights.request import Identity, Outcome, State
from tests.fakes.call_centre import LINE, SITE
from tests.fakes.desk import OFFICER
from tests.fakes.listeners import recorded
from tests.fakes.persons import ANOTHERS, THEIRS, received, rights_of, state

pytestmark = pytest.mark.acceptance

TODAY, HOUR = date(2026, 11, 18), 11  # in Paris
TEN_MINUTES = timedelta(minutes=10)


@pytest.fixture
def desk(rights):
    return rights.desk


def wrong(code):
    return f"{(int(code) + 1) % 10**6:06}"


# --- A code ---------------------------------------------------------------------------


async def test_whoever_reads_out_the_code_sent_to_the_number_is_known(
    house, desk, gateway, clock
):
    await recorded(house, caller=THEIRS)
    request = await received(
        desk, number="06 12 34 56 78", contact="jeanne@example.org"
    )

    until = await desk.send_code(OFFICER, request)
    known = await desk.confirm_code(OFFICER, request, gateway.code)

    assert until == clock() + TEN_MINUTES
    [(to, text)] = gateway.sent
    assert to == THEIRS
    assert len(text) <= 160
    assert known.standing.state is State.IDENTIFIED
    assert known.standing.identity is Identity.CODE


async def test_a_code_is_not_in_the_database_nor_is_the_number(house, desk, gateway):
    await recorded(house, caller=THEIRS)
    request = await received(desk, name="Jeanne Testard", words="tout de l'appel")

    await desk.send_code(OFFICER, request)

    tables = await house.rows(
        "SELECT tablename AS name FROM pg_tables WHERE tablename LIKE 'request%'"
        " OR tablename LIKE 'access%' OR tablename = 'holds'"
    )
    for table in tables:
        kept = str(await house.rows(f"SELECT * FROM {table['name']}"))  # noqa: S608  # ours
        assert not any(
            word in kept for word in (gateway.code, "12345678", "Testard", "appel")
        )


async def test_a_wrong_code_counts_and_the_fifth_ends_it(desk, gateway):
    request = await received(desk)
    await desk.send_code(OFFICER, request)

    for _ in range(5):
        with pytest.raises(ProofRefusedError):
            await desk.confirm_code(OFFICER, request, wrong(gateway.code))

    with pytest.raises(ProofRefusedError):
        await desk.confirm_code(OFFICER, request, gateway.code)
    assert await state(desk, request) is State.IDENTITY_ASKED


async def test_four_wrong_codes_and_a_right_one_are_enough(desk, gateway):
    request = await received(desk)
    await desk.send_code(OFFICER, request)

    for _ in range(4):
        with pytest.raises(ProofRefusedError):
            await desk.confirm_code(OFFICER, request, wrong(gateway.code))

    typed = f" {gateway.code[:3]} {gateway.code[3:]} "
    assert (await desk.confirm_code(OFFICER, request, typed)).code_at


async def test_a_code_is_good_for_ten_minutes(desk, gateway, clock):
    request = await received(desk)
    await desk.send_code(OFFICER, request)

    clock.advance(minutes=10)

    with pytest.raises(ProofRefusedError):
        await desk.confirm_code(OFFICER, request, gateway.code)


async def test_a_second_code_makes_the_first_void(desk, gateway):
    request = await received(desk)
    await desk.send_code(OFFICER, request)
    first = gateway.code
    await desk.send_code(OFFICER, request)
    while gateway.code == first:  # one in a million
        await desk.send_code(OFFICER, request)

    with pytest.raises(ProofRefusedError):
        await desk.confirm_code(OFFICER, request, first)

    assert (await desk.confirm_code(OFFICER, request, gateway.code)).code_at


async def test_a_code_is_good_once_and_for_its_own_request_alone(desk, gateway):
    request, other = await received(desk), await received(desk, number=ANOTHERS)
    await desk.send_code(OFFICER, request)

    with pytest.raises(ProofRefusedError):
        await desk.confirm_code(OFFICER, other, gateway.code)
    await desk.confirm_code(OFFICER, request, gateway.code)

    with pytest.raises((ProofRefusedError, MoveRefusedError)):
        await desk.confirm_code(OFFICER, request, gateway.code)


async def test_three_codes_an_hour_whatever_the_request(desk, gateway, clock):
    first, second = await received(desk), await received(desk)
    for request in (first, second, first):
        await desk.send_code(OFFICER, request)

    for request in (first, second):
        with pytest.raises(TooManyCodesError):
            await desk.send_code(OFFICER, request)
    assert len(gateway.sent) == 3

    clock.advance(hours=1, seconds=1)
    await desk.send_code(OFFICER, second)


async def test_a_site_without_a_gateway_is_told_where_to_name_one(house):
    desk = rights_of(house.site).desk
    request = await received(desk)

    with pytest.raises(NoSenderError) as refused:
        await desk.send_code(OFFICER, request)

    assert refused.value.field == f"sites.{SITE}.rights.sender"
    assert await state(desk, request) is State.RECEIVED


async def test_a_letter_names_no_proof_that_was_not_asked_for(house):
    """Without a gateway no code is announced, and none is said to have been tried."""
    desk = rights_of(house.site).desk
    request = await received(desk)

    assert "78" not in await desk.acknowledge(OFFICER, request)
    with pytest.raises(MoveRefusedError):
        await desk.answer(OFFICER, request, Outcome.NOT_IDENTIFIED, "no proof")
    with pytest.raises(ProofRefusedError):
        await desk.confirm_details(OFFICER, request, TODAY, HOUR, LINE)
    letter = await desk.answer(OFFICER, request, Outcome.NOT_IDENTIFIED, "no proof")

    assert "code" not in letter.lower()


# --- Somebody else's number -----------------------------------------------------------


@pytest.mark.parametrize("is_recorded", [True, False])
async def test_another_number_than_the_one_asked_for_is_refused_and_nothing_is_told(
    house, desk, gateway, is_recorded
):
    if is_recorded:
        await recorded(house, caller=THEIRS)
    request = await received(desk)

    with pytest.raises(SomebodyElsesNumberError) as refused:
        await desk.send_code(OFFICER, request, ANOTHERS)

    assert (refused.value.detail, gateway.sent) == ("", [])


@pytest.mark.parametrize("is_recorded", [True, False])
async def test_the_number_given_after_call_times_must_be_the_one_found_by(
    house, desk, gateway, is_recorded
):
    if is_recorded:
        await recorded(house, caller=THEIRS)
    window = Window(TODAY, HOUR - 1, HOUR + 1, LINE)
    request = await received(desk, number="", windows=(window,))

    with pytest.raises(BadRequestError):
        await desk.send_code(OFFICER, request)
    with pytest.raises(SomebodyElsesNumberError) as refused:
        await desk.send_code(OFFICER, request, ANOTHERS)
    assert (refused.value.detail, gateway.sent) == ("", [])

    if is_recorded:
        await desk.send_code(OFFICER, request, "06.12.34.56.78")
        assert [to for to, _ in gateway.sent] == [THEIRS]
        assert (await desk.confirm_code(OFFICER, request, gateway.code)).code_at


@pytest.mark.parametrize("number", ["anonymous", "3131", "", "+33 6 12 et 06 13"])
async def test_what_is_no_number_of_a_person_is_refused_with_what_to_do(desk, number):
    with pytest.raises(BadRequestError) as refused:
        await received(desk, number=number)

    assert refused.value.fix


async def test_an_answer_of_any_kind_waits_for_the_proof(house, desk):
    await recorded(house, caller=THEIRS)
    request = await received(desk)

    for outcome in (Outcome.GRANTED, Outcome.PARTLY, Outcome.NOTHING_HELD):
        with pytest.raises(MoveRefusedError):
            await desk.answer(OFFICER, request, outcome, "because")


# --- A document -----------------------------------------------------------------------


async def test_a_document_is_looked_at_on_recorded_doubt_alone(desk):
    request = await received(desk)

    with pytest.raises(MoveRefusedError):
        await desk.document_checked(OFFICER, request, proves=True, is_destroyed=True)
    with pytest.raises(MoveRefusedError):
        await desk.doubt(OFFICER, request, " ")

    letter = await desk.doubt(OFFICER, request, "the caller gave two dates of birth")
    assert "deux" in letter or "two dates of birth" in letter
    known = await desk.document_checked(
        OFFICER, request, proves=True, is_destroyed=True
    )
    assert known.standing.identity is Identity.DOCUMENT


async def test_nothing_is_answered_or_closed_before_the_document_is_destroyed(
    desk,
):
    request = await received(desk)
    await desk.doubt(OFFICER, request, "the caller gave two dates of birth")
    await desk.document_checked(OFFICER, request, proves=False, is_destroyed=False)

    for outcome in (Outcome.NOT_IDENTIFIED, Outcome.WITHDRAWN, Outcome.REFUSED):
        with pytest.raises(DocumentLeftError):
            await desk.answer(OFFICER, request, outcome, "not shown to be theirs")

    destroyed = await desk.document_destroyed(OFFICER, request)
    assert destroyed.document is Document.DESTROYED
    assert await desk.answer(OFFICER, request, Outcome.NOT_IDENTIFIED, "no proof")


async def test_a_document_that_never_came_keeps_nobody_waiting(desk):
    request = await received(desk)
    await desk.doubt(OFFICER, request, "the caller gave two dates of birth")

    assert await desk.answer(OFFICER, request, Outcome.NOT_IDENTIFIED, "no proof")


async def test_while_a_doubt_is_recorded_a_code_proves_nothing(desk, gateway):
    request = await received(desk)
    await desk.send_code(OFFICER, request)
    await desk.doubt(OFFICER, request, "the caller gave two dates of birth")

    with pytest.raises(MoveRefusedError):
        await desk.confirm_code(OFFICER, request, gateway.code)

    assert await state(desk, request) is State.IDENTITY_ASKED


# --- Agents ---------------------------------------------------------------------------


async def test_an_agent_is_known_by_their_account_and_a_caller_is_not(house, desk):
    await recorded(house, caller=THEIRS, agent="a-104")
    of_agent = await received(desk, number="", agent="a-104")
    of_caller = await received(desk)

    with pytest.raises(BadRequestError):
        await desk.identified_otherwise(OFFICER, of_caller, Identity.ACCOUNT)
    known = await desk.identified_otherwise(OFFICER, of_agent, Identity.ACCOUNT)

    assert known.standing.identity is Identity.ACCOUNT
    assert len(await desk.requests.items(of_agent)) == 1


async def test_nobody_answers_a_request_of_their_own(house, desk):
    await recorded(house, caller=THEIRS, agent="a-104")
    themselves = Actor(
        "officer-anna",
        Role.RIGHTS_OFFICER,
        SITE,
        ShownBy.SESSION,
        agent_key=house.site.keys.name_agent("a-104"),
    )
    request = await received(desk, number="", agent="a-104")

    with pytest.raises(OwnRequestError):
        await desk.receive(themselves, NewRequest(kind=Kind.ERASURE, agent="a-104"))
    with pytest.raises(OwnRequestError):
        await desk.show(themselves, request)
    with pytest.raises(OwnRequestError):
        await desk.identified_otherwise(themselves, request, Identity.ACCOUNT)
    with pytest.raises(OwnRequestError):
        await desk.answer(themselves, request, Outcome.WITHDRAWN)

    another = replace(themselves, agent_key=house.site.keys.name_agent("a-105"))
    assert await desk.show(another, request)


async def test_whoever_is_a_caller_and_an_agent_makes_two_requests(house, desk):
    """Each with a proof of its own: a telephone proves nobody's employment."""
    await recorded(house, caller=THEIRS, agent="a-104")
    with pytest.raises(BadRequestError):
        await received(desk, agent="a-104")

    as_agent = await received(desk, number="", agent="a-104")
    as_caller = await received(desk)

    await desk.identified_otherwise(OFFICER, as_agent, Identity.ACCOUNT)
    assert await state(desk, as_caller) is State.RECEIVED
    assert len(await house.site.parts.holds.list()) == 1
