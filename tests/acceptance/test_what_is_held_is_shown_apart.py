"""The oldest audio is that which nothing holds back; what is held is counted apart."""

import uuid
from datetime import timedelta

from retention.holds import Authority, Hold
from tests.fakes.call_centre import wav

DAY = 86_400


async def record(house):
    call = await house.drawn_call(is_announced=True)
    reply = await house.upload(call.decision_id, wav())
    return uuid.UUID(reply.body["recording_id"])


async def figures(house, clock):
    oldest = (await house.site.shelf.figures(clock()))["oldest_audio_age_seconds"]
    held = (await house.site.parts.holds.figures(clock()))["legal"]
    return oldest / DAY, held


async def test_a_hold_takes_a_recording_out_of_the_oldest_and_its_end_gives_it_back(
    house, clock
):
    holds = house.site.parts.holds
    old = await record(house)
    clock.advance(days=1)
    await record(house)
    clock.advance(days=9)
    assert await figures(house, clock) == (10, 0)

    until = clock() + timedelta(days=20)
    hold = Hold(Authority.CLAIM, "file 12", "a claim is made", until)
    hold_id = await holds.place(old, hold, "dpo-carla")
    assert await figures(house, clock) == (9, 1)

    await holds.release(hold_id, "dpo-carla")
    assert await figures(house, clock) == (10, 0)


async def test_where_all_is_held_there_is_no_oldest(house, clock):
    recording = await record(house)
    clock.advance(days=3)
    hold = Hold(Authority.CLAIM, "file 12", "a claim", clock() + timedelta(days=20))

    await house.site.parts.holds.place(recording, hold, "dpo-carla")

    assert await figures(house, clock) == (0, 1)
