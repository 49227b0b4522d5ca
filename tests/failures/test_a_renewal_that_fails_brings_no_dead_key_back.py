"""An old key that cannot be renewed for a while, and what the others do meanwhile."""

import pytest

from proxy.errors import ObjectMissingError
from proxy.vault.day_keys import KeyMovedError
from retention.keys import KeyClass
from tests.fakes.broken_keys import day_key, incidents, unreadable
from tests.fakes.trainers import keys_of, recorded
from tests.fakes.yesterday import backup

pytestmark = pytest.mark.usefixtures("quiet")


@pytest.fixture
async def stocked(house):
    """Two recordings under one key, one of them refused: the key and the other's id."""
    call, house.erased = await recorded(house)
    _, kept = await recorded(house)
    key = await day_key(house)
    await house.tell("call.opt_out", call)
    return key, str(kept)


async def rotate(house, key):
    return await house.site.parts.inspection.rotate(KeyClass.AUDIO, key.day)


async def test_what_is_left_goes_to_the_newest_key_not_to_one_that_has_died(
    house, stocked, clock
):
    key, kept = stocked
    clock.advance(days=1)
    with unreadable(house, key):
        assert (await house.site.sweep()).keys_failed == 1
        assert await rotate(house, key) == key.next  # something under it was seen
        clock.advance(days=1)
        report = await house.site.sweep()
        assert (report.keys_failed, report.keys_renewed) == (1, 1)

    report = await house.site.sweep()

    newest = key.next.next
    assert (report.keys_failed, report.keys_renewed) == (0, 1)
    assert keys_of(house, "audio") == [newest.name]
    assert await day_key(house) == newest
    await house.close()
    await house.open()
    assert await house.heard(kept)
    assert await incidents(house) == []
    assert [leaf.get("gen", 1) for leaf in await house.leaves("KEK-")] == [2, 1]


async def test_a_key_that_was_destroyed_is_never_begun_again(house, stocked):
    key, kept = stocked
    assert await house.site.parts.destroying.renew(key)

    with pytest.raises(KeyMovedError):
        await house.site.parts.keys.begin(key)

    assert keys_of(house, "audio") == [key.next.name]
    assert await house.heard(kept)


async def test_a_key_that_lives_and_is_lost_is_not_made_again(house, stocked):
    key, _ = stocked
    await house.site.keys.store.destroy(key.name)

    await house.site.parts.keys.begin(key)

    assert keys_of(house, "audio") == []


async def test_a_key_made_while_another_replica_ended_it_is_destroyed_at_once(
    house, stocked, monkeypatch
):
    """It lived its whole life between the look and the making."""
    key, kept = stocked
    parts, ring = house.site.parts, house.site.keys
    make = ring.make

    async def be_overtaken_and_make(name):
        monkeypatch.undo()
        assert await parts.destroying.renew(key)
        assert await parts.destroying.renew(key.next)
        await make(name)

    monkeypatch.setattr(ring, "make", be_overtaken_and_make)
    with pytest.raises(KeyMovedError):
        await parts.keys.begin(key.next)

    assert keys_of(house, "audio") == [key.next.next.name]
    assert await house.heard(kept)


async def test_what_is_moved_to_a_key_that_is_renewed_meanwhile_is_not_lost(
    house, stocked, monkeypatch
):
    """By another replica, between the wrapping and its commit."""
    key, kept = stocked
    parts, ring = house.site.parts, house.site.keys
    wrap = ring.wrap

    async def wrap_and_be_overtaken(name, data_keys):
        wrapped = await wrap(name, data_keys)
        monkeypatch.undo()
        assert await parts.destroying.renew(key.next)
        return wrapped

    monkeypatch.setattr(ring, "wrap", wrap_and_be_overtaken)
    assert not await parts.destroying.renew(key)

    assert await house.heard(kept)
    assert await parts.destroying.renew(key)
    assert await house.heard(kept)
    assert keys_of(house, "audio") == [key.next.next.name]


async def test_nothing_is_begun_for_a_day_that_is_over(house, stocked, clock):
    key, _ = stocked
    clock.advance(days=31)

    assert not await house.site.parts.destroying.renew(key)

    assert keys_of(house, "audio") == [key.name]
    assert len(await house.leaves("KEK+")) == 1


async def test_what_died_under_a_later_key_stays_dead_while_an_earlier_one_lives(
    house, clock, monkeypatch
):
    """A copy made before has it under the earlier one, which would still open it."""
    call, refused = await recorded(house)
    _, kept = await recorded(house)
    key = await day_key(house)
    async with backup(house) as restore:
        parts, ring = house.site.parts, house.site.keys
        destroy = ring.destroy

        async def destroy_unless_first(name):
            return name != key.name and await destroy(name)

        monkeypatch.setattr(ring, "destroy", destroy_unless_first)
        assert not await parts.destroying.renew(key)  # emptied, and still there
        await house.tell("call.opt_out", call)
        clock.advance(days=1)
        assert (await house.site.sweep()).keys_renewed == 1  # the second

        await restore()
        await house.open()

        with pytest.raises(ObjectMissingError):
            await house.heard(str(refused))
        assert await house.kept() == [str(kept)]
        assert await house.heard(str(kept))
