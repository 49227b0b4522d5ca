"""Erased before its day: no copy of database or objects, or both, brings it back."""

import uuid

import pytest

from proxy.errors import KeyMissingError, ObjectMissingError
from proxy.vault.day_keys import KeyMovedError
from proxy.vault.recordings import Captured
from retention.keys import DayKey
from tests.fakes.call_centre import wav
from tests.fakes.yesterday import backup


async def record(centre):
    """A call whose recording is kept: the call, and the recording's id."""
    call = await centre.drawn_call(is_announced=True)
    reply = await centre.upload(call.decision_id, wav())
    return call, reply.body["recording_id"]


async def day_key(centre) -> DayKey:
    [row] = await centre.rows("SELECT DISTINCT key_day, generation FROM recording_keys")
    return DayKey(row["key_day"], generation=row["generation"])


def keys_of(centre):
    folder = centre.data_dir / "keys" / "clinic"
    return sorted(file.stem for file in folder.glob("audio-*.key"))


async def test_the_night_after_the_others_have_a_new_key_and_the_old_one_is_gone(
    house, clock
):
    call, erased = await record(house)
    _, kept = await record(house)
    before = await day_key(house)
    old = await house.rows("SELECT recording_id, wrapped_key FROM recording_keys")

    await house.tell("call.opt_out", call)
    assert (await house.site.sweep()).keys_renewed == 0
    assert keys_of(house) == [before.name]
    clock.advance(days=1)
    report = await house.site.sweep()

    assert (report.keys_renewed, report.keys_failed) == (1, 0)
    assert await day_key(house) == before.next
    assert keys_of(house) == [before.next.name]
    for row in old:
        with pytest.raises(KeyMissingError):
            await house.site.keys.unwrap(before.name, [row["wrapped_key"]])
    assert await house.heard(kept)
    with pytest.raises(ObjectMissingError):
        await house.heard(erased)
    day = before.day.isoformat()
    assert await house.leaves("KEK-") == [{"leaf": "KEK-", "day": day}]
    assert await house.leaves("KEK+") == [
        {"leaf": "KEK+", "day": day},
        {"leaf": "KEK+", "day": day, "gen": 2},
    ]


async def test_a_new_recording_of_that_day_hangs_under_the_new_key(house):
    call, _ = await record(house)
    before = await day_key(house)
    await house.tell("call.opt_out", call)
    assert await house.site.parts.destroying.renew(before)
    assert keys_of(house) == [before.next.name]

    _, again = await record(house)

    assert (await day_key(house)).generation == 2
    assert await house.heard(again)


async def sealed(house):
    """Audio on its way in, and the key of the day it would die."""
    audio = await house.site.vault.seal(one(wav()))
    enclosed = await house.site.vault.enclose(audio, 30)
    return audio, enclosed, enclosed.wrapped.key


async def one(piece):
    yield piece


async def test_nothing_is_kept_under_a_key_that_is_just_being_destroyed(house):
    """Where nothing else hangs under it, between its end and the word of that."""
    call, _ = await record(house)
    await house.tell("call.opt_out", call)
    _, enclosed, key = await sealed(house)
    renewal = house.site.parts.destroying._renewal
    assert await renewal.empty(key)
    assert await house.site.keys.destroy(key.name)

    other = await house.drawn_call(is_announced=True)
    captured = Captured(uuid.UUID(other.decision_id), 0, "audio/wav", 1, 1, "training")
    with pytest.raises(KeyMovedError):
        async with house.site.ledger.transaction() as change:
            await house.site.vault.keep(change, enclosed, captured)
    reply = await house.upload(other.decision_id, wav())

    assert reply.status == 201
    assert await house.heard(reply.body["recording_id"])


async def test_what_is_wrapped_during_a_renewal_brings_no_dead_key_back(
    house, monkeypatch
):
    call, _ = await record(house)
    await house.tell("call.opt_out", call)
    key = await day_key_of_ledger(house)
    keys = house.site.parts.keys
    look = keys._newest

    async def look_and_be_overtaken(*asked):
        found = await look(*asked)
        monkeypatch.undo()
        assert await house.site.parts.destroying.renew(key)
        return found

    monkeypatch.setattr(keys, "_newest", look_and_be_overtaken)
    _, _, used = await sealed(house)

    assert used == key.next
    assert keys_of(house) == [key.next.name]


async def test_where_a_days_key_is_lost_the_next_one_is_used(house):
    """What hung under it is lost; it is not made again as if nothing had been."""
    _, before = await record(house)
    key = await day_key(house)
    await house.site.keys.store.destroy(key.name)

    _, after = await record(house)

    assert keys_of(house) == [key.next.name]
    assert await house.heard(after)
    with pytest.raises(KeyMissingError):
        await house.heard(before)


