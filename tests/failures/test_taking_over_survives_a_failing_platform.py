"""A platform that is down, slow or lying delays a take-over; it never spoils one."""

from datetime import timedelta

import pytest

from proxy.intake.takeovers import (
    FETCH_ATTEMPTS,
    LONGEST_DELAY,
    LOUD_AFTER_ATTEMPTS,
    TryAgainError,
)
from tests.fakes.call_centre import until, wav

AUDIO = wav()


@pytest.fixture
async def slow_house(house):
    """A call centre whose take-overs move only when the test says so."""
    await house.stop_worker()
    return house


async def offered(house):
    """A drawn call whose recording the platform has reported."""
    call = await house.drawn_call(is_announced=True)
    await house.offer(house.platform.hold("rec-1", AUDIO), call.decision_id)
    return call


async def try_once(house):
    """Run the take-over until it is done or must wait; return how long."""
    takeover = await house.value("SELECT takeover_id FROM takeovers")
    try:
        await house.site.takeovers.run(takeover)
    except TryAgainError as error:
        return error.delay
    return None


async def step(house):
    return await house.value("SELECT step FROM takeovers")


async def incidents(house):
    return [row["kind"] for row in await house.rows("SELECT kind FROM incidents")]


async def is_taken_over_once(house, call):
    assert await step(house) == "done"
    assert await house.outcome(call) == ("recorded", None)
    assert len(await house.outcome_leaves(call)) == 1
    assert [await house.heard(each) for each in await house.kept()] == [AUDIO]
    assert len(house.objects()) == 1
    assert await house.rows("SELECT FROM object_writes") == []
    assert house.platform.audio == {}


@pytest.mark.parametrize(
    ("kind", "times"),
    # Where the connection was dropped, aiohttp asks a second time of its own accord.
    [("refuse", 2), ("drop", 4), ("half", 2)],
)
async def test_a_fetch_that_fails_is_tried_again(slow_house, kind, times):
    call = await offered(slow_house)
    slow_house.platform.misbehave("GET", kind, times=times)

    delays = [await try_once(slow_house) for _ in range(3)]

    assert delays == [timedelta(seconds=2), timedelta(seconds=4), None]
    await is_taken_over_once(slow_house, call)


async def test_the_job_queue_itself_tries_again(house):
    call = await house.drawn_call(is_announced=True)
    house.platform.misbehave("GET", "refuse")

    await house.offer(house.platform.hold("rec-1", AUDIO), call.decision_id)

    await until(lambda: _is_done(house), "the second attempt")
    await is_taken_over_once(house, call)
    assert house.platform.count("GET", "rec-1") == 2


async def _is_done(house):
    return await step(house) == "done"


async def test_a_fetch_that_never_succeeds_is_given_up_loudly_and_deleted_there(
    slow_house,
):
    call = await offered(slow_house)
    slow_house.platform.misbehave("GET", "refuse", times=FETCH_ATTEMPTS)

    delays = [await try_once(slow_house) for _ in range(FETCH_ATTEMPTS)]

    assert delays[-1] is None
    assert await slow_house.outcome(call) == ("failed", "platform")
    assert slow_house.platform.audio == {}
    assert slow_house.objects() == []
    assert await incidents(slow_house) == ["source-fails"]


async def test_a_recording_the_platform_does_not_have_fails_its_call_at_once(
    slow_house,
):
    call = await offered(slow_house)
    slow_house.platform.audio.clear()

    assert await try_once(slow_house) is None

    assert await step(slow_house) == "done"
    assert await slow_house.outcome(call) == ("failed", "platform")


async def test_a_deletion_that_fails_is_tried_again_without_fetching_again(slow_house):
    call = await offered(slow_house)
    slow_house.platform.misbehave("DELETE", "refuse")
    slow_house.platform.misbehave("DELETE", "drop", times=2)

    delays = [await try_once(slow_house) for _ in range(3)]

    assert delays == [timedelta(seconds=2), timedelta(seconds=4), None]
    await is_taken_over_once(slow_house, call)
    assert slow_house.platform.count("GET", "rec-1") == 1


