"""An analysis that ended before its day stays ended, whatever is restored."""

import pytest

from proxy.errors import KeyMissingError
from proxy.vault.analyses import NoAnalysisError
from proxy.vault.reach import EVERYTHING
from retention.keys import DayKey, KeyClass
from tests.fakes.call_centre import SITE
from tests.fakes.trainers import TOM, analysed, keys_of, recorded
from tests.fakes.yesterday import backup


def shorter(centre):
    """Settings under which what is 10 days old is over."""
    sites = centre.plan()["sites"]
    sites[SITE]["analyses"] = {"kept_days": 10}
    return sites


@pytest.fixture
async def two(house, clock):
    """An old analysis and a young one, which would die on the same day."""
    _, recording = await recorded(house)
    old = await analysed(house, recording)
    young = await analysed(house, recording, TOM)
    await house.rows(
        "UPDATE analyses SET made_at = made_at - interval '9 days'"
        " WHERE analysis_id = $1",
        old,
    )
    clock.advance(days=2)
    return old, young


async def lives_and_is_dead(centre, young, old):
    analyses = centre.site.parts.analyses
    assert await analyses.show(young, EVERYTHING)
    with pytest.raises(NoAnalysisError):
        await analyses.show(old, EVERYTHING)
    assert (await centre.sizes())["public.analyses"] == 1


async def test_the_night_after_the_others_have_a_new_key_and_the_old_one_is_gone(
    house, two, clock
):
    old, young = two
    [before] = keys_of(house, "analysis")
    wrapped = await house.rows(
        "SELECT wrapped_key FROM recording_keys WHERE kind = 'analysis'"
    )
    await house.close()
    await house.open(sites=shorter(house))
    assert keys_of(house, "analysis") == [before]

    clock.advance(days=1)
    report = await house.site.sweep()

    assert (report.keys_renewed, report.keys_failed) == (1, 0)
    assert keys_of(house, "analysis") == [f"{before}-2"]
    for row in wrapped:
        with pytest.raises(KeyMissingError):
            await house.site.keys.unwrap(before, [row["wrapped_key"]])
    await lives_and_is_dead(house, young, old)
    day = DayKey.named(before).day.isoformat()
    gone = {"leaf": "KEK-", "day": day, "of": KeyClass.ANALYSIS.value}
    assert gone in await house.leaves("KEK-")


@pytest.mark.parametrize("nights", [0, 3], ids=["the same day", "days later"])
async def test_restored_from_yesterday_it_is_destroyed_before_any_answer(
    house, two, clock, nights
):
    old, young = two
    async with backup(house) as restore:
        await house.close()
        await house.open(sites=shorter(house))
        for _ in range(nights):
            clock.advance(days=1)
            await house.site.sweep()

        await restore()
        await house.open()

        await lives_and_is_dead(house, young, old)
        came_back = "SELECT count(*) FROM incidents WHERE kind = 'came-back'"
        assert await house.value(came_back) == 1


async def test_without_a_note_of_its_death_it_stays_and_is_reported_as_left(
    house, two, clock
):
    """And keeps no day key from its end."""
    old, young = two
    [key] = keys_of(house, "analysis")
    notes = house.data_dir / "keys" / "clinic" / "notes"
    in_the_way = notes / f"dead-{key}-{old.hex}"
    in_the_way.mkdir()
    await house.rows(
        "UPDATE analyses SET doomed_at = $1 WHERE analysis_id = $2", clock(), old
    )
    clock.advance(days=29)  # the day of the recording's key is over

    report = await house.site.sweep()

    assert (report.analyses_forgotten, report.analyses_failed) == (0, 1)
    assert report.all_failed
    assert keys_of(house, "audio") == []
    assert (await house.sizes())["public.analyses"] == 2
    in_the_way.rmdir()
    assert (await house.site.sweep()).analyses_forgotten == 1
    await lives_and_is_dead(house, young, old)


@pytest.mark.parametrize("step", ["when its key is wrapped", "when that is announced"])
async def test_one_written_while_its_key_is_renewed_hangs_under_the_new_one(
    house, monkeypatch, step
):
    _, recording = await recorded(house)
    await analysed(house, recording)
    [before] = keys_of(house, "analysis")
    writing = house.site.parts.analyses._new
    steps = (house.site.keys, "wrap") if "wrapped" in step else (writing, "_announce")
    real = getattr(*steps)

    async def do_and_renew(*arguments):
        done = await real(*arguments)
        monkeypatch.undo()
        assert await house.site.parts.destroying.renew(DayKey.named(before))
        return done

    monkeypatch.setattr(*steps, do_and_renew)
    written = await analysed(house, recording, TOM)

    assert keys_of(house, "analysis") == [f"{before}-2"]
    assert await house.site.parts.analyses.show(written, EVERYTHING)
