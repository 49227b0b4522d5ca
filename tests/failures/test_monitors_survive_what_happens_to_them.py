"""Lost, foreign or half-done: monitors never count a call twice, and are never blind
without saying so.
"""

import asyncio

import aiohttp
import pytest

from proxy.monitoring.walking import Walk
from sampling.monitoring.monitors import STATE_VERSION
from tests.failures.crash_steps import steps
from tests.fakes.call_centre import until
from tests.fakes.monitors import (
    USUAL,
    alarms,
    ended_calls,
    figures,
    judged,
    report_recording,
    state,
    watch,
)

KEEPING = "proxy.monitoring.keeping:Keeping"
BREAKER = "proxy.monitoring.breaker"
JUDGING = {
    "before the state is saved": (f"{KEEPING}.save", "before"),
    "when the state is saved, before the commit": (f"{KEEPING}.save", "after"),
    "before the figures": (f"{KEEPING}.publish", "before"),
    "when all is written, before the commit": (f"{KEEPING}.publish", "after"),
    "after the commit": ("proxy.monitoring.service:SiteMonitors._walk", "after"),
}
OPENING = {
    "before the breaker opens": (f"{BREAKER}:Breaker.open", "before"),
    "when the stop is written": (f"{BREAKER}:set_stop", "after"),
    "before the commit of the stop": (f"{BREAKER}:Breaker._write_down", "after"),
    "after the commit of the stop": (f"{BREAKER}:Breaker.open", "after"),
}


async def counted(centre):
    """What has become of all calls there are: (judged, recorded), and how many."""
    return await judged(centre), await centre.value("SELECT count(*) FROM calls")


@pytest.fixture
async def watched(centre, clock):
    """Calls of two days are judged, three of them recorded though nobody drew them."""
    await centre.open(policy=centre.policy(**USUAL))
    await centre.stop_worker()  # whose leaves would move the place in the ledger
    for _ in range(2):
        calls = await ended_calls(centre, 20)
        await report_recording(centre, calls[7])
        clock.advance(hours=5)
        await centre.site.tend()
        await watch(centre)
        clock.advance(hours=19)
    (known, _), number = await counted(centre)
    assert known == number
    return centre


LOSSES = {
    "the row is gone": "DELETE FROM monitor_states WHERE slot = 'now'",
    "it cannot be read": "UPDATE monitor_states SET state = '[]' WHERE slot = 'now'",
    "half of it is gone": (
        "UPDATE monitor_states SET state = state - 'live' WHERE slot = 'now'"
    ),
    "the days before are gone as well": "DELETE FROM monitor_states",
    "none can be read": "UPDATE monitor_states SET state = '{\"live\": 7}'",
}


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
async def test_a_lost_state_is_made_again_and_that_is_said(watched, loss):
    before, shown = await state(watched), await figures(watched)
    await watched.rows(loss)

    await watch(watched)

    position, kept = await state(watched)
    assert position == before[0]
    assert kept["live"]["recorded"] == before[1]["live"]["recorded"] == 2
    assert kept["live"]["calls"] == before[1]["live"]["calls"]
    assert await figures(watched) == pytest.approx(shown)
    assert [each for each in await alarms(watched) if each.startswith("state-lost")]
    assert (await watched.counts())["_monitors_rebuilt", ""] == 1


async def test_a_state_of_an_older_version_is_made_again_without_an_incident(watched):
    before = await judged(watched)
    await watched.rows("UPDATE monitor_states SET version = 0, state = '{\"old\": 1}'")

    await watch(watched)

    assert await judged(watched) == before
    assert await alarms(watched) == []
    version = "SELECT version FROM monitor_states WHERE slot = 'now'"
    assert await watched.value(version) == STATE_VERSION


async def test_a_state_of_a_newer_version_is_left_to_it_and_that_is_said(watched):
    await watched.rows("UPDATE monitor_states SET version = 99 WHERE slot = 'now'")
    before = await state(watched)

    await watch(watched)

    assert await state(watched) == before
    assert await alarms(watched) == [f"blind-newer-monitors-{watched.clock().date()}"]
    assert (await watched.start_call()).decision_id  # calls go on


async def test_a_fault_of_the_monitors_themselves_is_said_and_calls_go_on(
    watched, monkeypatch
):
    async def fault(_):
        raise ZeroDivisionError

    monkeypatch.setattr(Walk, "go", fault)

    await watch(watched)
    call = await watched.skipped_call()
    await report_recording(watched, call)

    assert await alarms(watched) == [
        f"blind-ZeroDivisionError-{watched.clock().date()}"
    ]


async def test_two_replicas_at_once_count_each_call_once(centre, clock):
    first = await centre.open(policy=centre.policy(**USUAL))
    second = await centre.open(policy=centre.policy(**USUAL))
    calls = await ended_calls(centre, 60)
    await report_recording(centre, calls[3])
    clock.advance(hours=5)
    await centre.site.tend()

    await asyncio.gather(
        *(
            each.sites["clinic"].monitors.watch(is_urgent=is_urgent)
            for each in (first, second)
            for is_urgent in (True, False, True)
        )
    )

    (known, recorded), number = await counted(centre)
    assert (known, recorded) == (number, 1)


@pytest.fixture
async def due(centre, clock):
    """Calls that are due to be judged, and no service that does."""
    await centre.open()
    calls = await ended_calls(centre, 12)
    await report_recording(centre, calls[3])
    await watch(centre)
    clock.advance(hours=5)
    await centre.site.tend()
    await centre.close()
    return centre


@steps(JUDGING)
async def test_a_service_killed_while_it_judges_counts_no_call_twice(due, doomed, step):
    async with doomed(*step) as address:
        await address()

    await due.open()
    await until(lambda: _all_judged(due), "the calls to be judged")

    (known, recorded), number = await counted(due)
    assert (known, recorded) == (number, 1)
    assert await alarms(due) == []


async def _all_judged(centre):
    await watch(centre)
    (known, _), number = await counted(centre)
    return known == number


@steps(OPENING)
async def test_a_service_killed_while_it_opens_the_breaker_opens_it_once(
    centre, doomed, step
):
    await centre.open()
    # More than suffice: calls that are drawn in between, and not seen, speak for us.
    calls = [await centre.skipped_call() for _ in range(18)]
    for call in calls[:5]:
        await report_recording(centre, call)
    await centre.close()

    async with doomed(*step) as address:
        centre.address = await address()
        for call in calls[5:]:
            try:
                await report_recording(centre, call)
            except aiohttp.ClientError:  # it has died
                break
    centre.address = ""

    await centre.open()
    for call in calls[5:]:
        await report_recording(centre, call)
    await centre.start_call()

    [stop] = await centre.leaves("STOP")
    assert (stop["by"], stop["on"]) == ("breaker", 1)
    assert (await centre.leaves("DRAW"))[-1]["x"] == "breaker"
    opened = "SELECT count(*) FROM incidents WHERE kind = 'breaker-opened'"
    assert await centre.value(opened) == 1
