"""The dashboards: every figure, its limit drawn, in words people understand."""

import json
import re
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import pytest
import yaml

from proxy.metrics_contract import CONTRACT
from tests.fakes.promql import contract_names, series_of

GRAFANA = Path(__file__).parents[2] / "deploy/grafana"
BOARDS = ("ponctuel-dpo", "ponctuel-operations")
NAMES = {metric.full_name for metric in CONTRACT}
PROCESS = {"process_resident_memory_bytes"}
# Each limit that is a number, as the panel that shows the figure draws it: in the
# panel's unit, and for a count of faults between none and the first.
LIMITS = {
    "manual_recordings_total": 0.01,
    "unsolicited_recordings_total": 0.5,
    "policy_refused_total": 0.5,
    "calls_total": 1,
    "void_total": 0.05,
    "tokens": 1,
    "eprocess_log10": 3,
    "binomial_excess": 0.5,
    "breaker_open": 0.5,
    "unreconciled_calls": 0.5,
    "cdr_gap_ratio": 0.005,
    "stray_objects": 0.5,
    "outcomes_overdue": 0.5,
    "reconciliation_timestamp_seconds": 36,
    "witness_cosign_timestamp_seconds": 3600,
    "quorum_ok": 0.5,
    "reveal_overdue": 0.5,
    "verify_findings": 0.5,
    "verify_success_timestamp_seconds": 26,
    "oldest_audio_age_seconds": 180,
    "expired_undeleted": 1,
    "deletions_overdue": 0.5,
    "deletion_lag_seconds": 86400,
    "kek_overdue": 0.5,
    "holds_expired": 0.5,
    "restore_drill_timestamp_seconds": 100,
    "requests_overdue": 0.5,
    "requests_days_left": 7.5,
    "access_alerts_open": 0.5,
    "break_glass_total": 0.5,
    "break_glass_unreviewed": 0.5,
    "reviews_overdue": 0.5,
    "incidents_open": 0.5,
    "incident_hours_left": 48,
    "dpia_days_left": 30,
    "hds_days_left": 60,
}
# Limits that are figures themselves, drawn as a line beside what they limit.
BESIDE = {
    "rate_lower": "rate_ceiling",
    "rate_upper": "hard_ceiling",
    "policy_rate": "hard_ceiling",
    "rate_ceiling": "hard_ceiling",
    "probability_ppm": "hard_ceiling",
    "recorded_total": "selected_total",
    "recorded_ratio_window": "window_bound_ratio",
    "window_max_ratio": "window_bound_ratio",
    "sr_log10": "sr_alarm_log10",
    "ledger_size": "ledger_size",
    "checkpoint_age_seconds": "publication_interval_seconds",
    "publication_timestamp_seconds": "publication_interval_seconds",
}
# Counted by reason: the description says for which the limit is 0.
IN_WORDS = {
    "excluded_total",
    "failed_total",
    "media_refused_total",
    "opt_outs_total",
    "plays_total",
    "request_days",
}
# Nothing is too much or too little of these.
UNLIMITED = {
    *("selected_total", "requests_open", "holds", "publication_interval_seconds"),
    *("hard_ceiling", "window_bound_ratio", "sr_alarm_log10"),
}


def board(name: str) -> dict:
    return json.loads((GRAFANA / f"dashboards/{name}.json").read_text())


def panels() -> list[dict]:
    return [panel for name in BOARDS for panel in board(name)["panels"]]


def expressions(panel: dict) -> list[str]:
    return [target["expr"] for target in panel.get("targets", [])]


def showing(name: str) -> list[dict]:
    full = f"ponctuel_{name}"
    return [
        panel
        for panel in panels()
        if any(full in contract_names(series_of(text)) for text in expressions(panel))
    ]


def limit_of(panel: dict) -> float | None:
    thresholds = panel["fieldConfig"]["defaults"].get("thresholds")
    return thresholds["steps"][-1]["value"] if thresholds else None


