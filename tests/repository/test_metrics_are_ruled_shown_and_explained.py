"""The metrics contract against the alert rules, the dashboard and docs/metrics.md."""

import json
import re
import subprocess
from itertools import combinations
from pathlib import Path

import pytest
import yaml

from proxy.metrics_contract import CONTRACT, Metric
from tests.peers import need

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy/prometheus/rules/ponctuel.yml"
RULE_TESTS = ROOT / "deploy/prometheus/tests/ponctuel_test.yml"
GRAFANA = ROOT / "deploy/grafana"
PAGE = (ROOT / "docs/metrics.md").read_text()
NAMES = {metric.full_name for metric in CONTRACT}
AGAINST_SILENCE = {"PonctuelSiteSilent", "PonctuelSiteIncomplete"}
SECONDS = {"m": 60, "h": 3600, "d": 86400}


def rules() -> list[dict]:
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def fault_rules() -> list[dict]:
    return [
        rule
        for rule in rules()
        if rule["alert"] not in AGAINST_SILENCE | {"PonctuelSeriesMissing"}
    ]


def panels() -> list[dict]:
    return json.loads((GRAFANA / "dashboards/ponctuel-dpo.json").read_text())["panels"]


def panel(title: str) -> dict:
    return next(found for found in panels() if found["title"] == title)


def expressions(panel: dict) -> list[str]:
    return [target["expr"] for target in panel.get("targets", [])]


def shown() -> list[str]:
    return [expression for panel in panels() for expression in expressions(panel)]


def used(expression: str) -> set[str]:
    return set(re.findall(r"\bponctuel_[a-z_]+", expression))


# --- Rules ---------------------------------------------------------------------


def test_rules_and_dashboard_use_no_series_outside_the_contract():
    expressions = [*shown(), *(rule["expr"] for rule in rules())]
    known = NAMES | {"ponctuel_"}  # the pattern that counts a site's series

    assert not set().union(*map(used, expressions)) - known


@pytest.mark.parametrize("metric", CONTRACT, ids=lambda metric: metric.name)
def test_every_series_has_a_rule_of_its_own(metric):
    assert [rule for rule in fault_rules() if metric.full_name in used(rule["expr"])]


@pytest.mark.parametrize("metric", CONTRACT, ids=lambda metric: metric.name)
def test_every_series_is_missed_when_it_is_absent(metric):
    (rule,) = [r for r in rules() if r["expr"] == f"absent({metric.full_name})"]

    assert rule["labels"]["metric"] == metric.full_name


def test_a_site_that_lacks_a_series_is_noticed():
    (rule,) = [r for r in rules() if r["alert"] == "PonctuelSiteIncomplete"]

    assert rule["expr"].endswith(f"< {len(CONTRACT)}\n")


def test_every_fault_has_exactly_one_rule_and_a_test_in_which_it_fires():
    tests = yaml.safe_load(RULE_TESTS.read_text())["tests"]
    fired = re.findall(
        r"alertname=\"(\w+)\", site=\"north\"", json.dumps(tests).replace("\\", "")
    )

    assert sorted(fired) == sorted(rule["alert"] for rule in fault_rules())


def test_every_rule_says_what_happened_and_what_to_do():
    for rule in rules():
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}
        assert rule["annotations"].keys() == {"summary", "description"}


def test_rules_name_only_label_values_that_exist():
    for rule in rules():
        for label, value in re.findall(r'\{(\w+)="(\w+)"\}', rule["expr"]):
            metrics = [m for m in CONTRACT if m.full_name in used(rule["expr"])]
            assert any(
                m.label and m.label.name == label and value in m.label.values
                for m in metrics
            )


def test_no_rule_looks_at_less_than_an_hour():
    for rule in rules():
        for number, unit in re.findall(r"\[(\d+)([mhd])\]", rule["expr"]):
            assert int(number) * SECONDS[unit] >= 3600


def test_no_rule_is_looked_at_so_rarely_that_its_alert_would_blink():
    for group in yaml.safe_load(RULES.read_text())["groups"]:
        number, unit = re.fullmatch(r"(\d+)(m)", group.get("interval", "1m")).groups()
        assert int(number) * SECONDS[unit] < 300


# --- Dashboard -----------------------------------------------------------------


@pytest.mark.parametrize("metric", CONTRACT, ids=lambda metric: metric.name)
def test_every_series_is_on_the_dashboard(metric):
    assert [text for text in shown() if metric.full_name in used(text)]


