"""Under load and random kills: one draw per call, one ledger, everyone answered.

PONCTUEL_SOAK_SECONDS is how long it lasts, PONCTUEL_SOAK_SEED chooses its kills. The
replicas' clock runs 30 times as fast as the machine's, so that epochs begin, end and
give up their seeds all the time, and one week passes into the next.
"""

import asyncio
import os
import random  # noqa: TID251  # a seed repeats the kills; no draw depends on it
import signal
import time
from collections import Counter, defaultdict
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import accumulate

import asyncpg
import pytest

from proxy.database.embedded import EmbeddedPostgres
from proxy.database.migrate import migrate
from tests.acceptance.conftest import PERSONAL
from tests.fakes.auditing import verdict
from tests.fakes.call_centre import HIGHEST, SITE, until
from tests.fakes.callers import PATIENCE_SECONDS, Callers
from tests.fakes.clinic import PATIENT_MS
from tests.fakes.command_line import ponctuel
from tests.fakes.replicas import HurryingClock, house_of_replicas, make_replica
from tests.fakes.short_epochs import in_mode

SOAK_SECONDS = float(os.environ.get("PONCTUEL_SOAK_SECONDS", "20"))
SEED = os.environ.get("PONCTUEL_SOAK_SEED", "1")
SPEED = 30
AT_ONCE = 32
DEADLINE_SECONDS = 0.8  # the usual setting
FROZEN_SECONDS = 12
# The server ends a silent leader's session after 10 s, a transaction that somebody else
# who is frozen left open after 60 s: until then the other may be unable to start.
REPLACED_SECONDS = 40
# What a slow machine may add to the deadline.
IN_TIME_SECONDS = DEADLINE_SECONDS + PATIENCE_SECONDS / 2
RECOVERED_SECONDS = 60
STEP = timedelta(minutes=4)  # between two tends, at most a minute in earnest
LATEST = timedelta(hours=4, minutes=20)  # a call is overdue, and its epoch revealed
CEILING, BURST = 0.09, 10

pytestmark = [
    pytest.mark.alone,
    pytest.mark.slow,
    pytest.mark.timeout(SOAK_SECONDS * 3 + 300),
]

