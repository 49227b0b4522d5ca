"""At every step of a request something dies or fails, also though it was done; then on.

Whatever goes wrong at whichever call to the database or the key store, and after the
desk was begun anew: an open request has its recordings frozen, a closed one holds
nothing and names nobody, and nothing is said that is not so.
"""

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from uuid import UUID

import asyncpg
import pytest

from proxy.errors import PonctuelError
from proxy.rights import answering
from proxy.rights.faults import MoveRefusedError, NotDoneError
from proxy.rights.records import ItemState, NewRequest
from retention.rights.deadlines import Kind
from retention.rights.request import Identity, Outcome, State
from tests.fakes import outer_edge
from tests.fakes.desk import OFFICER
from tests.fakes.fulfilled import Told
from tests.fakes.listeners import recorded
from tests.fakes.outer_edge import Edge, Mode
from tests.fakes.persons import THEIRS, rights_of

pytestmark = pytest.mark.slow

STEPS = ("receive", "identify", "answer-too-early", "answer", "end")
_STATEMENTS = ("execute", "fetch", "fetchrow", "fetchval", "executemany")
_BY_PATH = ("stat", "link", "unlink", "replace", "mkdir")


# To be killed before a change is to be killed after the one before it.
MODES = (Mode.DIE_AFTER, Mode.FAIL, Mode.FAIL_THOUGH_DONE)


class Killed(BaseException):
    """The process is dead: nothing that comes after it is done."""


def die() -> None:
    raise Killed


class Life:
    """One request, from its receipt to its end; each step may be given again."""

    def __init__(self, house) -> None:
        self.house = house
        self.new = NewRequest(kind=Kind.ACCESS, number=THEIRS)
        self.told = Told()
        self.restart()

    def restart(self) -> None:
        self.rights = rights_of(self.house.site)
        self.rights.fulfilments.register(Kind.ACCESS, self.told)

    @property
    def request_id(self) -> UUID:
        return self.new.request_id

    async def take(self, step: str) -> None:
        """Raises what the desk raises; what was done already counts as done."""
        desk = self.rights.desk
        match step:
            case "receive":
                await desk.receive(OFFICER, self.new)
            case "identify":
                await desk.identified_otherwise(
                    OFFICER, self.request_id, Identity.PRACTICE
                )
            case "answer-too-early":
                await desk.answer(OFFICER, self.request_id, Outcome.GRANTED)
            case "answer":
                self.told.is_done = True
                await desk.answer(OFFICER, self.request_id, Outcome.GRANTED)
            case "end":
                self.told.is_delivered = True
                await self.rights.tend()

    async def is_done(self, step: str) -> bool:
        state = await self.state()
        reached = {
            "receive": state is not None,
            "identify": state is not State.RECEIVED,
            "answer-too-early": state in (State.ANSWERED, State.CLOSED),
            "answer": state in (State.ANSWERED, State.CLOSED),
            "end": state is State.CLOSED,
        }
        return reached[step]

    async def state(self) -> State | None:
        found = await self.house.value(
            "SELECT state FROM requests WHERE request_id = $1", self.request_id
        )
        return None if found is None else State(found)

    async def go(self, step: str) -> None:
        """As a careful person does it: once more, until it is done."""
        if step == "answer-too-early":
            with pytest.raises(NotDoneError):
                await self.take(step)
        elif not await self.is_done(step):
            await self.take(step)
        assert await self.is_done(step) is (step != "answer-too-early")

    # --- What must always be so -------------------------------------------------------

    async def holds(self) -> None:
        """Once the desk was tended."""
        state = await self.state()
        if state is None:
            assert await self.frozen() == 0
            return
        request = await self.rights.requests.find(self.request_id)
        items = await self.rights.requests.items(self.request_id)
        if state is State.CLOSED:
            assert (items, request.particulars) == ([], None)
            assert await self.frozen() == 0
            assert await self.house.value("SELECT held_until FROM recordings") is None
        elif not self.told.is_delivered:
            assert [each.state for each in items] == [ItemState.FROZEN]
            assert await self.frozen() == 1
        history = await self.rights.requests.history(self.request_id)
        traced = await self.house.value(
            "SELECT count(*) FROM access_entries WHERE act = 'request' AND item = $1",
            self.request_id,
        )
        assert len(history) == traced
        assert sum(line.event == "answer" for line in history) == (
            state in (State.ANSWERED, State.CLOSED)
        )

    async def frozen(self) -> int:
        """How many holds there are; each is a whole one, with its end and its key."""
        rows = await self.house.rows(
            "SELECT h.until = r.held_until AND k.kind = 'hold' AS is_whole"
            " FROM holds AS h JOIN recordings AS r USING (recording_id)"
            " JOIN recording_keys AS k USING (recording_id) WHERE h.ended_at IS NULL"
        )
        assert all(row["is_whole"] for row in rows)
        return len(rows)


