"""Of a site's replicas one draws for all; whoever dies, nothing is lost or doubled."""

import asyncio
import dataclasses
import os
import signal
import time
import uuid
from datetime import timedelta

import asyncpg
import pytest

from proxy.database.embedded import EmbeddedPostgres
from proxy.database.migrate import migrate
from proxy.intake.binds import DeadlineError
from proxy.intake.epochs import NoSeedError, Tags
from proxy.intake.leading import Leader
from proxy.intake.seat import Seat, take_seat
from proxy.platforms.base import CallStarted, Direction
from tests.fakes.call_centre import CALLER, LINE, until
from tests.fakes.clinic import SITE

pytestmark = pytest.mark.usefixtures("unhurried")


def ring(call_id):
    return CallStarted(
        call_id=call_id,
        root_call_id=call_id,
        direction=Direction.INBOUND,
        caller=CALLER,
        callee=LINE,
        line=LINE,
    )


async def two_replicas(centre):
    """A leader, and a replica that hands its calls over."""
    leader = await centre.open()
    await until(centre.leaders, "a leader")
    return leader, await centre.open()


async def ledger_is_whole(centre, calls):
    """One draw for each of the calls, in their places, all tags different."""
    draws = await centre.leaves("DRAW")
    assert len({leaf["c"] for leaf in draws}) == len(draws) == calls
    assert await centre.value("SELECT size FROM ledger_heads") == len(
        await centre.all_leaves()
    )
    assert await centre.value("SELECT count(*) FROM calls") == calls


@pytest.mark.alone
async def test_a_call_is_answered_by_the_replica_it_called_though_another_draws(
    centre,
):
    leader, other = await two_replicas(centre)
    await centre.start_call(service=other)

    begun = time.monotonic()
    there = await centre.start_call("call-1", service=other)
    took = time.monotonic() - begun
    here = await centre.start_call("call-1", service=leader)

    assert there.decision_id == here.decision_id is not None
    assert took < 0.25, "it waited for a look instead of being told"
    await ledger_is_whole(centre, 2)
    assert await centre.rows("SELECT FROM waiting_binds") == []


async def test_a_call_known_to_the_leader_is_not_drawn_again_for_another_replica(
    centre,
):
    leader, other = await two_replicas(centre)

    calls = await asyncio.gather(
        *(
            centre.start_call(f"call-{n % 5}", service=service)
            for n in range(20)
            for service in (leader, other)
        )
    )

    assert len({call.decision_id for call in calls}) == 5
    await ledger_is_whole(centre, 5)


async def test_a_leg_that_came_by_another_replica_leads_to_its_root_call(centre):
    leader, other = await two_replicas(centre)
    root = await centre.start_call("root-1", service=leader)

    leg = await centre.start_call("leg-1", root_call_id="root-1", service=other)
    again = await centre.start_call("leg-1", service=leader)

    assert leg.decision_id == again.decision_id == root.decision_id


async def test_what_the_leader_refuses_the_other_replica_says_and_counts(centre, clock):
    _, other = await two_replicas(centre)
    await centre.start_call(service=other)
    clock.now -= timedelta(days=1)

    assert (await centre.start_call(service=other)).decision_id is None

    assert other.sites[SITE].voids.counted["clock", "cardio_in"] == 1


async def test_a_leader_that_stops_leaves_its_place_within_the_callers_deadline(centre):
    leader, other = await two_replicas(centre)
    await centre.start_call(service=other)

    centre.services.remove(leader)
    stopping = asyncio.create_task(leader.stop())
    calls = await asyncio.gather(*(centre.start_call(service=other) for _ in range(20)))
    await stopping

    assert all(call.decision_id for call in calls)
    await ledger_is_whole(centre, 21)


async def kill_the_leaders_session(centre):
    connection = await asyncpg.connect(centre.dsn)
    for pid in await centre.leaders():
        await connection.execute("SELECT pg_terminate_backend($1)", pid)
    await connection.close()


