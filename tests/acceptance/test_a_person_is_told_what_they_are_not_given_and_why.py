"""The answer to a request for access: what of it is not there, why, and until when.

The same is said in the letter that is sent and in the one inside the copy, but for what
is known to the former alone: where the copy is fetched, and the desk's own grounds.
"""

import pytest

from proxy.access.permissions import Role
from proxy.access.trace.acts import Act, Entry
from proxy.rights.faults import NotDoneError
from proxy.rights.packages.muting import Cut, Why
from proxy.rights.records import Because, ItemState
from retention.rights.deadlines import Kind
from retention.rights.request import Outcome
from tests.fakes.desk import OFFICER
from tests.fakes.listeners import recorded
from tests.fakes.packages import handing, unpacked
from tests.fakes.persons import ANOTHERS, PAGE, THEIRS, asked

pytestmark = pytest.mark.acceptance
GROUNDS = "an older call was destroyed on its day"
CUT = Cut(0, 500, Why.THIRD_PARTY)


@pytest.fixture
async def desk(house):
    async with handing(house) as desk:
        yield desk


@pytest.fixture
async def both(house, desk):
    """A request about two recordings of one person, and these."""
    recordings = [(await recorded(house, caller=THEIRS))[0]]
    house.clock.advance(days=1)
    recordings.append((await recorded(house, caller=ANOTHERS))[0])
    keys = "SELECT number_key FROM recorded_callers"
    await house.rows(
        f"UPDATE recorded_callers SET number_key = ({keys} WHERE decision_id = (SELECT"  # noqa: S608  # ours
        " decision_id FROM recordings WHERE recording_id = $1))",
        recordings[0],
    )
    request = await desk.asked()
    assert len(await desk.rights.requests.items(request)) == 2
    return request, *recordings


def flat(text):
    return " ".join(text.split())


async def fetched(desk, shown, tmp_path):
    files = unpacked(await desk.fetched(shown.ticket), shown.password, tmp_path)
    return {name: flat(each.decode("utf-8", "replace")) for name, each in files.items()}


async def answered(desk, request, outcome=Outcome.GRANTED, grounds=""):
    return flat(await desk.rights.desk.answer(OFFICER, request, outcome, grounds))


async def test_what_went_before_the_answer_is_told_in_both_letters_and_grounds_in_one(
    house, desk, both, tmp_path
):
    request, _, lost = both
    await house.rows(
        "UPDATE recordings SET doomed_at = now() WHERE recording_id = $1", lost
    )
    await desk.rights.tend()
    items = await desk.rights.requests.items(request)
    assert {each.state for each in items} == {ItemState.FROZEN, ItemState.GONE}
    await desk.assembled(request)
    shown = await desk.opened(request)
    inside = (await fetched(desk, shown, tmp_path))["reponse.txt"]
    with pytest.raises(NotDoneError, match="in part"):
        await answered(desk, request)

    letter = await answered(desk, request, Outcome.PARTLY, GROUNDS)

    gone = "Nous ne pouvons plus vous remettre 1 enregistrement"
    assert gone in letter
    assert gone in inside
    assert f"Nos motifs sont les suivants : {GROUNDS}" in letter
    assert "CNIL" in letter


async def test_what_was_muted_in_a_recording_that_was_dropped_is_not_counted(
    desk, both, tmp_path
):
    request, _, dropped = both
    await desk.packages.mute(OFFICER, request, dropped, [CUT])
    await desk.rights.desk.drop_item(OFFICER, request, dropped, Because.ANOTHER_PERSONS)
    await desk.assembled(request)
    shown = await desk.opened(request)
    inside = (await fetched(desk, shown, tmp_path))["reponse.txt"]

    letter = await answered(desk, request)

    assert "muets" not in letter + inside
    assert "Nous vous remettons 1 enregistrement" in letter


async def test_a_copy_says_nothing_of_a_link_there_was_not_when_it_was_made(
    house, desk, tmp_path
):
    await recorded(house, caller=THEIRS)
    request = await desk.asked()
    await desk.assembled(request)
    for _ in range(20):
        house.clock.advance(days=1)
        await desk.rights.tend()
    shown = await desk.opened(request)
    letter = await answered(desk, request)
    assert f"au plus tard le 15 décembre 2026 : {PAGE}" in letter

    files = await fetched(desk, shown, tmp_path)

    assert PAGE not in files["reponse.txt"]
    assert "au plus tard" not in files["reponse.txt"]
    # Due on the 18th of December, good for seven days, a day to be destroyed.
    assert "au plus tard le 26 décembre 2026" in files["enregistrements/01.txt"]


async def test_who_has_fetched_it_is_asked_to_open_no_page(house, desk):
    await recorded(house, caller=THEIRS)
    request = await desk.asked()
    await desk.assembled(request)
    shown = await desk.opened(request)
    await desk.fetched(shown.ticket)
    house.clock.advance(hours=24)

    letter = await answered(desk, request)

    assert "Vous avez déjà tout reçu, le 18 novembre 2026." in letter
    assert PAGE not in letter


async def test_days_are_those_of_the_sites_own_calendar(house, desk, tmp_path):
    recording, _ = await recorded(house, caller=THEIRS)
    await desk.hours_pass(2)
    house.clock.now = house.clock().replace(hour=23, minute=30)  # 00:30 in Paris
    heard = Entry(Act.PLAY, "trainer-ada", Role.TRAINER, recording, "training")
    await house.site.access.trace.note(heard)
    statement = await asked(house, Kind.RECTIFICATION)
    attach = desk.rights.outcomes.rectifying.attach
    await attach(OFFICER, statement, recording, "It was Tuesday.")
    house.clock.advance(days=1)
    request = await desk.asked()
    await desk.assembled(request)
    shown = await desk.opened(request)

    sheet = (await fetched(desk, shown, tmp_path))["enregistrements/01.txt"]

    assert "Le 19 novembre 2026 : écouté" in sheet
    assert "jointe le 19 novembre 2026" in sheet
    assert "par : formateur" in sheet
    assert "trainer-ada" not in sheet