def test_no_figure_is_counted_once_per_replica():
    for expression in shown():
        if "ALERTS" not in expression:
            guarded = re.findall(
                r"max without \(instance\) \((?:increase\()?ponctuel_", expression
            )
            assert len(guarded) == len(re.findall(r"\bponctuel_", expression))


def test_every_figure_is_of_the_chosen_site():
    for expression in shown():
        assert expression.count("$site") == max(
            1, len(re.findall("ponctuel_", expression))
        )


def test_every_panel_has_a_title_an_explanation_and_a_place_of_its_own():
    boxes = []
    for one in panels():
        place = one["gridPos"]
        across = set(range(place["x"], place["x"] + place["w"]))
        down = set(range(place["y"], place["y"] + place["h"]))
        boxes.append((across, down))
        assert one["title"]
        assert one["type"] == "row" or one["description"]
        assert max(across) < 24

    assert len({one["id"] for one in panels()}) == len(panels())
    assert not [1 for a, b in combinations(boxes, 2) if a[0] & b[0] and a[1] & b[1]]


@pytest.mark.parametrize(
    ("title", "limit"),
    [
        ("Âge de l'audio le plus ancien", 180),
        ("Retard des suppressions", 86400),
        ("Éléments expirés encore présents", 1),
        ("Budget : enregistrements encore permis", 1),
    ],
)
def test_a_fixed_limit_is_drawn_as_a_line(title, limit):
    defaults = panel(title)["fieldConfig"]["defaults"]

    assert defaults["thresholds"]["steps"][-1]["value"] == limit
    assert defaults["custom"]["thresholdsStyle"]["mode"] == "line"


@pytest.mark.parametrize(
    "title", ["Taux enregistré et plafonds", "Chance d'être enregistré"]
)
def test_a_rate_is_shown_under_the_hard_ceiling(title):
    assert any("ponctuel_hard_ceiling" in text for text in expressions(panel(title)))


def test_prometheus_can_read_every_expression_of_the_dashboard(tmp_path):
    promtool = need("promtool", "apt-get install prometheus")
    records = [
        {"record": f"panel:{number}", "expr": text.replace("$site", "north")}
        for number, text in enumerate(shown())
    ]
    groups = {"groups": [{"name": "dashboard", "rules": records}]}
    (tmp_path / "dashboard.json").write_text(json.dumps(groups))

    verdict = subprocess.run(  # our own file, to a tool found by name
        [promtool, "check", "rules", str(tmp_path / "dashboard.json")],
        capture_output=True,
        check=False,
        text=True,
    )

    assert verdict.returncode == 0, verdict.stderr


def test_grafana_is_given_the_source_the_dashboard_asks_for():
    file = (GRAFANA / "provisioning/datasources/ponctuel.yml").read_text()
    dashboard = json.loads((GRAFANA / "dashboards/ponctuel-dpo.json").read_text())

    (variable,) = [v for v in dashboard["templating"]["list"] if v["name"] == "ds"]
    sources = {s["uid"]: s["type"] for s in yaml.safe_load(file)["datasources"]}
    assert sources[variable["current"]["value"]] == variable["query"] == "prometheus"


# --- docs/metrics.md -----------------------------------------------------------


def rows(columns: int) -> list[list[str]]:
    """The cells of the page's table that has this many columns, without its head."""
    lines = [line for line in PAGE.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in cells if len(row) == columns][2:]


def explained(metric: Metric) -> list[str]:
    label = f"`{metric.label.name}`" if metric.label else "none"
    return [f"`{metric.full_name}`", metric.kind, label, metric.publication]


def test_the_page_for_the_dpo_lists_the_contract_in_its_order():
    assert [row[:4] for row in rows(6)] == [explained(metric) for metric in CONTRACT]


def test_the_page_says_of_every_figure_what_it_tells_and_when_to_act():
    assert all(all(row[4:]) for row in rows(6))


def test_the_page_explains_every_label_value_of_the_contract():
    listed: list[tuple[str, str, list[str]]] = []
    for name, label, value, meaning in rows(4):
        assert meaning
        if name:
            listed.append((name.strip("`"), label.strip("`"), []))
        listed[-1][2].append(value.strip("`"))

    assert listed == [
        (metric.full_name, metric.label.name, list(metric.label.values))
        for metric in CONTRACT
        if metric.label and not metric.label.has_site_strata
    ]
