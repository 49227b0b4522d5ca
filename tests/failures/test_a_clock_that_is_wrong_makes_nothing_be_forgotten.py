"""A clock a year ahead would forget everything at once: two clocks must agree first."""

from datetime import UTC, datetime, timedelta

import pytest

from proxy.app import Service
from proxy.database.second_clock import ClocksDifferError, servers_time
from tests.conftest import ObedientClock
from tests.fakes.call_centre import SITE, CallCentre, wav

NEAR = timedelta(minutes=4)
FAR = timedelta(minutes=6)


@pytest.fixture
def other(clock: ObedientClock) -> ObedientClock:
    """The database server's clock."""
    return ObedientClock(clock.now)


async def open_with(centre: CallCentre, other: ObedientClock) -> None:
    async def second_clock(_: object) -> datetime:
        return other()

    service = Service(centre.settings(), centre.clock, second_clock)
    centre.services.append(service)
    await service.start()
    await service.wait_ready()
    await centre.stop_worker()


@pytest.fixture
async def house(centre: CallCentre, other: ObedientClock) -> CallCentre:
    await open_with(centre, other)
    return centre


async def record(house: CallCentre) -> str:
    call = await house.drawn_call(is_announced=True)
    reply = await house.upload(call.decision_id, wav())
    return reply.body["recording_id"]


async def all_is_there(house: CallCentre, recording: str) -> None:
    assert await house.heard(recording)
    assert await house.leaves("DEL") == []
    assert await house.leaves("KEK-") == []


@pytest.mark.parametrize("jump", [timedelta(days=365), FAR, -FAR, timedelta(days=-365)])
async def test_a_clock_that_jumps_forgets_nothing_until_it_is_right_again(
    house, clock, other, jump
):
    recording = await record(house)
    seconds = f"{abs(jump).total_seconds():.0f} seconds"

    clock.now += jump
    with pytest.raises(ClocksDifferError, match=f"{seconds} apart.*NTP"):
        await house.site.sweep()

    clock.now -= jump
    await all_is_there(house, recording)
    assert (await house.site.sweep()).destroyed == 0
    clock.advance(days=31)
    other.advance(days=31)
    assert (await house.site.sweep()).destroyed == 1


async def test_a_jump_while_a_sweep_is_under_way_is_a_jump_for_the_next(
    house, clock, other
):
    early, late = await record(house), await record(house)
    await house.rows(
        "UPDATE recordings SET expires_at = expires_at - interval '1 day'"
        " WHERE recording_id = $1::uuid",
        early,
    )
    clock.advance(days=29)
    other.advance(days=29)

    def jump(_destroyed: int) -> None:
        clock.advance(days=365)

    assert (await house.site.sweep(jump)).destroyed == 1

    with pytest.raises(ClocksDifferError):
        await house.site.sweep()
    clock.advance(days=-365)
    await house.site.sweep()
    assert await house.kept() == [late]
    assert await house.heard(late)


async def test_a_jump_while_a_sweep_is_under_way_makes_nothing_else_older(
    house, clock, other
):
    early, _late = await record(house), await record(house)
    await house.rows(
        "UPDATE recordings SET expires_at = expires_at - interval '1 day'"
        " WHERE recording_id = $1::uuid",
        early,
    )
    clock.advance(days=29)
    other.advance(days=29)
    before = await everything_else(house)

    def jump(_destroyed: int) -> None:
        clock.advance(days=5 * 365)

    report = await house.site.sweep(jump)

    assert report.destroyed == 1
    assert (report.weeks_ended, report.calls_forgotten) == (0, 0)
    assert report.rows_forgotten == 0
    assert await everything_else(house) == before
    assert await house.leaves("TAGKEY-") == []


async def everything_else(house: CallCentre) -> dict[str, int]:
    """How many rows of what has an age, or a rule of its own."""
    tables = ("calls", "access_entries", "caller_keys", "request_events", "epochs")
    return {
        table: await house.value(f"SELECT count(*) FROM {table}")  # noqa: S608
        for table in tables
    }


@pytest.mark.parametrize("apart", [NEAR, -NEAR])
async def test_clocks_of_two_machines_need_not_agree_to_the_second(
    house, clock, other, apart
):
    await record(house)
    clock.advance(days=31)
    other.now = clock.now + apart

    assert (await house.site.sweep()).destroyed == 1


async def test_a_service_whose_clock_is_wrong_does_not_start(centre, clock, other):
    await open_with(centre, other)
    recording = await record(centre)
    await centre.close()

    clock.advance(days=365)
    with pytest.raises(ClocksDifferError):
        await open_with(centre, other)
    await centre.close()

    clock.advance(days=-365)
    await open_with(centre, other)
    await all_is_there(centre, recording)


async def test_a_refusal_is_heard_whatever_the_clocks_say(house, clock):
    call = await house.drawn_call(is_announced=True)
    await house.upload(call.decision_id, wav())

    clock.advance(minutes=10)
    await house.tell("call.opt_out", call)

    assert await house.kept() == []
    assert house.objects() == []


async def test_a_service_as_it_is_run_asks_the_database_servers_clock(centre):
    service = Service(centre.settings())
    centre.services.append(service)
    await service.open_sites()

    site = service.sites[SITE]
    assert site.config.second_clock is servers_time
    assert abs(await servers_time(site.database) - datetime.now(UTC)) < NEAR
