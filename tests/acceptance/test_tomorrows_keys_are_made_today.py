"""Keys made ahead: announced, used when their day comes, dead on time if unused."""

import asyncio
import uuid
from datetime import timedelta

import pytest

from proxy.errors import StorageError
from proxy.evidence.auditor import auditor_text
from proxy.evidence.bundle import make_bundle
from tests.fakes.auditing import verdict
from tests.fakes.call_centre import SITE, wav

KEPT = 30


@pytest.fixture
async def noon(centre, clock):
    """A clinic at noon, every step of which a test takes by hand."""
    clock.advance(hours=2)
    await centre.open()
    await centre.stop_worker()
    return centre


def tomorrows(clock):
    return (clock() + timedelta(days=1 + KEPT)).date()


async def record(centre):
    call = await centre.drawn_call(is_announced=True)
    reply = await centre.upload(call.decision_id, wav())
    assert reply.status == 201, reply
    return reply.body["recording_id"]


async def announced(centre):
    return [leaf["day"] for leaf in await centre.leaves("KEK+")]


async def test_before_noon_nothing_is_made(noon, clock):
    clock.advance(seconds=-1)

    await noon.site.tend()

    assert noon.day_keys() == []
    assert await announced(noon) == []


async def test_from_noon_on_tomorrows_key_is_there_and_in_the_ledger_once(noon, clock):
    for _ in range(3):
        await noon.site.tend()

    assert noon.day_keys() == [tomorrows(clock)]
    assert await announced(noon) == [tomorrows(clock).isoformat()]


async def test_two_replicas_make_one(noon, clock):
    await noon.open()
    await noon.stop_worker()

    for service in noon.services:
        await service.sites[SITE].tend()

    assert await announced(noon) == [tomorrows(clock).isoformat()]


async def test_every_stratum_has_its_own(centre, clock):
    clock.advance(hours=2)
    strata = {"vip_in": {"kept_days": 5, "rate": "1%"}}
    await centre.open(policy=centre.policy(strata=strata))
    await centre.stop_worker()

    await centre.site.tend()

    tomorrow = clock().date() + timedelta(days=1)
    assert centre.day_keys() == [tomorrow + timedelta(days=days) for days in (5, KEPT)]


async def test_a_site_without_a_policy_makes_none(centre, clock):
    clock.advance(hours=2)
    await centre.open(policy=None)
    await centre.stop_worker()

    await centre.site.tend()

    assert centre.day_keys() == []


async def test_where_analyses_are_written_their_key_is_made_as_well(noon, clock):
    keys = noon.data_dir / "keys" / SITE
    await noon.site.tend()
    assert list(keys.glob("analysis-*")) == []

    await noon.rows(
        "INSERT INTO analyses (site_id, analysis_id, recording_id, assessor, sealed,"
        " made_at, expires_at) VALUES ($1, $2, $2, 'trainer-1', '', $3, $3)",
        *(SITE, uuid.uuid4(), clock()),
    )
    await noon.site.tend()

    [file] = keys.glob("analysis-*")
    day = (clock() + timedelta(days=1) + noon.site.config.analysis_terms.kept).date()
    assert file.stem == f"analysis-{day}"
    assert {"leaf": "KEK+", "day": f"{day}", "of": "analysis"} in await noon.leaves(
        "KEK+"
    )


async def test_the_next_days_recording_hangs_under_it(noon, clock):
    day = tomorrows(clock)
    await noon.site.tend()
    clock.advance(days=1)

    recording = await record(noon)

    assert await noon.value("SELECT key_day FROM recording_keys") == day
    assert noon.day_keys() == [day]
    assert await announced(noon) == [day.isoformat()]
    assert await noon.heard(recording)


async def test_one_that_nobody_used_dies_on_its_day_and_the_verifier_agrees(
    centre, clock, folder
):
    await centre.open(policy=centre.policy(kept_days=1))
    await centre.stop_worker()
    first = (clock() + timedelta(days=2)).date()
    for _ in range(5 * 24):
        clock.advance(hours=1)
        await centre.site.tend()
        await centre.site.sweep()

    gone = [leaf["day"] for leaf in await centre.leaves("KEK-")]

    assert gone == [f"{first + timedelta(days=n)}" for n in range(3)]
    assert len(await announced(centre)) == len(gone) + 2
    assert len(centre.day_keys()) == 2
    assert await audited(centre, folder) == []


async def audited(centre, folder):
    """What an auditor finds."""
    site = centre.site
    await site.publisher.publish()
    raw = await make_bundle(site.ledger, site.publisher, site.signer, site.cosigning)
    policy = auditor_text(site.signer.key, (), 0)
    return (await asyncio.to_thread(verdict, folder, raw, policy, centre.clock()))[
        "findings"
    ]


async def test_a_restart_finds_it_and_changes_nothing(noon, clock):
    await noon.site.tend()
    await noon.close()

    await noon.open()

    assert noon.day_keys() == [tomorrows(clock)]
    assert await announced(noon) == [tomorrows(clock).isoformat()]
    assert await noon.value("SELECT count(*) FROM incidents") == 0


async def test_a_key_that_cannot_be_made_is_not_announced_and_tried_again(noon, clock):
    folder = noon.data_dir / "keys" / SITE
    in_the_way = folder.with_name("away")
    folder.rename(in_the_way)

    with pytest.raises(StorageError):
        await noon.site.tend()
    assert await announced(noon) == []

    in_the_way.rename(folder)
    await noon.site.tend()
    assert await announced(noon) == [tomorrows(clock).isoformat()]


async def test_one_that_was_renewed_has_a_successor_and_no_other_is_made(noon, clock):
    await noon.site.tend()
    day = tomorrows(clock)
    [key] = await noon.site.parts.keys.living()
    assert await noon.site.parts.destroying.renew(key)

    await noon.site.tend()

    assert noon.day_keys() == [day]
    assert [leaf.get("gen", 1) for leaf in await noon.leaves("KEK+")] == [1, 2]


async def test_a_database_older_than_the_key_takes_it_over(noon, clock):
    """Made after the copy was: it is announced anew, and dies on its day."""
    day = tomorrows(clock)
    await noon.site.keys.make(f"audio-{day}")

    await noon.close()
    await noon.open()

    assert await announced(noon) == [day.isoformat()]
    clock.advance(days=KEPT + 2)
    await noon.site.sweep()
    assert noon.day_keys() == []
    assert len(await noon.leaves("KEK-")) == 1
