"""kill -9 at each step of a tag key's end, then the next run: one leaf, no key left."""

from contextlib import suppress

import pytest

from proxy.errors import DatabaseUnavailableError
from proxy.intake import tag_keys
from sampling.seed import week_at
from tests.failures.crash_steps import steps
from tests.fakes.faulty_wire import FaultyWire

TAG_KEYS = "proxy.intake.tag_keys:TagKeys"

STEPS = {
    "before the week is marked": (f"{TAG_KEYS}._doom", "before"),
    "when the week is marked": (f"{TAG_KEYS}._doom", "after"),
    "before the key file is destroyed": (f"{TAG_KEYS}._end", "before"),
    "after the key file is destroyed": (f"{TAG_KEYS}._receipt", "before"),
    "before its leaf's commit": (f"{TAG_KEYS}._receipt", "after"),
    "after its leaf": (f"{TAG_KEYS}._end", "after"),
    "before its calls are forgotten": (f"{TAG_KEYS}._forget_calls", "before"),
    "after a first batch of its calls": (f"{TAG_KEYS}._forget_some", "after"),
}


@pytest.fixture
async def due(centre, clock):
    """Calls of a week whose inspection window is over, and that week."""
    await centre.open()
    for _ in range(3):
        await centre.tell("call.ended", await centre.start_call())
    await centre.close()
    week = week_at(clock())
    clock.advance(days=53 * 7)
    return centre, week


async def no_leaf_is_false(centre, week):
    file = centre.data_dir / "keys" / "clinic" / f"tag-{week}.key"
    wrapped = await centre.value("SELECT count(wrapped_key) FROM tag_keys")
    if await centre.leaves("TAGKEY-"):
        assert not file.exists()
        assert wrapped == (await centre.sizes())["public.tag_keys"] - 1
    else:
        assert (await centre.sizes())["public.calls"]


@steps(STEPS)
async def test_an_end_that_was_killed_is_finished_by_the_next(due, doomed, step):
    centre, week = due
    async with doomed(*step, sweeps=True):
        pass
    await no_leaf_is_false(centre, week)

    await centre.open()
    report = await centre.site.sweep()

    assert (report.weeks_ended, report.weeks_failed) == (0, 0)  # done at its start
    assert [leaf["week"] for leaf in await centre.leaves("TAGKEY-")] == [week]
    await no_leaf_is_false(centre, week)
    assert not list((centre.data_dir / "keys" / "clinic").glob(f"*tag-{week}.*"))
    assert (await centre.sizes())["public.calls"] == 0


async def test_a_batch_that_was_cut_off_between_two_is_gone_on_with(due, monkeypatch):
    centre, _ = due
    monkeypatch.setattr(tag_keys, "FORGOTTEN_AT_ONCE", 1)
    forget = tag_keys.TagKeys._forget_some
    done = []

    async def only_one(self, bound_before):
        if done:
            raise ConnectionError
        done.append(await forget(self, bound_before))
        return done[0]

    with monkeypatch.context() as broken:
        broken.setattr(tag_keys.TagKeys, "_forget_some", only_one)
        with pytest.raises(ConnectionError):
            await centre.open()
    await centre.close()
    left = (await centre.sizes())["public.calls"]

    await centre.open()

    assert done == [1]
    assert left
    assert (await centre.sizes())["public.calls"] == 0


async def test_a_leaf_whose_commit_nobody_heard_of_is_written_once(due, dsn):
    centre, week = due
    async with FaultyWire(dsn) as wire:
        wire.lose_commit_of(b'"leaf":"TAGKEY-"')
        with suppress(DatabaseUnavailableError):
            await centre.open(dsn=wire.dsn)
        await centre.site.sweep()

        assert wire.lost == 1
        assert [leaf["week"] for leaf in await centre.leaves("TAGKEY-")] == [week]
        assert (await centre.sizes())["public.calls"] == 0
        await wire.mend()
        await centre.close()


async def test_a_key_left_by_a_killed_writer_is_destroyed_with_its_week(
    centre, clock, doomed
):
    await centre.open()
    await centre.close()
    clock.advance(days=7)
    async with doomed("proxy.vault.durable:publish_file", "after", 2):
        pass
    keys = centre.data_dir / "keys" / "clinic"
    week = week_at(clock()) + 1
    assert len(list(keys.glob(f"*tag-{week}.*"))) == 2

    clock.advance(days=54 * 7)
    await centre.open()

    assert list(keys.glob(f"*tag-{week}.*")) == []
