"""What letters and the worklist say of a date is what the law gives on that day.

While a clock stands still its date moves; a date of the last move would be a wrong one.
"""

from datetime import date

import pytest

from proxy.api.request_forms import RequestStanding
from proxy.rights.config import Practice
from retention.rights.deadlines import Kind
from retention.rights.request import Identity
from tests.fakes.desk import OFFICER
from tests.fakes.persons import received, rights_of

pytestmark = pytest.mark.acceptance

CARDIO = {"cardio": Practice(is_controller=True, contact="3 rue des Lilas, Lyon")}


@pytest.fixture
def desk(quiet):
    return rights_of(quiet.site, practices=CARDIO).desk


def plain(letter):
    return " ".join(letter.replace("\u00a0", " ").split())


async def standing(desk, request, clock):
    return RequestStanding.of(await desk.requests.find(request), clock())


async def doubted(desk, request):
    return plain(await desk.doubt(OFFICER, request, "two people wrote"))


async def unproved(desk, request):
    await desk.document_checked(OFFICER, request, proves=False, is_destroyed=True)


async def test_a_second_doubt_says_what_is_left_of_the_31_days(desk, clock):
    request = await received(desk)
    assert "au bout de 31 jours" in await doubted(desk, request)
    clock.advance(days=11)
    await unproved(desk, request)

    assert "au bout de 20 jours" in await doubted(desk, request)


@pytest.mark.parametrize(
    ("language", "words"),
    [("fr", "en est pas suspendu"), ("en", "is not suspended")],
)
async def test_a_doubt_once_the_31_days_are_used_up_suspends_nothing_and_says_so(
    desk, clock, language, words
):
    request = await received(desk, language=language)
    await doubted(desk, request)
    clock.advance(days=35)
    await unproved(desk, request)
    before = await standing(desk, request, clock)

    letter = await doubted(desk, request)
    clock.advance(days=10)

    assert words in letter
    assert "31" not in letter.partition("12(6)")[2].partition("CNIL")[0]
    assert (await standing(desk, request, clock)).due_on == before.due_on


async def test_a_doubt_does_not_put_a_medical_file_off(desk, clock):
    request = await received(desk, Kind.MEDICAL_FILE)

    letter = await doubted(desk, request)
    clock.advance(days=31)

    assert "en est pas suspendu" in letter
    found = await standing(desk, request, clock)
    assert (found.due_on, found.is_doubted) == (date(2026, 11, 26), True)
    assert (found.suspended_days, found.days_left) == (0, -23)


async def test_the_worklist_shows_the_date_its_days_are_counted_to(desk, clock):
    request = await received(desk)
    await doubted(desk, request)
    clock.advance(days=10)

    found = await standing(desk, request, clock)

    assert found.due_on == date(2026, 12, 28)
    assert found.days_left == (found.due_on - clock().date()).days


async def test_what_practice_and_person_are_told_is_the_date_of_that_day(desk, clock):
    request = await received(desk)
    await desk.identified_otherwise(OFFICER, request, Identity.PRACTICE)
    await doubted(desk, request)
    clock.advance(days=5)

    passed = await desk.escalate(OFFICER, request, "cardio")
    clock.advance(days=5)
    await desk.document_checked(OFFICER, request, proves=True, is_destroyed=True)
    to_person = await desk.letter(OFFICER, request)

    assert "23 décembre 2026" in plain(passed.to_practice)
    assert "28 décembre 2026" in plain(to_person)
