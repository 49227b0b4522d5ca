"""An erasure that cannot be read back waits; it does not begin a key each minute.

The keys that copies of what is erased lie under are destroyed once, and what else hangs
under them moves once. A key that was begun afterwards is none of them.
"""

import pytest

from proxy.errors import StorageError
from proxy.rights.outcomes.wants import Fate
from retention.holds import Authority
from retention.rights.deadlines import Kind
from tests.fakes.erasing import (
    erase,
    fates,
    hold,
    nothing_is_left,
    tend,
    the_verifier_is_clean,
)
from tests.fakes.listeners import recorded
from tests.fakes.persons import THEIRS, asked

MINUTES = 4
OTHERS = "+33699999999"
NOTED = "SELECT key_names FROM request_outcomes"


async def keys_of(house):
    """Every key there ever was, and how many leaves tell of them."""
    rows = await house.rows("SELECT key_day, kind, generation FROM day_keys")
    leaves = await house.leaves("KEK+"), await house.leaves("KEK-")
    return len(rows), *map(len, leaves)


@pytest.fixture
def away(quiet, monkeypatch):
    """The store answers once, right after it deleted, and then no more."""
    store = quiet.site.parts.shelf._objects
    answers = [store.size]

    async def size(object_id):
        if not answers:
            raise StorageError("the store is away")
        return await answers.pop()(object_id)

    with monkeypatch.context() as patch:
        patch.setattr(store, "size", size)
        yield patch


async def test_while_the_store_is_away_no_key_is_begun_and_then_it_is_done(quiet, away):
    recording, _ = await recorded(quiet, caller=THEIRS)
    kept, audio = await recorded(quiet, caller=OTHERS)
    placed = await hold(quiet, kept, Authority.CLAIM, 30)
    request = await asked(quiet, Kind.ERASURE)
    await erase(quiet, request)
    keys, noted = await keys_of(quiet), await quiet.value(NOTED)
    assert await fates(quiet, request) == [Fate.PENDING]

    for _ in range(MINUTES):
        await tend(quiet)

    assert await keys_of(quiet) == keys
    assert await quiet.value(NOTED) == noted
    away.undo()
    await tend(quiet)
    assert await fates(quiet, request) == [Fate.DONE]
    await nothing_is_left(quiet, recording)
    await quiet.site.parts.holds.release(placed, "dpo-1")
    assert await quiet.heard(str(kept)) == audio
    await the_verifier_is_clean(quiet)


async def test_what_went_before_it_was_asked_for_has_its_keys_ended_once(quiet, away):
    recording, _ = await recorded(quiet, caller=THEIRS)
    request = await asked(quiet, Kind.ERASURE)
    await erase(quiet, request)
    await quiet.rows("UPDATE request_outcomes SET receipt_seq = NULL")  # as it was then
    await tend(quiet)
    keys = await keys_of(quiet)

    for _ in range(MINUTES):
        await tend(quiet)

    assert await keys_of(quiet) == keys
    away.undo()
    await tend(quiet)
    assert await fates(quiet, request) == [Fate.DONE]
    await nothing_is_left(quiet, recording)
