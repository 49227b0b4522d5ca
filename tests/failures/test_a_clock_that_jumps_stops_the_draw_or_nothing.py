"""A clock that went back far is trusted with no draw; a small step is forgiven."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.fakes.call_centre import wav


@pytest.mark.parametrize(
    "back", [timedelta(days=1), timedelta(hours=2), timedelta(days=8)]
)
async def test_a_clock_far_back_draws_nothing_until_it_is_right_again(
    quiet, clock, back
):
    before = await quiet.start_call("call-before")
    draws = len(await quiet.leaves("DRAW"))

    clock.now -= back
    calls = [await quiet.start_call(f"call-{n}") for n in range(30)]

    assert {(call.decision, call.decision_id) for call in calls} == {("skip", None)}
    await quiet.site.tend()
    await quiet.service.publish()
    counts = await quiet.counts()
    assert counts["void", "clock"] + counts["void", "seed"] == 30
    assert len(await quiet.leaves("DRAW")) == draws
    assert await quiet.leaves("CLOSE") == []

    clock.now += back
    await quiet.site.tend()
    assert (await quiet.start_call("call-before")) == before
    assert (await quiet.drawn_call()).is_record


@pytest.mark.parametrize("back", [timedelta(hours=2), timedelta(days=1)])
async def test_a_refusal_is_heard_although_the_clock_went_back(quiet, clock, back):
    call = await quiet.drawn_call(is_announced=True)
    reply = await quiet.upload(call.decision_id, wav())
    assert reply.status == 201

    clock.now -= back
    await quiet.tell("call.opt_out", call)

    assert await quiet.kept() == []
    assert quiet.objects() == []


async def test_a_refusal_is_heard_although_the_clock_went_back_over_the_weeks_end(
    centre, clock
):
    clock.now = datetime(2026, 11, 18, 23, 0, tzinfo=UTC)
    await centre.open()
    await centre.stop_worker()
    clock.now = datetime(2026, 11, 19, 1, 0, tzinfo=UTC)
    call = await centre.drawn_call(is_announced=True)

    clock.now -= timedelta(hours=20)
    await centre.tell("call.opt_out", call)

    assert await centre.outcome(call) == ("objected", "during_call")


async def test_a_small_step_back_over_an_epochs_edge_goes_on_drawing(quiet, clock):
    clock.now = datetime(2026, 11, 18, 11, 0, 30, tzinfo=UTC)
    await quiet.start_call()

    clock.now -= timedelta(seconds=90)
    call = await quiet.start_call()

    assert call.decision_id
    later, earlier = (await quiet.leaves("DRAW"))[::-1]
    assert later["e"] == earlier["e"] == int(clock.now.timestamp()) // 3600 + 1


async def test_a_clock_far_ahead_for_a_moment_keeps_every_seed_secret_it_must(
    quiet, clock
):
    await quiet.start_call()
    clock.now += timedelta(hours=5)
    await quiet.start_call()
    clock.now -= timedelta(hours=5)

    assert (await quiet.start_call("call-1")).decision_id is None
    await quiet.site.tend()
    drawn_in = {leaf["e"] for leaf in await quiet.leaves("DRAW")}
    revealed = {leaf["e"] for leaf in await quiet.leaves("CLOSE")}
    assert not drawn_in & revealed


async def test_a_recording_made_under_a_clock_set_back_still_dies_in_time(quiet, clock):
    call = await quiet.drawn_call(is_announced=True)
    clock.now -= timedelta(days=1)

    assert (await quiet.upload(call.decision_id, wav())).status == 201
    clock.now += timedelta(days=31)

    assert (await quiet.site.sweep()).destroyed == 1
    assert quiet.objects() == []
