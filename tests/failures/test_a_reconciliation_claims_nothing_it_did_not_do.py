"""Platforms that fail, lie or hang, and kill -9 at each step of a reconciliation."""

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta

import pytest

from proxy.evidence.auditor import auditor_text
from proxy.evidence.bundle import make_bundle
from proxy.intake.takeovers import TryAgainError
from proxy.reconciliation.recordings import Patience
from tests.failures.crash_steps import steps
from tests.fakes.auditing import verdict
from tests.fakes.call_centre import wav

DAY = date(2026, 11, 18)
MORNING = datetime(2026, 11, 19, 5, 30, tzinfo=UTC)
DAYS = "proxy.reconciliation.connection_day:ConnectionDays"
TAKEOVERS = "proxy.intake.takeovers:Takeovers"
RESULTS = "proxy.reconciliation.results:Results"
RUNS = "proxy.reconciliation.runs:Runs"
SETTLING = "proxy.reconciliation.recordings:_Settling"
IMPATIENT = Patience(for_one=timedelta(seconds=0.3), for_all=timedelta(seconds=1))


async def one_undrawn_call_is_recorded(centre):
    """All calls of the day are listed, and one was recorded that nobody drew."""
    while True:
        call = await centre.start_call()
        centre.platform.list_call(call.call_id, centre.clock())
        await centre.tell("call.ended", call)
        if len(centre.platform.listed) > 8 and not call.is_record:
            break
    url = centre.platform.hold("native", wav())
    centre.platform.listed[-1].update(recorded=1, recording_url=url)


@pytest.fixture
async def morning(house):
    """The morning after; nothing moves but what the test moves."""
    await one_undrawn_call_is_recorded(house)
    await house.stop_worker()
    house.clock.now = MORNING
    await house.site.tend()
    return house


def is_waited_for(house, patience):
    house.site.reconciliation.days.recordings.patience = patience


async def reconciled(house):
    report = await house.site.reconciliation.run(DAY, "pbx")
    return report.connections[0]


async def is_all_done(house):
    """However often it was tried: purged, counted and told once, and unheard."""
    assert house.platform.audio == {}
    assert house.platform.count("GET", "native") == 0
    counts = await house.counts()
    assert counts["unsolicited_recordings", ""] == 1
    assert counts["_purged_at_source", ""] == 1
    rows = await house.rows("SELECT kind FROM incidents WHERE closed_at IS NULL")
    assert [row["kind"] for row in rows] == ["unsolicited-recording"]
    [leaf] = await house.leaves("RECON")
    assert (leaf["day"], leaf["missing"]) == ("2026-11-18", 0)


@pytest.mark.parametrize("kind", ["refuse", "half", "drop", "cut short"])
async def test_a_list_that_was_not_given_leads_to_nothing_and_is_asked_for_again(
    morning, kind
):
    morning.platform.misbehave("LIST", kind, times=2)

    done = await reconciled(morning)

    assert done.problem in {"source-unavailable", "list-not-believed"}
    assert not done.is_clean
    assert "native" in morning.platform.audio
    assert await morning.leaves("RECON") == []
    assert await morning.rows("SELECT FROM reconciliations") == []
    assert await morning.rows("SELECT FROM incidents") == []

    while done.as_json().get("problem"):
        done = await reconciled(morning)
    await is_all_done(morning)


async def test_an_empty_list_of_a_day_with_calls_is_not_believed(morning):
    morning.platform.listed.clear()

    done = await reconciled(morning)

    assert done.problem == "list-not-believed"
    assert await morning.leaves("RECON") == []


async def test_a_wrong_day_is_not_believed(morning):
    for row in morning.platform.listed:
        row["started_at"] = "2026-11-18T23:00:00-08:00"

    done = await reconciled(morning)

    assert done.problem == "list-not-believed"
    assert "native" in morning.platform.audio


@pytest.mark.parametrize("kind", ["refuse", "drop"])
async def test_a_purge_that_fails_is_said_to_be_still_there_and_goes_on(morning, kind):
    morning.platform.misbehave("DELETE", kind, times=4)
    is_waited_for(morning, IMPATIENT)

    done = await reconciled(morning)

    assert (done.recordings.unsolicited, done.recordings.still_there) == (1, 1)
    assert done.recordings.purged == 0
    assert not done.is_clean
    assert "native" in morning.platform.audio

    takeover = await morning.value("SELECT takeover_id FROM takeovers")
    while morning.platform.audio:
        await _try_once(morning, takeover)
    await _try_once(morning, takeover)
    await is_all_done(morning)


async def _try_once(house, takeover):
    with suppress(TryAgainError):
        await house.site.takeovers.run(takeover)


async def test_a_purge_done_although_its_answer_was_lost_is_found_done(morning):
    morning.platform.misbehave("DELETE", "lost")
    morning.platform.misbehave("DELETE", "drop")

    done = await reconciled(morning)

    assert (done.recordings.purged, done.recordings.still_there) == (1, 0)
    await is_all_done(morning)


async def test_a_platform_that_only_says_deleted_is_told_again_and_not_believed(
    morning,
):
    morning.platform.misbehave("DELETE", "lie")

    done = await reconciled(morning)

    assert (done.recordings.purged, done.recordings.still_there) == (1, 0)
    assert morning.platform.count("DELETE", "native") >= 2
    await is_all_done(morning)


