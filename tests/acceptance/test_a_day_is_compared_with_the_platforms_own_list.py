"""A closed day is held against what the platform says it did and what it still has."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from proxy.reconciliation.connection_day import CannotReconcileError
from proxy.reconciliation.runs import Runs
from tests.fakes.reconciled import (
    DAY,
    has_recorded,
    kinds,
    list_calls,
    listed_call,
    next_day,
    reconciled,
)


@pytest.fixture
async def talked(house):
    """Ten calls that were not drawn, and perhaps others, all of them listed."""
    return house, [await listed_call(house) for _ in range(10)]


async def test_calls_of_a_week_whose_key_is_last_weeks_are_found_one_to_one(talked):
    house, _ = talked
    await next_day(house)

    done = await reconciled(house)

    bound = await house.value("SELECT count(*) FROM calls")
    assert done.comparison.calls == done.comparison.bound == bound >= 10
    assert done.is_clean


@pytest.fixture
async def quiet(house):
    """A day that is one to one, and over."""
    calls = [await house.start_call() for _ in range(10)]
    await house.start_call("leg-1", root_call_id=calls[0].call_id)
    list_calls(house, *calls)
    house.platform.list_call("leg-1", house.clock(), root_call_id=calls[0].call_id)
    house.platform.list_call("leg-2", house.clock(), root_call_id="leg-1")
    await next_day(house)
    return house, calls


async def test_a_day_that_is_one_to_one_is_clean_and_in_the_ledger(quiet):
    house, _ = quiet

    done = await reconciled(house)

    assert done.is_clean
    assert done.as_json()["gap"] == 0
    [leaf] = await house.leaves("RECON")
    assert leaf == {
        "leaf": "RECON",
        "day": "2026-11-18",
        "sha256": done.export_sha256,
        "n": 10,
        "missing": 0,
        "source": "platform",
    }
    assert await kinds(house) == []


async def test_done_again_it_says_it_once_and_what_changed_once_more(quiet):
    house, _ = quiet
    await reconciled(house)
    await reconciled(house)
    assert len(await house.leaves("RECON")) == 1

    house.platform.list_call("call-late", datetime(2026, 11, 18, 12, tzinfo=UTC))
    await reconciled(house)

    assert [leaf["missing"] for leaf in await house.leaves("RECON")] == [0, 1]


async def test_calls_the_ledger_never_drew_are_counted_and_above_tolerance_told(quiet):
    house, _ = quiet
    house.platform.list_call("call-unheard", datetime(2026, 11, 18, 12, tzinfo=UTC))

    done = await reconciled(house)

    assert not done.is_clean
    assert done.comparison.platform_only == 1
    assert done.comparison.gap == pytest.approx(1 / 11)
    assert await kinds(house) == ["unreconciled-calls"]
    figures = await house.site.reconciliation.figures()
    assert figures["unreconciled_calls", "platform_only"] == 1
    assert figures["cdr_gap_ratio", ""] == pytest.approx(1 / 11)


async def test_calls_the_platform_does_not_know_are_counted_and_told(house):
    calls = [await house.start_call() for _ in range(10)]
    list_calls(house, *calls[1:])
    await next_day(house)

    done = await reconciled(house)

    assert (done.comparison.platform_only, done.comparison.ledger_only) == (0, 1)
    assert await kinds(house) == ["unreconciled-calls"]
    figures = await house.site.reconciliation.figures()
    assert figures["unreconciled_calls", "ledger_only"] == 1


async def test_a_call_at_midnight_may_stand_in_either_days_list(house):
    house.clock.now = datetime(2026, 11, 18, 12, tzinfo=UTC)
    noon = await house.start_call()
    list_calls(house, noon)
    house.clock.now = datetime(2026, 11, 18, 23, 59, 58, tzinfo=UTC)
    call = await house.start_call()
    list_calls(house, call, at=house.clock() + timedelta(seconds=3))
    await next_day(house)

    first = await reconciled(house)
    await next_day(house, days=1)
    second = await reconciled(house, DAY + timedelta(days=1))

    assert (first.comparison.ledger_only, first.comparison.undecided) == (0, 1)
    assert (second.comparison.calls, second.comparison.platform_only) == (1, 0)


# --- What is no day to reconcile -----------------------------------------------------


@pytest.mark.parametrize(
    ("now", "day"),
    [
        (datetime(2026, 11, 18, 10, tzinfo=UTC), DAY),
        (datetime(2026, 11, 18, 10, tzinfo=UTC), DAY + timedelta(days=1)),
        (datetime(2026, 11, 19, 0, 59, tzinfo=UTC), DAY),
    ],
)
async def test_a_day_that_is_not_over_for_an_hour_is_not_reconciled(talked, now, day):
    house, _ = talked
    house.clock.now = now

    with pytest.raises(CannotReconcileError):
        await reconciled(house, day)


async def test_a_day_whose_tag_key_is_gone_is_not_judged(talked):
    """No call could be found by it, and all recordings would seem unsolicited."""
    house, _ = talked
    has_recorded(house, "native")
    await house.rows("UPDATE tag_keys SET doomed_at = now()")
    house.clock.now = datetime(2026, 11, 19, 5, 30, tzinfo=UTC)

    with pytest.raises(CannotReconcileError, match="tag key"):
        await reconciled(house)

    assert "native" in house.platform.audio


async def test_a_day_on_which_nobody_asked_is_not_judged(talked):
    house, _ = talked
    await next_day(house, days=1)

    done = await reconciled(house, DAY + timedelta(days=1))

    assert done.problem == "cannot-reconcile"
    assert await house.leaves("RECON") == []


async def test_a_quiet_day_after_a_reconciled_one_is_a_day_too(quiet):
    house, _ = quiet
    await reconciled(house)
    await next_day(house, days=1)

    done = await reconciled(house, DAY + timedelta(days=1))

    assert done.is_clean
    assert [leaf["n"] for leaf in await house.leaves("RECON")] == [10, 0]


async def test_a_connection_without_a_list_claims_nothing(quiet):
    house, _ = quiet

    report = await house.site.reconciliation.run(DAY, "other-pbx")

    assert [each.problem for each in report.connections] == ["no-call-list"]
    with pytest.raises(CannotReconcileError, match="known: "):
        await house.site.reconciliation.run(DAY, "nobody")


async def test_the_figures_time_moves_when_every_connection_is_reconciled(centre):
    sites = centre.plan()["sites"]
    connections = sites["clinic"]["connections"]
    of_other = connections["pbx"]["call_list_url"] + "&of=other"
    connections["other-pbx"]["call_list_url"] = of_other
    await centre.open(sites=sites)
    list_calls(centre, *[await centre.start_call() for _ in range(10)])
    await next_day(centre)
    reconciliation = centre.site.reconciliation
    check = ("reconciliation_timestamp_seconds", "cdr")
    assert (await reconciliation.figures())[check] == 0

    await reconciliation.run(DAY)
    assert (await reconciliation.figures())[check] == 0  # nobody asked the other one

    await centre.rows(
        "INSERT INTO reconciliations SELECT site_id, 'other-pbx', day, export_sha256,"
        " 0, 0, 0, 0, 0, 0, done_at - interval '1 hour' FROM reconciliations"
    )
    earliest = (centre.clock() - timedelta(hours=1)).timestamp()
    assert (await reconciliation.figures())[check] == earliest
    last = await reconciliation.last()
    assert [row["connection"] for row in last["connections"]] == ["other-pbx", "pbx"]


async def test_two_who_reconcile_at_once_come_to_one_leaf(talked, monkeypatch):
    """Once both have read the list: who reads it after the purge sees another day."""
    house, _ = talked
    has_recorded(house, "native")
    await house.open()
    await next_day(house)
    begin, both = Runs.begin, asyncio.Barrier(2)

    async def begin_together(*arguments):
        await both.wait()
        return await begin(*arguments)

    monkeypatch.setattr(Runs, "begin", begin_together)

    await asyncio.gather(
        *(each.sites["clinic"].reconciliation.run(DAY) for each in house.services)
    )

    assert len(await house.leaves("RECON")) == 1
    assert (await house.counts())["unsolicited_recordings", ""] == 1
    assert await house.value("SELECT count(*) FROM reconciliations") == 1
    assert await house.value("SELECT unsolicited FROM reconciliations") == 1


async def test_what_another_purges_meanwhile_is_not_counted_once_more(
    talked, monkeypatch
):
    """Between looking up what is known of it and asking whether it is still there."""
    house, _ = talked
    has_recorded(house, "native")
    await house.open()
    await next_day(house)
    one, other = (each.sites["clinic"].reconciliation for each in house.services)
    source = one.days.recordings.sources["pbx"]
    is_gone, overtaken = source.is_gone, []

    async def be_overtaken(reference):
        if not overtaken:
            overtaken.append(await other.run(DAY, "pbx"))
        return await is_gone(reference)

    monkeypatch.setattr(source, "is_gone", be_overtaken)
    await one.run(DAY, "pbx")

    assert overtaken[0].connections[0].recordings.purged == 1
    assert (await house.counts())["unsolicited_recordings", ""] == 1
    assert await house.value("SELECT unsolicited FROM reconciliations") == 1
    assert len(await house.leaves("RECON")) == 1


async def test_what_is_due_is_done_by_itself_and_once(quiet):
    house, _ = quiet
    house.clock.now = datetime(2026, 11, 19, 4, 59, tzinfo=UTC)
    await house.site.reconciliation.run_due()
    assert await house.leaves("RECON") == []

    for hour in (5, 6, 7):
        house.clock.now = datetime(2026, 11, 19, hour, 10, tzinfo=UTC)
        await house.site.reconciliation.run_due()

    assert len(await house.leaves("RECON")) == 1
    assert len(await house.leaves("INV")) == 1
    assert house.platform.asked.count(("LIST", "2026-11-18")) == 2  # calls, recordings


async def test_days_missed_while_nobody_ran_are_caught_up(quiet):
    house, _ = quiet
    await next_day(house, days=3)

    await house.site.reconciliation.run_due()

    days = [leaf["day"] for leaf in await house.leaves("RECON")]
    assert days == ["2026-11-18", "2026-11-19", "2026-11-20", "2026-11-21"]