async def test_a_deletion_that_was_done_although_its_answer_was_lost_is_found_done(
    slow_house,
):
    call = await offered(slow_house)
    slow_house.platform.misbehave("DELETE", "lost")
    slow_house.platform.misbehave("DELETE", "drop")

    assert await try_once(slow_house) is not None
    assert slow_house.platform.audio == {}
    assert await try_once(slow_house) is None

    await is_taken_over_once(slow_house, call)


async def test_a_recording_that_is_gone_already_counts_as_deleted(slow_house):
    call = await offered(slow_house)
    slow_house.platform.misbehave("DELETE", "refuse")
    await try_once(slow_house)
    slow_house.platform.audio.clear()

    assert await try_once(slow_house) is None

    await is_taken_over_once(slow_house, call)


async def test_a_platform_that_only_says_deleted_is_told_again_and_reported(slow_house):
    call = await offered(slow_house)
    slow_house.platform.misbehave("DELETE", "lie", times=LOUD_AFTER_ATTEMPTS + 1)

    for attempt in range(1, LOUD_AFTER_ATTEMPTS + 1):
        assert await incidents(slow_house) == []
        assert await try_once(slow_house) is not None
        assert await step(slow_house) == "confirming"
        assert slow_house.platform.count("DELETE", "rec-1") == attempt + 1
    assert await incidents(slow_house) == ["source-fails"]
    assert (await slow_house.counts())["_purged_at_source", ""] == 0

    assert await try_once(slow_house) is not None
    assert await try_once(slow_house) is None
    await is_taken_over_once(slow_house, call)


async def test_a_confirmation_that_fails_is_asked_for_again(slow_house):
    call = await offered(slow_house)
    slow_house.platform.misbehave("HEAD", "refuse")

    assert await try_once(slow_house) is not None
    assert await step(slow_house) == "confirming"
    assert await try_once(slow_house) is None

    await is_taken_over_once(slow_house, call)


@pytest.mark.parametrize("attempts", [12, 13, 47, 2_000_000_000])
async def test_however_often_it_failed_the_next_try_comes_within_an_hour(
    slow_house, attempts
):
    await offered(slow_house)
    slow_house.platform.misbehave("DELETE", "refuse", times=2)
    await try_once(slow_house)
    await slow_house.rows("UPDATE takeovers SET attempts = $1", attempts - 1)

    assert await try_once(slow_house) == LONGEST_DELAY
    assert await incidents(slow_house) == ["source-fails"]


async def test_an_unsolicited_recording_is_deleted_however_often_that_fails(slow_house):
    call = await slow_house.skipped_call()
    await slow_house.offer(slow_house.platform.hold("rec-1", AUDIO), call.decision_id)
    slow_house.platform.misbehave("DELETE", "refuse", times=FETCH_ATTEMPTS + 2)

    delays = [await try_once(slow_house) for _ in range(FETCH_ATTEMPTS + 3)]

    assert delays[-1] is None
    assert slow_house.platform.audio == {}
    assert slow_house.platform.count("GET", "rec-1") == 0
    assert sorted(await incidents(slow_house)) == [
        "source-fails",
        "unsolicited-recording",
    ]


async def test_a_refusal_during_the_fetch_keeps_nothing(slow_house):
    call = await offered(slow_house)
    slow_house.platform.misbehave("GET", "half")
    await try_once(slow_house)

    await slow_house.tell("call.opt_out", call)

    assert await try_once(slow_house) is None
    assert await slow_house.outcome(call) == ("objected", "during_call")
    assert slow_house.platform.audio == {}
    assert slow_house.platform.count("GET", "rec-1") == 1
    assert slow_house.objects() == []


async def test_a_connection_taken_out_of_the_settings_is_waited_for(centre):
    await centre.open()
    await centre.stop_worker()
    call = await offered(centre)
    await centre.close()
    await centre.open(is_pbx_connected=False)
    await centre.stop_worker()

    assert await try_once(centre) is not None
    assert await centre.outcome(call) == (None, None)
    await centre.close()

    await centre.open()
    await centre.stop_worker()
    assert await try_once(centre) is None
    await is_taken_over_once(centre, call)
