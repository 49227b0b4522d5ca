"""The drill: known bytes of dead days open with nothing there is, of living ones do.

A copy of the key store is a real copy of its directory, made on the day it would be.
"""

import shutil
from datetime import timedelta

import pytest

from proxy.errors import StorageError
from proxy.vault.key_directory import KeyDirectory
from proxy.vault.keys import KeyRing
from tests.fakes.call_centre import SITE, wav

KEPT = 5
GRACE = 8


@pytest.fixture
async def clinic(centre, clock):
    """A clinic at noon that keeps recordings for five days."""
    clock.advance(hours=2)
    await centre.open(policy=centre.policy(kept_days=KEPT))
    await centre.stop_worker()
    return centre


async def days_pass(clinic, clock, days):
    for _ in range(days):
        await clinic.site.tend()
        clock.advance(days=1)
        await clinic.site.sweep()


async def record(clinic):
    call = await clinic.drawn_call(is_announced=True)
    reply = await clinic.upload(call.decision_id, wav())
    assert reply.status == 201, reply
    return call


def canaries(clinic):
    return clinic.site.parts.canaries


def keys_of(clinic):
    return clinic.data_dir / "keys"


def copied(clinic, name="copy"):
    """A copy of the key store as it is now."""
    return shutil.copytree(keys_of(clinic), clinic.folder / name)


async def tried(clinic, copy):
    store = KeyDirectory(copy, SITE)
    await store.open()
    return await canaries(clinic).try_copy(store)


async def drilled_at(clinic):
    await clinic.service.publish()
    page = await clinic.ask("GET", clinic.service.metrics_address + "/metrics")
    [line] = [
        line
        for line in page.body.splitlines()
        if line.startswith("ponctuel_restore_drill_timestamp_seconds{")
    ]
    return float(line.rpartition(" ")[2])


async def test_a_canary_lies_under_each_key_of_recordings_once(clinic):
    await record(clinic)
    for _ in range(2):
        await clinic.site.tend()

    rows = await clinic.rows("SELECT key_day FROM canaries ORDER BY 1")

    assert [row["key_day"] for row in rows] == clinic.day_keys()
    assert len(rows) == 2  # of the recording, and made ahead


async def test_in_the_morning_a_new_key_has_its_canary_within_the_minute(clinic, clock):
    clock.advance(hours=18)
    assert clock().hour < 12  # nothing is made ahead yet
    await record(clinic)

    await clinic.site.tend()

    rows = await clinic.rows("SELECT key_day FROM canaries")
    assert [row["key_day"] for row in rows] == clinic.day_keys()


async def test_days_that_are_dead_stay_shut_and_living_ones_open(clinic, clock):
    await days_pass(clinic, clock, KEPT + 3)

    trial = await canaries(clinic).try_now()

    assert (trial.shut, trial.opened, trial.living, trial.fault) == (2, [], 6, "")


async def test_a_drill_that_passed_shows_in_figure_and_ledger(clinic, clock):
    await days_pass(clinic, clock, KEPT + 3)
    assert await drilled_at(clinic) == 0
    trial = await canaries(clinic).try_now()

    assert await canaries(clinic).note_drill(trial, None)

    assert await drilled_at(clinic) == clock().timestamp()
    assert "restore drill passed: 2 dead day keys shut, 0 open" in await clinic.notes()


async def test_before_any_day_is_dead_a_drill_proves_nothing(clinic, clock):
    await days_pass(clinic, clock, 2)
    trial = await canaries(clinic).try_now()

    assert trial.living
    assert trial.fault.startswith("proves nothing: no day")
    assert not await canaries(clinic).note_drill(trial, None)
    assert await drilled_at(clinic) == 0


async def test_where_no_living_day_opens_a_drill_proves_nothing(clinic, clock):
    await days_pass(clinic, clock, KEPT + 3)
    empty = clinic.folder / "empty"
    await KeyRing(KeyDirectory(empty, SITE)).open()

    trial = await tried(clinic, empty)

    assert trial.living == 0
    assert trial.fault
    now = await canaries(clinic).try_now()
    assert not await canaries(clinic).note_drill(now, trial)


