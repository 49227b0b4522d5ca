"""A leader that is stopped like a laptop is replaced, and cannot write as it wakes.

SIGSTOP is what a machine that sleeps, a container that is paused or a long swap do to a
process: it loses nothing, notices nothing, and goes on where it was, too late.
"""

import asyncio
import os
import signal
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from proxy.database.pool import UNAVAILABLE, open_pool
from proxy.intake import seat
from proxy.intake.seat import take_seat
from tests.fakes.call_centre import SITE, Call, until
from tests.fakes.replicas import HurryingClock, house_of_replicas, make_replica

# Longer than an idle leader is silent, far shorter than callers wait here: each by
# some seconds, which a busy machine may take.
SILENCE = {"idle_session_timeout": "5s", "idle_in_transaction_session_timeout": "5s"}


@pytest.fixture
def replicas(centre, clock):
    """Makes replicas of one service, none of them started yet."""
    centre.clock = HurryingClock(clock.now, time.monotonic(), 1)
    with house_of_replicas() as house:

        def make(name, **more):
            return make_replica(
                house,
                name,
                centre,
                centre.plan(),
                seat=SILENCE,
                tended_seconds=3600,
                **more,
            )

        yield make


async def is_ready(centre, replica):
    with suppress(OSError):
        address = replica.life.address
        return address and (await centre.ask("GET", f"{address}/readyz")).status == 200
    return False


async def ready(centre, *replicas):
    for each in replicas:
        each.start()
    for each in replicas:
        await until(lambda each=each: is_ready(centre, each), "a replica")


async def ask(centre, replica, call_id):
    """The replica's answer, however long it takes."""
    reply = await centre.send(
        "call.started", centre.started(call_id), address=replica.life.address
    )
    assert reply.status == 200
    return Call(call_id, reply.body["decision"], reply.body["decision_id"])


async def ledger_is_whole(centre, calls):
    draws = await centre.leaves("DRAW")
    assert len({leaf["c"] for leaf in draws}) == len(draws) == calls
    rows = await centre.rows("SELECT seq FROM ledger_entries ORDER BY seq")
    size = await centre.value("SELECT size FROM ledger_heads")
    assert [row["seq"] for row in rows] == list(range(size))
    assert await centre.value("SELECT count(*) FROM calls") == calls


def is_stopped(replica):
    status = Path(f"/proc/{replica.life.pid}/stat").read_text()
    return status.rpartition(")")[2].split()[0] == "T"


@pytest.mark.parametrize("step", ["look", "commit"])
async def test_a_frozen_leader_is_replaced_and_writes_nothing_as_it_wakes(
    centre, replicas, step
):
    leader = replicas("leader", stops_before=f"proxy.intake.seat:Seat.{step}")
    other = replicas("other")
    await ready(centre, leader)
    await until(centre.leaders, "a leader")
    await ready(centre, other)

    frozen = asyncio.create_task(ask(centre, leader, "call-frozen"))
    await until(lambda: is_stopped(leader), "the leader to freeze")
    calls = await asyncio.gather(*(ask(centre, other, f"call-{n}") for n in range(10)))
    assert all(call.decision_id for call in calls)

    os.kill(leader.life.pid, signal.SIGCONT)
    late = await frozen
    assert (late.decision, late.decision_id) == ("skip", None)
    await ledger_is_whole(centre, 10)

    again = [await ask(centre, leader, f"call-{n}") for n in range(10)]
    assert [call.decision_id for call in again] == [call.decision_id for call in calls]
    assert (await ask(centre, leader, "call-frozen")).decision_id
    await ledger_is_whole(centre, 11)


async def test_a_leader_frozen_within_a_statement_is_replaced(centre, monkeypatch):
    """Between preparing and running it, when the server does not count it as idle."""
    monkeypatch.setattr(seat, "_LIMIT", "SET transaction_timeout = '2s'")
    database = await open_pool(centre.dsn, SITE, 2)
    async with take_seat(database) as frozen:
        if frozen.connection.get_server_version().major < seat._LIMITS_TRANSACTIONS:
            pytest.skip("this server cannot end such a session")
        assert await frozen.try_to_lead()
        await frozen.connection.prepare("SELECT 1")

        await centre.open()
        assert (await centre.start_call()).decision_id

        with pytest.raises(UNAVAILABLE):
            await frozen.check()
    await database.close()


async def test_replicas_started_at_once_on_an_empty_database_begin_one_ledger(
    centre, replicas
):
    several = [replicas(f"replica-{n}") for n in range(4)]

    await ready(centre, *several)
    calls = await asyncio.gather(
        *(ask(centre, each, f"call-{n}") for n in range(20) for each in several)
    )

    assert len({call.decision_id for call in calls} - {None}) == 20
    await ledger_is_whole(centre, 20)
    leaves = await centre.all_leaves()
    assert leaves[0]["leaf"] == "GENESIS"
    once = Counter(leaf["leaf"] for leaf in leaves)
    assert (once["GENESIS"], once["POLICY"]) == (1, 1)
    for kind, name in (("OPEN", "e"), ("TAGKEY+", "week")):
        named = Counter(leaf[name] for leaf in leaves if leaf["leaf"] == kind)
        assert set(named.values()) == {1}
    assert (
        await centre.rows("SELECT epoch FROM epochs GROUP BY epoch HAVING count(*) > 1")
        == []
    )
