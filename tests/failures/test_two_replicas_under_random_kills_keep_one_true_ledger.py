"""Under load and random kills: one draw per call, one ledger, everyone answered.

PONCTUEL_SOAK_SECONDS is how long it lasts, PONCTUEL_SOAK_SEED repeats its kills. The
replicas' clock runs 30 times as fast as the machine's, so that epochs begin, end and
give up their seeds all the time, and one week passes into the next.
"""

import asyncio
import os
import random  # noqa: TID251  # a seed repeats the kills; no draw depends on it
import signal
import time
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from itertools import accumulate, groupby

import asyncpg
import pytest

from proxy.database.embedded import EmbeddedPostgres
from proxy.database.migrate import migrate
from tests.acceptance.conftest import PERSONAL
from tests.fakes.auditing import verdict
from tests.fakes.call_centre import HIGHEST, SITE, until
from tests.fakes.callers import PATIENCE_SECONDS, Callers
from tests.fakes.command_line import ponctuel
from tests.fakes.replicas import HurryingClock, Replica, house_of_replicas
from tests.fakes.short_epochs import in_mode

SOAK_SECONDS = float(os.environ.get("PONCTUEL_SOAK_SECONDS", "20"))
SEED = os.environ.get("PONCTUEL_SOAK_SEED", "1")
SPEED = 30
AT_ONCE = 32
DEADLINE_SECONDS = 0.8  # the usual setting
FROZEN_SECONDS = 12
REPLACED_SECONDS = 20  # 10 s until the server ends a silent session, and a slow machine
STEP = timedelta(minutes=4)
CEILING, BURST = 0.09, 10

pytestmark = [pytest.mark.slow, pytest.mark.timeout(SOAK_SECONDS * 3 + 300)]

LEADER = """
SELECT a.usename, a.pid FROM pg_locks AS l INNER JOIN pg_stat_activity AS a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted
AND (l.classid::bigint << 32) + l.objid::bigint
  = hashtextextended('ponctuel-draws-' || $1, 0)
"""


@pytest.fixture
async def own_server(centre, tmp_path):
    """A PostgreSQL that may be crashed, and an account on it for each replica."""
    with EmbeddedPostgres(tmp_path / "postgres") as server:
        await migrate(server)
        centre.dsn = server
        for name in ("left", "right"):
            await centre.rows(f"CREATE ROLE {name} LOGIN IN ROLE ponctuel_service")
        yield server
        await centre.close()
        await centre.stop_looking()


@pytest.fixture
def replicas(centre, own_server):
    """Two of them, started at the same instant on an empty database."""
    start = datetime(2026, 11, 19, tzinfo=UTC) - timedelta(seconds=SOAK_SECONDS * 10)
    centre.clock = HurryingClock(start, time.monotonic(), SPEED)
    with house_of_replicas() as house:
        both = [replica_of(centre, house, name) for name in ("left", "right")]
        for replica in both:
            replica.start()
        yield both


def replica_of(centre, house, name):
    plan = in_mode(centre, "operator", dsn=centre.dsn.replace("app@", f"{name}@"))
    plan["metrics"] = {"port": 0, "interval_seconds": 60}
    order = {
        "settings": plan,
        "clock": centre.clock.as_order(),
        "config": str(centre.folder / "empty.toml"),
        "log": str(centre.folder / f"{name}.log"),
    }
    return Replica(name, order, house)


class Torment:
    """What is done to the replicas and to their database."""

    def __init__(self, centre, replicas):
        self.centre, self.replicas = centre, {each.name: each for each in replicas}
        self.chance = random.Random(SEED)  # noqa: S311  # to repeat a run
        self.done = Counter()

    async def go_on_for(self, seconds):
        """Kill and kill; once stop a leader, and once crash the database."""
        begun = time.monotonic()
        once = [(0.3, self.freeze_the_leader), (0.7, self.crash_the_database)]
        while (passed := time.monotonic() - begun) < seconds:
            if once and passed >= once[0][0] * seconds:
                await once.pop(0)[1]()
            await asyncio.sleep(self.chance.uniform(1, 4))
            self.chance.choice(list(self.replicas.values())).restart()
            self.done["kills"] += 1

    async def leader(self):
        """Who leads, and the server's process for that session."""
        rows = await self.centre.rows(LEADER, SITE)
        return (self.replicas[rows[0]["usename"]], rows[0]["pid"]) if rows else None

    async def freeze_the_leader(self):
        """The server gives up its session, and the other one leads."""
        frozen, _ = await until(self.leader, "a leader")
        life, begun = frozen.life, time.monotonic()
        life.freeze()

        async def other_leads():
            found = await self.leader()
            return found and found[0] is not frozen

        await until(other_leads, "the other to lead", REPLACED_SECONDS)
        self.done["frozen"] = round(time.monotonic() - begun, 1)
        await asyncio.sleep(max(0, begun + FROZEN_SECONDS - time.monotonic()))
        life.thaw()

    async def crash_the_database(self):
        _, pid = await until(self.leader, "a leader")
        os.kill(pid, signal.SIGKILL)
        await self.centre.stop_looking()
        self.done["crashes"] += 1
        await until(self.answers, "the recovery", 60)

    async def answers(self):
        try:
            return await self.centre.rows("SELECT")
        except (OSError, asyncpg.PostgresError):
            return False


async def under_torment(centre, replicas):
    """Let them be called while they are killed; return what the callers heard."""
    chance = random.Random(SEED)  # noqa: S311  # to repeat a run
    callers, torment = Callers(centre, replicas, chance), Torment(centre, replicas)
    await until(lambda: all(each.life.address for each in replicas), "two replicas")
    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(callers.call_for_ever())
        await torment.go_on_for(SOAK_SECONDS)
        callers.is_over = True
    for replica in replicas:
        replica.life.kill()
    return callers, torment


async def test_two_replicas_killed_at_random_keep_one_true_ledger(
    centre, replicas, clock, capfd
):
    callers, torment = await under_torment(centre, replicas)
    asks = callers.asks

    everyone_was_answered_in_time(asks)
    nobody_heard_two_draws(asks)
    nothing_unforeseen_was_logged(replicas)

    clock.now = centre.clock()
    await open_a_last_time(centre, clock)
    every_call_has_one_draw = {ask.call_id for ask in asks}
    await ask_again(centre, asks)
    await ledger_is_whole(centre, every_call_has_one_draw, asks)
    await ceiling_held(centre)
    await every_drawn_call_is_closed_in_time(centre, clock, callers)
    await auditor_finds_nothing(centre, clock)

    with capfd.disabled():
        print(f"\nsoak: {figures(callers, torment, replicas)}")  # noqa: T201


def everyone_was_answered_in_time(asks):
    in_time = DEADLINE_SECONDS + PATIENCE_SECONDS / 2
    unexcused = [ask for ask in asks if not ask.is_excused]
    assert [ask for ask in unexcused if ask.decision is None] == []
    assert [ask for ask in unexcused if ask.seconds > in_time] == []


def nobody_heard_two_draws(asks):
    """One decision for ever; a call once told "skip" by its draw is never recorded."""
    heard = defaultdict(list)
    for ask in sorted(asks, key=lambda ask: ask.ended):
        if ask.decision_id:
            heard[ask.call_id].append(ask)
    for answers in heard.values():
        assert len({ask.decision_id for ask in answers}) == 1
    # TODO
