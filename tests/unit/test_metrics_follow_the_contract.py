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

from proxy.metrics import MAX_STRATA, SiteMetrics
from proxy.metrics_contract import CONTRACT, Key, Publication
from tests.peers import need

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
TECHNICAL = ("process_", "python_info")
SITE = "cabinet"
STRATA = [f"group{letter}_in" for letter in "abcdefghij"]


@pytest.fixture
def metrics() -> SiteMetrics:
    declared = SiteMetrics()
    declared.declare(SITE, ["cardio_in", "cardio_out"])
    return declared


def served(metrics: SiteMetrics) -> Iterator[Sample]:
    page, _ = metrics.render("")
    for family in parse_text(page.decode()):
        yield from family.samples


def series(metrics: SiteMetrics) -> dict[Key, float]:
    found = {}
    for sample in served(metrics):
        if sample.name.startswith("ponctuel_"):
            labels = dict(sample.labels)
            assert labels.pop("site") == SITE
            (value,) = labels.values() or ("",)
            found[sample.name.removeprefix("ponctuel_"), value] = sample.value
    return found


def keys(publication: Publication, strata: tuple[str, ...] = ()) -> set[Key]:
    return {
        (metric.name, value)
        for metric in CONTRACT
        if metric.publication is publication
        for value in metric.label_values(strata)
    }


def test_every_series_of_the_contract_is_served_at_zero_before_anything_happens(
    metrics,
):
    strata = ("cardio_in", "cardio_out")

    expected = keys(Publication.BATCH, strata) | keys(Publication.NOW)
    assert series(metrics) == dict.fromkeys(expected, 0.0)


def test_nothing_but_the_contract_and_the_process_itself_is_served(metrics):
    contract = {metric.full_name for metric in CONTRACT}

    names = {sample.name for sample in served(metrics)}

    assert {name for name in names if not name.startswith(TECHNICAL)} == contract


def test_a_site_with_the_most_strata_stays_within_five_hundred_series():
    metrics = SiteMetrics()

    metrics.declare(SITE, STRATA)

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


def test_promtool_finds_nothing_to_say_about_the_page(metrics):
    promtool = need("promtool", "apt-get install prometheus")
    page, _ = metrics.render("")

    verdict = subprocess.run(  # our own page, to a tool found by name
        [promtool, "check", "metrics"], input=page, capture_output=True, check=False
    )

    assert (verdict.returncode, verdict.stderr) == (0, b"")