@pytest.mark.parametrize("moment", ["look", "commit"])
async def test_a_leader_whose_session_ends_in_a_batch_draws_nothing_twice(
    centre, monkeypatch, moment
):
    leader, other = await two_replicas(centre)
    await centre.start_call(service=other)
    real, killed = getattr(Seat, moment), asyncio.Event()

    async def killing(self, *arguments, **named):
        if not killed.is_set():
            killed.set()
            if moment == "look":
                await kill_the_leaders_session(centre)
                return await real(self, *arguments, **named)
            await real(self, *arguments, **named)
            await kill_the_leaders_session(centre)
            await self.check()
        return await real(self, *arguments, **named)

    monkeypatch.setattr(Seat, moment, killing)
    calls = await asyncio.gather(
        *(centre.start_call(f"call-{n}", service=other) for n in range(10))
    )
    again = await asyncio.gather(
        *(centre.start_call(f"call-{n}", service=leader) for n in range(10))
    )

    assert killed.is_set()
    assert all(call.decision_id for call in calls)
    assert [call.decision_id for call in again] == [c.decision_id for c in calls]
    await ledger_is_whole(centre, 11)


async def test_two_who_both_take_themselves_for_the_leader_cannot_fork_the_ledger(
    centre, monkeypatch
):
    async def lead(self):
        self.is_leader = True
        return True

    monkeypatch.setattr(Seat, "try_to_lead", lead)
    await centre.open()
    await centre.open()

    for part in range(10):
        calls = await asyncio.gather(
            *(
                centre.start_call(f"call-{part}-{n}", service=service)
                for n in range(20)
                for service in centre.services
            )
        )
        assert len({call.decision_id for call in calls}) == 20

    await ledger_is_whole(centre, 200)


async def test_a_leader_that_was_overtaken_between_look_and_commit_writes_nothing(
    centre, monkeypatch
):
    await centre.open()
    site = centre.site
    await centre.start_call()
    looked, overtaken = asyncio.Event(), asyncio.Event()
    async with take_seat(site.database) as stale:

        async def slow(*arguments):
            looked.set()
            await overtaken.wait()
            return await Seat.commit(stale, *arguments)

        monkeypatch.setattr(stale, "commit", slow)
        leader = Leader(site.epochs, centre.clock, site.policies)
        bind = site.calls._bind("pbx", ring("call-1"))
        late = asyncio.create_task(leader._try(stale, [bind], {}, is_locked=False))
        await looked.wait()
        await centre.start_call("call-2")
        overtaken.set()

        assert await late is None
    await ledger_is_whole(centre, 2)


SEAT = "proxy.intake.seat:Seat"


@pytest.mark.parametrize(
    ("step", "when"),
    [
        (f"{SEAT}.try_to_lead", "after"),
        ("proxy.intake.sequencer:waiting_binds", "after"),
        (f"{SEAT}.look", "before"),
        (f"{SEAT}.look", "after"),
        (f"{SEAT}.commit", "before"),
        (f"{SEAT}.commit", "after"),
    ],
)
async def test_a_leader_killed_at_any_step_leaves_the_rest_to_the_next(
    centre, doomed, step, when
):
    async with doomed(step, when, 2 if "binds" in step else 1):
        if "lead" not in step:  # else it is gone before anyone can look
            await until(centre.leaders, "a leader")
        other = await centre.open()
        calls = await asyncio.gather(
            *(centre.start_call(f"call-{n}", service=other) for n in range(10))
        )

    again = [await centre.start_call(f"call-{n}", service=other) for n in range(10)]
    assert all(call.decision_id for call in calls)
    assert [call.decision_id for call in again] == [c.decision_id for c in calls]
    await ledger_is_whole(centre, 10)


async def test_what_a_dead_replica_was_told_and_nobody_heard_is_closed(centre):
    await centre.open()
    call = await centre.drawn_call()
    key = await centre.value(
        "SELECT call_key FROM calls WHERE decision_id = $1", uuid.UUID(call.decision_id)
    )
    connection = await asyncpg.connect(centre.dsn)
    await connection.execute(
        "INSERT INTO waiting_binds VALUES ($1, $2, 1, 1, $3, NULL, NULL, NULL,"
        " 'pbx', 'cardio_in', NULL, NULL, now() - interval '3 minutes', $3, true)",
        SITE,
        uuid.uuid4(),
        key,
    )
    await connection.close()

    await centre.site.tend()

    assert await centre.outcome(call) == ("failed", "deadline")
    assert await centre.rows("SELECT FROM waiting_binds") == []


