"""What lives on under a hold's key outlives that key's day, until it has been moved.

And what dies with its hold needs no key: a lost one keeps no erasure from its end.
"""

import pytest

from proxy.errors import StorageError
from proxy.rights.outcomes.wants import Fate
from retention.holds import Authority
from retention.keys import DayKey, KeyClass
from retention.rights.deadlines import Kind
from tests.fakes.broken_keys import file_of
from tests.fakes.erasing import erase, fates, hold, nothing_is_left
from tests.fakes.listeners import recorded
from tests.fakes.persons import THEIRS, asked


@pytest.fixture
async def past_its_hold(quiet):
    """Held until yesterday; its own end is twenty days away."""
    recording, audio = await recorded(quiet)
    await hold(quiet, recording, Authority.REQUISITION, 10)
    key = DayKey((await quiet.rows("SELECT key_day FROM recording_keys"))[0]["key_day"])
    quiet.clock.advance(days=10, hours=14, minutes=5)
    return recording, audio, DayKey(key.day, KeyClass.HOLD)


async def test_a_hold_that_cannot_be_ended_at_once_costs_nobody_the_recording(
    quiet, past_its_hold, monkeypatch
):
    recording, audio, key = past_its_hold
    holds = quiet.site.parts.holds

    async def no_answer(*_):
        raise StorageError("no answer within 5 s")

    with monkeypatch.context() as failing:
        failing.setattr(holds, "_wrapped_for", no_answer)
        assert (await quiet.site.sweep()).keys_failed == 1
    assert (await quiet.site.sweep()).holds_ended == 1

    assert await quiet.heard(str(recording)) == audio
    assert not file_of(quiet, key).exists()


async def test_nor_does_a_renewal_of_its_own_days_key_in_the_same_moment(
    quiet, past_its_hold, monkeypatch
):
    recording, audio, key = past_its_hold
    parts = quiet.site.parts
    wrapped_for = parts.holds._wrapped_for

    async def overtaken(*asked_for):
        moved = await wrapped_for(*asked_for)
        monkeypatch.undo()
        await parts.destroying.renew(moved.key)
        return moved

    monkeypatch.setattr(parts.holds, "_wrapped_for", overtaken)
    await quiet.site.sweep()
    await quiet.site.sweep()

    assert await quiet.heard(str(recording)) == audio
    assert not file_of(quiet, key).exists()


async def test_a_hold_that_can_never_be_ended_keeps_its_key_for_a_week_and_no_more(
    quiet, past_its_hold
):
    *_, key = past_its_hold
    await quiet.rows("UPDATE recording_keys SET wrapped_key = wrapped_key || '\\x00'")

    for _ in range(7):
        assert (await quiet.site.sweep()).keys_failed == 1
        assert file_of(quiet, key).exists()
        quiet.clock.advance(days=1)

    await quiet.site.sweep()
    assert not file_of(quiet, key).exists()


@pytest.mark.parametrize("fault", ["lost", "damaged"])
async def test_a_freeze_whose_key_opens_nothing_keeps_no_erasure_from_its_end(
    quiet, fault
):
    recording, _ = await recorded(quiet, caller=THEIRS)
    request = await asked(quiet, Kind.ERASURE)
    [row] = await quiet.rows("SELECT key_day FROM recording_keys")
    if fault == "lost":
        await quiet.site.keys.store.destroy(DayKey(row["key_day"], KeyClass.HOLD).name)
    else:
        await quiet.rows("UPDATE recording_keys SET wrapped_key = '\\x00'")

    await erase(quiet, request)

    assert await fates(quiet, request) == [Fate.DONE]
    await nothing_is_left(quiet, recording)
