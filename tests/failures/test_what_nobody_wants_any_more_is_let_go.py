"""What was dropped, withdrawn, answered or lifted goes back to its own end.

Whatever happens in between: a database that is away, another replica that was about to
hold it, a service that dies, a neighbour whose particulars no longer open.
"""

import pytest

from proxy.errors import DatabaseUnavailableError
from proxy.rights.outcomes.wants import Fate
from proxy.rights.records import Because, ItemState, NewRequest
from retention.rights.deadlines import Kind
from retention.rights.request import Outcome, State
from tests.fakes.call_centre import SITE
from tests.fakes.desk import OFFICER
from tests.fakes.listeners import recorded
from tests.fakes.persons import THEIRS, asked, rights_of


@pytest.fixture
async def recording(quiet):
    item, _ = await recorded(quiet, caller=THEIRS)
    return item


class Halfway:
    """Holds, with something that happens before or after one of their steps."""

    def __init__(self, holds, step, before=None, after=None):
        self._holds = holds
        self._step, self._before, self._after = step, before, after

    def __getattr__(self, name):
        done = getattr(self._holds, name)
        return self._between(done) if name == self._step else done

    def _between(self, step):
        async def taken(*given, **more):
            if self._before:
                await self._before()
            result = await step(*given, **more)
            if self._after:
                await self._after()
            return result

        return taken


class Died(BaseException):
    """The process is no more."""


async def is_gone_past_its_end(house, rights):
    house.clock.advance(days=31)
    await rights.tend()
    await house.site.sweep()
    return await house.kept() == [] and await house.site.parts.holds.list() == []


# --- Dropped --------------------------------------------------------------------------


async def test_another_persons_recording_is_not_erased_though_it_could_not_be_let_go(
    quiet, recording, monkeypatch
):
    rights = rights_of(quiet.site)
    request = await asked(quiet, Kind.ERASURE)

    async def away(*_):
        raise DatabaseUnavailableError

    with monkeypatch.context() as fault:
        fault.setattr(rights.freezing, "let_go", away)
        await rights.desk.drop_item(OFFICER, request, recording, Because.NOT_THEIRS)

    assert await rights.outcomes.erasing.erase(OFFICER, request) == []
    await rights.tend()
    [item] = await rights.requests.items(request)
    assert item.state is ItemState.RELEASED
    assert await quiet.site.parts.holds.list() == []
    assert await quiet.kept() == [str(recording)]


# --- Withdrawn while it was being frozen ----------------------------------------------


@pytest.fixture
async def overtaken(quiet):
    """A request withdrawn at another replica while this one places its freeze."""
    await recorded(quiet, caller=THEIRS)
    first, second = rights_of(quiet.site), rights_of(quiet.site)
    new = NewRequest(kind=Kind.ACCESS, number=THEIRS)

    async def withdrawn():
        await second.desk.answer(OFFICER, new.request_id, Outcome.WITHDRAWN)

    async def received(after=None):
        holds = Halfway(quiet.site.parts.holds, "place", withdrawn, after)
        first.freezing._holds = holds
        await first.desk.receive(OFFICER, new)

    return second, received


async def test_a_request_withdrawn_while_it_is_being_frozen_leaves_no_freeze(
    quiet, overtaken
):
    second, received = overtaken

    await received()

    assert await quiet.site.parts.holds.list() == []
    assert await is_gone_past_its_end(quiet, second)


async def test_nor_does_it_where_the_service_dies_right_then(quiet, overtaken):
    second, received = overtaken

    async def dies():
        raise Died

    with pytest.raises(Died):
        await received(dies)
    assert len(await quiet.site.parts.holds.list()) == 1

    await second.tend()
    assert await quiet.site.parts.holds.list() == []
    assert await is_gone_past_its_end(quiet, second)


# --- Answered, beside one that does not open ------------------------------------------


@pytest.mark.usefixtures("recording")
async def test_a_request_whose_particulars_do_not_open_keeps_no_other_from_its_end(
    quiet,
):
    rights = rights_of(quiet.site)
    broken = await asked(quiet, Kind.ACCESS)
    whole = await asked(quiet, Kind.ACCESS)
    for request in (broken, whole):
        await rights.desk.answer(OFFICER, request, Outcome.WITHDRAWN)
    await quiet.rows(
        "UPDATE requests SET particulars = '\\x00' WHERE site_id = $1"
        " AND request_id = $2 RETURNING 1",
        SITE,
        broken,
    )
    quiet.clock.advance(days=2)

    await rights.tend()

    assert (await rights.requests.find(whole)).standing.state is State.CLOSED


@pytest.mark.usefixtures("recording")
async def test_nor_are_its_own_recordings_kept_by_that(quiet, monkeypatch):
    rights = rights_of(quiet.site)
    broken = await asked(quiet, Kind.ACCESS)

    async def away(*_):
        raise DatabaseUnavailableError

    with monkeypatch.context() as fault:
        fault.setattr(rights.freezing, "let_go", away)
        await rights.desk.answer(OFFICER, broken, Outcome.WITHDRAWN)
    await quiet.rows(
        "UPDATE requests SET particulars = '\\x00' WHERE site_id = $1"
        " AND request_id = $2 RETURNING 1",
        SITE,
        broken,
    )
    assert len(await quiet.site.parts.holds.list()) == 1

    await rights.tend()

    assert await quiet.site.parts.holds.list() == []


# --- Lifted while another replica restricts -------------------------------------------


@pytest.fixture
async def to_be_lifted(quiet):
    """A restriction whose person was told that it is lifted; and two replicas."""
    await recorded(quiet, caller=THEIRS)
    first, second = rights_of(quiet.site), rights_of(quiet.site)
    request = await asked(quiet, Kind.RESTRICTION)
    await first.outcomes.restricting.restrict(OFFICER, request)
    await first.desk.answer(OFFICER, request, Outcome.GRANTED)
    quiet.clock.advance(days=2)
    await first.tend()
    await first.outcomes.restricting.tell_lifting(OFFICER, request)
    return first, second, request


async def test_a_restriction_set_anew_while_it_is_lifted_is_not_left(
    quiet, to_be_lifted
):
    first, second, request = to_be_lifted
    restricting = first.outcomes.restricting
    restricting._holds = Halfway(
        quiet.site.parts.holds, "release", after=second.outcomes.restricting.tend
    )

    [lifted] = await restricting.lift(OFFICER, request)

    assert lifted.fate is Fate.ENDED
    assert await quiet.site.parts.holds.list() == []
    assert await is_gone_past_its_end(quiet, second)


async def test_nor_is_one_that_is_renewed_just_as_it_is_lifted(quiet, to_be_lifted):
    first, second, request = to_be_lifted

    async def lifted():
        await first.outcomes.restricting.lift(OFFICER, request)

    second.outcomes.restricting._holds = Halfway(
        quiet.site.parts.holds, "place", before=lifted
    )
    quiet.clock.advance(days=20)  # it is renewed now

    await second.outcomes.restricting.tend()

    assert await quiet.site.parts.holds.list() == []
    assert await is_gone_past_its_end(quiet, second)
