"""A million calls and 500 agents: no more series, and no dearer, than an empty site."""

import time

import pytest

from tests.fakes.call_centre import SITE
from tests.fakes.large_site import fill

ROUNDS = 15
MOST_SERIES = 500
pytestmark = [pytest.mark.timeout(300), pytest.mark.slow, pytest.mark.acceptance]


async def least_seconds(act):
    """The least of some rounds: what it costs when nothing else runs."""
    found = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        await act()
        found.append(time.perf_counter() - begun)
    return min(found)


async def costs(house):
    """Of one scrape over HTTP, and of asking for all that it shows."""

    async def scrape():
        return await house.ask("GET", f"{house.service.metrics_address}/metrics")

    return await least_seconds(scrape), await least_seconds(house.service.publish)


@pytest.mark.alone
async def test_a_million_calls_cost_a_scrape_nothing_more(house):
    await house.stop_worker()
    before = await costs(house)

    await fill(house.dsn, SITE, house.clock())
    after = await costs(house)

    reply = await house.ask("GET", f"{house.service.metrics_address}/metrics")
    series = [line for line in reply.body.splitlines() if not line.startswith("#")]
    assert f'ponctuel_calls_total{{site="{SITE}",stratum="cardio_in"}} 1e+06' in series
    assert len(series) <= MOST_SERIES
    # A look at every row would take hundreds of times as long.
    assert after[0] < 3 * before[0] + 0.005, (before, after)
    assert after[1] < 3 * before[1] + 0.02, (before, after)
