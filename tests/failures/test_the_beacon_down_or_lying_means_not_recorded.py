"""No outside value, no draw: counted, said, made up for by nothing else."""

import time
from datetime import timedelta

import pytest
import structlog

from proxy.intake.randomness import quicknet, values
from proxy.intake.randomness.source import TOTAL_SECONDS
from tests.fakes.call_centre import until
from tests.fakes.faulty_wire import FaultyWire
from tests.fakes.outside import (
    PUBLIC_KEY,
    honest_outsider,
    nonce,
    outsider_process,
    sign,
)
from tests.fakes.short_epochs import EPOCH, in_mode

MODES = ["witness", "drand"]
NOBODY = "http://127.0.0.1:9"
ORIGIN = "ponctuel.example/clinic"


@pytest.fixture(autouse=True)
def chain(monkeypatch):
    """A chain whose rounds the fake can sign, and a service that asks more often."""
    monkeypatch.setattr(quicknet, "PUBLIC_KEY", PUBLIC_KEY)
    monkeypatch.setattr(values, "_ASK_SECONDS", 0.1)


@pytest.fixture(scope="module")
def address():
    with outsider_process() as url:
        yield url


@pytest.fixture
async def outside(address):
    async with honest_outsider(address) as outsider:
        yield outsider


@pytest.fixture(params=MODES)
async def ready(request, centre, outside, clock):
    """A service that draws in this mode, just before the next epoch begins."""
    await centre.open(**in_mode(centre, request.param, outside.url))
    await centre.stop_worker()
    clock.advance(seconds=EPOCH - 10)
    await value_comes(centre)
    return centre


async def draws(centre):
    """Whether a call is drawn now; its answer is "skip" in any case when not."""
    return (await centre.start_call()).decision_id is not None


async def value_comes(centre):
    """Wait for the running epoch's value; then calls are drawn again."""
    epoch = running(centre.clock)

    async def is_here():
        row = await row_of(centre, epoch)
        return row is not None and row["outside_value"] is not None

    await until(is_here, "the value")
    await until(lambda: draws(centre), "a draw with it")


async def to_next_epoch(clock):
    """Far enough into it that a round of its own is due."""
    seconds = clock().timestamp() % EPOCH
    clock.advance(seconds=EPOCH - seconds + 5)


def running(clock):
    return int(clock().timestamp()) // EPOCH


async def row_of(centre, epoch):
    rows = await centre.rows("SELECT * FROM epochs WHERE epoch = $1", epoch)
    return rows[0] if rows else None


async def void(centre, code):
    await centre.service.publish()
    return (await centre.counts())["void", code]


@pytest.mark.parametrize(
    "kind",
    [
        *("refuse", "early", "gone", "drop", "garbage", "huge", "redirect"),
        *("lie", "other", "forged"),
    ],
)
async def test_whatever_is_wrong_with_it_calls_are_not_recorded_until_it_is_right(
    ready, outside, clock, kind
):
    await outside.be(kind)
    await to_next_epoch(clock)
    drawn, voided = len(await ready.leaves("DRAW")), await void(ready, "mixin")
    await asked_twice_more(outside)

    calls = [await ready.start_call() for _ in range(20)]

    assert {(call.decision, call.decision_id) for call in calls} == {("skip", None)}
    assert len(await ready.leaves("DRAW")) == drawn
    assert await void(ready, "mixin") == voided + 20

    await outside.be("")
    await value_comes(ready)
    assert (await ready.leaves("DRAW"))[-1]["e"] == running(clock)


async def asked_twice_more(outside):
    before = len(await outside.asked())

    async def is_so():
        return len(await outside.asked()) >= before + 2

    await until(is_so, "two attempts")


async def test_one_that_hangs_is_given_up_and_asked_again(ready, outside, clock):
    await outside.be("slow")
    await to_next_epoch(clock)
    assert not await draws(ready)

    await asked_twice_more(outside)

    assert not await draws(ready)
    await outside.be("")
    await value_comes(ready)