LEADER = """
SELECT a.usename, a.pid, a.backend_start
FROM pg_locks AS l INNER JOIN pg_stat_activity AS a USING (pid)
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
        both = []
        for name in ("left", "right"):
            dsn = own_server.replace("app@", f"{name}@")
            plan = in_mode(centre, "operator", dsn=dsn)
            plan["metrics"] = {"port": 0, "interval_seconds": 60}
            set_deadline(plan, int(DEADLINE_SECONDS * 1000))
            both.append(make_replica(house, name, centre, plan))
        for replica in both:
            replica.start()
        yield both


def set_deadline(plan, milliseconds):
    plan["sites"][SITE]["connections"]["pbx"]["deadline_ms"] = milliseconds


class Torment:
    """What is done to the replicas and to their database."""

    def __init__(self, centre, replicas):
        self.centre, self.replicas = centre, {each.name: each for each in replicas}
        self.chance = random.Random(SEED)  # noqa: S311  # to repeat a run
        self.done = Counter()

    async def go_on_for(self, seconds):
        """Kill and kill; once stop a leader, and once crash the database."""
        begun = time.monotonic()
        once = [(0.2, self.crash_the_database), (0.4, self.freeze_the_leader)]
        while (passed := time.monotonic() - begun) < seconds:
            if once and passed >= once[0][0] * seconds:
                await once.pop(0)[1]()
            await asyncio.sleep(self.chance.uniform(1, 4))
            self.chance.choice(list(self.replicas.values())).restart()
            self.done["kills"] += 1

    async def leader(self):
        """Who leads, and the server's process for that session.

        Nobody while the server still holds the place of a process that was killed.
        """
        for row in await self.centre.rows(LEADER, SITE):
            replica = self.replicas[row["usename"]]
            if row["backend_start"].timestamp() > replica.life.began_at:
                return replica, row["pid"]
        return None

    async def freeze_the_leader(self):
        """The server gives up its session, and the other one leads."""
        frozen, _ = await until(self.leader, "a leader", REPLACED_SECONDS)
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
        """Kill the server's process for the leader: all of it ends, and recovers."""
        await until(self.kill_a_backend, "a leader", REPLACED_SECONDS)
        self.done["crashes"] += 1
        await until(self.is_down, "the crash")
        await until(self.answers, "the recovery", RECOVERED_SECONDS)

    async def kill_a_backend(self):
        found = await self.leader()
        with suppress(ProcessLookupError):  # it may have gone with its replica
            if found:
                os.kill(found[1], signal.SIGKILL)
                return True
        return False

    async def is_down(self):
        return not await self.answers()

    async def answers(self):
        try:
            return await self.centre.rows("SELECT")
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            await self.centre.stop_looking()
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
    centre, replicas, clock
):
    callers, torment = await under_torment(centre, replicas)

    everyone_was_answered_in_time(callers.asks)
    nobody_heard_two_decisions(callers.asks)
    nothing_unforeseen_was_logged(replicas)
    await open_a_last_time(centre, clock, replicas[0].order["settings"])
    unheard = await drawn_and_unheard(centre, callers.asks)
    await every_call_has_one_draw(centre, callers.asks)
    await places_are_without_gap(centre)
    await ceiling_was_kept(centre)
    await every_record_is_closed_in_time(centre, clock, callers)
    await auditor_finds_nothing(centre, clock)

    figures = figures_of(callers, torment, replicas) | {"unheard": unheard}
    told = ", ".join(f"{name} {number}" for name, number in figures.items())
    print(f"\nsoak: {told}")  # noqa: T201  # `pytest -s` shows it


def everyone_was_answered_in_time(asks):
    unexcused = [ask for ask in asks if not ask.is_excused]
    assert [ask for ask in unexcused if ask.decision is None] == []
    assert [ask for ask in unexcused if ask.seconds > IN_TIME_SECONDS] == []


def nobody_heard_two_decisions(asks):
    """A RECORD may end as "skip" where somebody had got no draw in time."""
    heard = defaultdict(list)
    for ask in asks:
        heard[ask.call_id].append(ask)
    for answers in heard.values():
        drawn = [ask for ask in answers if ask.decision_id]
        assert len({ask.decision_id for ask in drawn}) <= 1
        if len({ask.decision for ask in drawn}) > 1:
            skipped = min(ask.ended for ask in drawn if ask.decision == "skip")
            assert len(drawn) < len(answers), answers
            assert all(a.begun < skipped for a in drawn if a.decision == "record")


def nothing_unforeseen_was_logged(replicas):
    for replica in replicas:
        lines = replica.log.read_text().splitlines()
        assert [line for line in lines if PERSONAL.search(line)] == []
        assert [line for line in lines if not line.startswith("{")] == []
        assert [line for line in lines if '"critical"' in line] == []


async def open_a_last_time(centre, clock, settings):
    clock.now = centre.clock()
    centre.clock = clock
    set_deadline(settings, PATIENT_MS)
    await centre.open(**settings)


async def drawn_and_unheard(centre, asks):
    """How many were drawn RECORD without anybody's hearing it, and are open still."""
    heard = {ask.decision_id for ask in asks if ask.decision == "record"}
    rows = await centre.rows(
        "SELECT decision_id::text FROM calls WHERE is_record AND outcome IS NULL"
    )
    return len({row["decision_id"] for row in rows} - heard)


