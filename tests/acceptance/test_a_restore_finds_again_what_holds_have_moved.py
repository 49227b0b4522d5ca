"""A hold moves a data key to another day; an older copy of the database has not heard.

What lives is found again where it went, or nothing of it is destroyed; what was refused
while it was held stays dead.
"""

import uuid

import pytest

from proxy.errors import KeyMissingError, ObjectMissingError
from proxy.vault.day_keys import key_of
from retention.holds import Authority
from retention.rights.deadlines import Kind
from tests.fakes.broken_keys import incidents
from tests.fakes.call_centre import wav
from tests.fakes.erasing import hold
from tests.fakes.listeners import recorded
from tests.fakes.persons import THEIRS, asked
from tests.fakes.yesterday import backup

pytestmark = pytest.mark.acceptance


async def a_night(house):
    house.clock.advance(days=1)
    await house.site.sweep()


async def test_held_since_the_copy_was_made_it_is_on_its_own_day_again(house):
    kept, audio = await recorded(house)
    async with backup(house) as restore:
        await hold(house, kept, Authority.REQUISITION, 10)
        await a_night(house)

        await restore(bucket=False)
        await house.open()

        assert await house.heard(str(kept)) == audio
        assert await house.leaves("DEL") == []
        assert await incidents(house) == []


async def test_released_since_the_copy_was_made_it_is_held_again(house, clock):
    kept, audio = await recorded(house)
    clock.advance(days=15)
    placed = await hold(house, kept, Authority.REQUISITION, 25)
    async with backup(house) as restore:
        await house.site.parts.holds.release(placed, "dpo-1")
        await a_night(house)

        await restore(bucket=False)
        await house.open()

        [again] = await house.site.parts.holds.list()
        await house.site.parts.holds.release(again["hold_id"], "dpo-1")
        assert await house.heard(str(kept)) == audio
        assert await house.leaves("DEL") == []
        assert await incidents(house) == []


async def test_frozen_while_a_neighbour_was_refused_it_is_heard_again(house):
    """Nothing marked the key it left but the neighbour's death."""
    kept, audio = await recorded(house, caller=THEIRS)
    call = await house.drawn_call(is_announced=True)
    await house.upload(call.decision_id, wav())
    async with backup(house) as restore:
        await asked(house, Kind.ACCESS)
        await house.tell("call.opt_out", call)
        await a_night(house)

        await restore(bucket=False)
        await house.open()

        assert await house.kept() == [str(kept)]
        assert await house.heard(str(kept)) == audio


async def test_where_nothing_says_what_became_of_it_nothing_is_destroyed(house):
    kept, _ = await recorded(house)
    [row] = await house.rows("SELECT * FROM recording_keys")
    async with backup(house) as restore:
        await hold(house, kept, Authority.REQUISITION, 10)
        await a_night(house)
        store = house.site.keys.store
        for name in await store.note_names("left-"):
            await store.remove_note(name)

        await restore(bucket=False)
        await house.open()

        assert await house.kept() == [str(kept)]
        assert len(house.objects()) == 1
        assert await house.leaves("DEL") == []
        assert await incidents(house) == [("missing-key", key_of(row).name)]


async def test_notes_of_what_left_go_with_the_day_it_left(house, clock):
    kept, _ = await recorded(house)
    await hold(house, kept, Authority.REQUISITION, 10)
    assert await house.site.keys.store.note_names("left-")

    clock.advance(days=31)
    await house.site.sweep()

    assert await house.kept() == []
    assert await house.site.keys.store.note_names("") == []


async def test_refused_while_it_was_held_and_then_released_it_stays_dead(house, clock):
    call = await house.drawn_call(is_announced=True)
    reply = await house.upload(call.decision_id, wav())
    refused = uuid.UUID(reply.body["recording_id"])
    kept, audio = await recorded(house)
    copies = await house.rows(
        "SELECT * FROM recording_keys WHERE recording_id = $1", refused
    )
    clock.advance(days=5)
    async with backup(house) as restore:
        placed = await hold(house, refused, Authority.REQUISITION, 28)
        await house.tell("call.opt_out", call)
        await house.site.parts.holds.release(placed, "dpo-1")
        await house.site.sweep()
        await a_night(house)
        for row in copies:
            with pytest.raises(KeyMissingError):
                await house.site.keys.unwrap(key_of(row).name, [row["wrapped_key"]])

        await restore()
        await house.open()

        assert await house.kept() == [str(kept)]
        assert await house.heard(str(kept)) == audio
        with pytest.raises(ObjectMissingError):
            await house.heard(str(refused))
