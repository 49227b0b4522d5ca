"""Blind monitors: for some minutes draws go on, and then only when people say so.

How long they have been blind is told by the database's clock, which a test turns on.
"""

import asyncio
from contextlib import suppress
from datetime import timedelta

import pytest

from proxy.errors import DatabaseUnavailableError, WrongStateError
from proxy.evidence.auditor import auditor_text
from proxy.evidence.bundle import make_bundle
from proxy.monitoring.keeping import NewerMonitorsError
from proxy.monitoring.service import PATIENCE, SiteMonitors
from proxy.monitoring.walking import Walk
from tests.fakes.auditing import verdict
from tests.fakes.monitors import alarms, figures
from tests.fakes.staff import ANNA, CARLA

A_MINUTE = timedelta(minutes=1)
NEWER = "UPDATE monitor_states SET version = $1 WHERE slot = 'now'"
FLAGS = "ALTER TABLE {} RENAME TO {}"


class Faults:
    """What keeps monitors from judging, and how it is mended."""

    def __init__(self, centre, monkeypatch):
        self._centre = centre
        self._patch = monkeypatch

    async def bug(self):
        """Any mistake in the monitors' own code."""
        mended = Walk.go

        async def fault(_):
            raise ZeroDivisionError

        self._patch.setattr(Walk, "go", fault)
        return lambda: self._mend_code(mended)

    async def _mend_code(self, mended):
        self._patch.setattr(Walk, "go", mended)

    async def newer_version(self):
        """A newer version has judged, and is gone."""
        [row] = await self._centre.rows(
            "SELECT version FROM monitor_states WHERE slot = 'now'"
        )
        await self._centre.rows(NEWER, 99)
        return lambda: self._centre.rows(NEWER, row["version"])

    async def refused_query(self):
        """The database refuses what the monitors ask; draws ask for other things."""
        await self._centre.rows(FLAGS.format("call_agents", "gone"))
        return lambda: self._centre.rows(FLAGS.format("gone", "call_agents"))


FAULTS = [Faults.bug, Faults.newer_version, Faults.refused_query]
every_fault = pytest.mark.parametrize("fault", FAULTS, ids=lambda each: each.__name__)


@pytest.fixture
async def watched(centre):
    """A service whose monitors have judged what there was."""
    await centre.open()
    await centre.stop_worker()
    await centre.start_call()
    await centre.site.monitors.watch()
    return centre


@pytest.fixture
def faults(watched, monkeypatch):
    return Faults(watched, monkeypatch)


async def look(centre, service=None):
    """As every replica does every few seconds, whatever comes of it."""
    site = (service or centre.service).sites["clinic"]
    with suppress(DatabaseUnavailableError):
        await site.monitors.watch()


async def turn_on(centre, time):
    """The database's clock, as far as blind monitors go by it."""
    await centre.rows(
        "UPDATE monitor_sight SET unjudged_since = unjudged_since - $1::interval", time
    )


async def is_drawn(centre, service=None):
    await centre.start_call(service=service)
    leaf = (await centre.leaves("DRAW"))[-1]
    return leaf["T"] > "0" * 16 and "x" not in leaf


async def blind_for(centre, time):
    """A call is drawn, nobody judges it, and so much time passes."""
    await centre.start_call()
    await look(centre)
    await turn_on(centre, time)
    await look(centre)


async def stops(centre):
    return [(leaf["by"], leaf["on"]) for leaf in await centre.leaves("STOP")]


async def opened(centre):
    rows = await centre.rows(
        "SELECT reference FROM incidents WHERE kind = 'breaker-opened' ORDER BY 1"
    )
    return [row["reference"] for row in rows]


async def close_breaker(centre):
    for who in (ANNA, CARLA):
        closing = await centre.site.governance.breaker_close(who)
    assert closing.missing == ()


async def next_epoch(centre):
    centre.clock.advance(hours=1)
    await centre.site.tend()


async def findings(centre):
    site = centre.site
    raw = await make_bundle(site.ledger, site.publisher, site.signer, site.cosigning)
    rules = auditor_text(site.signer.key, (), 0)
    found = await asyncio.to_thread(verdict, centre.folder, raw, rules, centre.clock())
    return found["findings"]


@every_fault
async def test_for_some_minutes_draws_go_on_and_afterwards_nothing_is_left_of_it(
    watched, faults, fault
):
    mend = await fault(faults)
    await blind_for(watched, PATIENCE - A_MINUTE)

    assert await is_drawn(watched)
    await mend()
    await look(watched)
    await fault(faults)
    await blind_for(watched, 2 * A_MINUTE)  # the minutes before count no more

    assert await is_drawn(watched)
    assert await stops(watched) == await opened(watched) == []
    assert not (await figures(watched))["breaker_open", "blind"]


async def test_a_fault_of_some_minutes_is_an_incident_all_the_same(watched, faults):
    await faults.bug()

    await blind_for(watched, A_MINUTE)

    day = watched.clock().date()
    assert await alarms(watched) == [f"blind-ZeroDivisionError-{day}"]


@every_fault
async def test_after_a_quarter_of_an_hour_nothing_is_drawn_and_that_is_said(
    watched, faults, fault
):
    await fault(faults)
    await blind_for(watched, PATIENCE)

    before = len(await watched.leaves("DRAW"))
    await asyncio.gather(*(watched.start_call() for _ in range(30)))
    await look(watched)

    after = (await watched.leaves("DRAW"))[before:]
    assert {(leaf["d"], leaf["T"], leaf["x"]) for leaf in after} == {
        (0, "0" * 16, "breaker")
    }
    assert await stops(watched) == [("breaker", 1)]
    assert len(await opened(watched)) == 1
    shown = await figures(watched)
    assert [shown["breaker_open", cause] for cause in ("blind", "sr", "binomial")] == [
        *(1, 0, 0)
    ]


