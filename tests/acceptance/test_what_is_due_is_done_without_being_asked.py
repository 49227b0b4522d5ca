"""Nobody has to ask for what is due: late, after a night without a service, but done.

Each step is tested by what it does; here, that a running service takes it by itself.
"""

from datetime import UTC, datetime, timedelta

import pytest

from tests.fakes import timetable
from tests.fakes.call_centre import CallCentre, until, wav

TIMES = "SELECT entrypoint, next_run FROM jobs.pgqueuer_schedules"
IS_DUE = """
UPDATE jobs.pgqueuer_schedules SET next_run = now() WHERE entrypoint = $1 RETURNING 1
"""
AN_OLD_LINE = """
INSERT INTO jobs.pgqueuer_log (created, job_id, status, priority, entrypoint)
VALUES (now() - interval '4 days', 1, 'successful', 0, 'take-over')
"""
OLD_LINES = """
SELECT FROM jobs.pgqueuer_log WHERE created < now() - interval '3 days'
"""


@pytest.fixture
async def closed(centre: CallCentre, clock) -> CallCentre:
    """A recording, an old line in the queue's log; then a month without a service."""
    timetable.as_usual()
    await centre.open()
    await until(lambda: centre.rows(TIMES), "a first look at the timetable")
    call = await centre.drawn_call(is_announced=True)
    await centre.upload(call.decision_id, wav())
    await centre.tell("call.ended", call)
    await centre.rows(AN_OLD_LINE)
    clock.advance(hours=2)
    await centre.site.tend()
    await centre.start_call()
    await centre.close()
    clock.advance(days=31)
    return centre


async def all_seeds_are_revealed(centre: CallCentre) -> bool:
    drawn = {leaf["e"] for leaf in await centre.leaves("DRAW")}
    return drawn <= {leaf["e"] for leaf in await centre.leaves("CLOSE")}


async def the_recording_is_gone(centre: CallCentre) -> bool:
    return bool(await centre.leaves("DEL")) and centre.objects() == []


async def the_ledger_was_checked(centre: CallCentre) -> bool:
    told = await centre.site.self_check.figures()
    return told[("verify_success_timestamp_seconds",)] == centre.clock().timestamp()


async def the_store_was_counted(centre: CallCentre) -> bool:
    return await centre.site.reconciliation.results.has_inventory(centre.clock().date())


async def the_log_has_forgotten(centre: CallCentre) -> bool:
    return await centre.rows(OLD_LINES) == []


DONE = {
    "tend": all_seeds_are_revealed,
    "sweep": the_recording_is_gone,
    "verify": the_ledger_was_checked,
    "reconcile": the_store_was_counted,
    "forget-log": the_log_has_forgotten,
}


@pytest.mark.parametrize("what", DONE)
async def test_what_came_due_while_no_service_ran_is_done_when_one_runs(closed, what):
    assert len(await closed.rows(IS_DUE, what)) == 1

    await closed.open()

    await until(lambda: DONE[what](closed), f"its turn to {what}")


async def test_everything_has_its_time_and_none_is_further_than_an_hour(closed):
    rows = await closed.rows(TIMES)
    latest = {"tend": 1, "sweep": 15, "verify": 15, "reconcile": 60, "forget-log": 60}

    assert {row["entrypoint"] for row in rows} == set(DONE)
    now = datetime.now(UTC)
    for row in rows:
        minutes = latest[row["entrypoint"]]
        assert row["next_run"] <= now + timedelta(minutes=minutes), row
