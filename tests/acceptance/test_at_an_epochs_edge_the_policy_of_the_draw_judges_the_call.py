"""A call rings under one policy and is drawn under the next: the draw's one judges it.

That holds for its stratum, for who is left out and for whose calls count, whichever
replica the call came to, and whether or not that one has heard of the change.
"""

import asyncio
from datetime import timedelta

import pytest

from proxy.intake.policy_book import PolicyBook
from tests.fakes.call_centre import SITE
from tests.fakes.older_release import cannot_learn
from tests.fakes.staff import PEOPLE, approve

pytestmark = [
    pytest.mark.usefixtures("unhurried"),
    pytest.mark.acceptance,
]
RARE = {"vip_in": {"queues": ["vip"], "rate": "1%"}}
LEFT_OUT = ["Agent-7"]
T_RARE = f"{(10_000 << 64) // 10**6:016x}"


async def replica(centre, **policy):
    """One whose work of a minute is done when a test says so."""
    plan = centre.plan(policy=centre.policy(**policy))
    plan["sites"][SITE]["people"] = PEOPLE
    service = await centre.open(**plan)
    await centre.stop_worker()
    return service


async def decided_on(centre, service, **policy):
    """Adopted, to hold from the next epoch on; `service` knows, no other replica."""
    site = service.sites[SITE]
    await approve(site.governance, centre.policy(**policy))
    await site.tend()


async def to_the_edge(centre, service, hours=1):
    """Until a second before the epoch `hours` from now."""
    for _ in range(hours - 1):
        centre.clock.advance(hours=1)
        await service.sites[SITE].tend()
    now = centre.clock()
    edge = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    centre.clock.advance(seconds=(edge - now).total_seconds() - 1)
    await service.sites[SITE].tend()


def pass_the_edge_before_the_draw(centre, service):
    """The clock strikes once calls are judged and before they are drawn."""
    sequencer = service.sites[SITE].calls.sequencer
    line_up, left = sequencer.line_up, [timedelta(seconds=2)]

    def late(bind, patience):
        centre.clock.now += left.pop() if left else timedelta(0)
        return line_up(bind, patience)

    sequencer.line_up = late


def void(service):
    return service.sites[SITE].voids.counted.total()


async def newest_draw(centre):
    return (await centre.leaves("DRAW"))[-1]


async def test_a_call_is_counted_in_its_stratum_of_the_policy_it_is_drawn_under(centre):
    service = await replica(centre)
    await decided_on(centre, service, strata=RARE)
    await to_the_edge(centre, service)
    pass_the_edge_before_the_draw(centre, service)

    await centre.start_call("call-1", queue="vip")
    await centre.start_call("call-2", queue="day")

    [first, second] = await centre.leaves("DRAW")
    assert (first["s"], first["T"]) == ("vip_in", T_RARE)
    assert second["s"] == "cardio_in"
    assert void(service) == 0


async def test_whoever_is_left_out_from_now_on_is_not_drawn(centre):
    service = await replica(centre)
    await decided_on(centre, service, excluded_agents=LEFT_OUT)
    await to_the_edge(centre, service)
    pass_the_edge_before_the_draw(centre, service)

    call = await centre.start_call("call-1", agent="Agent-7")

    assert not call.is_record
    leaf = await newest_draw(centre)
    assert (leaf["x"], leaf["T"]) == ("line_excluded", "0" * 16)


async def test_whoever_was_left_out_when_it_rang_stays_so_for_this_call(centre):
    """Nobody has asked whether its caller objects: not where a gate was closed."""
    service = await replica(centre, excluded_agents=LEFT_OUT)
    await decided_on(centre, service)
    await to_the_edge(centre, service, hours=24)
    pass_the_edge_before_the_draw(centre, service)

    await centre.start_call("call-1", agent="Agent-7")
    await centre.start_call("call-2", agent="Agent-7")

    [first, second] = await centre.leaves("DRAW")
    assert (first["x"], "x" in second) == ("line_excluded", False)


