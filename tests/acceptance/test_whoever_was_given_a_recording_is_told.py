"""Recipients (GDPR Art. 19): on a register, and told of what becomes of a recording."""

from datetime import date, timedelta

import pytest

from proxy.access.trace.acts import Act
from proxy.access.words import WordsError
from proxy.errors import ObjectMissingError
from proxy.rights.outcomes.recipients import HandoverError, NoticeError, Told
from retention.rights.deadlines import Kind
from retention.rights.request import Outcome
from tests.fakes.desk import OFFICER
from tests.fakes.listeners import recorded, traced
from tests.fakes.persons import THEIRS, asked, rights_of

pytestmark = pytest.mark.acceptance


def flat(text):
    return " ".join(text.split())


def outcomes(house):
    return rights_of(house.site).outcomes


async def hand_over(house, recording, recipient="court-lyon", **changes):
    usual = {"purpose": "requisition", "on": house.clock().date()}
    return await outcomes(house).recipients.hand_over(
        OFFICER, recording, recipient, **(usual | changes)
    )


async def do(house, kind, recording):
    """What a person asks for, done; the request."""
    request = await asked(house, kind)
    doing = outcomes(house)
    if kind is Kind.RESTRICTION:
        await doing.restricting.restrict(OFFICER, request)
    elif kind is Kind.RECTIFICATION:
        await doing.rectifying.attach(OFFICER, request, recording, "It was Tuesday.")
    else:
        await doing.erasing.erase(OFFICER, request)
    return request


async def test_a_handover_is_an_export_in_the_trace_and_is_noted_once(quiet):
    recording, _ = await recorded(quiet, caller=THEIRS)

    await hand_over(quiet, recording)
    [noted] = await hand_over(quiet, recording)

    assert (noted.recipient, noted.purpose) == ("court-lyon", "requisition")
    [entry] = await traced(quiet, Act.EXPORTED)
    assert (entry.item, entry.purpose) == (recording, "requisition")
    assert (entry.actor, entry.about) == (OFFICER.code, "court-lyon")


@pytest.mark.parametrize(
    "wrong",
    [
        {"recipient": "Tribunal de Lyon"},
        {"recipient": "p-0612345678"},
        {"purpose": ""},
        {"on": date(2026, 11, 20)},
    ],
)
async def test_a_register_of_codes_takes_no_names_numbers_or_days_to_come(quiet, wrong):
    recording, _ = await recorded(quiet, caller=THEIRS)

    with pytest.raises(HandoverError):
        await hand_over(quiet, recording, **wrong)

    assert await quiet.value("SELECT count(*) FROM handovers") == 0


async def test_what_is_not_there_is_handed_to_nobody(quiet):
    recording, _ = await recorded(quiet, caller=THEIRS)
    await do(quiet, Kind.ERASURE, recording)

    with pytest.raises(ObjectMissingError):
        await hand_over(quiet, recording)


@pytest.mark.parametrize(
    "kind", [Kind.ERASURE, Kind.OBJECTION, Kind.RESTRICTION, Kind.RECTIFICATION]
)
async def test_each_recipient_is_to_be_told_and_the_answer_need_not_wait(quiet, kind):
    recording, _ = await recorded(quiet, caller=THEIRS)
    yesterday = quiet.clock().date() - timedelta(days=1)
    await hand_over(quiet, recording, on=yesterday)
    await hand_over(quiet, recording, "insurer-3", purpose="claim")

    request = await do(quiet, kind, recording)
    notices = await outcomes(quiet).recipients.notices(request)

    assert [each.recipient for each in notices] == ["court-lyon", "insurer-3"]
    assert {each.outcome for each in notices} == {None}
    desk = rights_of(quiet.site).desk
    assert await desk.answer(OFFICER, request, Outcome.GRANTED)


async def test_before_it_is_done_there_is_nothing_to_tell(quiet):
    recording, _ = await recorded(quiet, caller=THEIRS)
    await hand_over(quiet, recording)

    request = await asked(quiet, Kind.ERASURE)

    assert await outcomes(quiet).recipients.notices(request) == []