async def test_an_epoch_without_its_value_is_closed_without_draws(
    ready, outside, clock
):
    await outside.be("refuse")
    await to_next_epoch(clock)
    missed = running(clock)
    for _ in range(5):
        await ready.start_call()
    await ready.site.tend()
    await to_next_epoch(clock)
    await asked_twice_more(outside)  # what was asked for the missed epoch has failed
    await outside.be("")
    await value_comes(ready)
    clock.advance(seconds=2 * EPOCH)
    await ready.site.tend()

    closed = {leaf["e"]: leaf for leaf in await ready.leaves("CLOSE")}
    assert (closed[missed]["draws"], "x" in closed[missed]) == (0, False)
    assert "sig" not in closed[missed]
    assert len(closed[missed + 1]["x"]) == 64
    assert closed[missed + 1]["draws"] > 0


async def test_a_value_that_comes_after_its_epoch_is_of_no_use_any_more(
    ready, outside, clock
):
    await outside.be("refuse")
    await to_next_epoch(clock)
    missed = running(clock)
    await to_next_epoch(clock)
    await outside.be("")

    await value_comes(ready)

    assert (await row_of(ready, missed))["outside_value"] is None
    assert (await row_of(ready, missed + 1))["outside_value"] is not None


async def test_no_other_mode_is_fallen_back_to(ready, outside, clock):
    modes = {leaf["mode"] for leaf in await ready.leaves("POLICY")}
    await outside.be("lie")
    for _ in range(3):
        await to_next_epoch(clock)
        await ready.site.tend()
        assert not await draws(ready)

    assert len(modes) == 1
    assert {leaf["mode"] for leaf in await ready.leaves("POLICY")} == modes
    assert {row["mode"] for row in await ready.rows("SELECT mode FROM epochs")} == modes
    told = [
        {"round", "nonce_commit"} & leaf.keys() for leaf in await ready.leaves("OPEN")
    ]
    assert all(told)


async def test_a_service_restarted_in_mid_epoch_goes_on_with_the_stored_value(
    ready, outside, clock
):
    await to_next_epoch(clock)
    await value_comes(ready)
    value = (await row_of(ready, running(clock)))["outside_value"]
    [mode] = {row["mode"] for row in await ready.rows("SELECT mode FROM epochs")}
    await outside.be("refuse")

    await ready.close()
    await ready.open(**in_mode(ready, mode, outside.url))

    assert await draws(ready)
    assert (await row_of(ready, running(clock)))["outside_value"] == value


async def test_a_replica_that_reaches_nobody_draws_with_what_the_other_stored(
    ready, clock
):
    [mode] = {row["mode"] for row in await ready.rows("SELECT mode FROM epochs")}
    reaching = ready.service
    cut_off = await ready.open(**in_mode(ready, mode, NOBODY))
    await to_next_epoch(clock)

    async def both_draw():
        calls = [
            await ready.start_call(service=service) for service in (reaching, cut_off)
        ]
        return all(call.decision_id for call in calls)

    assert await until(both_draw, "draws on both")


async def test_two_replicas_that_both_ask_store_one_value(ready, outside, clock):
    [mode] = {row["mode"] for row in await ready.rows("SELECT mode FROM epochs")}
    await ready.open(**in_mode(ready, mode, outside.url))
    await to_next_epoch(clock)
    epoch = running(clock)

    for service in ready.services:
        await service.sites["clinic"].outside.fetch_due()

    expected = nonce(ORIGIN, epoch) if mode == "witness" else None
    row = await row_of(ready, epoch)
    assert expected in (None, row["outside_value"])
    assert (row["outside_proof"] is None) == (mode == "witness")


async def test_calls_of_both_replicas_are_counted_as_lacking_the_value(
    ready, outside, clock
):
    [mode] = {row["mode"] for row in await ready.rows("SELECT mode FROM epochs")}
    await ready.open(**in_mode(ready, mode, outside.url))
    await outside.be("refuse")
    await to_next_epoch(clock)
    before = await void(ready, "mixin")

    for service in ready.services:
        for _ in range(5):
            assert (await ready.start_call(service=service)).decision_id is None
        await service.publish()

    assert await void(ready, "mixin") == before + 10


