"""A day key may be gone because it was renewed, or by mistake: only the first kills."""

import pytest
import structlog

from proxy.errors import KeyMissingError
from retention.keys import KeyClass
from tests.fakes.broken_keys import day_key, file_of, incidents
from tests.fakes.trainers import keys_of, recorded
from tests.fakes.yesterday import backup


@pytest.fixture
async def lost(house):
    """A recording whose key is lost, and a later one of the same day: key and bytes."""
    _, house.before = await recorded(house)
    key = await day_key(house)
    file = file_of(house, key)
    content = file.read_bytes()
    file.unlink()
    with structlog.testing.capture_logs() as house.lines:
        _, house.after = await recorded(house)
    return key, content


async def nothing_is_destroyed(house, key, content):
    """And once the key is found again, everything is heard again."""
    assert ("missing-key", key.name) in await incidents(house)
    assert "came-back" not in dict(await incidents(house))
    assert len(house.objects()) == 2
    assert await house.leaves("DEL") == []
    assert await house.heard(str(house.after))
    with pytest.raises(KeyMissingError):
        await house.heard(str(house.before))
    file_of(house, key).write_bytes(content)
    assert await house.heard(str(house.before))


async def test_a_key_lost_before_the_next_call_destroys_nothing_at_the_next_start(
    house, lost
):
    key, content = lost
    assert keys_of(house, "audio") == [key.next.name]

    await house.close()
    await house.open()

    await nothing_is_destroyed(house, key, content)


async def test_that_a_key_is_lost_is_logged_when_it_is_needed(house, lost):
    key, _ = lost
    said = {"event": "a day key is lost, the next one is begun", "key": key.name}

    assert [line for line in house.lines if said.items() <= line.items()]


async def test_that_a_later_key_was_renewed_says_nothing_of_the_lost_one(
    house, lost, clock
):
    key, content = lost
    await house.site.parts.inspection.rotate(KeyClass.AUDIO, key.day)
    clock.advance(days=1)
    assert (await house.site.sweep()).keys_renewed == 1
    assert keys_of(house, "audio") == [key.next.next.name]

    await house.close()
    await house.open()

    await nothing_is_destroyed(house, key, content)


@pytest.mark.usefixtures("lost")
async def test_a_lost_key_that_nobody_finds_dies_with_its_day(house, clock):
    clock.advance(days=31)

    await house.close()
    await house.open()

    assert keys_of(house, "audio") == []
    assert house.objects() == []
    assert len(await house.leaves("KEK-")) == len(await house.leaves("KEK+")) == 2
    assert await incidents(house) == []


async def test_where_nobody_of_a_day_lived_on_a_restore_brings_nobody_back(
    house, clock
):
    """That nothing was moved is noted, too: the key did not just vanish."""
    call, _ = await recorded(house)
    async with backup(house) as restore:
        await house.tell("call.opt_out", call)
        clock.advance(days=1)
        assert (await house.site.sweep()).keys_renewed == 1

        await restore()
        await house.open()

        assert house.objects() == []
        assert await house.kept() == []
        assert [kind for kind, _ in await incidents(house)] == ["came-back"]


async def test_renewed_twice_since_a_copy_was_made_the_living_are_found_again(
    house, clock
):
    first, _ = await recorded(house)
    second, _ = await recorded(house)
    _, kept = await recorded(house)
    async with backup(house) as restore:
        for call in (first, second):
            await house.tell("call.opt_out", call)
            clock.advance(days=1)
            assert (await house.site.sweep()).keys_renewed == 1

        await restore()
        await house.open()

        assert await house.kept() == [str(kept)]
        assert await house.heard(str(kept))
        assert [file.name for file in house.objects()] == [kept.hex]
        assert [kind for kind, _ in await incidents(house)] == ["came-back"]
