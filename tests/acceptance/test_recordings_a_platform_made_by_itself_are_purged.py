"""What a platform has recorded of itself is found in its list, and purged unheard."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.fakes.call_centre import until, wav
from tests.fakes.reconciled import (
    has_recorded,
    is_done,
    kinds,
    list_calls,
    listed_call,
    next_day,
    reconciled,
)


@pytest.fixture
async def talked(house):
    """Ten calls that were not drawn, and perhaps others, all of them listed."""
    return house, [await listed_call(house) for _ in range(10)]


async def has_been_purged_unheard(house, done, name="native"):
    assert name not in house.platform.audio
    assert house.platform.count("GET", name) == 0
    assert house.platform.count("HEAD", name) >= 2  # is it there; is it gone
    assert (done.recordings.unsolicited, done.recordings.purged) == (1, 1)
    assert done.recordings.still_there == 0
    assert not done.is_clean
    assert (await house.counts())["unsolicited_recordings", ""] == 1
    assert await kinds(house) == ["unsolicited-recording"]
    assert house.objects() == []


async def test_a_recording_nobody_drew_is_found_purged_confirmed_and_an_incident(
    talked,
):
    house, _ = talked
    has_recorded(house, "native")
    await next_day(house)

    done = await reconciled(house)

    await has_been_purged_unheard(house, done)
    assert await is_done(house)


async def test_a_recording_of_a_call_nobody_asked_about_is_purged_too(talked):
    house, _ = talked
    url = house.platform.hold("native", wav())
    house.platform.list_call("call-x", house.clock(), recorded=1, recording_url=url)
    await next_day(house)

    done = await reconciled(house)

    assert done.comparison.platform_only == 1
    [incident] = await house.rows(
        "SELECT reference FROM incidents WHERE kind = 'unsolicited-recording'"
    )
    assert "native" not in incident["reference"]
    assert "native" not in house.platform.audio
    assert house.platform.count("GET", "native") == 0


async def test_looked_at_again_it_is_neither_counted_nor_told_twice(talked):
    house, _ = talked
    has_recorded(house, "native")
    await next_day(house)
    await reconciled(house)

    again = await reconciled(house)
    await next_day(house, days=4)  # the platform's name of it is forgotten by now
    later = await reconciled(house)
    house.platform.listed[-1].update(recording_url="")
    latest = await reconciled(house)

    for done in (again, later, latest):
        assert (done.recordings.unsolicited, done.recordings.purged) == (0, 0)
    assert (await house.counts())["unsolicited_recordings", ""] == 1
    assert await kinds(house) == ["unsolicited-recording"]


async def test_a_second_recording_of_a_drawn_call_is_purged_unheard(house):
    call = await listed_call(house, is_drawn=True)
    await house.offer(house.platform.hold("rec-1", wav()), call.decision_id)
    await until(lambda: is_done(house), "the take-over")
    has_recorded(house, "native")
    await next_day(house)

    done = await reconciled(house)

    assert "native" not in house.platform.audio
    assert house.platform.count("GET", "native") == 0
    assert (done.recordings.unsolicited, done.recordings.purged) == (1, 1)
    assert await house.outcome(call) == ("recorded", None)
    assert len(await house.kept()) == 1


async def test_a_drawn_recording_whose_event_was_lost_is_taken_over_while_it_may(house):
    house.clock.now = datetime(2026, 11, 18, 22, 30, tzinfo=UTC)
    call = await listed_call(house, is_drawn=True)
    audio = wav()
    has_recorded(house, "rec-1", audio)
    house.clock.now = datetime(2026, 11, 19, 1, 30, tzinfo=UTC)

    done = await reconciled(house)

    assert (done.recordings.unsolicited, done.recordings.taken_over) == (0, 1)
    await until(lambda: is_done(house), "the take-over")
    assert await house.outcome(call) == ("recorded", None)
    assert [await house.heard(each) for each in await house.kept()] == [audio]
    assert house.platform.audio == {}


async def test_too_late_it_is_purged_unheard_and_no_incident(house):
    call = await listed_call(house, is_drawn=True)
    has_recorded(house, "rec-1")
    await next_day(house)  # by now the call has failed: nothing came

    done = await reconciled(house)

    assert (done.recordings.unsolicited, done.recordings.purged) == (0, 1)
    assert house.platform.audio == {}
    assert house.platform.count("GET", "rec-1") == 0
    assert await house.outcome(call) == ("failed", "deadline")


async def test_a_recording_that_came_back_after_its_deletion_is_an_incident(house):
    call = await listed_call(house, is_drawn=True)
    await house.offer(house.platform.hold("rec-1", wav()), call.decision_id)
    await until(lambda: is_done(house), "the take-over")
    has_recorded(house, "rec-1")  # from a backup of the platform's
    await next_day(house)

    done = await reconciled(house)

    assert (done.recordings.unsolicited, done.recordings.purged) == (1, 1)
    assert house.platform.audio == {}
    assert house.platform.count("GET", "rec-1") == 1
    assert await kinds(house) == ["unsolicited-recording"]


async def test_what_was_recorded_who_knows_where_is_counted_and_an_incident(talked):
    house, _ = talked
    house.platform.listed[-1].update(recorded=1)
    await next_day(house)

    first = await reconciled(house)
    again = await reconciled(house)

    assert (first.recordings.unsolicited, again.recordings.unsolicited) == (1, 0)
    assert (await house.counts())["unsolicited_recordings", ""] == 1
    assert await kinds(house) == ["unsolicited-recording"]


async def test_the_monitors_are_told_which_calls_were_recorded(talked):
    house, calls = talked
    has_recorded(house, "native")
    await next_day(house)

    await reconciled(house)
    await reconciled(house)

    [flag] = await house.rows(
        "SELECT c.decision_id::text, f.source FROM recording_flags AS f"
        " JOIN calls AS c ON c.call_key = f.flag_key"
    )
    assert tuple(flag) == (calls[-1].decision_id, "cdr")


async def test_what_was_recorded_before_the_connection_asked_is_left_alone(house):
    """A platform's own past is not ours to destroy."""
    url = house.platform.hold("old", wav())
    before = house.clock() - timedelta(hours=2)
    house.platform.list_call("call-old", before, recorded=1, recording_url=url)
    list_calls(house, *[await house.start_call() for _ in range(5)])
    await next_day(house)

    done = await reconciled(house)

    assert done.is_clean
    assert done.comparison.calls == 5
    assert "old" in house.platform.audio
