"""While replicas are replaced one by one, only who knows the newest policy draws."""

import asyncio

import pytest

from tests.fakes.call_centre import SITE, until
from tests.fakes.older_release import cannot_learn

OLD = {"max_seconds": 600}
NEW = {"max_seconds": 300}
pytestmark = pytest.mark.usefixtures("unhurried")


async def open_with(centre, changes):
    service = await centre.open(policy=centre.policy(**changes))
    await centre.stop_worker()  # a minute's tick would learn of the change, too
    return service


def void(service):
    return service.sites[SITE].voids.counted["policy", "cardio_in"]


async def calls_at(centre, service, names):
    return await asyncio.gather(
        *(centre.start_call(f"call-{name}", service=service) for name in names)
    )


async def leaves_since_the_change(centre):
    """Draws before and after the newest POLICY leaf."""
    leaves = await centre.all_leaves()
    at = max(n for n, leaf in enumerate(leaves) if leaf["leaf"] == "POLICY")
    assert leaves[at]["version"] == 2
    parts = leaves[:at], leaves[at:]
    return [sum(leaf["leaf"] == "DRAW" for leaf in part) for part in parts]


async def test_the_leader_with_the_older_policy_learns_the_newer_one(centre):
    old = await open_with(centre, OLD)
    await until(centre.leaders, "a leader")
    before = await calls_at(centre, old, range(10))

    new = await open_with(centre, NEW)
    learned = await calls_at(centre, old, range(10, 20))
    drawn = await calls_at(centre, new, range(20, 30))
    again = await calls_at(centre, new, range(10))

    assert all(call.decision_id for call in [*before, *learned, *drawn])
    assert [call.decision_id for call in again] == [call.decision_id for call in before]
    assert void(old) == void(new) == 0
    assert await leaves_since_the_change(centre) == [10, 20]
    rows = await centre.rows("SELECT max_seconds FROM calls ORDER BY draw_seq")
    assert [row["max_seconds"] for row in rows] == [600] * 10 + [300] * 20


async def test_a_leader_that_cannot_read_the_newer_policy_draws_nothing(centre):
    """Such as one of an older release, until it is replaced."""
    old = await open_with(centre, OLD)
    await until(centre.leaders, "a leader")
    cannot_learn(old)

    new = await open_with(centre, NEW)
    refused = await calls_at(centre, old, range(10))
    drawn = await calls_at(centre, new, range(10, 20))
    still = await calls_at(centre, old, range(20, 30))

    assert {call.decision_id for call in [*refused, *still]} == {None}
    assert {call.decision for call in [*refused, *still]} == {"skip"}
    assert void(old) == 20
    assert all(call.decision_id for call in drawn)
    assert await leaves_since_the_change(centre) == [0, 10]


async def test_what_an_outdated_replica_hands_over_is_not_drawn_before_it_learns(
    centre,
):
    """One that never led has not heard of the change when it passes a call on."""
    old = await open_with(centre, OLD)
    await until(centre.leaders, "a leader")
    follower = await open_with(centre, OLD)

    async def stay_behind(_seat):
        """The place is always taken when it looks."""

    follower.sites[SITE].calls.sequencer._try_to_lead = stay_behind
    assert all(c.decision_id for c in await calls_at(centre, follower, range(5)))
    new = await open_with(centre, NEW)
    centre.services.remove(old)
    await old.stop()
    await until(centre.leaders, "the next leader")

    knew = follower.sites[SITE].schedule.newest_version
    learned = await calls_at(centre, follower, range(10, 20))
    drawn = await calls_at(centre, new, range(20, 30))

    assert (knew, follower.sites[SITE].schedule.newest_version) == (1, 2)
    assert all(call.decision_id for call in [*learned, *drawn])
    assert void(follower) == void(new) == 0
    assert await leaves_since_the_change(centre) == [5, 20]
    rows = await centre.rows("SELECT max_seconds FROM calls ORDER BY draw_seq")
    assert [row["max_seconds"] for row in rows] == [600] * 5 + [300] * 20
    assert await centre.rows("SELECT FROM waiting_binds") == []


async def test_calls_go_on_under_load_while_one_replica_replaces_the_other(centre):
    old = await open_with(centre, OLD)
    await until(centre.leaders, "a leader")
    placed = asyncio.create_task(place_calls(centre, old, "old"))
    await until(lambda: drawn_at_least(centre, 20), "the first draws")

    new = await open_with(centre, NEW)
    mixed = await place_calls(centre, new, "new")
    placed.cancel()
    await asyncio.gather(placed, return_exceptions=True)

    assert all(call.decision_id for call in mixed)
    before, after = await leaves_since_the_change(centre)
    rows = await centre.rows("SELECT max_seconds FROM calls ORDER BY draw_seq")
    seconds = [row["max_seconds"] for row in rows]  # the last calls may still come in
    assert seconds[: before + after] == [600] * before + [300] * after
    assert before >= 20
    assert after >= len(mixed)


async def place_calls(centre, service, name, rounds=20):
    """Ten at a time."""
    calls = []
    for part in range(rounds if name == "new" else 10_000):
        names = [f"{name}-{part}-{n}" for n in range(10)]
        calls += await calls_at(centre, service, names)
    return calls


async def drawn_at_least(centre, number):
    return await centre.value("SELECT count(*) FROM calls") >= number


async def test_a_leader_nobody_calls_any_more_draws_under_the_newer_policy(centre):
    old = await open_with(centre, OLD)
    await until(centre.leaders, "a leader")
    new = await open_with(centre, NEW)

    calls = await calls_at(centre, new, range(10))

    assert all(call.decision_id for call in calls)
    assert await leaves_since_the_change(centre) == [0, 10]
    assert (await centre.start_call(service=old)).decision_id
