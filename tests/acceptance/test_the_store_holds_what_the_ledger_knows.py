"""The object store is counted: what lies in it unexplained, and what does not."""

import asyncio
import subprocess
from datetime import timedelta
from uuid import uuid4

import pytest

from proxy.reconciliation.reports import UndoneInventory
from tests.fakes.call_centre import wav

LISTING = (
    "(echo id,bytes; find objects -mindepth 2 -type f ! -name '.*'"
    " -printf '%f,%s\\n' | LC_ALL=C sort) | sha256sum"
)


async def keep(house):
    call = await house.drawn_call(is_announced=True)
    reply = await house.upload(call.decision_id, wav())
    assert reply.status == 201


def lay(house, name=""):
    """Put an object in the store, past the service."""
    name = name or uuid4().hex
    file = house.data_dir / "objects" / name[:2] / name
    file.write_bytes(b"sealed, perhaps")
    return file


async def counted(house):
    return await house.site.reconciliation.count_store()


async def kinds(house):
    return [row["kind"] for row in await house.rows("SELECT kind FROM incidents")]


@pytest.fixture
async def stocked(house):
    for _ in range(3):
        await keep(house)
    return house


async def test_a_store_with_its_recordings_alone_is_clean_and_in_the_ledger(stocked):
    done = await counted(stocked)

    assert done.is_clean
    [leaf] = await stocked.leaves("INV")
    assert leaf == {
        "leaf": "INV",
        "day": stocked.clock().date().isoformat(),
        "sha256": done.listing_sha256,
        "n": 3,
    }
    figures = await stocked.site.reconciliation.figures()
    assert figures["stray_objects", ""] == 0
    check = ("reconciliation_timestamp_seconds", "inventory")
    assert figures[check] == stocked.clock().timestamp()


async def test_anyone_with_a_shell_makes_the_same_hash(stocked):
    done = await counted(stocked)

    said = await asyncio.to_thread(
        subprocess.run,
        ["sh", "-c", LISTING],
        cwd=stocked.data_dir,
        capture_output=True,
        text=True,
        check=True,
    )

    assert said.stdout.split()[0] == done.listing_sha256


async def test_counted_again_it_says_it_once_until_something_changes(stocked):
    await counted(stocked)
    await counted(stocked)
    assert len(await stocked.leaves("INV")) == 1

    await keep(stocked)
    await counted(stocked)

    assert [leaf["n"] for leaf in await stocked.leaves("INV")] == [3, 4]


async def test_an_object_nobody_knows_is_counted_told_once_and_left(stocked):
    stray = lay(stocked)

    first = await counted(stocked)
    await counted(stocked)

    assert first.strays == [stray.name]
    assert await kinds(stocked) == ["stray-object"]
    assert (await stocked.site.reconciliation.figures())["stray_objects", ""] == 1
    assert stray.exists()  # it may be another database's only copy


async def test_one_more_is_told_again(stocked):
    lay(stocked)
    await counted(stocked)
    lay(stocked)
    await counted(stocked)

    assert await kinds(stocked) == ["stray-object"] * 2


async def test_what_people_know_to_be_nobodys_is_removed_an_hour_later(stocked, clock):
    stray = lay(stocked)
    done = await counted(stocked)

    await stocked.site.reconciliation.inventory.adopt(done.strays, "op-anna")
    await stocked.site.tend()
    assert stray.exists()
    [incident] = await stocked.site.incidents.list()
    [note] = await stocked.site.incidents.notes(incident.incident_id)
    assert (note.actor, note.note) == ("op-anna", "stray objects to be removed: 1")

    clock.advance(hours=1, seconds=1)
    await stocked.site.tend()

    assert not stray.exists()
    assert (await counted(stocked)).is_clean
    assert len(await stocked.kept()) == len(stocked.objects()) == 3


async def test_an_object_on_its_way_in_is_no_stray(stocked):
    object_id = uuid4()
    await stocked.rows(
        "INSERT INTO object_writes VALUES ('clinic', $1, now())", object_id
    )
    lay(stocked, object_id.hex)

    assert (await counted(stocked)).is_clean


@pytest.mark.parametrize("what", ["gone", "cut"])
async def test_a_recording_whose_object_is_not_what_was_sealed_is_an_incident(
    stocked, what
):
    file = stocked.objects()[0]
    if what == "gone":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:-1])

    done = await counted(stocked)

    assert done.missing == [file.name]
    assert await kinds(stocked) == ["missing-object"]


async def test_a_recording_that_is_being_destroyed_may_be_without_its_object(
    stocked, clock
):
    stocked.objects()[0].unlink()
    await stocked.rows("UPDATE recordings SET doomed_at = now()")

    assert (await counted(stocked)).is_clean
    clock.advance(days=31)
    await stocked.site.sweep()
    assert (await counted(stocked)).objects == 0


async def test_a_disk_that_is_not_there_is_no_empty_store(stocked):
    folder = stocked.data_dir / "objects"
    folder.rename(folder.with_name("elsewhere"))
    folder.mkdir()

    done = await counted(stocked)

    assert isinstance(done, UndoneInventory)
    assert done.problem == "foreign-store"
    assert await stocked.leaves("INV") == []
    assert await kinds(stocked) == []
    folder.rmdir()
    folder.with_name("elsewhere").rename(folder)


async def test_sites_that_share_a_store_do_not_take_each_others_for_strays(centre):
    plan = centre.plan()["sites"]
    other = plan["clinic"] | {"connections": {}}
    await centre.open(sites=plan | {"other": other})
    await keep(centre)
    stray = lay(centre)

    reports = {
        name: await site.reconciliation.count_store()
        for name, site in centre.service.sites.items()
    }

    assert (reports["clinic"].objects, reports["other"].objects) == (2, 1)
    assert {name: list(each.strays) for name, each in reports.items()} == {
        "clinic": [stray.name],
        "other": [stray.name],
    }


async def test_a_site_with_many_objects_is_counted_page_by_page(house, monkeypatch):
    monkeypatch.setattr("proxy.reconciliation.inventory._AT_ONCE", 2)
    for _ in range(5):
        await keep(house)
    strays = sorted(lay(house).name for _ in range(3))

    done = await counted(house)

    assert (done.objects, list(done.strays), list(done.missing)) == (8, strays, [])


async def test_the_store_is_counted_once_a_day_by_itself(stocked, clock):
    for _ in range(3):
        await stocked.site.reconciliation.run_due()
    clock.now += timedelta(days=1)
    await stocked.site.reconciliation.run_due()

    days = [leaf["day"] for leaf in await stocked.leaves("INV")]
    assert days == ["2026-11-18", "2026-11-19"]
