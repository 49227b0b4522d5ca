"""Queues: who takes a call is known after its draw, with its chance given (R4)."""

import asyncio

import pytest

from proxy.evidence.auditor import auditor_text
from proxy.evidence.bundle import make_bundle
from tests.fakes.agents import had, is_theirs, reach
from tests.fakes.auditing import verdict
from tests.fakes.call_centre import until, wav

BLUE = "agent-blue"


async def test_of_an_agents_drawn_calls_the_third_in_a_week_is_not_recorded(
    house, clock
):
    calls = [await house.drawn_call(is_announced=True) for _ in range(4)]
    first, second, third, others = calls

    assert (await reach(house, first, BLUE)).is_record
    assert (await reach(house, second, BLUE)).is_record
    assert not (await reach(house, third, BLUE)).is_record
    assert (await reach(house, others, "agent-green")).is_record

    assert await house.outcome(third) == ("failed", "cap")
    [leaf] = await house.outcome_leaves(third)
    assert leaf["fail"] == "cap"
    assert (await house.counts())["failed", "cap"] == 1
    reply = await house.upload(third.decision_id, wav(), expect100=True)
    assert (reply.status, reply.problem) == (409, "outcome-closed")
    assert (await house.upload(first.decision_id, wav())).status == 201
    asked_again = await house.start_call(third.call_id)
    assert asked_again.decision == "skip"
    clock.advance(hours=5)
    await house.site.tend()
    site = house.site
    raw = await make_bundle(site.ledger, site.publisher, site.signer, site.cosigning)
    rules = auditor_text(site.signer.key, (), 0)
    found = await asyncio.to_thread(verdict, house.folder, raw, rules, clock())
    assert (found["status"], found["findings"]) == (0, [])


async def test_a_platform_that_records_already_is_told_to_stop(house):
    call = await house.drawn_call(is_announced=True)
    await had(house, BLUE, 0, 0)
    before = await orders_to_stop(house)

    await reach(house, call, BLUE)

    await until(lambda: has_one_more_than(house, before), "the order to stop")


async def orders_to_stop(house):
    return await house.value(
        "SELECT count(*) FROM jobs.pgqueuer_log WHERE entrypoint = 'stop_recording'"
    )


async def has_one_more_than(house, before):
    return await orders_to_stop(house) > before


async def test_a_call_counts_once_for_each_agent_who_takes_part_in_it(house):
    call = await house.drawn_call()
    for _ in range(3):
        assert (await reach(house, call, BLUE)).is_record
    assert (await reach(house, call, "agent-green")).is_record

    assert await is_theirs(house, BLUE) == [call.decision_id]
    assert await is_theirs(house, "agent-green") == [call.decision_id]


async def test_what_reached_an_agent_lowers_the_chance_of_calls_to_their_own_line(
    house,
):
    for _ in range(2):
        assert (await reach(house, await house.drawn_call(), BLUE)).is_record

    await house.start_call(agent=BLUE)

    leaf = (await house.leaves("DRAW"))[-1]
    assert (leaf["T"], leaf["x"]) == ("0" * 16, "cap_agent")


async def test_a_call_that_is_ended_for_it_does_not_count_so_a_share_comes_back(
    house, clock
):
    await had(house, BLUE, 7, 7)
    call = await house.drawn_call()
    assert not (await reach(house, call, BLUE)).is_record
    clock.advance(days=1)

    assert call.decision_id not in await is_theirs(house, BLUE)
    assert (await reach(house, await house.drawn_call(), BLUE)).is_record


async def test_of_two_calls_that_reach_an_agent_at_once_one_is_too_many(centre):
    first, second = await centre.open(), await centre.open()
    for day in range(6):
        agent = f"agent-{day}"
        calls = [await centre.drawn_call() for _ in range(2)]
        await had(centre, agent, 20, 3)

        answers = await asyncio.gather(
            reach(centre, calls[0], agent, service=first),
            reach(centre, calls[1], agent, service=second),
        )

        assert sorted(answer.decision for answer in answers) == ["record", "skip"]
        outcomes = sorted([await centre.outcome(call) for call in calls], key=str)
        assert outcomes == [("failed", "cap"), (None, None)]


@pytest.mark.parametrize(("others", "is_kept"), [(3, True), (4, False)])
async def test_a_draw_that_knew_nothing_of_calls_reaching_its_agent_just_then_is_ended(
    house, others, is_kept
):
    """The leader looked before the others were counted; the answer looks again."""
    call = await house.drawn_call()
    await reach(house, call, BLUE)
    await had(house, BLUE, *[0] * others)

    again = await reach(house, call, BLUE)

    assert again.is_record == is_kept
    assert await house.outcome(call) == ((None, None) if is_kept else ("failed", "cap"))


async def test_whoever_is_left_out_by_the_policy_ends_a_call_as_private_all_the_same(
    centre,
):
    await centre.open(policy=centre.policy(excluded_agents=[BLUE]))
    call = await centre.drawn_call()

    assert not (await reach(centre, call, BLUE)).is_record

    assert await centre.outcome(call) == ("failed", "private")
    assert await is_theirs(centre, BLUE) == []


async def test_a_call_that_was_not_drawn_leaves_no_trace_of_who_took_it(house):
    call = await house.skipped_call()
    await reach(house, call, BLUE)

    assert await house.rows("SELECT FROM agent_draws") == []
    assert await house.rows("SELECT FROM agent_days") == []