def is_drawn(panel: dict) -> bool:
    if panel["type"] != "timeseries":
        return True  # it turns red as a whole
    custom = panel["fieldConfig"]["defaults"].get("custom", {})
    return custom.get("thresholdsStyle", {}).get("mode") == "line"


def test_the_dashboards_are_those_that_the_generator_writes(tmp_path):
    generator = GRAFANA / "make_dashboards.py"

    subprocess.run([sys.executable, str(generator), str(tmp_path)], check=True)

    written = {file.name: file.read_text() for file in tmp_path.iterdir()}
    kept = {file.name: file.read_text() for file in (GRAFANA / "dashboards").iterdir()}
    assert kept == written
    assert kept.keys() == {f"{name}.json" for name in BOARDS}


def test_every_expression_can_be_read_and_asks_for_nothing_outside_the_contract():
    asked = {
        name
        for panel in panels()
        for text in expressions(panel)
        for name in contract_names(series_of(text))
    }

    assert asked - NAMES == {"ALERTS", *PROCESS}


@pytest.mark.parametrize("metric", CONTRACT, ids=lambda metric: metric.name)
def test_every_figure_is_on_a_dashboard(metric):
    assert showing(metric.name)


def test_every_figure_has_its_limit_in_this_list():
    listed = [*LIMITS, *BESIDE, *IN_WORDS, *UNLIMITED]

    assert {f"ponctuel_{name}" for name in listed} == NAMES


@pytest.mark.parametrize(("name", "limit"), LIMITS.items())
def test_a_limit_that_is_a_number_is_drawn(name, limit):
    drawn = [panel for panel in showing(name) if limit_of(panel) == limit]

    assert drawn
    assert all(is_drawn(panel) for panel in drawn)


@pytest.mark.parametrize(("name", "beside"), BESIDE.items())
def test_a_limit_that_is_a_figure_is_drawn_as_a_line_beside(name, beside):
    lines = [
        target["legendFormat"]
        for panel in showing(name)
        for target in panel["targets"]
        if f"ponctuel_{beside}" in contract_names(series_of(target["expr"]))
    ]

    assert [legend for legend in lines if legend.startswith("limite")]


@pytest.mark.parametrize("name", sorted(IN_WORDS))
def test_a_limit_by_reason_is_explained(name):
    said = " ".join(panel["description"] for panel in showing(name))

    assert re.search(r"Limit|does the refusal key work", said)


def test_no_figure_is_counted_once_per_replica():
    for panel in panels():
        for text in expressions(panel):
            guarded = re.findall(
                r"max without \(instance\) \((?:increase\()?(?:site:)?ponctuel_", text
            )
            named = len(re.findall(r"\bponctuel_", text))
            assert "count by (site)" in text or len(guarded) == named


def test_every_figure_is_of_the_chosen_site():
    for panel in panels():
        for text in expressions(panel):
            named = len(re.findall(r"\bponctuel_", text)) or text.count("ALERTS")
            assert text.count("$site") == named


@pytest.mark.parametrize("name", BOARDS)
def test_every_panel_has_a_title_an_explanation_and_a_place_of_its_own(name):
    boxes = []
    for one in board(name)["panels"]:
        place = one["gridPos"]
        across = set(range(place["x"], place["x"] + place["w"]))
        down = set(range(place["y"], place["y"] + place["h"]))
        boxes.append((across, down))
        assert one["title"]
        assert one["type"] == "row" or one["description"]
        assert max(across) < 24

    assert len({one["id"] for one in board(name)["panels"]}) == len(boxes)
    assert not [1 for a, b in combinations(boxes, 2) if a[0] & b[0] and a[1] & b[1]]


@pytest.mark.parametrize("name", BOARDS)
def test_grafana_is_given_the_source_a_dashboard_asks_for(name):
    file = (GRAFANA / "provisioning/datasources/ponctuel.yml").read_text()

    variables = board(name)["templating"]["list"]
    (variable,) = [found for found in variables if found["name"] == "ds"]
    sources = {s["uid"]: s["type"] for s in yaml.safe_load(file)["datasources"]}
    assert sources[variable["current"]["value"]] == variable["query"] == "prometheus"