async def day_key_of_ledger(house) -> DayKey:
    [row] = await house.rows("SELECT key_day, generation FROM day_keys")
    return DayKey(row["key_day"], generation=row["generation"])


async def test_a_new_key_dies_with_its_day_like_the_one_before(house, clock):
    call, _ = await record(house)
    _, kept = await record(house)
    await house.tell("call.opt_out", call)
    clock.advance(days=1)
    await house.site.sweep()

    clock.advance(days=30)
    report = await house.site.sweep()

    assert (report.destroyed, report.keys_destroyed) == (1, 1)
    assert keys_of(house) == []
    assert len(await house.leaves("KEK-")) == len(await house.leaves("KEK+")) == 2
    assert await house.site.keys.store.note_names("") == []
    with pytest.raises(ObjectMissingError):
        await house.heard(kept)


@pytest.mark.parametrize(
    "which",
    [{"database": True, "bucket": True}, {"bucket": False}, {"database": False}],
    ids=["both", "the database alone", "the objects alone"],
)
async def test_erased_today_and_restored_from_yesterday_is_erased_before_any_answer(
    house, which
):
    call, erased = await record(house)
    _, kept = await record(house)
    async with backup(house) as restore:
        await house.tell("call.opt_out", call)

        await restore(**which)
        await house.open()

        with pytest.raises(ObjectMissingError):
            await house.heard(erased)
        assert [file.name for file in house.objects()] == [uuid.UUID(kept).hex]
        assert await house.kept() == [kept]
        assert await house.heard(kept)
        assert len(await house.leaves("DEL")) == 1
        came_back = "SELECT count(*) FROM incidents WHERE kind = 'came-back'"
        assert await house.value(came_back) == 1


async def test_erased_some_days_ago_and_restored_its_neighbours_open_and_it_does_not(
    house, clock
):
    call, erased = await record(house)
    _, kept = await record(house)
    async with backup(house) as restore:
        await house.tell("call.opt_out", call)
        clock.advance(days=1)
        await house.site.sweep()
        clock.advance(days=3)

        await restore()
        await house.open()

        assert await house.kept() == [kept]
        assert await house.heard(kept)
        with pytest.raises(ObjectMissingError):
            await house.heard(erased)
        [made, again] = [leaf.get("gen", 1) for leaf in await house.leaves("KEK+")][:2]
        assert (made, again) == (1, 2)
        assert [leaf.get("gen", 1) for leaf in await house.leaves("KEK-")] == [1]


async def test_a_key_that_comes_back_is_destroyed_again_and_people_are_told(
    house, clock
):
    await record(house)
    [name] = keys_of(house)
    file = house.data_dir / "keys" / "clinic" / f"{name}.key"
    key = file.read_bytes()
    clock.advance(days=31)
    await house.site.sweep()
    assert not file.exists()
    await house.close()
    file.write_bytes(key)

    await house.open()

    assert not file.exists()
    assert len(await house.leaves("KEK-")) == 1
    came_back = "SELECT count(*) FROM incidents WHERE kind = 'came-back'"
    assert await house.value(came_back) == 1


async def test_a_key_that_is_missing_destroys_nothing_and_people_are_told(house):
    _, kept = await record(house)
    [name] = keys_of(house)
    file = house.data_dir / "keys" / "clinic" / f"{name}.key"
    key = file.read_bytes()
    await house.close()
    file.unlink()

    await house.open()

    with pytest.raises(KeyMissingError):
        await house.heard(kept)
    assert len(house.objects()) == 1
    missing = "SELECT reference FROM incidents WHERE kind = 'missing-key'"
    assert await house.value(missing) == name
    file.write_bytes(key)
    assert await house.heard(kept)


async def test_a_start_where_nothing_was_restored_changes_nothing(house):
    await record(house)
    leaves = len(await house.all_leaves())
    await house.close()

    await house.open()

    assert len(await house.leaves("KEK+")) == 1
    assert len(await house.all_leaves()) == leaves
    assert await house.value("SELECT count(*) FROM incidents") == 0


async def test_what_the_key_store_remembers_is_of_no_use_without_the_database(
    house, clock
):
    call, _ = await record(house)
    _, kept = await record(house)
    await house.tell("call.opt_out", call)
    clock.advance(days=1)
    await house.site.sweep()
    wrapped = await house.value("SELECT wrapped_key FROM recording_keys")

    notes = house.data_dir / "keys" / "clinic" / "notes"
    content = b"".join(file.read_bytes() for file in notes.iterdir())

    assert wrapped not in content
    assert uuid.UUID(kept).bytes not in content