async def test_a_platform_that_lies_for_longer_is_reported(morning):
    morning.platform.misbehave("DELETE", "lie", times=9)
    is_waited_for(morning, IMPATIENT)

    done = await reconciled(morning)

    assert (done.recordings.purged, done.recordings.still_there) == (0, 1)
    assert (await morning.counts())["_purged_at_source", ""] == 0


async def test_a_platform_that_hangs_is_waited_for_as_long_as_patience_goes(morning):
    morning.platform.misbehave("DELETE", "slow")
    is_waited_for(morning, IMPATIENT)

    done = await reconciled(morning)

    assert (done.recordings.purged, done.recordings.still_there) == (0, 1)
    morning.platform.hurry.set()
    is_waited_for(morning, Patience())
    again = await reconciled(morning)
    assert (again.recordings.purged, again.recordings.still_there) == (1, 0)
    await is_all_done(morning)


@pytest.mark.parametrize("kind", ["refuse", "drop"])
async def test_what_is_listed_counts_as_there_when_nobody_says_it_is_gone(
    morning, kind
):
    morning.platform.misbehave("HEAD", kind, times=2)

    done = await reconciled(morning)

    assert done.recordings.purged == 1
    await is_all_done(morning)


STEPS = {
    "when the lists are read": (f"{DAYS}._keys", "before"),
    "when the run is written down": (f"{RUNS}.begin", "after"),
    "before the purge is begun": (f"{TAKEOVERS}.begin", "before"),
    "when the purge is begun": (f"{TAKEOVERS}.begin", "after"),
    "before it is deleted there": (f"{TAKEOVERS}._delete", "before"),
    "when it is deleted there": (f"{TAKEOVERS}._delete", "after"),
    "when it is confirmed gone": (f"{TAKEOVERS}._confirm", "after"),
    "between the purge and the leaf": (f"{RESULTS}.keep_day", "before"),
    "before the leaf's commit": (f"{RESULTS}._is_new", "after"),
    "after the leaf": (f"{RESULTS}.keep_day", "after"),
    "before the inventory's leaf": (f"{RESULTS}.keep_inventory", "before"),
}


@steps(STEPS)
async def test_a_reconciliation_that_was_killed_is_finished_by_the_next(
    centre, doomed, step
):
    await centre.open()
    await one_undrawn_call_is_recorded(centre)
    await centre.close()
    centre.clock.now = MORNING
    async with doomed(*step, reconciles=DAY.isoformat()):
        pass
    was_stored = bool(await centre.rows("SELECT FROM reconciliations"))

    await centre.open()
    await centre.stop_worker()
    await centre.site.tend()
    done = await finished(centre)

    await is_all_done(centre)
    assert await found_in_all(centre) == 1
    # Nobody was told by the one that was killed, unless its result stands.
    assert done.recordings.unsolicited == 1 - was_stored
    centre.clock.advance(hours=3)
    await centre.site.tend()
    said = await judged(centre)
    assert (said["status"], said["findings"]) == (0, [])
    told = {name: n for name, n in said["told"].items() if not name.startswith("NOTE")}
    assert told == {
        "RECON leaves": 1,
        "INV leaves": len(await centre.leaves("INV")),
        "calls missing by RECON": 0,
    }


@pytest.mark.parametrize("step", ["_note_made", "_wait"])
async def test_what_was_made_and_deleted_before_we_looked_is_counted_by_the_next(
    centre, doomed, step
):
    await centre.open()
    await one_undrawn_call_is_recorded(centre)
    noon = centre.clock()
    centre.platform.list_call("call-x", noon, recorded=1)  # and nobody knows where
    await centre.close()
    centre.clock.now = MORNING
    async with doomed(f"{SETTLING}.{step}", "after", reconciles=DAY.isoformat()):
        pass

    await centre.open()
    await centre.stop_worker()
    await centre.site.tend()
    done = await finished(centre)

    assert await found_in_all(centre) == 2
    assert done.recordings.unsolicited == 2
    assert (await centre.counts())["unsolicited_recordings", ""] == 2


@pytest.mark.parametrize("when", ["before", "after"])
async def test_one_that_came_back_is_counted_by_the_next(centre, doomed, when):
    await centre.open()
    await one_undrawn_call_is_recorded(centre)
    await centre.stop_worker()
    centre.clock.now = MORNING
    await centre.site.tend()
    await reconciled(centre)
    await centre.close()
    centre.platform.hold("native", wav())  # from a backup of the platform's
    async with doomed(f"{SETTLING}._reopen", when, reconciles=DAY.isoformat()):
        pass

    await centre.open()
    await centre.stop_worker()
    await centre.site.tend()
    done = await finished(centre)

    assert centre.platform.audio == {}
    assert await found_in_all(centre) == 2
    assert done.recordings.unsolicited == 1
    assert (await centre.counts())["unsolicited_recordings", ""] == 2


async def finished(centre):
    """The whole day, as an operator would have it done again."""
    report = await centre.site.reconciliation.run(DAY)
    return {each.connection: each for each in report.connections}["pbx"]


async def found_in_all(centre):
    return await centre.value("SELECT unsolicited FROM reconciliations")


async def judged(centre):
    site = centre.site
    bundle = await make_bundle(site.ledger, site.publisher, site.signer, site.cosigning)
    policy = auditor_text(site.signer.key)
    return verdict(centre.folder, bundle, policy, centre.clock())
