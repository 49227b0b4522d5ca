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
from proxy.rights.records import Because, Document, NewRequest
from retention.rights.deadlines import Kind
from retention.rights.request import Identity, Outcome, State
from tests.fakes.call_centre import LINE, SITE
from tests.fakes.desk import OFFICER
from tests.fakes.gateway import running_gateway
from tests.fakes.listeners import recorded
from tests.fakes.persons import THEIRS, rights_of

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(60)]

ANOTHERS = "+33698765432"
TODAY, HOUR = date(2026, 11, 18), 11  # in Paris
TEN_MINUTES = timedelta(minutes=10)


@pytest.fixture
async def gateway():
    async with running_gateway() as gateway:
        yield gateway


@pytest.fixture
async def rights(house, gateway):
    rights = rights_of(house.site, sender=gateway.config)
    yield rights
    await rights.close()


@pytest.fixture
def desk(rights):
    return rights.desk


async def asked(desk, **changes):
    """A request by somebody who says that this is their number."""
    told = {"kind": Kind.ACCESS, "number": THEIRS} | changes
    return (await desk.receive(OFFICER, NewRequest(**told))).request_id


async def state(desk, request_id):
    return (await desk.requests.find(request_id)).standing.state


def wrong(code):
    return f"{(int(code) + 1) % 10**6:06}"


# --- A code ---------------------------------------------------------------------------


async def test_whoever_reads_out_the_code_sent_to_the_number_is_known(
    house, desk, gateway, clock
):
    await recorded(house, caller=THEIRS)
    request = await asked(desk, number="06 12 34 56 78", contact="jeanne@example.org")

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
    request = await asked(desk, name="Jeanne Testard", words="tout de l'appel")

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
    request = await asked(desk)
    await desk.send_code(OFFICER, request)

    for _ in range(5):
        with pytest.raises(ProofRefusedError):
            await desk.confirm_code(OFFICER, request, wrong(gateway.code))

    with pytest.raises(ProofRefusedError):
        await desk.confirm_code(OFFICER, request, gateway.code)
    assert await state(desk, request) is State.IDENTITY_ASKED


async def test_four_wrong_codes_and_a_right_one_are_enough(desk, gateway):
    request = await asked(desk)
    await desk.send_code(OFFICER, request)

    for _ in range(4):
        with pytest.raises(ProofRefusedError):
            await desk.confirm_code(OFFICER, request, wrong(gateway.code))

    typed = f" {gateway.code[:3]} {gateway.code[3:]} "
    assert (await desk.confirm_code(OFFICER, request, typed)).code_at


async def test_a_code_is_good_for_ten_minutes(desk, gateway, clock):
    request = await asked(desk)
    await desk.send_code(OFFICER, request)

    clock.advance(minutes=10)

    with pytest.raises(ProofRefusedError):
        await desk.confirm_code(OFFICER, request, gateway.code)


async def test_a_second_code_makes_the_first_void(desk, gateway):
    request = await asked(desk)
    await desk.send_code(OFFICER, request)
    first = gateway.code
    await desk.send_code(OFFICER, request)
    while gateway.code == first:  # one in a million
        await desk.send_code(OFFICER, request)

    with pytest.raises(ProofRefusedError):
        await desk.confirm_code(OFFICER, request, first)

    assert (await desk.confirm_code(OFFICER, request, gateway.code)).code_at


async def test_a_code_is_good_once_and_for_its_own_request_alone(desk, gateway):
    request, other = await asked(desk), await asked(desk, number=ANOTHERS)
    await desk.send_code(OFFICER, request)

    with pytest.raises(ProofRefusedError):
        await desk.confirm_code(OFFICER, other, gateway.code)
    await desk.confirm_code(OFFICER, request, gateway.code)

    with pytest.raises((ProofRefusedError, MoveRefusedError)):
        await desk.confirm_code(OFFICER, request, gateway.code)


async def test_three_codes_an_hour_whatever_the_request(desk, gateway, clock):
    first, second = await asked(desk), await asked(desk)
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
    request = await asked(desk)

    with pytest.raises(NoSenderError) as refused:
        await desk.send_code(OFFICER, request)

    assert refused.value.field == f"sites.{SITE}.rights.sender"
    assert await state(desk, request) is State.RECEIVED


