"""When a change shows: with the batch for calls, at once for the system."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families as parse_text

from proxy.metrics import SiteMetrics
from proxy.metrics_contract import Key

SITE = "cabinet"
CALLS: Key = ("calls_total", "other_in")
TOKENS: Key = ("tokens", "all")
INCIDENTS: Key = ("incidents_open",)
UNSOLICITED: Key = ("unsolicited_recordings_total",)


@pytest.fixture
def metrics() -> SiteMetrics:
    return declared(SITE)


def declared(*sites: str) -> SiteMetrics:
    metrics = SiteMetrics()
    for site in sites:
        metrics.declare(site, [])
        metrics.publish(site, {})
    return metrics


def value(metrics: SiteMetrics, key: Key, site: str = SITE) -> float:
    page, _ = metrics.render("")
    (found,) = [
        sample.value
        for family in parse_text(page.decode())
        for sample in family.samples
        if sample.name == f"ponctuel_{key[0]}"
        and sample.labels["site"] == site
        and set(key[1:]) <= set(sample.labels.values())
    ]
    return found


def test_call_figures_stand_still_while_an_incident_shows_at_the_next_scrape(metrics):
    metrics.publish(SITE, {CALLS: 100, TOKENS: 7})

    metrics.set_now(SITE, {INCIDENTS: 1})

    assert value(metrics, CALLS) == 100
    assert value(metrics, TOKENS) == 7
    assert value(metrics, INCIDENTS) == 1


def test_publishing_a_batch_leaves_compliance_figures_alone(metrics):
    metrics.set_now(SITE, {INCIDENTS: 1})

    metrics.publish(SITE, {CALLS: 100})

    assert value(metrics, INCIDENTS) == 1


def test_a_gauge_that_is_left_out_of_a_batch_reads_zero(metrics):
    metrics.publish(SITE, {TOKENS: 7})

    metrics.publish(SITE, {CALLS: 1})

    assert value(metrics, TOKENS) == 0


def test_a_figure_about_calls_cannot_be_shown_between_batches(metrics):
    with pytest.raises(ValueError, match="not published as 'now'"):
        metrics.set_now(SITE, {CALLS: 1})


def test_a_compliance_figure_cannot_be_held_back_for_a_batch(metrics):
    with pytest.raises(ValueError, match="not published as 'batch'"):
        metrics.publish(SITE, {INCIDENTS: 1})


@pytest.mark.parametrize(
    "key",
    [
        ("calls_by_agent_total",),
        ("calls_total", "0612345678"),
        ("calls_total",),
        ("binomial_excess", "breaker", "10000"),
        ("tokens", "cardio_in"),
    ],
)
def test_a_name_or_label_outside_the_contract_is_refused(metrics, key):
    with pytest.raises(ValueError, match="not in the metrics contract"):
        metrics.publish(SITE, {key: 1})


def test_a_refused_batch_changes_nothing(metrics):
    metrics.publish(SITE, {CALLS: 100})

    with pytest.raises(ValueError, match="not a number"):
        metrics.publish(SITE, {CALLS: 200, TOKENS: float("nan")})

    assert value(metrics, CALLS) == 100


def test_an_undeclared_site_is_refused(metrics):
    with pytest.raises(ValueError, match="never declared"):
        metrics.publish("elsewhere", {CALLS: 1})


def test_two_sites_keep_their_own_figures():
    metrics = declared("north", "south")

    metrics.publish("north", {CALLS: 5})

    assert value(metrics, CALLS, "north") == 5
    assert value(metrics, CALLS, "south") == 0


@settings(max_examples=25, deadline=None)  # each reads whole pages
@given(st.lists(st.integers(min_value=0, max_value=10**9), min_size=1, max_size=9))
def test_a_counter_never_goes_back_whatever_order_snapshots_arrive_in(counts):
    metrics = declared(SITE)
    seen = []

    for count in counts:
        metrics.publish(SITE, {CALLS: count})
        metrics.set_now(SITE, {UNSOLICITED: count})
        seen.append((value(metrics, CALLS), value(metrics, UNSOLICITED)))

    assert seen == sorted(seen)
    assert seen[-1] == (max(counts), max(counts))
