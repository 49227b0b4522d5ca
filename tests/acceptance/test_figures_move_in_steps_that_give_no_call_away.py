"""What moves with calls moves at the interval, alike on all replicas (R40)."""

import re

import asyncpg
import pytest

from proxy.errors import DatabaseUnavailableError
from proxy.ledger.stopping import Party, set_stop
from proxy.metrics_contract import (
    CONTRACT,
    Kind,
    Publication,
    SiteLabels,
    keys_of_site,
)
from proxy.publication.sources import Sources
from tests.fakes.call_centre import SITE

INTERVAL = 900
METRICS = {"port": 0, "interval_seconds": INTERVAL}
BATCH = {m.name for m in CONTRACT if m.publication is Publication.BATCH}
# Nothing counts these yet; they are 0 until something does.
LATER = {
    *("holds", "holds_expired", "restore_drill_timestamp_seconds"),
    *("requests_open", "requests_overdue", "access_alerts_open"),
    *("break_glass_unreviewed", "reviews_overdue"),
}
pytestmark = pytest.mark.usefixtures("unhurried")


async def seen(centre, service=None):
    """What a replica shows: its figures by name and labels."""
    address = (service or centre.service).metrics_address
    page = (await centre.ask("GET", f"{address}/metrics")).body
    lines = re.findall(r"^ponctuel_(\w+)\{([^}]*)\} (\S+)$", page, re.MULTILINE)
    return {(name, labels): float(value) for name, labels, value in lines}


async def calls(centre, service=None):
    shown = await seen(centre, service)
    return sum(value for (name, _), value in shown.items() if name == "calls_total")


async def look(service):
    """What a replica does of itself every few seconds."""
    for publication in service._publications:
        await publication.publish()


async def an_open_breaker(centre):
    async with centre.site.ledger.transaction() as change:
        await set_stop(change, Party.BREAKER, is_on=True)


async def test_a_breaker_shows_at_once_while_calls_wait_for_a_quarter_of_an_hour(
    centre, clock
):
    service = await centre.open(metrics=METRICS)
    await centre.stop_worker()
    await look(service)
    before = await seen(centre)

    await centre.start_call()
    await an_open_breaker(centre)
    clock.advance(seconds=INTERVAL - 1)
    await look(service)
    waiting = await seen(centre)
    clock.advance(seconds=1)
    await look(service)
    after = await seen(centre)

    moved = {name for name, _ in before if name in BATCH} & {
        key[0] for key in before if waiting[key] != before[key]
    }
    assert moved == set()
    assert waiting["breaker_open", f'cause="sr",site="{SITE}"'] == 1
    total = sum(value for (name, _), value in after.items() if name == "calls_total")
    assert total == 1


async def test_two_replicas_take_no_steps_in_between_each_others(centre, clock):
    first = await centre.open(metrics=METRICS)
    await centre.stop_worker()
    clock.advance(seconds=INTERVAL // 2)
    second = await centre.open(metrics=METRICS)
    await centre.stop_worker()
    shown = []

    for _ in range(4):
        await centre.start_call()
        for service in (first, second):
            await look(service)
        shown.append((await calls(centre, first), await calls(centre, second)))
        clock.advance(seconds=INTERVAL // 2)

    assert shown == [(0, 0), (2, 2), (2, 2), (4, 4)]
    assert await seen(centre, first) == await seen(centre, second)


async def test_a_service_that_comes_back_shows_what_was_last_published(centre, clock):
    await centre.open(metrics=METRICS)
    await centre.start_call()
    await centre.service.publish()
    before = await seen(centre)
    await centre.start_call()
    await centre.close()

    clock.advance(seconds=60)
    await centre.open(metrics=METRICS)

    after = await seen(centre)
    assert {key[0] for key in before if after[key] != before[key]} & BATCH == set()


async def test_figures_are_there_as_soon_as_the_service_is_ready(centre):
    await centre.open(metrics=METRICS)

    shown = await seen(centre)

    names = {name for name, _ in shown}
    assert {metric.series[0] for metric in CONTRACT} - names == {
        "witness_cosign_timestamp_seconds"  # nobody is configured
    }


async def test_a_policys_strata_get_series_of_their_own(centre, clock):
    strata = {"vip_in": {"queues": ["vip"], "rate": "5%", "ceiling": "6%"}}
    await centre.open(metrics=METRICS, policy=centre.policy(strata=strata))
    await centre.stop_worker()
    await centre.start_call(queue="vip")
    await centre.start_call()

    clock.advance(seconds=INTERVAL)
    await look(centre.service)

    shown = await seen(centre)
    of = f'site="{SITE}",stratum='
    assert shown["calls_total", f'{of}"vip_in"'] == 1
    assert shown["calls_total", f'{of}"cardio_in"'] == 1
    assert shown["probability_ppm", f'{of}"vip_in"'] == 50_000


async def test_a_source_that_fails_hides_no_other_and_lets_the_snapshot_grow_old(
    centre, clock
):
    service = await centre.open(metrics=METRICS)
    await centre.stop_worker()
    await look(service)
    before = await seen(centre)
    owner = await asyncpg.connect(centre.dsn)
    await owner.execute("ALTER TABLE inventories RENAME TO away")
    await an_open_breaker(centre)
    clock.advance(seconds=INTERVAL)

    with pytest.raises(DatabaseUnavailableError):
        await look(service)
    during = await seen(centre)
    await owner.execute("ALTER TABLE away RENAME TO inventories")
    await owner.close()
    await look(service)
    after = await seen(centre)

    stamp = "publication_timestamp_seconds", f'site="{SITE}"'
    assert during["breaker_open", f'cause="sr",site="{SITE}"'] == 1
    assert during[stamp] == before[stamp]
    assert after[stamp] == before[stamp] + INTERVAL


async def test_a_clock_that_was_far_ahead_keeps_nobody_from_publishing(centre, clock):
    service = await centre.open(metrics=METRICS)
    await centre.stop_worker()
    clock.advance(days=30)
    await look(service)
    clock.advance(days=-30)

    await look(service)

    shown = await seen(centre)
    stamp = "publication_timestamp_seconds", f'site="{SITE}"'
    assert shown[stamp] == clock().timestamp()


async def test_every_figure_has_a_source_and_every_source_keeps_to_the_contract(house):
    now = house.clock()
    (publication,) = house.service._publications
    figures, strata = await publication._counted(now)
    for source in Sources(house.site).all():
        figures |= await source(now)

    known = set(keys_of_site(SiteLabels(strata)))
    gauges = {
        key
        for metric in CONTRACT
        if metric.kind is Kind.GAUGE and metric.name not in LATER
        for key in metric.keys(SiteLabels(strata))
    }
    assert figures.keys() - known == set()
    assert gauges - figures.keys() == {
        ("publication_timestamp_seconds",),  # the snapshot's own
    }


async def test_signed_heads_take_no_shorter_steps_than_the_figures(centre, clock):
    await centre.open(metrics=METRICS)
    await centre.stop_worker()
    sizes = []

    for seconds in (0, INTERVAL - 1, 1):
        await centre.start_call()
        clock.advance(seconds=seconds)
        await centre.site.tend()
        sizes.append(await centre.value("SELECT max(size) FROM checkpoints"))

    assert sizes[0] == sizes[1] < sizes[2]
