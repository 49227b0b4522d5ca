"""Killed, or failed by database, disk or keys, at every step: never said to be done.

Each call to the outside is a point. At each in turn the erasure dies, or is told that
the call failed, though it may have happened; the service then goes on by itself.
"""

import io
import os

import aiohttp
import asyncpg
import pytest

from proxy.errors import PonctuelError
from proxy.rights.faults import NotDoneError
from proxy.rights.outcomes.wants import Fate
from retention.rights.deadlines import Kind
from retention.rights.request import Outcome
from tests.fakes import outer_edge
from tests.fakes.auditing import verdict_on
from tests.fakes.desk import OFFICER
from tests.fakes.listeners import recorded
from tests.fakes.outer_edge import Edge, Mode
from tests.fakes.persons import asked, rights_of
from tests.fakes.trainers import analysed

pytestmark = [
    # Whoever dies, or is told that it failed, right after opening a file closes none.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

_WRAPPED = (
    (asyncpg.Connection, ("execute", "fetch", "fetchrow", "fetchval")),
    (asyncpg.Connection, ("executemany", "fetchmany")),
    (aiohttp.ClientSession, ("_request",)),
    (os, ("stat", "listdir", "link", "unlink", "replace", "mkdir", "fsync")),
    (os, ("writev", "open")),
    (io, ("open",)),
)


class Killed(BaseException):
    """The process is gone: nothing of the product handles this."""


@pytest.fixture
def edge(tmp_path, house, monkeypatch):
    """For as long as the test lasts."""
    for owner, names in _WRAPPED:
        for name in names:
            monkeypatch.setattr(owner, name, getattr(owner, name))

    def die():
        raise Killed

    monkeypatch.setattr(outer_edge, "_die", die)
    edge = Edge(house.data_dir, tmp_path / "struck", {})
    edge.install()
    return edge


def erasing(house):
    return rights_of(house.site).outcomes.erasing


async def the_one(house, place):
    """A recording of somebody, with what was written about it, and their request."""
    number = f"+3361{place:07}"
    recording, _ = await recorded(house, caller=number)
    await analysed(house, recording)
    return recording, await asked(house, Kind.ERASURE, number)


async def is_gone(house, recording):
    left = [
        await house.value(
            f"SELECT count(*) FROM {table} WHERE recording_id = $1",  # noqa: S608
            recording,
        )
        for table in ("recordings", "recording_keys", "analyses")
    ]
    files = [file for file in house.objects() if recording.hex in file.name]
    return not any(left) and not files


async def strike(edge, house, request, place, mode):
    """Erase, and let that go wrong at a point; whether there was such a point."""
    edge.plan, edge.struck = {place: (place, mode)}, set()
    edge.begin(place)
    try:
        with edge.watched():
            await erasing(house).erase(OFFICER, request)
    except (Killed, PonctuelError):
        pass
    finally:
        edge.begin(place, is_safe=True)
    return place in edge.struck


async def say_nothing_early(house, recording, request):
    rows = await erasing(house).of(request)
    if any(row.fate is Fate.DONE for row in rows):
        assert await is_gone(house, recording)
        return
    with pytest.raises(NotDoneError):
        await rights_of(house.site).desk.answer(OFFICER, request, Outcome.GRANTED)


async def go_on(house):
    """What the service does by itself, until it is still."""
    await rights_of(house.site).tend()
    await house.site.sweep()
    await rights_of(house.site).tend()


async def changing(edge, house):
    """The points at which an erasure changes anything, by one that goes well."""
    _, request = await the_one(house, 0)
    edge.begin(0)
    with edge.watched():
        await erasing(house).erase(OFFICER, request)
    edge.begin(-1)
    return [place for place, point in enumerate(edge.points[0]) if point.changes]


MODES = list(Mode)


@pytest.mark.parametrize("mode", MODES)
async def test_it_is_said_to_be_done_when_it_is_and_it_gets_done(quiet, edge, mode):
    """Each point goes wrong in one way here: all ways at all points take too long."""
    places = (await changing(edge, quiet))[MODES.index(mode) :: len(MODES)]
    assert len(places) > 15
    for place in places:
        recording, request = await the_one(quiet, place)
        assert await strike(edge, quiet, request, place, mode)

        await say_nothing_early(quiet, recording, request)
        await go_on(quiet)

        if not await erasing(quiet).of(request):  # it was never heard of: once more
            await erasing(quiet).erase(OFFICER, request)
        where = (place, edge.points[place][:place])
        assert await is_gone(quiet, recording), where
        [row] = await erasing(quiet).of(request)
        assert row.fate is Fate.DONE, where
        await rights_of(quiet.site).desk.answer(OFFICER, request, Outcome.GRANTED)
    receipts = [leaf["draw"] for leaf in await quiet.leaves("DEL")]
    assert len(receipts) == len(set(receipts)) == len(places) + 1
    assert quiet.objects() == []
    said = await verdict_on(quiet)
    assert (said["status"], said["findings"]) == (0, [])
