"""Whatever has an age goes at that age, in the sweep that ends recordings too."""

import asyncio
from datetime import timedelta

import pytest

from proxy.database import forgetting
from proxy.database.forgetting import SWEPT
from retention.schedule import ACCOUNTABLE_FOR, tables
from tests.fakes.call_centre import until, wav
from tests.fakes.old_rows import LEFT, MADE, age, left
from tests.fakes.staff import approve

AGED = [
    pytest.param(promise.swept_as, promise.kept, id=promise.kind)
    for promise in SWEPT
    if isinstance(promise.kept, timedelta)
]


def test_every_kind_with_an_age_is_tried_here():
    assert {param.values[0] for param in AGED} == set(MADE) == set(LEFT)


@pytest.mark.parametrize(("kind", "kept"), AGED)
async def test_it_goes_at_its_age_and_not_a_second_before(house, clock, kind, kept):
    await house.stop_worker()
    await age(house, kind, clock())
    whole = await left(house, kind)
    assert whole == len(MADE[kind])

    clock.advance(seconds=kept.total_seconds() - 1)
    await house.site.sweep()
    assert await left(house, kind) == whole

    clock.advance(seconds=1)
    report = await house.site.sweep()
    assert await left(house, kind) == 0
    assert report.rows_forgotten
    assert (report.kinds_failed, report.all_failed) == (0, 0)


async def test_forgetting_twice_forgets_once(house, clock):
    await house.stop_worker()
    for kind in MADE:
        await age(house, kind, clock())
    clock.advance(seconds=ACCOUNTABLE_FOR.total_seconds())

    first = await house.site.forgetting.sweep(clock())
    second = await house.site.forgetting.sweep(clock())

    assert first.rows >= len(MADE)
    assert (second.rows, second.failed) == (0, ())


async def test_replicas_that_forget_at_once_leave_nothing_and_fail_at_nothing(
    centre, clock, monkeypatch
):
    monkeypatch.setattr(forgetting, "BATCH", 3)
    await centre.open()
    await centre.open()
    for _ in range(20):
        await age(centre, "forget_takeovers", clock())
        await age(centre, "forget_holds", clock())
    clock.advance(days=400)

    reports = await asyncio.gather(
        *(replica.sites["clinic"].sweep() for replica in centre.services * 2)
    )
    await centre.site.sweep()

    assert [report.kinds_failed for report in reports] == [0] * 4
    assert await left(centre, "forget_takeovers") == 0
    assert await left(centre, "forget_holds") == 0


async def test_what_is_due_can_be_counted_and_stays(house, clock):
    await house.stop_worker()
    for kind in MADE:
        await age(house, kind, clock())
    clock.advance(seconds=ACCOUNTABLE_FOR.total_seconds())

    due = await house.site.forgetting.due()

    assert set(due) == set(MADE)
    assert all(due.values())
    for kind, statements in MADE.items():
        assert await left(house, kind) == len(statements)


async def test_a_job_that_is_done_leaves_nothing_of_what_it_carried(house):
    call = await house.drawn_call(is_announced=True)
    await house.offer(house.platform.hold("rec-of-old", wav()), call.decision_id)
    await house.site.calls.stops.stop_now("pbx", call.call_id)

    await until(lambda: no_jobs(house), "the jobs")

    kept = [
        repr(row)
        for table in tables()
        if table.startswith("jobs.")
        for row in await house.rows(f"SELECT * FROM {table}")  # noqa: S608  # ours
    ]
    assert kept
    assert [row for row in kept if call.call_id in row or "rec-of-old" in row] == []


async def no_jobs(house):
    """When something was done, and nothing is left to do."""
    done = "SELECT count(*) FROM jobs.pgqueuer_log WHERE status = 'successful'"
    left = "SELECT count(*) FROM jobs.pgqueuer"
    return await house.value(done) >= 2 and await house.value(left) == 0


# --- What must not go yet -------------------------------------------------------------


async def test_an_open_incident_stays_however_old_it_is(house, clock):
    await age(house, "forget_incidents", clock())
    await house.rows("UPDATE incidents SET closed_at = NULL WHERE reference = 'old'")
    clock.advance(days=10 * 366)

    await house.site.forgetting.sweep(clock())

    assert await left(house, "forget_incidents") == 2


async def test_an_incident_goes_whole_when_its_last_note_is_old_enough(house, clock):
    await age(house, "forget_incidents", clock())
    clock.advance(days=30)
    await house.rows(
        "INSERT INTO incident_notes SELECT 'clinic', incident_id, 2, $1, 'p-2', 'words'"
        " FROM incidents WHERE reference = 'old'",
        clock(),
    )

    clock.advance(seconds=ACCOUNTABLE_FOR.total_seconds() - 1)
    await house.site.forgetting.sweep(clock())
    assert await left(house, "forget_incidents") == 3

    clock.advance(seconds=1)
    await house.site.forgetting.sweep(clock())
    assert await left(house, "forget_incidents") == 0


