"""At every step of a copy something fails, also though it was done: nothing is untrue.

What hands copies over is the real one here. Whatever was lost, "granted" means that a
link leads to the copy or that it was fetched, no byte leaves that the trace does not
know of, and in the end nothing is held.
"""

import asyncio
from contextlib import suppress

import asyncpg
import pytest

from proxy.errors import PonctuelError
from proxy.rights import answering
from retention.rights.deadlines import Kind
from retention.rights.request import Outcome, State
from tests.fakes.desk import OFFICER
from tests.fakes.listeners import recorded
from tests.fakes.outer_edge import Edge, Mode
from tests.fakes.packages import handing
from tests.fakes.persons import THEIRS, asked

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

STEPS = ("make", "issue", "answer", "fetch", "end")
MODES = (Mode.FAIL, Mode.FAIL_THOUGH_DONE)
_STATEMENTS = ("execute", "fetch", "fetchrow", "fetchval", "executemany")


class Copy:
    """One request for access; each step may be taken again, and says if it is done."""

    def __init__(self, house, desk) -> None:
        self.house = house
        self.desk = desk
        self.received = 0

    async def begin(self) -> None:
        self.request_id = await asked(self.house, Kind.ACCESS)

    async def take(self, step: str) -> None:
        """Raises what the desk raises."""
        packages = self.desk.packages
        match step:
            case "make":
                await packages.make(OFFICER, self.request_id)
                await packages.making.wait(self.request_id)
            case "issue":
                await packages.issue(OFFICER, self.request_id)
            case "answer":
                desk = self.desk.rights.desk
                await desk.answer(OFFICER, self.request_id, Outcome.GRANTED)
            case "fetch":
                found = await packages.sending.look(self.ticket)
                async with packages.sending.sending(found) as blocks:
                    async for block in blocks:
                        self.received += len(block)
            case "end":
                await self.desk.rights.tend()

    async def go(self, step: str) -> None:
        """As a careful person does it: by another link where the last one was lost."""
        if step == "make" and (await self.package())["assembled_at"] is None:
            await self.desk.packages.tend()
            await self.desk.packages.making.wait(self.request_id)
        if step == "fetch":
            self.house.clock.advance(seconds=90)  # of a sender that was lost
            await self.open()
        if not await self.is_done(step):
            await self.take(step)
        assert await self.is_done(step), step

    async def open(self) -> None:
        """No code is sent here: who may guess at codes is told elsewhere."""
        if (await self.package())["fetched_at"] is None:
            links = self.desk.packages.links
            link = await self.desk.packages.issue(OFFICER, self.request_id)
            store = self.desk.packages.store
            living = await store.living(self.request_id)
            async with store.database.transaction() as connection:
                code = await links.new_code(
                    connection, living, link.until - living.made_at
                )
            self.ticket = (await links.open(link.secret, code)).ticket

    async def package(self):
        rows = await self.house.rows(
            "SELECT assembled_at, link_digest, fetched_at, size FROM packages"
            " WHERE request_id = $1 ORDER BY made_at DESC, ended_at DESC NULLS FIRST",
            self.request_id,
        )
        nothing = dict.fromkeys(("assembled_at", "link_digest", "fetched_at", "size"))
        return rows[0] if rows else nothing

    async def state(self) -> State:
        found = await self.desk.rights.requests.find(self.request_id)
        return found.standing.state

    async def is_done(self, step: str) -> bool:
        package, state = await self.package(), await self.state()
        reached = {
            "make": package["assembled_at"],
            "issue": package["link_digest"] or package["fetched_at"],
            "answer": state in (State.ANSWERED, State.CLOSED),
            "fetch": package["fetched_at"],
            "end": state is State.CLOSED,
        }
        return bool(reached[step])

    async def nothing_untrue_is_said(self) -> None:
        package, state = await self.package(), await self.state()
        if state in (State.ANSWERED, State.CLOSED):
            assert package["link_digest"] or package["fetched_at"]
        if package["fetched_at"]:
            assert self.received >= package["size"]
        exported = await self.house.value(
            "SELECT count(*) FROM access_entries WHERE act = 'exported'"
        )
        assert exported or not self.received
        if state is State.CLOSED:
            assert (
                await self.house.rows("SELECT FROM holds WHERE ended_at IS NULL") == []
            )


@pytest.fixture
async def copies(quiet, monkeypatch):
    """Makes a copy that has come to a step; requests close when they are delivered."""
    house = quiet
    monkeypatch.setattr(answering, "READ_AGAIN_FOR", house.clock() - house.clock())
    await recorded(house, caller=THEIRS)
    house.clock.advance(hours=2)
    await house.site.tend()
    async with handing(house) as desk:

        async def begun(step: str) -> Copy:
            copy = Copy(house, desk)
            await copy.begin()
            for before in STEPS[: STEPS.index(step)]:
                await copy.go(before)
            if step == "fetch":
                await copy.open()
            return copy

        yield begun


async def struck(house, copy: Copy, step: str, plan: dict) -> Edge:
    """Take a step with what the plan says going wrong in it."""
    edge = Edge(house.data_dir, house.folder / "struck", plan)
    with pytest.MonkeyPatch.context() as patch:
        for name in _STATEMENTS:
            real = getattr(asyncpg.Connection, name)
            patch.setattr(asyncpg.Connection, name, edge._statement(real))
        edge.begin(0)
        with edge.watched(), suppress(PonctuelError):
            await asyncio.create_task(copy.take(step))
    return edge


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.replace(" ", "-"))
@pytest.mark.parametrize("step", STEPS)
async def test_a_copy_is_handed_over_whatever_goes_wrong(house, copies, step, mode):
    copy = await copies(step)
    points = (await struck(house, copy, step, {})).points[0]
    places = [place for place, point in enumerate(points) if point.changes]
    assert places
    await finished(copy)

    for place in places:
        copy = await copies(step)

        edge = await struck(house, copy, step, {0: (place, mode)})

        assert edge.struck, points[place]
        await copy.nothing_untrue_is_said()
        await finished(copy)


async def finished(copy: Copy) -> None:
    for step in STEPS:
        if not await copy.is_done(step):
            await copy.go(step)
        await copy.nothing_untrue_is_said()