@pytest.fixture
async def site(quiet, monkeypatch):
    """A recording, and requests that close as soon as they are delivered."""
    house = quiet
    monkeypatch.setattr(answering, "READ_AGAIN_FOR", house.clock() - house.clock())
    monkeypatch.setattr(outer_edge, "_die", die)
    recording, audio = await recorded(house, caller=THEIRS)
    yield house
    assert await house.heard(str(recording)) == audio


def installed(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    """For one step of one life."""
    for name in _STATEMENTS:
        real = getattr(asyncpg.Connection, name)
        monkeypatch.setattr(asyncpg.Connection, name, edge._statement(real))
    for name in _BY_PATH:
        monkeypatch.setattr(os, name, edge._by_path(name, getattr(os, name)))
    monkeypatch.setattr(os, "open", edge._by_path("create", os.open))


async def struck(house, life: Life, step: str, plan: dict) -> Edge:
    """Take a step with what the plan says going wrong in it."""
    edge = Edge(house.data_dir, house.folder / "struck", plan)
    with pytest.MonkeyPatch.context() as patch:
        installed(edge, patch)
        edge.begin(0)
        is_well = False
        with edge.watched(), suppress(PonctuelError, Killed):
            await asyncio.create_task(life.take(step))
            is_well = True
    assert is_well or plan or step == "answer-too-early"
    assert not is_well or step == "end" or await life.is_done(step)
    return edge


async def begun(house, step: str) -> Life:
    """A life that has come to this step."""
    life = Life(house)
    for before in STEPS[: STEPS.index(step)]:
        await life.go(before)
    return life


async def finished(life: Life, step: str) -> None:
    for each in STEPS[STEPS.index(step) :]:
        await life.go(each)
        await life.holds()
    await life.holds()


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.replace(" ", "-"))
@pytest.mark.parametrize("step", STEPS)
async def test_a_request_goes_on_whatever_goes_wrong(site, step, mode):
    points = await points_of(site, step)
    places = [place for place, point in enumerate(points) if _matters(point, mode)]
    assert places or step == "answer-too-early"  # which changes nothing

    for place in places:
        life = await begun(site, step)
        was = await life.state()

        edge = await struck(site, life, step, {0: (place, mode)})

        assert edge.struck, points[place]
        await _nothing_is_said_that_is_not(life, step, was)
        life.restart()
        await life.rights.tend()
        await life.holds()
        await finished(life, step)


async def points_of(house, step: str) -> list[outer_edge.Point]:
    """What a step asks of the world; the first time it makes the day's key as well."""
    for _ in range(2):
        life = await begun(house, step)
        edge = await struck(house, life, step, {})
        await finished(life, step)
    return edge.points[0]


def _matters(point: outer_edge.Point, mode: Mode) -> bool:
    """Whoever dies at a mere look has died before the next change, too."""
    is_asked = point.name.startswith("SQL") and mode is Mode.FAIL
    return point.changes or is_asked


async def _nothing_is_said_that_is_not(
    life: Life, step: str, was: State | None
) -> None:
    """Before anything is put right: a step is done whole, or not at all."""
    state = await life.state()
    if step == "answer-too-early":
        assert state is was
    if state is State.CLOSED:
        assert await life.frozen() == 0
    if state in (State.ANSWERED, State.CLOSED):
        assert life.told.is_done


async def test_an_answer_whose_reply_was_lost_is_read_again_and_not_given_twice(
    site: object, monkeypatch: pytest.MonkeyPatch
):
    life = await begun(site, "answer")
    life.told.is_done = True
    desk, told = life.rights.desk, life.told
    text = await desk.answer(OFFICER, life.request_id, Outcome.GRANTED)
    assert told.is_delivered is False
    assert monkeypatch

    with pytest.raises(MoveRefusedError):
        await desk.answer(OFFICER, life.request_id, Outcome.REFUSED, "twice")

    assert await desk.letter(OFFICER, life.request_id) == text
    await finished(life, "end")


async def test_what_changes_while_an_answer_is_being_prepared_is_not_answered(site):
    life = await begun(site, "answer")
    life.told.is_done = True
    desk = life.rights.desk
    check: Callable = life.told.check_done

    async def check_done(request):
        done = await check(request)
        await desk.extend(OFFICER, request.request_id, "many recordings")
        return done

    life.told.check_done = check_done
    with pytest.raises(NotDoneError):
        await desk.answer(OFFICER, life.request_id, Outcome.GRANTED)
    life.told.check_done = check

    assert await life.state() is State.IDENTIFIED
    await finished(life, "answer")
