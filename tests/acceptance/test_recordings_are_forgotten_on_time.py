"""Nothing outlives its expiry, and nothing is reported gone that is not (R18, R20)."""

import asyncio
import uuid
from datetime import timedelta

import asyncpg
import pytest

from proxy.errors import KeyMissingError, ObjectMissingError, SettingsError
from tests.fakes.call_centre import wav


async def record(centre):
    """A call whose recording is kept; return the recording's id."""
    call = await centre.drawn_call(is_announced=True)
    reply = await centre.upload(call.decision_id, wav())
    assert reply.status == 201
    return reply.body["recording_id"]


async def nothing_is_left(centre):
    assert centre.objects() == []
    for table in ("recordings", "recording_keys", "object_writes"):
        assert (await centre.sizes())[f"public.{table}"] == 0


async def test_a_recording_is_kept_until_its_day_and_not_a_moment_longer(house, clock):
    recording = await record(house)

    clock.advance(days=30, seconds=-1)
    assert (await house.site.sweep()).destroyed == 0
    assert await house.heard(recording)

    clock.advance(seconds=1)
    assert (await house.site.sweep()).destroyed == 1
    await nothing_is_left(house)
    assert len(await house.leaves("DEL")) == 1
    with pytest.raises(ObjectMissingError):
        await house.heard(recording)


async def test_forgetting_twice_forgets_once(house, clock):
    await record(house)
    clock.advance(days=30)

    reports = [await house.site.sweep() for _ in range(3)]

    assert [report.destroyed for report in reports] == [1, 0, 0]
    assert len(await house.leaves("DEL")) == 1


async def stock(centre, number):
    """Recordings beside the calls: rows, and an object each."""
    ids = [uuid.uuid4() for _ in range(number)]
    for each in ids:
        file = centre.data_dir / "objects" / each.hex[:2] / each.hex
        file.write_bytes(b"sealed")
    await centre.rows(
        "INSERT INTO recordings SELECT 'clinic', id, gen_random_uuid(), place,"
        " ''::bytea, 6, 6, 'audio/wav', 1, 1, 'training', $2::timestamptz,"
        " $2::timestamptz + interval '30 days'"
        " FROM unnest($1::uuid[]) WITH ORDINALITY AS ids (id, place)",
        ids,
        centre.clock(),
    )


async def test_replicas_that_forget_at_once_write_one_receipt_each(centre, clock):
    await centre.open()
    await centre.open()
    await stock(centre, 1200)
    clock.advance(days=30)

    reports = await asyncio.gather(
        *(replica.sites["clinic"].sweep() for replica in centre.services * 2)
    )
    report = await centre.site.sweep()

    assert sum(each.destroyed for each in [*reports, report]) == 1200
    assert sum(each.failed for each in [*reports, report]) == 0
    receipts = [leaf["draw"] for leaf in await centre.leaves("DEL")]
    assert sorted(receipts) == list(range(1, 1201))
    await nothing_is_left(centre)


async def test_the_day_key_dies_the_day_after_and_opens_nothing_any_more(house, clock):
    recording = await record(house)
    found = await house.site.vault.find(uuid.UUID(recording))
    [day] = house.day_keys()
    assert day == (clock() + timedelta(days=30)).date()

    clock.advance(days=30)
    await house.site.sweep()
    assert house.day_keys() == [day]
    assert await house.leaves("KEK-") == []

    clock.advance(days=1)
    report = await house.site.sweep()
    await house.site.sweep()

    assert report.keys_destroyed == 1
    assert house.day_keys() == []
    assert [leaf["day"] for leaf in await house.leaves("KEK-")] == [day.isoformat()]
    with pytest.raises(KeyMissingError):
        await house.site.keys.unwrap(found.key.name, [found.wrapped_key])


async def test_an_object_that_cannot_be_deleted_is_not_reported_and_tried_again(
    house, clock
):
    await record(house)
    stuck_id = await record(house)
    name = uuid.UUID(stuck_id).hex
    stuck = house.data_dir / "objects" / name[:2] / name
    stuck.unlink()
    (stuck / "in-the-way").mkdir(parents=True)
    clock.advance(days=32)

    for _ in range(2):
        report = await house.site.sweep()
        assert report.failed == 1
    assert await house.kept() == [stuck_id]
    assert len(await house.leaves("DEL")) == 1
    await house.service.publish()
    page = await house.ask("GET", house.service.metrics_address + "/metrics")
    assert 'ponctuel_deletions_overdue{site="clinic"} 1.0' in page.body
    # Its key died with its day all the same: nobody can open what is left.
    assert house.day_keys() == []

    (stuck / "in-the-way").rmdir()
    stuck.rmdir()
    assert (await house.site.sweep()).destroyed == 1
    assert len(await house.leaves("DEL")) == 2
    await nothing_is_left(house)


async def test_a_key_that_cannot_be_destroyed_is_not_reported_and_tried_again(
    house, clock
):
    await record(house)
    [day] = house.day_keys()
    file = house.data_dir / "keys" / "clinic" / f"audio-{day}.key"
    key = file.read_bytes()
    file.unlink()
    file.mkdir()
    clock.advance(days=31)

    report = await house.site.sweep()

    assert (report.keys_destroyed, report.keys_failed) == (0, 1)
    assert await house.leaves("KEK-") == []

    file.rmdir()
    file.write_bytes(key)
    assert (await house.site.sweep()).keys_destroyed == 1
    assert house.day_keys() == []


async def test_nothing_is_kept_longer_than_180_days(centre, clock):
    with pytest.raises(SettingsError, match="kept_days"):
        centre.settings(policy=centre.policy(kept_days=181))
    await centre.open(policy=centre.policy(kept_days=180))
    await record(centre)

    [row] = await centre.rows("SELECT expires_at FROM recordings")
    assert row["expires_at"] == clock() + timedelta(days=180)
    with pytest.raises(asyncpg.CheckViolationError, match="recordings_expire"):
        await centre.rows(
            "UPDATE recordings SET expires_at = expires_at + interval '1 second'"
        )

    clock.advance(days=180)
    assert (await centre.site.sweep()).destroyed == 1
    await nothing_is_left(centre)


async def test_the_database_servers_own_time_zone_shortens_no_recording(
    centre, dsn, clock
):
    database = dsn.partition("?")[0].rpartition("/")[2]
    await centre.rows(f"ALTER DATABASE {database} SET timezone = 'Europe/Paris'")
    await centre.open(policy=centre.policy(kept_days=180))

    assert await record(centre)
    clock.advance(days=180)
    assert (await centre.site.sweep()).destroyed == 1


async def test_a_recording_marked_for_destruction_can_no_longer_be_heard(house, clock):
    recording = await record(house)
    clock.advance(days=30)

    await house.site.shelf.doom_due(clock(), 10)

    with pytest.raises(ObjectMissingError):
        await house.heard(recording)


async def test_the_figures_say_what_is_due_before_anything_is_destroyed(house, clock):
    for _ in range(2):
        await record(house)
    clock.advance(days=32)

    figures = await house.site.shelf.figures(clock())

    assert figures["expired_undeleted"] == 2
    assert figures["deletions_overdue"] == 2
    assert figures["oldest_audio_age_seconds"] == 32 * 86_400
    assert len(house.objects()) == 2


async def test_only_what_is_due_is_forgotten(house, clock):
    await record(house)
    clock.advance(days=1)
    second = await record(house)

    clock.advance(days=29)
    await house.site.sweep()

    assert await house.kept() == [second]
    assert await house.heard(second)
