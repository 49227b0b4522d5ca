"""What cannot be forgotten is told of and tried again; everything else goes on time."""

import pytest

from proxy.database import forgetting
from proxy.database.forgetting import Forgetting
from proxy.errors import DatabaseUnavailableError
from tests.failures.crash_steps import steps
from tests.fakes.faulty_wire import FaultyWire
from tests.fakes.old_rows import MADE, age, left

YEARS = 2000  # days: longer than anything is kept
END_SOME = "proxy.database.forgetting:Forgetting._end_some"
ALARMS = "SELECT reference FROM incidents WHERE kind = 'kept-too-long' ORDER BY 1"

STEPS = {
    "before the first kind": (END_SOME, "before"),
    "after a first batch": (END_SOME, "after"),
    "after several kinds": (END_SOME, "after", 5),
}


@pytest.fixture
async def full(house, clock):
    """A service with an old row of every kind that has an age."""
    await house.stop_worker()
    for kind in MADE:
        await age(house, kind, clock())
    clock.advance(days=YEARS)
    return house


async def forbid(house, kind):
    """A table that cannot be written any more, as after a migration gone wrong."""
    await house.rows(f"REVOKE DELETE, UPDATE ON {kind} FROM ponctuel_service")


async def test_one_kind_that_fails_keeps_no_other_from_its_end(full, clock):
    await forbid(full, "holds")

    report = await full.site.sweep()

    assert (report.kinds_failed, report.all_failed) == (1, 1)
    assert {kind for kind in MADE if await left(full, kind)} == {"forget_holds"}
    [alarm] = await full.rows(ALARMS)
    assert alarm["reference"] == f"forget_holds-{clock().date()}"


async def test_the_alarm_is_one_a_day_and_ends_with_the_fault(full, clock):
    await forbid(full, "holds")
    for _ in range(3):
        assert (await full.site.sweep()).kinds_failed == 1
    assert len(await full.rows(ALARMS)) == 1
    clock.advance(days=1)
    await full.site.sweep()
    assert len(await full.rows(ALARMS)) == 2

    await full.rows("GRANT DELETE, UPDATE ON holds TO ponctuel_service")
    clock.advance(days=1)
    report = await full.site.sweep()

    assert (report.kinds_failed, await left(full, "forget_holds")) == (0, 0)
    assert len(await full.rows(ALARMS)) == 2


async def test_a_kind_that_fails_once_only_gets_its_second_turn_unheard(
    full, monkeypatch
):
    end_some = Forgetting._end_some
    failed = []

    async def fails_once(self, query, kept):
        if query == "forget_holds" and not failed:
            failed.append(query)
            raise DatabaseUnavailableError("DeadlockDetectedError")
        return await end_some(self, query, kept)

    monkeypatch.setattr(Forgetting, "_end_some", fails_once)

    report = await full.site.sweep()

    assert (failed, report.kinds_failed) == (["forget_holds"], 0)
    assert await left(full, "forget_holds") == 0
    assert await full.rows(ALARMS) == []


async def test_recordings_that_cannot_be_forgotten_keep_nothing_else_either(full):
    await full.rows("REVOKE UPDATE ON recordings FROM ponctuel_service")

    with pytest.raises(DatabaseUnavailableError):
        await full.site.sweep()

    assert [kind for kind in MADE if await left(full, kind)] == []


async def test_a_bug_in_one_part_is_no_reason_to_keep_the_rest(full, monkeypatch):
    async def broken(_):
        raise KeyError

    monkeypatch.setitem(full.site.forgetting._parts, "opt_outs", broken)

    report = await full.site.sweep()

    assert report.kinds_failed == 1
    assert [kind for kind in MADE if await left(full, kind)] == []
    [alarm] = await full.rows(ALARMS)
    assert alarm["reference"].startswith("opt_outs-")


async def test_without_a_database_nothing_is_said_to_be_forgotten(centre, clock, dsn):
    async with FaultyWire(dsn) as wire:
        await centre.open(dsn=wire.dsn)
        await centre.stop_worker()
        for kind in MADE:
            await age(centre, kind, clock())
        clock.advance(days=YEARS)
        await wire.cut()

        done = await centre.site.forgetting.sweep(clock())

        assert done.rows == 0
        assert set(done.failed) >= MADE.keys()
        await wire.mend()
        assert (await centre.site.forgetting.sweep(clock())).failed == ()
        assert [kind for kind in MADE if await left(centre, kind)] == []
        await centre.close()


async def test_an_end_nobody_heard_of_is_no_fault_the_second_time(full, monkeypatch):
    """The rows are gone, and the answer that said so is lost."""
    end_some = Forgetting._end_some
    unheard = set()

    async def loses_its_answer(self, query, kept):
        ended = await end_some(self, query, kept)
        if query not in unheard:
            unheard.add(query)
            raise DatabaseUnavailableError("ConnectionDoesNotExistError")
        return ended

    monkeypatch.setattr(Forgetting, "_end_some", loses_its_answer)

    report = await full.site.sweep()

    assert unheard == MADE.keys()
    assert report.kinds_failed == 0
    assert [kind for kind in MADE if await left(full, kind)] == []
    assert await full.rows(ALARMS) == []


@steps(STEPS)
async def test_a_sweep_that_was_killed_is_gone_on_with(centre, clock, doomed, step):
    await centre.open()
    await centre.close()
    for kind in MADE:
        await age(centre, kind, clock())
    clock.advance(days=YEARS)
    async with doomed(*step, sweeps=True):
        pass
    assert [kind for kind in MADE if await left(centre, kind)]

    await centre.open()

    assert [kind for kind in MADE if await left(centre, kind)] == []


async def test_what_fails_in_the_middle_keeps_what_was_done(full, monkeypatch, clock):
    """Each batch is done when it is done: what fails later takes nothing back."""
    monkeypatch.setattr(forgetting, "BATCH", 1)
    clock.advance(days=-YEARS)
    for _ in range(3):
        await age(full, "forget_holds", clock())
    clock.advance(days=YEARS)
    end_some = Forgetting._end_some
    done = []

    async def only_two(self, query, kept):
        if query == "forget_holds" and len(done) == 2:
            raise DatabaseUnavailableError("AdminShutdownError")
        ended = await end_some(self, query, kept)
        done.extend([ended] if query == "forget_holds" else [])
        return ended

    with monkeypatch.context() as broken:
        broken.setattr(Forgetting, "_end_some", only_two)
        report = await full.site.sweep()
    assert report.kinds_failed == 1
    assert await left(full, "forget_holds") == 2

    report = await full.site.sweep()
    assert report.all_failed == 0
    assert await left(full, "forget_holds") == 0
