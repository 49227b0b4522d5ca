"""A real Prometheus reads a real service: every rule and every panel gets an answer."""

import asyncio
import json
import re
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from proxy.metrics_contract import CONTRACT, SiteLabels, keys_of_site
from tests.fakes.call_centre import SITE, until
from tests.fakes.prometheus_server import running
from tests.fakes.witnesses import witnesses
from tests.peers import need

DASHBOARDS = Path(__file__).parents[2] / "deploy/grafana/dashboards"
PAGE = (Path(__file__).parents[2] / "docs/metrics.md").read_text()
# Right on a site that runs since a minute and has nothing to find.
EMPTY_ON_A_NEW_SITE = (" offset 1h", 'verify_findings{site="$site"}) > 0')
pytestmark = pytest.mark.acceptance


def panels():
    for file in DASHBOARDS.iterdir():
        for panel in json.loads(file.read_text())["panels"]:
            for target in panel.get("targets", []):
                yield panel["title"], target["expr"]


@asynccontextmanager
async def read_by_prometheus(centre, folder):
    """A Prometheus that reads the service opened last."""
    program = need("prometheus", "apt-get install prometheus")
    address = centre.service.metrics_address
    with running(program, folder, address, centre.http) as prometheus:
        await until(prometheus.is_ready, "Prometheus")
        yield prometheus


@pytest.fixture
async def watched(centre, clock, tmp_path):
    """A service with a witness in its settings, and its Prometheus."""
    clock.now = datetime.now(UTC)
    plan = centre.plan()["sites"][SITE]
    with witnesses(tmp_path, clock, "dpo") as (witness,):
        named = {"url": "http://127.0.0.1:9", "key": witness.make(), "role": "dpo"}
        await centre.open(sites={SITE: plan | {"witnesses": [named]}})
        await centre.stop_worker()
        async with read_by_prometheus(centre, tmp_path) as prometheus:
            yield prometheus


async def seen_to_grow(centre, prometheus):
    """Calls come, are published, and are read a second time."""
    calls = f'sum(increase(ponctuel_calls_total{{site="{SITE}"}}[1h]))'
    known = f'count(ponctuel_calls_total{{site="{SITE}"}})'
    await until(lambda: prometheus.query(known), "the first scrape")
    await asyncio.gather(*(centre.start_call() for _ in range(40)))
    await centre.site.tend()
    await centre.site.verify_self()
    await centre.service.publish()

    async def have_grown():
        (found,) = await prometheus.query(calls) or [{"value": (0, "0")}]
        return float(found["value"][1]) > 0

    await until(have_grown, "calls that grow")


async def test_every_panel_of_every_dashboard_gets_its_figures(centre, watched):
    await seen_to_grow(centre, watched)
    month = "site:ponctuel_calls:increase30d > 0"
    await until(lambda: watched.query(month), "a month's sum")

    answers = {
        (title, text): await watched.query(text.replace("$site", SITE))
        for title, text in panels()
    }

    empty = [key for key, found in answers.items() if not found]
    unexpected = [
        key for key in empty if not any(text in key[1] for text in EMPTY_ON_A_NEW_SITE)
    ]
    assert unexpected == []


async def test_every_series_of_the_contract_reaches_prometheus(centre, watched):
    await seen_to_grow(centre, watched)
    labels = SiteLabels(tuple(centre.site.config.strata), ("dpo",))

    found = await watched.query(f'{{__name__=~"ponctuel_.+", site="{SITE}"}}')

    names = {row["metric"]["__name__"].removeprefix("ponctuel_") for row in found}
    known = {name for metric in CONTRACT for name in metric.series}
    assert names == known | {"request_days_count"}
    # A histogram's count is the one series that has no key of its own.
    assert len(found) == len(list(keys_of_site(labels))) + 1


async def test_prometheus_evaluates_every_rule_without_a_complaint(centre, watched):
    await seen_to_grow(centre, watched)

    async def are_evaluated():
        rules = await watched.rules()
        return all(rule["health"] != "unknown" for rule in rules) and rules

    rules = await until(are_evaluated, "rules that were looked at")

    assert [rule for rule in rules if rule["health"] != "ok"] == []
    for rule in rules:
        await watched.query(rule["query"])


async def test_what_a_new_site_is_told_on_its_first_day_is_written_down(
    centre, clock, tmp_path
):
    """Of alerts that wait before they fire, too: they would, if nobody did a thing."""
    clock.now = datetime.now(UTC)
    plan = centre.plan()["sites"][SITE]
    bare = {name: {"practice": "cardio"} for name in plan["line_groups"]}
    await centre.open(
        sites={SITE: plan | {"line_groups": bare}},
        metrics={"port": 0, "interval_seconds": 60},
    )
    await centre.stop_worker()
    await centre.site.tend()
    await centre.site.verify_self()
    await centre.service.publish()
    section = PAGE.partition("## The first day")[2].partition("\n## ")[0]
    written = set(re.findall(r"^\| `(Ponctuel\w+)`", section, re.MULTILINE))

    async with read_by_prometheus(centre, tmp_path) as prometheus:

        async def told():
            alerts = (await prometheus.ask("alerts"))["alerts"]
            return {alert["labels"]["alertname"] for alert in alerts}

        await until(told, "alerts")
        seen = [await told()]

        async def are_those_written():
            seen.append(await told())
            return seen[-1] == written

        await until(are_those_written, f"the alerts written down; saw {seen}")
