"""kill -9 at each step of making tomorrow's keys, then the next start."""

from datetime import timedelta

import pytest

from tests.failures.crash_steps import steps

KEPT = 30
CANARIES = "proxy.vault.canaries:Canaries"
DAY_KEYS = "proxy.vault.day_keys:DayKeys"

STEPS = {
    "before the key is made": (f"{DAY_KEYS}.begin", "before"),
    "when it is made": (f"{DAY_KEYS}._find", "before"),
    "before it is announced": (f"{DAY_KEYS}._insert", "after"),
    "when it is announced": (f"{DAY_KEYS}.begin", "after"),
    "before its canary is wrapped": (f"{CANARIES}._place", "before"),
    "when its canary is there": (f"{CANARIES}._place", "after"),
}


@pytest.fixture
async def noon(centre, clock):
    await centre.open()  # in the morning: a minute's tick would look ahead at noon
    await centre.close()
    clock.advance(hours=2)
    return centre


@steps(STEPS)
async def test_a_killed_look_ahead_makes_one_key_and_says_so_once(
    noon, clock, doomed, step
):
    yesterday = clock().date() - timedelta(days=1)
    async with doomed(*step, reconciles=f"{yesterday}"):
        pass

    await noon.open()
    await noon.stop_worker()
    await noon.site.keys_ahead.make()

    day = (clock() + timedelta(days=1 + KEPT)).date()
    assert noon.day_keys() == [day]
    assert await noon.leaves("KEK+") == [{"leaf": "KEK+", "day": f"{day}"}]
    assert await noon.value("SELECT count(*) FROM canaries") == 1
    assert await noon.value("SELECT count(*) FROM incidents") == 0
    assert (await noon.site.parts.inspection.check()).is_sound
