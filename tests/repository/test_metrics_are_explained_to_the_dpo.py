"""docs/metrics.md: every figure, every value of its labels, every alert of day one."""

import re
from pathlib import Path

import yaml

from proxy.metrics_contract import CONTRACT, Metric

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/metrics.md").read_text()
RULES = ROOT / "deploy/prometheus/rules"


def rows(columns: int) -> list[list[str]]:
    """The cells of the page's table that has this many columns, without its head."""
    lines = [line for line in PAGE.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in cells if len(row) == columns][2:]


def explained(metric: Metric) -> list[str]:
    labels = ", ".join(f"`{label.name}`" for label in metric.labels) or "none"
    return [f"`{metric.full_name}`", metric.kind, labels, metric.publication]


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

    # What a site brings, and the verifier's words, are explained in the text before.
    assert listed == [
        (metric.full_name, label.name, list(label.values))
        for metric in CONTRACT
        for label in metric.labels
        if not label.of_site and metric.name != "verify_findings"
    ]


def test_the_page_names_only_alerts_that_exist():
    texts = [file.read_text() for file in RULES.iterdir()]
    alerts = {
        rule["alert"]
        for text in texts
        for group in yaml.safe_load(text)["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }

    named = set(re.findall(r"\bPonctuel[A-Z]\w+", PAGE))

    assert named
    assert named <= alerts
