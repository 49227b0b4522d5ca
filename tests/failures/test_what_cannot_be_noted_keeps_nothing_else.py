"""A note that the key store does not take: what needs none goes all the same."""

import pytest

from proxy.errors import ObjectMissingError
from tests.fakes.call_centre import SITE
from tests.fakes.trainers import TOM, analysed, keys_of, recorded

pytestmark = pytest.mark.usefixtures("quiet")


def in_the_way(centre, key, item):
    """Where the note of its death would be: it cannot be written."""
    place = centre.data_dir / "keys" / SITE / "notes" / f"dead-{key}-{item.hex}"
    place.mkdir()
    return place


@pytest.fixture
async def refused(house):
    """A refused recording whose death cannot be noted: it, and what is in the way."""
    call, recording = await recorded(house)
    [key] = keys_of(house, "audio")
    place = in_the_way(house, key, recording)
    await house.tell("call.opt_out", call)
    return recording, place


async def test_a_death_that_cannot_be_noted_has_no_receipt_and_keeps_no_key(
    house, clock
):
    _, due = await recorded(house)
    [key] = keys_of(house, "audio")
    clock.advance(days=2)
    await house.site.tend()
    await house.site.keep_up()
    call, refused = await recorded(house)
    [later] = set(keys_of(house, "audio")) - {key}
    place = in_the_way(house, later, refused)
    await house.tell("call.opt_out", call)
    clock.advance(days=29)  # the day of the first is over, that of the other is not

    report = await house.site.sweep()

    assert (report.destroyed, report.failed) == (1, 1)
    assert (report.keys_destroyed, report.keys_failed) == (1, 0)
    assert key not in keys_of(house, "audio")
    assert await house.kept() == [str(refused)]
    for one in (due, refused):
        with pytest.raises(ObjectMissingError):
            await house.heard(str(one))
    assert len(await house.leaves("DEL")) == 1

    place.rmdir()

    assert (await house.site.sweep()).failed == 0
    assert len(await house.leaves("DEL")) == 2


async def test_the_service_starts_while_a_death_cannot_be_noted(house, refused):
    recording, place = refused
    await house.close()

    await house.open()
    await house.stop_worker()

    assert await house.leaves("DEL") == []
    assert house.objects() == []
    with pytest.raises(ObjectMissingError):
        await house.heard(str(recording))
    place.rmdir()
    assert (await house.site.sweep()).destroyed == 1
    assert len(await house.leaves("DEL")) == 1


@pytest.mark.usefixtures("refused")
async def test_a_death_that_could_not_be_noted_needs_no_note_once_its_day_is_over(
    house, clock
):
    clock.advance(days=31)

    report = await house.site.sweep()

    assert (report.destroyed, report.failed) == (1, 0)
    assert keys_of(house, "audio") == []
    assert len(await house.leaves("DEL")) == 1


async def test_an_early_analysis_that_cannot_be_noted_keeps_none_that_is_due(
    house, clock
):
    _, recording = await recorded(house)
    await analysed(house, recording)
    [key] = keys_of(house, "analysis")
    clock.advance(days=2)
    early = await analysed(house, recording, TOM)
    [later] = set(keys_of(house, "analysis")) - {key}
    place = in_the_way(house, later, early)
    await house.rows(
        "UPDATE analyses SET doomed_at = $1 WHERE analysis_id = $2", clock(), early
    )
    clock.advance(days=179)  # the first is over, and its key's day

    report = await house.site.sweep()

    assert (report.analyses_forgotten, report.analyses_failed) == (1, 1)
    assert keys_of(house, "analysis") == [later]
    sealed = await house.rows("SELECT analysis_id, sealed FROM analyses")
    assert [row["analysis_id"] for row in sealed] == [early]
    assert sealed[0]["sealed"] != b""
    place.rmdir()
    assert (await house.site.sweep()).analyses_forgotten == 1