async def test_a_dead_day_whose_key_came_back_counts_as_open(clinic, clock):
    await clinic.site.tend()
    [day] = clinic.day_keys()
    copy = copied(clinic)
    await days_pass(clinic, clock, KEPT + 3)
    shutil.copy(copy / SITE / f"audio-{day}.key", keys_of(clinic) / SITE)

    trial = await canaries(clinic).try_now()

    assert [key.day for key in trial.opened] == [day]
    assert not await canaries(clinic).note_drill(trial, None)
    await clinic.site.integrity.note_dead_days(trial.opened)
    kind = "SELECT reference FROM incidents WHERE kind = 'dead-day-opens'"
    assert await clinic.value(kind) == f"audio-{day}"


@pytest.mark.parametrize("change", ["the canary", "the key"])
async def test_another_key_or_canary_in_its_place_does_not_pass_for_shut(
    clinic, clock, change
):
    await clinic.site.tend()
    [day] = clinic.day_keys()
    copy = copied(clinic)
    await days_pass(clinic, clock, KEPT + 3)
    file = keys_of(clinic) / SITE / f"audio-{day}.key"
    shutil.copy(copy / SITE / file.name, file)
    if change == "the key":
        file.write_bytes(bytes(32))
    else:
        other = bytes(40)
        await clinic.rows("UPDATE canaries SET wrapped = $1", other)

    trial = await canaries(clinic).try_now()

    assert [key.day for key in trial.opened] == [day]


@pytest.mark.parametrize(("older", "opens"), [(0, False), (1, True)])
async def test_a_copy_that_outlived_the_grace_is_found(clinic, clock, older, opens):
    """A copy of the last evening of a day: 8 days after that day it must be gone."""
    await days_pass(clinic, clock, KEPT + 1)
    assert min(clinic.day_keys()) == clock().date()
    copy = copied(clinic)
    await days_pass(clinic, clock, GRACE + older)

    trial = await tried(clinic, copy)

    assert bool(trial.opened) is opens
    assert (await canaries(clinic).try_now()).opened == []


async def test_the_newest_copy_of_the_keys_passes(clinic, clock):
    await days_pass(clinic, clock, KEPT + GRACE + 4)
    copy = copied(clinic)
    await days_pass(clinic, clock, 1)

    trial = await tried(clinic, copy)

    assert (trial.opened, trial.fault) == ([], "")
    now = await canaries(clinic).try_now()
    assert await canaries(clinic).note_drill(now, trial)
    last = await canaries(clinic).last_drill()
    assert (last["at"], last["had_copy"]) == (clock(), True)


async def test_what_died_early_is_dead_for_the_drill_and_its_successor_lives(
    clinic, clock
):
    call = await record(clinic)
    await record(clinic)
    await clinic.site.tend()
    await clinic.tell("call.opt_out", call)
    clock.advance(days=1)
    assert (await clinic.site.sweep()).keys_renewed == 1
    await clinic.site.tend()

    trial = await canaries(clinic).try_now()

    assert (trial.shut, trial.opened, trial.fault) == (1, [], "")
    rows = await clinic.rows("SELECT generation FROM canaries ORDER BY key_day, 1")
    assert [row["generation"] for row in rows][:2] == [1, 2]


async def test_a_key_that_is_lost_costs_no_other_its_canary(clinic):
    await record(clinic)
    await clinic.site.tend()
    lost = min(clinic.day_keys())
    await clinic.rows("DELETE FROM canaries")
    (keys_of(clinic) / SITE / f"audio-{lost}.key").unlink()

    await clinic.site.tend()

    rows = await clinic.rows("SELECT key_day FROM canaries")
    assert [row["key_day"] for row in rows] == [lost + timedelta(days=1)]


async def test_a_key_store_that_is_away_is_no_proof(clinic, clock):
    await days_pass(clinic, clock, KEPT + 3)
    keys_of(clinic).rename(clinic.folder / "away")

    with pytest.raises(StorageError):
        await canaries(clinic).try_now()

    (clinic.folder / "away").rename(keys_of(clinic))


async def test_after_400_days_canaries_and_results_are_gone(clinic, clock):
    await clinic.site.tend()
    await canaries(clinic).note_drill(await canaries(clinic).try_now(), None)
    await clinic.rows("UPDATE day_keys SET destroyed_seq = 1")

    clock.advance(days=KEPT + 1 + 400)
    await canaries(clinic).keep_up()
    assert await clinic.value("SELECT count(*) FROM canaries") == 1

    clock.advance(days=1)
    await canaries(clinic).keep_up()
    for table in ("canaries", "restore_drills"):
        assert await clinic.value(f"SELECT count(*) FROM {table}") == 0  # noqa: S608  # ours
