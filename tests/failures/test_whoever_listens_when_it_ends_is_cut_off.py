"""A recording ends, is erased or is held while somebody listens to it."""

import uuid
from contextlib import aclosing
from datetime import timedelta

import pytest

from proxy.errors import (
    DatabaseUnavailableError,
    ObjectMissingError,
    RestrictedError,
)
from proxy.vault.recordings import LOOKED_AGAIN
from retention.holds import Authority, Hold
from tests.fakes.call_centre import wav
from tests.fakes.faulty_wire import FaultyWire

AUDIO = wav(seconds=150)  # more than is opened at once
LITTLE = LOOKED_AGAIN / 4


@pytest.fixture
async def house(quiet):
    """Nothing is swept but by the test: days pass within it."""
    return quiet


@pytest.fixture
async def kept(house):
    return await record(house)


async def record(house):
    call = await house.drawn_call(is_announced=True)
    reply = await house.upload(call.decision_id, AUDIO)
    assert reply.status == 201, reply
    return call, uuid.UUID(reply.body["recording_id"])


async def listen(house, recording_id):
    recording = await house.site.vault.find(recording_id)
    return aclosing(await house.site.vault.open(recording))


async def nothing_more(listener, error):
    with pytest.raises(error):
        await anext(listener)
    with pytest.raises(StopAsyncIteration):  # also not to those who ask again
        await anext(listener)


async def test_a_recording_that_ends_is_heard_not_one_piece_longer(house, kept, clock):
    clock.advance(days=30)
    clock.now -= LITTLE
    async with await listen(house, kept[1]) as listener:
        assert AUDIO.startswith(await anext(listener))

        clock.now += LITTLE

        await nothing_more(listener, ObjectMissingError)


async def test_a_recording_that_was_found_before_its_end_is_not_heard_after_it(
    house, kept, clock
):
    async with await listen(house, kept[1]) as listener:
        clock.advance(days=30)

        await nothing_more(listener, ObjectMissingError)


async def test_a_recording_that_is_erased_is_heard_a_moment_longer_at_most(
    house, kept, clock
):
    async with await listen(house, kept[1]) as listener:
        await anext(listener)

        await house.tell("call.opt_out", kept[0])
        assert await house.kept() == []
        clock.now += LOOKED_AGAIN

        await nothing_more(listener, ObjectMissingError)


async def test_a_recording_that_was_found_before_it_was_erased_is_not_heard(
    house, kept
):
    async with await listen(house, kept[1]) as listener:
        await house.tell("call.opt_out", kept[0])

        await nothing_more(listener, ObjectMissingError)


async def test_a_recording_that_is_held_is_heard_a_moment_longer_at_most(
    house, kept, clock
):
    async with await listen(house, kept[1]) as listener:
        await anext(listener)

        await house.site.parts.holds.place(kept[1], a_hold(clock), "dpo-1")
        clock.now += LOOKED_AGAIN

        await nothing_more(listener, RestrictedError)


def a_hold(clock):
    return Hold(
        authority=Authority.REQUISITION,
        reference="PV 2026/113",
        reason="police requisition",
        until=clock() + timedelta(days=20),
    )


async def test_a_clock_that_goes_back_buys_no_time(house, kept, clock):
    async with await listen(house, kept[1]) as listener:
        await anext(listener)

        await house.tell("call.opt_out", kept[0])
        clock.advance(hours=-1)

        await nothing_more(listener, ObjectMissingError)


async def test_whether_it_may_be_heard_cannot_be_told_means_not_heard(centre, clock):
    async with FaultyWire(centre.dsn) as wire:
        await centre.open(dsn=wire.dsn)
        _, kept = await record(centre)
        async with await listen(centre, kept) as listener:
            await anext(listener)

            await wire.cut()
            clock.now += LOOKED_AGAIN

            await nothing_more(listener, DatabaseUnavailableError)
        await wire.mend()
        await centre.close()


async def test_a_listener_hears_on_while_its_neighbours_keys_are_renewed(
    house, kept, clock
):
    neighbour, _ = await record(house)
    await house.tell("call.opt_out", neighbour)
    async with await listen(house, kept[1]) as listener:
        heard = await anext(listener)

        clock.advance(days=1)
        assert (await house.site.sweep()).keys_renewed == 1

        heard += b"".join([piece async for piece in listener])
    assert heard == AUDIO


async def test_somebody_who_listens_keeps_nothing_from_ending_on_time(
    house, kept, clock
):
    async with await listen(house, kept[1]) as listener:
        await anext(listener)

        clock.advance(days=31)
        report = await house.site.sweep()

        assert (report.destroyed, report.failed, report.keys_destroyed) == (1, 0, 1)
        assert house.objects() == []
        await nothing_more(listener, ObjectMissingError)
