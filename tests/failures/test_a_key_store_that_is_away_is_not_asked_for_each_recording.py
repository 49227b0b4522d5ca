"""A key store that does not answer is asked twice, not once for each recording.

Each question may wait for seconds before it fails. Whoever has many recordings to see
to breaks off, so that whatever else must be done, and be forgotten, is done in time.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from proxy.rights.outcomes.wants import Fate
from retention.holds import LONGEST_HOLD
from retention.rights.deadlines import Kind
from tests.fakes.call_centre import SITE, CallCentre
from tests.fakes.desk import OFFICER
from tests.fakes.erasing import erase, fates, hold, tend
from tests.fakes.listeners import recorded
from tests.fakes.persons import AGENT, asked, rights_of

pytestmark = pytest.mark.usefixtures("unhurried")

RECORDINGS = 2
WORK = ("wrap", "unwrap", "write_note")
WHETHER_IT_ANSWERS = "names"


@pytest.fixture
def questions(quiet, monkeypatch):
    """How often the key store was asked what."""
    counted = Counter()
    store = quiet.site.keys.store

    def counting(name):
        ask = getattr(store, name)

        async def asked_once_more(*arguments):
            counted[name] += 1
            return await ask(*arguments)

        return asked_once_more

    for name in (*WORK, WHETHER_IT_ANSWERS):
        monkeypatch.setattr(store, name, counting(name))
    return counted


@contextmanager
def away(house: CallCentre, questions: Counter[str]) -> Iterator[None]:
    """The keys' disk is gone; what is asked meanwhile is counted."""
    folder = house.data_dir / "keys" / SITE
    elsewhere = folder.rename(folder.with_name("elsewhere"))
    questions.clear()
    try:
        yield
    finally:
        elsewhere.rename(folder)


def was_broken_off(questions):
    return sum(questions[name] for name in WORK) == 1 and questions[WHETHER_IT_ANSWERS]


async def theirs(house):
    for _ in range(RECORDINGS):
        await recorded(house, agent=AGENT)


async def ends_of(house):
    rows = await house.rows("SELECT until FROM holds WHERE ended_at IS NULL")
    return [row["until"] for row in rows]


@pytest.mark.parametrize("tends", ["tend", "tend_all"])
async def test_freezes_that_end_soon_are_renewed_once_it_answers(
    quiet, clock, questions, tends
):
    await theirs(quiet)
    await asked(quiet, Kind.ACCESS, agent=AGENT)
    freezing = rights_of(quiet.site).desk.parts.freezing
    before = await ends_of(quiet)
    clock.now = before[0] - (LONGEST_HOLD / 10)

    with away(quiet, questions):
        await getattr(freezing, tends)()

    assert was_broken_off(questions)
    assert await ends_of(quiet) == before
    await getattr(freezing, tends)()
    after = await ends_of(quiet)
    assert len(after) == RECORDINGS
    assert min(after) > max(before)


async def test_holds_that_are_over_end_once_it_answers(quiet, clock, questions):
    for _ in range(RECORDINGS):
        await hold(quiet, (await recorded(quiet))[0], days=5)
    clock.advance(days=5)

    with away(quiet, questions):
        assert await quiet.site.parts.holds.end_due(clock()) == 0

    assert was_broken_off(questions)
    assert await quiet.site.parts.holds.end_due(clock()) == RECORDINGS


async def test_restrictions_are_renewed_once_it_answers(quiet, clock, questions):
    await theirs(quiet)
    request = await asked(quiet, Kind.RESTRICTION, agent=AGENT)
    restricting = rights_of(quiet.site).outcomes.restricting
    await restricting.restrict(OFFICER, request)
    before = await ends_of(quiet)
    clock.now += LONGEST_HOLD * 2 / 3

    with away(quiet, questions):
        await restricting.tend()

    assert was_broken_off(questions)
    await restricting.tend()
    assert min(await ends_of(quiet)) > max(before)


async def test_what_is_to_be_erased_is_erased_once_it_answers(quiet, questions):
    await theirs(quiet)
    request = await asked(quiet, Kind.ERASURE, agent=AGENT)

    with away(quiet, questions):
        await erase(quiet, request)

    assert was_broken_off(questions)
    assert await fates(quiet, request) == [Fate.PENDING] * RECORDINGS
    await tend(quiet)
    assert await fates(quiet, request) == [Fate.DONE] * RECORDINGS