async def test_a_replica_of_the_settings_before_commits_in_the_mode_that_will_hold(
    ready, clock
):
    older = ready.service
    await ready.open(**in_mode(ready, "operator"))
    changed = (await ready.leaves("POLICY"))[-1]["from"]
    while running(clock) <= changed:
        await to_next_epoch(clock)
        await older.sites["clinic"].tend()

    later = [leaf for leaf in await ready.leaves("OPEN") if leaf["e"] >= changed]

    assert later
    assert not any({"round", "nonce_commit"} & leaf.keys() for leaf in later)
    await ready.site.tend()
    await until(lambda: draws(ready), "one of the replicas to draw")
    assert (await ready.start_call(service=older)).decision_id


async def test_the_first_address_may_hang_if_the_next_one_answers(
    centre, outside, clock
):
    with outsider_process() as url:
        async with honest_outsider(url) as hanging:
            await hanging.be("slow")
            await centre.open(**in_mode(centre, "drand", hanging.url, outside.url))
            clock.advance(seconds=5)
            began = time.monotonic()

            await value_comes(centre)

            assert time.monotonic() - began < 2 * TOTAL_SECONDS + 2
            assert await hanging.asked()
            await hanging.be("")


async def test_a_stored_value_whose_answer_was_lost_is_found_at_the_next_look(
    dsn, centre, outside, clock
):
    async with FaultyWire(dsn) as wire:
        wire.lose_commit_of(b"SET outside_value")
        await centre.open(**in_mode(centre, "drand", outside.url, dsn=wire.dsn))
        clock.advance(seconds=5)

        await until(lambda: wire.lost, "the store")
        await value_comes(centre)

        epoch = running(clock)
        assert (await row_of(centre, epoch))["outside_proof"] is not None
        await centre.close()


async def test_without_commitments_no_epoch_is_opened_and_nothing_is_drawn(
    centre, outside, clock
):
    await outside.be("lie")
    await centre.open(**in_mode(centre, "witness", outside.url))
    await centre.stop_worker()

    assert not await draws(centre)
    assert await void(centre, "seed") == 1
    assert await centre.leaves("OPEN") == []

    await outside.be("")
    await centre.site.tend()
    clock.advance(seconds=5)
    await value_comes(centre)


@pytest.mark.parametrize("away", [timedelta(hours=1), timedelta(days=2)])
async def test_after_a_long_silence_no_seed_is_chosen_for_an_hour_already_known(
    ready, outside, clock, away
):
    """Whoever chooses a seed when the outside value is known chooses the draws."""
    await outside.be("refuse")
    clock.advance(seconds=away.total_seconds())
    clock.advance(seconds=-(clock().timestamp() % EPOCH) + 5)
    await ready.site.tend()
    await outside.be("")
    await ready.site.tend()

    assert await row_of(ready, running(clock)) is None
    assert not await draws(ready)
    await to_next_epoch(clock)
    await value_comes(ready)


@pytest.mark.usefixtures("ready")
async def test_the_log_says_once_for_each_epoch_why_nothing_is_recorded(outside, clock):
    await outside.be("refuse")
    with structlog.testing.capture_logs() as lines:
        for _ in range(2):
            await to_next_epoch(clock)
            clock.advance(seconds=30)
            await asked_twice_more(outside)

    told = [line for line in lines if line["event"].startswith("no outside value")]
    assert [line["epoch"] for line in told] == [running(clock) - 1, running(clock)]
    assert "answered 503" in told[0]["why"]


def test_the_fakes_beacon_is_signed_with_the_key_put_in_the_pinned_ones_place():
    assert quicknet.is_signed(7, sign(7))
    assert not quicknet.is_signed(8, sign(7))