async def test_each_was_told_or_there_is_a_reason_and_that_stays(quiet):
    recording, _ = await recorded(quiet, caller=THEIRS)
    await hand_over(quiet, recording)
    await hand_over(quiet, recording, "insurer-3", purpose="claim")
    request = await do(quiet, Kind.ERASURE, recording)
    recipients = outcomes(quiet).recipients
    court, insurer = await recipients.notices(request)
    which = (OFFICER, request, insurer.handover_id)

    with pytest.raises(NoticeError):
        await recipients.note(*which, Told.DISPROPORTIONATE)
    with pytest.raises(WordsError):
        await recipients.note(*which, Told.DISPROPORTIONATE, "call 06 12 34 56 78")
    await recipients.note(OFFICER, request, court.handover_id, Told.TOLD)
    await recipients.note(*which, Told.DISPROPORTIONATE, "it was wound up in 2024")
    told = await recipients.note(*which, Told.TOLD)

    assert [(each.outcome, each.reason) for each in told] == [
        (Told.TOLD, ""),
        (Told.DISPROPORTIONATE, "it was wound up in 2024"),
    ]


async def test_a_notice_of_another_request_is_not_noted_with_this_one(quiet):
    recording, _ = await recorded(quiet, caller=THEIRS)
    [handover] = await hand_over(quiet, recording)
    request = await asked(quiet, Kind.ERASURE)

    with pytest.raises(NoticeError):
        await outcomes(quiet).recipients.note(
            OFFICER, request, handover.handover_id, Told.TOLD
        )


async def test_their_letter_says_what_became_of_what_they_were_given(quiet):
    recording, _ = await recorded(quiet, caller=THEIRS)
    await hand_over(quiet, recording)
    request = await do(quiet, Kind.RECTIFICATION, recording)
    telling = outcomes(quiet).telling

    letter = await telling.letter(OFFICER, request, "court-lyon")

    assert str(recording) in letter
    assert "It was Tuesday." in letter
    assert THEIRS not in letter
    with pytest.raises(NoticeError):
        await telling.letter(OFFICER, request, "insurer-3")
    [*_, read] = await traced(quiet, Act.REQUEST)
    assert (read.item, read.purpose) == (request, "notice-read")


async def test_whoever_was_told_of_a_restriction_is_told_when_it_is_lifted(quiet):
    recording, _ = await recorded(quiet, caller=THEIRS)
    for recipient in ("court-lyon", "insurer-3", "police-69"):
        await hand_over(quiet, recording, recipient)
    request = await do(quiet, Kind.RESTRICTION, recording)
    recipients, telling = outcomes(quiet).recipients, outcomes(quiet).telling
    court, insurer, _ = await recipients.notices(request)
    first_letter = flat(await telling.letter(OFFICER, request, "court-lyon"))
    assert "que la limitation est levée" in first_letter
    await recipients.note(OFFICER, request, court.handover_id, Told.TOLD)
    which = (OFFICER, request, insurer.handover_id)
    await recipients.note(*which, Told.DISPROPORTIONATE, "it was wound up")

    await lift(quiet, request)

    *first, second = sorted(
        await recipients.notices(request), key=lambda each: each.is_lifting
    )
    assert [each.recipient for each in first] == ["court-lyon", "insurer-3"]
    assert (second.recipient, second.outcome) == ("court-lyon", None)
    letter = flat(await telling.letter(OFFICER, request, "court-lyon"))
    assert "plus rien à faire" in letter
    noted = await recipients.note(OFFICER, request, court.handover_id, Told.TOLD)
    assert {each.outcome for each in noted if each.is_lifting} == {Told.TOLD}
    assert len(noted) == 3


async def lift(house, request):
    restricting = outcomes(house).restricting
    await restricting.tell_lifting(OFFICER, request)
    house.clock.advance(days=1)
    await restricting.lift(OFFICER, request)


async def test_a_handover_is_of_the_day_on_the_sites_own_calendar(house):
    recording, _ = await recorded(house, caller=THEIRS)
    house.clock.now = house.clock().replace(hour=23, minute=30)  # 00:30 in Paris
    tomorrow = house.clock().date() + timedelta(days=1)

    recipients = rights_of(house.site).outcomes.recipients
    [noted] = await recipients.hand_over(
        OFFICER, recording, "police", "requisition", tomorrow
    )

    assert noted.handed_on == tomorrow