async def every_call_has_one_draw(centre, asks):
    """Also for whom no replica had a draw in time: they ask again, and get theirs."""
    decided = {ask.call_id: ask.decision_id for ask in asks if ask.decision_id}
    undecided = {ask.call_id for ask in asks} - decided.keys()
    wanted = [*undecided, *list(decided)[:: len(decided) // 200 + 1]]
    for first in range(0, len(wanted), AT_ONCE):
        calls = await asyncio.gather(
            *(centre.start_call(each) for each in wanted[first : first + AT_ONCE])
        )
        for call in calls:
            known = decided.setdefault(call.call_id, call.decision_id)
            assert call.decision_id == known is not None
    rows = await centre.rows("SELECT decision_id::text, draw_seq FROM calls")
    assert {row["decision_id"] for row in rows} == set(decided.values())
    assert len(rows) == len(decided)
    assert len({row["draw_seq"] for row in rows}) == len(rows)


async def places_are_without_gap(centre):
    size = await centre.value("SELECT size FROM ledger_heads")
    rows = await centre.rows("SELECT seq FROM ledger_entries ORDER BY seq")
    assert [row["seq"] for row in rows] == list(range(size))
    draws = await centre.leaves("DRAW")
    assert len({leaf["c"] for leaf in draws}) == len(draws)
    assert len(draws) == await centre.value("SELECT count(*) FROM calls")
    assert len(await centre.leaves("GENESIS")) == 1
    assert len(await centre.leaves("POLICY")) == 1


async def ceiling_was_kept(centre):
    """At most B + c * n in any n consecutive calls, of the site and of each stratum."""
    assert (HIGHEST["ceiling"], HIGHEST["burst"]) == ("9%", BURST)
    draws = await centre.leaves("DRAW")
    by_stratum = defaultdict(list)
    for leaf in draws:
        by_stratum[leaf["s"]].append(leaf["d"] - CEILING)
        by_stratum["all"].append(leaf["d"] - CEILING)
    assert by_stratum.keys() == {"all", "cardio_in", "cardio_out"}
    for gains in by_stratum.values():
        worst = max(accumulate(gains, lambda best, gain: max(best, 0) + gain))
        assert worst <= BURST + 1e-6  # of rounding, over tens of thousands


async def every_record_is_closed_in_time(centre, clock, callers):
    """The service goes on, tended as it should be, until no recording can come."""
    for _ in range(int((LATEST + timedelta(seconds=SOAK_SECONDS * SPEED)) / STEP)):
        clock.now += STEP
        await centre.site.tend()
    rows = await centre.rows(
        "SELECT decision_id::text, outcome, outcome_code FROM calls WHERE is_record"
    )
    ends = {row["decision_id"]: row["outcome"] for row in rows}
    assert set(ends.values()) == {"failed"}
    assert callers.hung_up <= ends.keys()
    places = Counter(leaf["draw"] for leaf in await centre.leaves("OUT"))
    assert places.total() == len(places) == len(ends)


async def auditor_finds_nothing(centre, clock):
    out, auditor = centre.folder / "soak.zip", centre.folder / "auditor.txt"
    done = await ponctuel(
        centre,
        *("evidence", "export", "--site", SITE),
        *("--out", out, "--auditor-file", auditor),
    )
    assert done.returncode == 0, done.stderr
    found = await asyncio.to_thread(
        verdict, centre.folder, out.read_bytes(), auditor.read_text(), clock.now
    )
    assert (found["findings"], found["status"]) == ([], 0)
    assert found["draws"] == await centre.value("SELECT count(*) FROM calls")


def figures_of(callers, torment, replicas):
    asks = callers.asks
    took = sorted(ask.seconds for ask in asks if not ask.is_excused)
    logs = "".join(replica.log.read_text() for replica in replicas)
    return {
        "calls": len({ask.call_id for ask in asks}),
        "asks": len(asks),
        "without a draw": sum(a.decision == "skip" and not a.decision_id for a in asks),
        "broken": sum(ask.decision is None for ask in asks),
        **torment.done,
        "leaders": logs.count('"leads"'),
        "p50": round(took[len(took) // 2], 3),
        "p99": round(took[len(took) * 99 // 100], 3),
        "max": round(took[-1], 3),
    }
