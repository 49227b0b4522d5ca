"""Nothing outlives its expiry, and nothing is reported gone that is not (R18, R20)."""

import asyncio
import uuid
from datetime import timedelta

import pytest

from proxy.errors import KeyMissingError, ObjectMissingError
from tests.fakes.call_centre import wav

DAY = timedelta(days=1)


async def recorded(house, number=1):
    """That many calls, recorded and kept."""
    calls = []
    while len(calls) < number:
        call = await house.drawn_call(is_announced=True)
        reply = await house.upload(call.decision_id, wav(0.1))
        assert reply.status == 201, reply
        calls.append(call)
    return calls


async def test_a_recording_lives_its_days_and_no_longer(house, clock):
    await recorded(house)
    before = clock.now

    clock.now = before + 30 * DAY - timedelta(seconds=1)
    early = await house.site.sweep()
    clock.now = before + 30 * DAY
    on_time = await house.site.sweep()

    assert (early.destroyed, on_time.destroyed) == (0, 1)
    assert house.objects() == []
    assert await house.rows("SELECT FROM recordings") == []
    assert await house.rows("SELECT FROM recording_keys") == []
    [receipt] = await house.leaves("DEL")
    [outcome] = await house.leaves("OUT")
    assert receipt == {"leaf": "DEL", "draw": outcome["draw"]}


async def test_the_key_of_a_day_dies_with_it_and_says_so_once(house, clock):
    await recorded(house)
    row = (await house.rows("SELECT key_day, wrapped_key FROM recording_keys"))[0]

    clock.advance(days=30)
    await house.site.sweep()
    assert house.day_keys() == [row["key_day"]]
    clock.advance(days=1)
    await house.site.sweep()
    await house.site.sweep()

    assert house.day_keys() == []
    day = {"day": row["key_day"].isoformat()}
    assert await house.leaves("KEK+") == [{"leaf": "KEK+"} | day]
    assert await house.leaves("KEK-") == [{"leaf": "KEK-"} | day]
    with pytest.raises(KeyMissingError):
        house.site.keys.unwrap_for_day(row["key_day"], row["wrapped_key"])


async def test_a_day_key_dies_even_if_the_object_cannot_be_deleted(house, clock):
    """What is left can then be opened by nobody."""
    await recorded(house)
    [file] = house.objects()
    file.unlink()
    file.mkdir()  # a file cannot be unlinked here: deletion fails

    clock.advance(days=31)
    report = await house.site.sweep()

    assert (report.destroyed, report.failed, report.keys_destroyed) == (0, 1, 1)
    assert await house.leaves("DEL") == []
    assert house.day_keys() == []


async def test_what_could_not_be_deleted_is_not_reported_gone_and_is_tried_again(
    house, clock
):
    await recorded(house, 3)
    file = house.objects()[0]
    kept = file.rename(file.with_name("kept-aside"))
    file.mkdir()

    clock.advance(days=30)
    first = await house.site.sweep()
    figures = await house.site.shelf.figures(clock())
    file.rmdir()
    kept.rename(file)
    second = await house.site.sweep()

    assert (first.destroyed, first.failed) == (2, 1)
    assert figures["expired_undeleted"] == 1
    assert (second.destroyed, second.failed) == (1, 0)
    assert len(await house.leaves("DEL")) == 3


async def test_two_replicas_sweeping_at_once_write_one_receipt_each(centre, clock):
    first = await centre.open()
    await recorded(centre, 6)
    second = await centre.open()
    clock.advance(days=30)

    reports = await asyncio.gather(
        *(service.sites["clinic"].sweep() for service in (first, second))
    )

    assert sum(report.destroyed for report in reports) == 6
    receipts = await centre.leaves("DEL")
    assert len({leaf["draw"] for leaf in receipts}) == len(receipts) == 6


async def test_a_longer_policy_does_not_lengthen_what_is_kept_already(centre, clock):
    await centre.open(policy=centre.policy(kept_days=10))
    await recorded(centre)
    await centre.close()

    await centre.open(policy=centre.policy(kept_days=180))
    clock.advance(days=10)

    assert (await centre.site.sweep()).destroyed == 1


async def test_a_doomed_recording_can_no_longer_be_heard(house, clock):
    await recorded(house)
    [recording_id] = await house.kept()
    clock.advance(days=30)
    await house.site.shelf.doom_due(clock(), 10)

    with pytest.raises(ObjectMissingError):
        await house.site.vault.find(uuid.UUID(recording_id))


async def test_a_dry_figure_says_what_is_due_before_anything_is_destroyed(house, clock):
    await recorded(house, 2)
    clock.advance(days=32)

    figures = await house.site.shelf.figures(clock())

    assert figures["expired_undeleted"] == 2
    assert figures["deletions_overdue"] == 2
    assert figures["oldest_audio_age_seconds"] == 32 * 86_400
    assert len(house.objects()) == 2
