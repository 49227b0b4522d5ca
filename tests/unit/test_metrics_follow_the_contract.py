"""What is served: only the contract, all of it, and nothing that names a call."""

import re
import subprocess
from collections.abc import Iterator

import pytest
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_text
from prometheus_client.samples import Sample

from proxy.metrics import SiteMetrics
from proxy.metrics_contract import CONTRACT, MAX_STRATA, Key, SiteLabels, keys_of_site
from tests.peers import need

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
TECHNICAL = ("process_", "python_info")
SITE = "cabinet"
STRATA = [f"group{letter}_in" for letter in "abcdefghij"]


@pytest.fixture
def metrics() -> SiteMetrics:
    declared = SiteMetrics()
    declared.declare(SITE, ["cardio_in", "cardio_out"])
    declared.publish(SITE, {})
    return declared


def served(metrics: SiteMetrics) -> Iterator[Sample]:
    page, _ = metrics.render("")
    for family in parse_text(page.decode()):
        yield from family.samples


def series(metrics: SiteMetrics) -> dict[Key, float]:
    """What is served, without a histogram's count: it is that of its last bucket."""
    found = {}
    for sample in served(metrics):
        name = sample.name.removeprefix("ponctuel_")
        if name != sample.name and not name.endswith("_count"):
            labels = dict(sample.labels)
            assert labels.pop("site") == SITE
            found[name, *sorted(labels.values())] = sample.value
    return found


def test_every_series_of_the_contract_is_served_at_zero_before_anything_happens(
    metrics,
):
    labels = SiteLabels(("cardio_in", "cardio_out"))

    found = series(metrics)

    assert found.keys() == {(key[0], *sorted(key[1:])) for key in keys_of_site(labels)}
    assert set(found.values()) == {0.0}


def test_nothing_is_served_of_a_site_before_its_first_publication():
    metrics = SiteMetrics()
    metrics.declare(SITE, [])
    metrics.set_now(SITE, {("incidents_open",): 1})

    before = series(metrics)
    metrics.publish(SITE, {})

    # Zeros would look like a restart, and what follows like so many new calls.
    assert before == {}
    assert series(metrics)["incidents_open",] == 1


def test_nothing_but_the_contract_and_the_process_itself_is_served(metrics):
    contract = {f"ponctuel_{key[0]}" for key in keys_of_site(SiteLabels())}

    names = {sample.name for sample in served(metrics)}

    ours = {name for name in names if not name.startswith(TECHNICAL)}
    assert ours - {"ponctuel_request_days_count"} <= contract
    assert len(CONTRACT) == 61


def test_a_site_with_the_most_strata_stays_within_five_hundred_series():
    metrics = SiteMetrics()

    metrics.declare(SITE, STRATA)
    metrics.publish(SITE, {})

    assert len(STRATA) == MAX_STRATA
    assert len(list(served(metrics))) <= 500


def test_the_time_a_counter_was_born_is_never_served(metrics):
    metrics.publish(SITE, {("recorded_total", "cardio_in"): 1})

    for accept in ("", OPENMETRICS):
        assert b"_created" not in metrics.render(accept)[0]


def test_no_sample_carries_an_exemplar_or_a_time_of_its_own(metrics):
    page, _ = metrics.render(OPENMETRICS)

    samples = [
        sample
        for family in parse_openmetrics(page.decode())
        for sample in family.samples
    ]
    assert samples
    assert all(
        sample.exemplar is None and sample.timestamp is None for sample in samples
    )


@pytest.mark.parametrize(
    "name", ["0612345678", "l-06-12-34-56-78", "Dr Martin", "", "a" * 33]
)
def test_a_site_code_that_could_name_a_person_or_a_number_is_refused(name):
    with pytest.raises(ValueError, match="cannot be a label"):
        SiteMetrics().declare(name, [])


@pytest.mark.parametrize("name", ["cardio", "0612345678_in", "cardio_IN", "_in"])
def test_a_stratum_that_is_not_a_line_group_and_a_direction_is_refused(name):
    with pytest.raises(ValueError, match="cannot be a label"):
        SiteMetrics().declare(SITE, [name])


def test_an_eleventh_stratum_is_refused():
    with pytest.raises(ValueError, match="more than 10 strata"):
        SiteMetrics().declare(SITE, [*STRATA, "groupk_in"])


def test_a_new_policys_strata_are_counted_from_then_on_beside_those_that_stay(metrics):
    metrics.publish(SITE, {("calls_total", "cardio_in"): 7})

    metrics.set_strata(SITE, ["cardio_in", "tests_out"])

    found = series(metrics)
    assert found["calls_total", "cardio_in"] == 7
    assert found["tokens", "tests_out"] == 0
    assert ("calls_total", "cardio_out") not in found


def test_days_to_an_answer_are_served_as_a_histogram(metrics):
    days = {"2.0": 1, "8.0": 4, "15.0": 4, "30.0": 5, "60.0": 5, "90.0": 6, "+Inf": 6}
    batch = {("request_days_bucket", bound): n for bound, n in days.items()}

    metrics.publish(SITE, batch | {("request_days_sum",): 104})

    page, _ = metrics.render("")
    (family,) = [
        found
        for found in parse_text(page.decode())
        if found.name == "ponctuel_request_days"
    ]
    assert family.type == "histogram"
    told = {s.labels.get("le", s.name[22:]): s.value for s in family.samples}
    assert told == days | {"count": 6, "sum": 104}


def test_a_site_is_declared_once(metrics):
    with pytest.raises(ValueError, match="declared twice"):
        metrics.declare(SITE, [])


def test_no_label_holds_nine_digits_in_a_row(metrics):
    page, _ = metrics.render("")

    labels = re.findall(r'="([^"]*)"', page.decode())
    assert labels
    assert not [label for label in labels if re.search(r"\d{9}", label)]


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", "text/plain; version=0.0.4"),
        (OPENMETRICS, "application/openmetrics-text; version=1.0.0"),
        ("application/openmetrics-text; version=x", "text/plain; version=0.0.4"),
    ],
)
def test_the_scraper_gets_the_format_it_asks_for(metrics, accept, kind):
    _, content_type = metrics.render(accept)

    assert content_type.startswith(kind)


def test_promtool_finds_nothing_to_say_but_that_the_law_counts_in_days_and_hours(
    metrics,
):
    promtool = need("promtool", "apt-get install prometheus")
    page, _ = metrics.render("")

    verdict = subprocess.run(  # our own page, to a tool found by name
        [promtool, "check", "metrics"], input=page, capture_output=True, check=False
    )

    remarks = verdict.stderr.decode().splitlines()
    assert {remark.split(" ", 1)[0] for remark in remarks} == {
        "ponctuel_dpia_days_left",
        "ponctuel_hds_days_left",
        "ponctuel_incident_hours_left",
        "ponctuel_request_days",
        "ponctuel_requests_days_left",
    }
    assert all('use base unit "seconds"' in remark for remark in remarks)
