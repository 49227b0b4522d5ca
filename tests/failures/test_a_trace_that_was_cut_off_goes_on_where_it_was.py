"""Writers killed, answers lost, replicas at once: the trace stays whole, in order."""

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest

from proxy.access.trace.acts import Act
from proxy.database.pool import open_pool
from proxy.errors import DatabaseUnavailableError
from tests.fakes.evidence import until
from tests.fakes.faulty_wire import FaultyWire
from tests.fakes.overseen import AGENT, REASON, overseen_clinic
from tests.fakes.tracing import Traced

ROOT = Path(__file__).parents[2]
WRITER = "tests.fakes.trace_writer"
NOTED = b"INSERT INTO access_entries"
AT_REST = (
    "SELECT count(*) = 0 FROM pg_stat_activity"
    " WHERE datname = current_database() AND backend_type = 'client backend'"
    " AND pid <> pg_backend_pid() AND state IS DISTINCT FROM 'idle'"
)


@pytest.fixture
async def traced(dsn, clock):
    database = await open_pool(dsn, "clinic", 4)
    traced = Traced(database, clock)
    await traced.ledger.create()
    yield traced
    await database.close()


async def written_before_death(dsn: str, entries: int) -> int:
    """How many entries a process said it had written when it was killed, kill -9."""
    writer = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", WRITER, dsn), stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    assert writer.stdout
    told = [await writer.stdout.readline() for _ in range(entries)]
    writer.kill()
    rest = await writer.stdout.read()
    await writer.wait()
    await until_nobody_works_on(dsn)
    return len([*told, *rest.splitlines(keepends=True)]) - (not rest.endswith(b"\n"))


async def until_nobody_works_on(dsn: str) -> None:
    """The server may still commit what it was sent by somebody who has died."""
    connection = await asyncpg.connect(dsn)
    await until(lambda: connection.fetchval(AT_REST), "the last commit")
    await connection.close()


@pytest.mark.parametrize("entries", [1, 7, 40])
async def test_what_a_killed_writer_said_was_written_is(traced, dsn, clock, entries):
    clock.now = datetime.now(UTC)

    said = await written_before_death(dsn, entries)

    kept = (await traced.verifying.verify()).size
    assert said <= kept <= said + 2
    await traced.play()
    assert await traced.faults() == []
    assert (await traced.verifying.verify()).size == kept + 1


async def test_writers_that_are_killed_beside_others_leave_no_gap(traced, dsn, clock):
    clock.now = datetime.now(UTC)

    await asyncio.gather(*(written_before_death(dsn, 10 + n) for n in range(3)))

    assert await traced.faults() == []


async def test_an_entry_whose_answer_was_lost_is_there_once(dsn, traced, clock):
    """Nothing is done then; that the trace says so all the same harms nobody."""
    async with FaultyWire(dsn) as wire:
        wired = await open_pool(wire.dsn, "clinic", 2)
        wire.lose_commit_of(NOTED)
        with pytest.raises(DatabaseUnavailableError):
            await Traced(wired, clock).play()
        assert wire.lost == 1
        await wire.mend()
        await Traced(wired, clock).play()
        await wired.close()

    assert (await traced.verifying.verify()).size == 2
    assert await traced.faults() == []


async def test_an_alert_whose_answer_was_lost_is_opened_once(dsn, tmp_path, clock):
    async with (
        FaultyWire(dsn) as wire,
        overseen_clinic(wire.dsn, tmp_path, clock) as clinic,
    ):
        for _ in range(3):
            item = await clinic.recording()
            await clinic.note(Act.REFUSED, AGENT, item, "object-missing")
        wire.lose_commit_of(b"INSERT INTO access_alerts")
        with pytest.raises(DatabaseUnavailableError):
            await clinic.oversight.watch.look()
        assert wire.lost == 1
        await wire.mend()
        await clinic.oversight.watch.look()

        assert len(await clinic.open_alerts()) == 1
        assert len(await clinic.incidents()) == 1
        assert (await clinic.oversight.verifying.verify()).count == 0


async def test_glass_that_broke_without_an_answer_is_broken_once(dsn, tmp_path, clock):
    async with (
        FaultyWire(dsn) as wire,
        overseen_clinic(wire.dsn, tmp_path, clock) as clinic,
    ):
        item = await clinic.recording()
        glass = clinic.access.break_glass
        wire.lose_commit_of(b"INSERT INTO glass_uses")
        with pytest.raises(DatabaseUnavailableError):
            await glass.use(clinic.session(), item, REASON)
        assert wire.lost == 1
        await wire.mend()
        again = await glass.use(clinic.session(), item, REASON)

        assert [use.use_id for use in await glass.list()] == [again.use_id]
        assert len(await clinic.open_alerts()) == 1
        _, _, counts = await clinic.oversight.anchoring.ledger.figures()
        assert counts["break_glass", ""] == 1


async def test_an_anchor_whose_answer_was_lost_is_made_once(dsn, traced, clock):
    await traced.play()
    async with FaultyWire(dsn) as wire:
        wired = await open_pool(wire.dsn, "clinic", 2)
        wire.lose_commit_of(b"INSERT INTO access_checks")
        with pytest.raises(DatabaseUnavailableError):
            await Traced(wired, clock).anchoring.anchor_if_due()
        assert wire.lost == 1
        await wire.mend()
        await Traced(wired, clock).anchoring.anchor_if_due()
        await wired.close()

    assert len(await traced.notes()) == 1
    assert await traced.faults() == []