async def test_an_agents_calls_count_for_the_wish_of_the_policy_of_the_draw(centre):
    service = await replica(centre)
    wish = {"at_least": 1, "calls_per_agent": 60, "lowest": "0.5%", "highest": "5%"}
    await decided_on(centre, service, rate="2%", coverage=wish)
    await to_the_edge(centre, service)
    pass_the_edge_before_the_draw(centre, service)

    await centre.start_call("call-1", agent="Agent-7")

    assert "p" in await newest_draw(centre)
    assert await centre.value("SELECT seen FROM agent_calls") == 1


# --- Two replicas, one of which lags --------------------------------------------------


@pytest.fixture
async def replicas(centre, monkeypatch):
    """The first draws for both; the second hears of nothing by itself."""
    leader = await replica(centre)
    await centre.start_call("call-first", service=leader)
    laggard = await replica(centre)

    calls = laggard.sites[SITE].calls

    async def stay_behind(_seat):
        """The place is always taken when it looks."""

    async def hear_of_news(book, connection):
        """It looks every five seconds; in this test that has not come yet."""
        if book is not calls.policies:
            await keep_up(book, connection)

    keep_up = PolicyBook.keep_up
    monkeypatch.setattr(PolicyBook, "keep_up", hear_of_news)
    calls.sequencer._try_to_lead = stay_behind
    return leader, laggard


def newest_known(service):
    return service.sites[SITE].schedule.newest_version


async def test_a_replica_that_lags_judges_again_once_it_knows(centre, replicas):
    leader, laggard = replicas
    await decided_on(centre, leader, strata=RARE, excluded_agents=LEFT_OUT)
    await to_the_edge(centre, leader)
    centre.clock.advance(seconds=2)
    assert (newest_known(leader), newest_known(laggard)) == (2, 1)

    calls = await asyncio.gather(
        centre.start_call("call-1", queue="vip", service=laggard),
        centre.start_call("call-2", queue="vip", agent="Agent-7", service=laggard),
        centre.start_call("call-3", queue="day", service=laggard),
    )

    drawn = [(leaf["s"], leaf.get("x")) for leaf in await centre.leaves("DRAW")]
    assert sorted(drawn[1:], key=str) == [
        ("cardio_in", None),
        ("vip_in", "line_excluded"),
        ("vip_in", None),
    ]
    assert all(call.decision_id for call in calls)
    assert not calls[1].is_record
    assert newest_known(laggard) == 2
    assert void(laggard) == void(leader) == 0


async def test_a_replica_that_cannot_learn_has_nothing_drawn_by_its_own_judgement(
    centre, replicas
):
    leader, laggard = replicas
    await decided_on(centre, leader, excluded_agents=LEFT_OUT)
    cannot_learn(laggard)
    await to_the_edge(centre, leader)
    centre.clock.advance(seconds=2)

    call = await centre.start_call("call-1", agent="Agent-7", service=laggard)
    known = await centre.start_call("call-first", agent="Agent-7", service=laggard)

    assert (call.decision, call.decision_id) == ("skip", None)
    assert len(await centre.leaves("DRAW")) == 1
    assert known.decision_id, "what was drawn before keeps its answer"
    voids = laggard.sites[SITE].voids.counted
    assert voids == {("policy", "cardio_in"): 1}
    assert await centre.rows("SELECT FROM waiting_binds") == []


async def test_until_the_change_holds_a_replica_that_lags_is_drawn_for(
    centre, replicas
):
    leader, laggard = replicas
    await decided_on(centre, leader, strata=RARE)

    call = await centre.start_call("call-1", queue="vip", service=laggard)

    assert call.decision_id
    assert (await newest_draw(centre))["s"] == "cardio_in"
    assert (newest_known(leader), newest_known(laggard)) == (2, 1)
    assert void(laggard) == 0