async def draws_again(centre):
    return (await centre.start_call("call-back")).decision_id


async def test_a_server_that_crashes_in_the_middle_loses_and_doubles_nothing(
    centre, tmp_path
):
    """A killed backend makes PostgreSQL throw everybody out and recover from WAL."""
    with EmbeddedPostgres(tmp_path / "postgres") as server:
        await migrate(server)
        centre.dsn = server
        await centre.open()
        await centre.start_call()
        [leader] = await centre.leaders()
        asked = [
            asyncio.create_task(centre.start_call(f"call-{n}")) for n in range(200)
        ]
        await until(lambda: any(task.done() for task in asked), "the first answers")
        os.kill(leader, signal.SIGKILL)
        first = await asyncio.gather(*asked)
        await centre.stop_looking()

        await until(lambda: draws_again(centre), "the recovery", 60)
        again = [await centre.start_call(f"call-{n}") for n in range(200)]
        both = list(zip(first, again, strict=True))
        assert all(after.decision_id for _, after in both)
        assert [before for before, _ in both if before.decision_id] == [
            after for before, after in both if before.decision_id
        ]
        await ledger_is_whole(centre, 202)
        await centre.close()
        await centre.stop_looking()


async def test_a_leader_whose_clock_is_wrong_gives_way_to_one_whose_clock_is_right(
    centre, clock
):
    leader, other = await two_replicas(centre)
    await centre.start_call(service=leader)
    wrong = clock() - timedelta(hours=3)
    leader.sites[SITE].calls.sequencer._leader._clock = lambda: wrong

    # Who was too slow to take its place finds it taken again, and free 30 s later.
    await until(lambda: draws_by(centre, other), "the other one's draws", 45)

    assert (await centre.start_call(service=leader)).decision_id


async def draws_by(centre, replica):
    return (await centre.start_call(service=replica)).decision_id


async def test_a_replica_of_another_week_spoils_nobody_elses_draw(centre):
    leader, other = await two_replicas(centre)
    await centre.start_call(service=other)
    sequencer = other.sites[SITE].calls.sequencer
    bind = dataclasses.replace(
        leader.sites[SITE].calls._bind("pbx", ring("call-odd")),
        tags=Tags(1, b"a" * 16, b"b" * 16, b"c" * 16),
    )

    odd = sequencer.line_up(bind, 5)
    calls = await asyncio.gather(
        *(centre.start_call(service=service) for service in (leader, other) * 5)
    )

    assert all(call.decision_id for call in calls)
    with pytest.raises(NoSeedError):
        await odd.answered
    assert other.sites[SITE].voids.counted["seed", "cardio_in"] == 1


async def test_a_repeat_that_heard_of_the_draw_keeps_the_call_open(centre):
    """The first caller had given up; whoever asked again is told RECORD and goes on."""
    leader, other = await two_replicas(centre)
    await centre.start_call(service=other)
    site = other.sites[SITE]
    while True:
        bind = site.calls._bind("pbx", ring(f"call-{uuid.uuid4()}"))
        gone = site.calls.sequencer.line_up(bind, 5)
        gone.refuse(DeadlineError())
        again = site.calls.sequencer.line_up(bind, 5)
        call = await again.answered
        if call.is_record:
            break

    await site.unanswered.finish()
    await leader.sites[SITE].unanswered.finish()
    assert await centre.rows(
        "SELECT outcome FROM calls WHERE decision_id = $1", call.decision_id
    ) == [(None,)]


async def test_a_service_does_not_storm_a_database_that_is_away(centre, monkeypatch):
    await centre.open()
    site = centre.site
    await centre.start_call()
    attempts = []

    async def refuse(_):
        attempts.append(time.monotonic())
        raise ConnectionRefusedError

    monkeypatch.setattr(site.database, "connect", refuse)
    await kill_the_leaders_session(centre)
    begun = time.monotonic()
    for _ in range(100):
        assert (await centre.start_call()).decision_id is None
    took = time.monotonic() - begun

    assert len(attempts) <= took / 0.05 + 2