async def test_what_is_not_deleted_at_the_platform_yet_is_not_forgotten(house, clock):
    await house.stop_worker()
    await age(house, "forget_takeovers", clock())
    await house.rows("UPDATE takeovers SET step = 'deleting', finished_at = NULL")
    clock.advance(days=400)

    await house.site.forgetting.sweep(clock())

    assert await left(house, "forget_takeovers") == 1


async def test_a_hold_that_lasts_is_not_forgotten(house, clock):
    await age(house, "forget_holds", clock())
    await house.rows("UPDATE holds SET ended_at = NULL")
    clock.advance(days=400)

    await house.site.forgetting.sweep(clock())

    assert await left(house, "forget_holds") == 1


async def test_a_policy_that_was_in_force_keeps_its_document_and_loses_its_people(
    house, clock
):
    governance = house.site.governance
    for percent in ("4", "3"):
        await approve(governance, house.policy(rate=f"{percent} %"))
        clock.advance(hours=25)
        await house.site.tend()
    before = {each.number: each for each in await governance.list() if each.version}
    await house.rows("UPDATE policy_versions SET state = 'ended'")

    clock.advance(seconds=ACCOUNTABLE_FOR.total_seconds())
    await house.site.sweep()

    after = {each.number: each for each in await governance.list()}
    assert len(before) > 1
    assert after.keys() == before.keys()
    for number, version in after.items():
        assert version.policy == before[number].policy
        assert version.digest == before[number].digest
        assert version.approvals == before[number].approvals
        assert (version.author, version.proposer, version.approver) == ("", None, None)
        assert (version.justification, version.reason) == ("", "")


async def test_what_holds_now_keeps_who_moved_it(house, clock):
    before = await house.site.governance.list()
    assert before
    clock.advance(seconds=ACCOUNTABLE_FOR.total_seconds())
    await house.rows("UPDATE policy_versions SET state = 'active'")

    await house.site.forgetting.sweep(clock())

    after = await house.site.governance.list()
    assert [each.author for each in after] == [each.author for each in before]
    history = await house.site.governance.history(after[-1].number)
    assert history


async def test_no_number_of_a_policy_is_given_twice(house, clock):
    newest = await house.value("SELECT max(number) FROM policy_versions")
    await house.rows(
        "INSERT INTO policy_versions (site_id, number, state, document, salt, digest,"
        " author, created_at)"
        " SELECT 'clinic', $2 + n, 'withdrawn', '{}', '', '', 'p-1', $1"
        " FROM generate_series(1, 2) AS n",
        clock(),
        newest,
    )
    clock.advance(seconds=ACCOUNTABLE_FOR.total_seconds())

    await house.site.forgetting.sweep(clock())

    rows = await house.rows(
        "SELECT number, author FROM policy_versions WHERE number > $1", newest
    )
    assert [tuple(row) for row in rows] == [(newest + 2, "")]


async def test_a_stop_that_is_still_on_keeps_who_spoke_it(house, clock):
    events = (
        "INSERT INTO policy_events (site_id, move, actor, role, at, is_refused, detail)"
        " VALUES ('clinic', $1, $2, 'dpo', $3, false, $4)"
    )
    went_on = '{"party": "operator"}'
    await house.rows(events, "stop", "p-old", clock(), "{}")
    await house.rows(events, "go_on", "service", clock(), went_on)
    await house.rows(events, "stop", "p-now", clock(), "{}")
    settings = "SELECT max(place) FROM policy_events WHERE move = 'settings'"
    place = await house.value(settings)
    assert place
    clock.advance(seconds=ACCOUNTABLE_FOR.total_seconds())

    await house.site.forgetting.sweep(clock())

    stops = await house.rows("SELECT actor FROM policy_events WHERE move = 'stop'")
    assert [row["actor"] for row in stops] == ["p-now"]
    assert await house.value(settings) == place


async def test_where_a_monitor_began_anew_stays_known(house, clock):
    await age(house, "forget_decisions", clock())
    clock.advance(seconds=ACCOUNTABLE_FOR.total_seconds())

    await house.site.forgetting.sweep(clock())

    [row] = await house.rows("SELECT seq, monitor, position FROM monitor_decisions")
    assert tuple(row) == (999999, "agent", 0)


async def test_another_sites_rows_are_its_own(house, clock):
    await age(house, "forget_takeovers", clock())
    await house.rows("INSERT INTO sites (site_id) VALUES ('other')")
    await house.rows("UPDATE takeovers SET site_id = 'other'")
    clock.advance(days=400)

    await house.site.forgetting.sweep(clock())

    assert await left(house, "forget_takeovers") == 1
