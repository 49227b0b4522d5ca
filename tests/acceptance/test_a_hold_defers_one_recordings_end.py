"""Held for a court or a claim: kept, unheard, counted in the ledger, and then gone."""

import uuid
from datetime import timedelta

import pytest

from proxy.errors import ObjectMissingError, RestrictedError
from proxy.vault.holding import BadHoldError, HeldAlreadyError, NoHoldError
from retention.holds import Authority, Hold
from tests.fakes.call_centre import wav


@pytest.fixture
async def kept(house):
    call = await house.drawn_call(is_announced=True)
    house.call = call
    reply = await house.upload(call.decision_id, wav())
    return uuid.UUID(reply.body["recording_id"])


def a_hold(clock, days=20, **changes):
    usual = {
        "authority": Authority.REQUISITION,
        "reference": "PV 2026/113",
        "reason": "police requisition",
        "until": clock() + timedelta(days=days),
    }
    return Hold(**(usual | changes))


def key_names(house):
    folder = house.data_dir / "keys" / "clinic"
    return sorted(file.stem for file in folder.glob("[ah]*-*.key"))


async def test_what_is_held_is_kept_past_its_end_and_nobody_hears_it(
    house, kept, clock
):
    clock.advance(days=20)
    await house.site.parts.holds.place(kept, a_hold(clock), "dpo-1")

    clock.advance(days=15)
    report = await house.site.sweep()

    assert report.destroyed == 0
    assert len(house.objects()) == 1
    with pytest.raises(RestrictedError):
        await house.heard(str(kept))
    # The key of its own day died with that day; it hangs under the hold's.
    assert key_names(house) == [f"hold-{clock() + timedelta(days=5):%Y-%m-%d}"]
    [leaf] = await house.leaves("HOLD")
    assert leaf["authority"] == "requisition"


async def test_when_the_hold_is_over_it_is_gone(house, kept, clock):
    clock.advance(days=20)
    await house.site.parts.holds.place(kept, a_hold(clock), "dpo-1")

    clock.advance(days=20)
    report = await house.site.sweep()
    assert (report.holds_ended, report.destroyed) == (1, 1)
    assert house.objects() == []

    clock.advance(days=1)
    await house.site.sweep()
    assert key_names(house) == []
    assert len(await house.leaves("DEL")) == 1


async def test_a_hold_that_ends_before_the_recordings_own_time_gives_it_back(
    house, kept, clock
):
    await house.site.parts.holds.place(kept, a_hold(clock, days=5), "dpo-1")
    with pytest.raises(RestrictedError):
        await house.heard(str(kept))

    clock.advance(days=6)
    await house.site.sweep()

    assert await house.heard(str(kept))
    assert await house.site.parts.holds.list() == []
    clock.advance(days=25)
    await house.site.sweep()
    assert house.objects() == []


async def test_a_released_hold_gives_it_back_at_once(house, kept, clock):
    hold = await house.site.parts.holds.place(kept, a_hold(clock), "dpo-1")

    await house.site.parts.holds.release(hold, "dpo-1")

    assert await house.heard(str(kept))
    with pytest.raises(NoHoldError):
        await house.site.parts.holds.release(hold, "dpo-1")


async def test_a_refusal_while_it_is_held_takes_effect_when_the_hold_ends(
    house, kept, clock
):
    hold = await house.site.parts.holds.place(kept, a_hold(clock), "dpo-1")

    await house.tell("call.opt_out", house.call)
    assert len(house.objects()) == 1

    await house.site.parts.holds.release(hold, "dpo-1")
    report = await house.site.sweep()
    assert report.destroyed == 1
    assert house.objects() == []


async def test_a_hold_is_renewed_by_the_same_right_and_by_no_other(house, kept, clock):
    holds = house.site.parts.holds
    await holds.place(kept, a_hold(clock, days=10), "dpo-1")
    clock.advance(days=5)

    await holds.place(kept, a_hold(clock, days=30), "dpo-2")

    [row] = await holds.list()
    assert (row["placed_by"], row["until"]) == ("dpo-2", clock() + timedelta(days=30))
    with pytest.raises(HeldAlreadyError):
        await holds.place(kept, a_hold(clock, authority=Authority.CLAIM), "dpo-1")
    assert len(await house.leaves("HOLD")) == 2


async def test_a_hold_that_lacks_anything_is_refused(house, kept, clock):
    for changes in ({"reference": ""}, {"reason": " "}, {"days": 31}, {"days": 0}):
        with pytest.raises(BadHoldError):
            await house.site.parts.holds.place(kept, a_hold(clock, **changes), "dpo-1")
    assert await house.leaves("HOLD") == []


async def test_what_is_gone_or_due_cannot_be_held(house, kept, clock):
    with pytest.raises(ObjectMissingError):
        await house.site.parts.holds.place(uuid.uuid4(), a_hold(clock), "dpo-1")
    clock.advance(days=30)

    with pytest.raises(ObjectMissingError):
        await house.site.parts.holds.place(kept, a_hold(clock), "dpo-1")


async def test_what_is_held_is_counted_and_so_is_what_is_held_too_long(
    house, kept, clock
):
    holds = house.site.parts.holds
    await holds.place(kept, a_hold(clock, days=5), "dpo-1")
    assert await holds.figures(clock()) == {"legal": 1, "request": 0, "expired": 0}

    clock.advance(days=6, seconds=1)
    assert await holds.figures(clock()) == {"legal": 1, "request": 0, "expired": 1}
    await house.service.publish()
    page = await house.ask("GET", house.service.metrics_address + "/metrics")
    assert 'ponctuel_holds{hold="legal",site="clinic"} 1.0' in page.body

    await house.site.sweep()
    assert await holds.figures(clock()) == {"legal": 0, "request": 0, "expired": 0}