async def test_a_letter_names_no_proof_that_was_not_asked_for(house):
    """Without a gateway no code is announced, and none is said to have been tried."""
    desk = rights_of(house.site).desk
    request = await asked(desk)

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
    request = await asked(desk)

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
    request = await asked(desk, number="", windows=(window,))

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
        await asked(desk, number=number)

    assert refused.value.fix


async def test_an_answer_of_any_kind_waits_for_the_proof(house, desk):
    await recorded(house, caller=THEIRS)
    request = await asked(desk)

    for outcome in (Outcome.GRANTED, Outcome.PARTLY, Outcome.NOTHING_HELD):
        with pytest.raises(MoveRefusedError):
            await desk.answer(OFFICER, request, outcome, "because")


# --- A telephone several people share -------------------------------------------------


async def test_a_shared_telephone_takes_a_question_more(house, desk, gateway):
    await recorded(house, caller=THEIRS)
    request = await asked(desk, is_shared=True)
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
    request = await asked(desk)
    assert len(await desk.requests.items(request)) == 2
    await desk.send_code(OFFICER, request)

    waiting = await desk.confirm_code(OFFICER, request, gateway.code)

    assert waiting.standing.identity is None


async def test_what_they_say_of_a_call_must_be_of_one_of_theirs(house, desk, clock):
    await recorded(house, caller=THEIRS)
    clock.advance(days=1)
    await recorded(house, caller=ANOTHERS)  # somebody else, a day later
    request = await asked(desk, is_shared=True)

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
    request = await asked(desk, is_shared=True)
    for hour in (0, 1, 2, 3, 4):
        with pytest.raises(ProofRefusedError):
            await desk.confirm_details(OFFICER, request, TODAY, hour, LINE)

    with pytest.raises(ProofRefusedError):
        await desk.confirm_details(OFFICER, request, TODAY, HOUR, LINE)


async def test_what_a_request_was_found_by_proves_nothing(house, desk):
    await recorded(house, caller=THEIRS)
    window = Window(TODAY, HOUR - 1, HOUR + 1, LINE)
    request = await asked(desk, number="", windows=(window,))

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
        await asked(desk, number="", windows=windows) for _ in range(2)
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
    request = await asked(desk)
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
    request = await asked(desk)
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


# --- A document -----------------------------------------------------------------------


async def test_a_document_is_looked_at_on_recorded_doubt_alone(desk):
    request = await asked(desk)

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
    request = await asked(desk)
    await desk.doubt(OFFICER, request, "the caller gave two dates of birth")
    await desk.document_checked(OFFICER, request, proves=False, is_destroyed=False)

    for outcome in (Outcome.NOT_IDENTIFIED, Outcome.WITHDRAWN, Outcome.REFUSED):
        with pytest.raises(DocumentLeftError):
            await desk.answer(OFFICER, request, outcome, "not shown to be theirs")

    destroyed = await desk.document_destroyed(OFFICER, request)
    assert destroyed.document is Document.DESTROYED
    assert await desk.answer(OFFICER, request, Outcome.NOT_IDENTIFIED, "no proof")


async def test_a_document_that_never_came_keeps_nobody_waiting(desk):
    request = await asked(desk)
    await desk.doubt(OFFICER, request, "the caller gave two dates of birth")

    assert await desk.answer(OFFICER, request, Outcome.NOT_IDENTIFIED, "no proof")


async def test_while_a_doubt_is_recorded_a_code_proves_nothing(desk, gateway):
    request = await asked(desk)
    await desk.send_code(OFFICER, request)
    await desk.doubt(OFFICER, request, "the caller gave two dates of birth")

    with pytest.raises(MoveRefusedError):
        await desk.confirm_code(OFFICER, request, gateway.code)

    assert await state(desk, request) is State.IDENTITY_ASKED


# --- Agents ---------------------------------------------------------------------------


async def test_an_agent_is_known_by_their_account_and_a_caller_is_not(house, desk):
    await recorded(house, caller=THEIRS, agent="a-104")
    of_agent = await asked(desk, number="", agent="a-104")
    of_caller = await asked(desk)

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
    request = await asked(desk, number="", agent="a-104")

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
        await asked(desk, agent="a-104")

    as_agent = await asked(desk, number="", agent="a-104")
    as_caller = await asked(desk)

    await desk.identified_otherwise(OFFICER, as_agent, Identity.ACCOUNT)
    assert await state(desk, as_caller) is State.RECEIVED
    assert len(await house.site.parts.holds.list()) == 1
