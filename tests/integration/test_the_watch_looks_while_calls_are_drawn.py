"""Looking for signs of abuse takes nothing from the loop that answers calls."""

import threading

import pytest

from proxy.access.hours import Hours
from proxy.access.watch.watching import Watch
from tests.fakes.overseen import overseen_clinic


@pytest.fixture
async def clinic(dsn, tmp_path, clock):
    async with overseen_clinic(dsn, tmp_path, clock) as clinic:
        yield clinic


async def test_calls_are_drawn_while_the_watch_looks(clinic):
    """Elsewhere than where calls are answered, however much there is to look at."""
    asked_in: set[int] = set()

    class Clock(Hours):
        def day_of(self, moment):
            asked_in.add(threading.get_ident())
            return super().day_of(moment)

    access = clinic.access
    watch = Watch(
        clinic.database, access.trace, clinic.oversight.alerts, Clock(), clinic.clock
    )
    await clinic.play(await clinic.recording(campaign=""))

    assert len(await watch.look()) == 1
    assert asked_in
    assert threading.get_ident() not in asked_in
