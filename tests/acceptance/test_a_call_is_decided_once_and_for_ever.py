"""One draw per call, whoever asks, however often, on whichever replica (I2)."""

import asyncio
import uuid
from datetime import UTC, datetime, timedelta

from tests.fakes.call_centre import LINE, OUTBOUND_LINE


async def test_a_drawn_call_is_answered_with_all_the_platform_must_do(house):
    call = await house.drawn_call()

    reply = await house.send("call.started", house.started(call.call_id))

    announcement = reply.body.pop("announcement")
    assert "enregistré" in announcement
    assert reply.body == {
        "decision": "record",
        "decision_id": call.decision_id,
        "opt_out_key": "9",
        "opt_in_key": None,
        "max_seconds": 600,
    }
    assert reply.content_type == "application/json"


async def test_a_call_not_drawn_is_told_only_not_to_record(house):
    call = await house.skipped_call()

    reply = await house.send("call.started", house.started(call.call_id))

    assert reply.body == {
        "decision": "skip",
        "decision_id": call.decision_id,
        "announcement": None,
        "opt_out_key": None,
        "opt_in_key": None,
        "max_seconds": None,
    }


async def test_fifty_replays_of_a_call_start_get_one_draw(house):
    first = await house.drawn_call()
    draws = len(await house.leaves("DRAW"))

    again = await asyncio.gather(*(house.start_call(first.call_id) for _ in range(50)))

    assert set(again) == {first}
    assert len(await house.leaves("DRAW")) == draws


async def test_fifty_first_askings_at_once_get_one_draw(house):
    calls = await asyncio.gather(*(house.start_call("call-1") for _ in range(50)))

    assert len(set(calls)) == 1
    assert len(await house.leaves("DRAW")) == 1
    assert (await house.counts())["calls", "cardio_in"] == 1


async def test_a_later_answer_does_not_depend_on_what_a_retry_says(house):
    call = await house.drawn_call()

    again = await house.start_call(
        call.call_id, direction="outbound", line=OUTBOUND_LINE
    )

    assert again == call


async def test_the_legs_of_a_call_share_its_draw(house):
    root = await house.drawn_call()
    draws = len(await house.leaves("DRAW"))

    legs = [
        await house.start_call(f"leg-{n}", root_call_id=root.call_id) for n in range(3)
    ]

    assert {leg.decision_id for leg in legs} == {root.decision_id}
    assert len(await house.leaves("DRAW")) == draws


async def test_a_leg_that_is_heard_of_first_draws_for_its_call(house):
    leg = await house.start_call("leg-1", root_call_id="root-1")

    root = await house.start_call("root-1")

    assert root.decision_id == leg.decision_id
    assert len(await house.leaves("DRAW")) == 1


async def test_a_leg_of_a_leg_shares_the_draw_of_the_call_both_belong_to(house):
    root = await house.drawn_call()
    draws = len(await house.leaves("DRAW"))
    await house.start_call("leg-1", root_call_id=root.call_id)

    transfer = await house.start_call("leg-2", root_call_id="leg-1")
    again = await house.start_call("leg-2")

    assert transfer.decision_id == again.decision_id == root.decision_id
    assert len(await house.leaves("DRAW")) == draws


async def test_what_happens_to_a_leg_happens_to_its_call(house):
    root = await house.drawn_call(is_announced=True)
    leg = await house.start_call("leg-1", root_call_id=root.call_id)

    await house.tell("call.opt_out", leg)

    assert await house.outcome(root) == ("objected", "during_call")


async def test_the_same_call_id_on_another_connection_is_another_call(house):
    call = await house.start_call("call-1")

    reply = await house.send(
        "call.started", house.started("call-1"), connection="other-pbx"
    )

    assert reply.body["decision_id"] != call.decision_id
    assert len(await house.leaves("DRAW")) == 2


async def test_two_replicas_asked_at_once_give_one_answer(centre):
    replicas = [await centre.open(), await centre.open()]
    names = [f"call-{n}" for n in range(40)]

    answers = await asyncio.gather(
        *(
            centre.start_call(name, service=replica)
            for name in names
            for replica in replicas
        )
    )

    assert len(set(answers)) == len(names)
    assert len(await centre.leaves("DRAW")) == len(names)


async def test_a_restart_changes_no_answer(centre):
    await centre.open()
    calls = [await centre.start_call(f"call-{n}") for n in range(20)]
    await centre.close()

    await centre.open()

    assert [await centre.start_call(call.call_id) for call in calls] == calls


async def test_a_changed_policy_changes_no_earlier_answer(centre):
    await centre.open()
    drawn = await centre.drawn_call()
    await centre.close()

    await centre.open(policy=centre.policy(rate="1%"))

    assert await centre.start_call(drawn.call_id) == drawn


async def test_a_call_that_lasts_into_the_next_week_keeps_its_draw(centre, clock):
    clock.now = datetime(2026, 11, 18, 23, 59, 50, tzinfo=UTC)
    await centre.open()
    call = await centre.start_call("call-1")

    clock.advance(seconds=20)
    await centre.site.tend()

    assert await centre.start_call("call-1") == call
    assert len(await centre.leaves("DRAW")) == 1


async def test_replicas_whose_clocks_differ_agree_at_the_turn_of_the_week(
    centre, clock
):
    clock.now = datetime(2026, 11, 18, 23, 59, 55, tzinfo=UTC)
    await centre.open()
    clock.advance(seconds=10)
    call = await centre.start_call("call-1")

    clock.advance(seconds=-10)

    assert await centre.start_call("call-1") == call
    assert len(await centre.leaves("DRAW")) == 1


async def test_every_draw_is_in_the_ledger_with_the_epoch_it_was_made_in(house, clock):
    call = await house.drawn_call()

    epoch = int(clock().timestamp()) // 3600
    place = await house.value(
        "SELECT draw_seq FROM calls WHERE decision_id = $1",
        uuid.UUID(call.decision_id),
    )
    opened = {leaf["e"] for leaf in await house.leaves("OPEN")}
    leaf = (await house.all_leaves())[place]
    assert (leaf["leaf"], leaf["e"], leaf["d"]) == ("DRAW", epoch, 1)
    assert int(leaf["T"], 16) == (90_000 << 64) // 1_000_000
    assert epoch in opened


async def test_a_seed_is_revealed_once_no_draw_can_use_it(house, clock):
    await house.start_call()
    epoch = int(clock().timestamp()) // 3600
    assert await house.leaves("CLOSE") == []

    clock.advance(hours=1, minutes=5)
    await house.site.tend()

    closed = [leaf for leaf in await house.leaves("CLOSE") if leaf["e"] == epoch]
    assert [(leaf["draws"], len(leaf["seed"])) for leaf in closed] == [(1, 64)]
    assert (await house.start_call(line=LINE)).decision in {"record", "skip"}


async def test_seeds_go_on_for_as_long_as_the_service_runs(house, clock):
    for _ in range(3):
        clock.now += timedelta(hours=20)
        await house.site.tend()

        assert (await house.start_call()).decision_id


async def test_a_replica_goes_on_drawing_although_another_does_all_the_tending(
    centre, clock
):
    tending, other = await centre.open(), await centre.open()

    for _ in range(4):
        clock.now += timedelta(days=6)
        await tending.sites["clinic"].tend()
        await other.sites["clinic"].keep_up()

        assert (await centre.start_call(service=other)).decision_id