async def test_while_they_are_blind_nobody_closes_the_breaker_and_is_told_why(
    watched, faults
):
    mend = await faults.bug()
    await blind_for(watched, PATIENCE)

    with pytest.raises(WrongStateError, match=r"the monitors cannot judge .*mend"):
        await watched.site.governance.breaker_close(ANNA)
    await next_epoch(watched)

    assert not await is_drawn(watched)
    await mend()
    await look(watched)
    await close_breaker(watched)


@every_fault
async def test_once_they_judge_again_two_people_let_draws_go_on(watched, faults, fault):
    mend = await fault(faults)
    await blind_for(watched, PATIENCE)
    await mend()
    await look(watched)
    assert not await is_drawn(watched)  # nobody has said so

    await close_breaker(watched)
    assert not await is_drawn(watched)  # not in this epoch
    await next_epoch(watched)
    await look(watched)

    assert await is_drawn(watched)
    assert await stops(watched) == [("breaker", 1), ("breaker", 0)]
    assert not (await figures(watched))["breaker_open", "blind"]
    watched.clock.advance(hours=6)
    await watched.site.tend()
    assert await findings(watched) == []


async def test_blind_again_before_the_epoch_in_which_it_would_close_it_stays_open(
    watched, faults
):
    mend = await faults.bug()
    await blind_for(watched, PATIENCE)
    await mend()
    await look(watched)
    await close_breaker(watched)
    await faults.bug()

    await blind_for(watched, PATIENCE)
    await next_epoch(watched)

    assert not await is_drawn(watched)
    assert await stops(watched) == [("breaker", 1)]
    assert [each.partition("-")[2] for each in await opened(watched)] == ["", "blind"]


async def test_blind_at_the_epoch_in_which_it_closes_they_stop_draws_a_second_time(
    watched, faults
):
    mend = await faults.bug()
    await blind_for(watched, PATIENCE)
    await mend()
    await look(watched)
    await close_breaker(watched)
    await faults.bug()

    await blind_for(watched, PATIENCE - A_MINUTE)
    await next_epoch(watched)
    assert await is_drawn(watched)
    await turn_on(watched, A_MINUTE)
    await look(watched)

    assert not await is_drawn(watched)
    assert len(await opened(watched)) == 2


async def test_where_no_calls_are_nobody_is_blind(watched, faults):
    await faults.bug()
    for _ in range(3):
        await next_epoch(watched)  # leaves, but no calls
        await look(watched)
        await turn_on(watched, timedelta(hours=1))

    assert await watched.rows("SELECT unjudged_since, is_blind FROM monitor_sight") == [
        (None, False)
    ]
    assert await stops(watched) == []
    assert await is_drawn(watched)


async def test_a_site_that_has_never_judged_is_as_blind_as_any(centre, monkeypatch):
    await Faults(centre, monkeypatch).bug()
    await centre.open()

    await blind_for(centre, PATIENCE)

    assert not await is_drawn(centre)


async def test_a_restart_neither_forgets_how_long_they_were_blind_nor_the_stop(
    watched, faults
):
    await faults.bug()
    await blind_for(watched, PATIENCE - A_MINUTE)
    await watched.close()
    await watched.open()
    await turn_on(watched, A_MINUTE)
    await look(watched)
    assert not await is_drawn(watched)

    await watched.close()
    await watched.open()

    assert not await is_drawn(watched)
    assert await stops(watched) == [("breaker", 1)]


def cannot_judge(monkeypatch, service):
    """This replica meets the state of a newer version."""

    async def fault(**_):
        raise NewerMonitorsError

    monitors: SiteMonitors = service.sites["clinic"].monitors
    monkeypatch.setattr(monitors, "_walk", fault)
    return monitors


async def test_an_old_version_stops_nothing_as_long_as_the_new_one_judges(
    watched, monkeypatch
):
    old, new = watched.service, await watched.open()
    cannot_judge(monkeypatch, old)

    for _ in range(4):
        await watched.start_call(service=old)
        await look(watched, old)
        await turn_on(watched, PATIENCE - A_MINUTE)
        await look(watched, old)
        await look(watched, new)

    assert await is_drawn(watched, old)
    assert await stops(watched) == []


async def test_replicas_whose_clocks_disagree_are_not_blind_for_that(
    watched, monkeypatch
):
    old, new = watched.service, await watched.open()
    clock = watched.clock
    for service, hours in ((old, 20), (new, -20)):
        monitors = cannot_judge(monkeypatch, service)
        monkeypatch.setattr(
            monitors, "_clock", lambda hours=hours: clock() + timedelta(hours=hours)
        )

    await watched.start_call()
    for service in (old, new, old):
        await look(watched, service)

    assert await is_drawn(watched)
    assert await stops(watched) == []


async def test_two_blind_replicas_stop_the_draws_once(watched, monkeypatch):
    both = (watched.service, await watched.open())
    for service in both:
        cannot_judge(monkeypatch, service)
    await watched.start_call()
    await look(watched)
    await turn_on(watched, PATIENCE)

    await asyncio.gather(*(look(watched, service) for service in both * 3))

    assert await stops(watched) == [("breaker", 1)]
    assert len(await opened(watched)) == 1
