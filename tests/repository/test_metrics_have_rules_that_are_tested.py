"""Every figure has a rule, every rule a fault it fires on, and silence is noticed."""

import re
import runpy
from pathlib import Path

import pytest
import yaml

from proxy.metrics_contract import CONTRACT, SiteLabels
from tests.fakes.promql import contract_names, series_of
from tests.repository.rule_scenarios import FAULTS
from tests.repository.rule_tests import FOLDER as RULE_TESTS
from tests.repository.rule_tests import files

PROMETHEUS = Path(__file__).parents[2] / "deploy/prometheus"
NAMES = {metric.full_name for metric in CONTRACT}
BY_NAME = {metric.full_name: metric for metric in CONTRACT}
SECONDS = {"m": 60, "h": 3600, "d": 86400}
AGAINST_SILENCE = {"PonctuelSiteSilent", "PonctuelSeriesMissing"}
WITHOUT_A_LIMIT = "ponctuel_requests_open"
OPTIONAL = "ponctuel_witness_cosign_timestamp_seconds"


def groups() -> list[dict]:
    texts = [file.read_text() for file in sorted(PROMETHEUS.glob("rules/*.yml"))]
    return [group for text in texts for group in yaml.safe_load(text)["groups"]]


def alerts() -> list[dict]:
    return [rule for group in groups() for rule in group["rules"] if "alert" in rule]


def faults() -> list[dict]:
    return [rule for rule in alerts() if rule["alert"] not in AGAINST_SILENCE]


def read_by(rule: dict) -> set[str]:
    return contract_names(series_of(rule["expr"]))


def test_rules_read_no_series_outside_the_contract():
    rules = [rule for group in groups() for rule in group["rules"]]

    assert set().union(*map(read_by, rules)) - NAMES == set()


@pytest.mark.parametrize("name", sorted(NAMES - {WITHOUT_A_LIMIT}))
def test_every_figure_has_a_rule_of_its_own(name):
    assert [rule["alert"] for rule in faults() if name in read_by(rule)]


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_figure_is_missed_when_it_is_absent_everywhere_or_at_one_site(name):
    (rule,) = [
        rule
        for rule in alerts()
        if rule["alert"] == "PonctuelSeriesMissing" and rule["labels"]["metric"] == name
    ]

    series = "ponctuel_" + BY_NAME[name].series[0]
    assert name in read_by(rule)
    assert f"unless group by (site) ({series})" in rule["expr"]
    # A site may have no witness, so that nobody at all may have one.
    assert (f"absent({series})" in rule["expr"]) == (name != OPTIONAL)


def test_the_rules_against_silence_are_those_of_the_contract():
    made = runpy.run_path(str(PROMETHEUS / "make_silence.py"))

    assert (PROMETHEUS / "rules/silence.yml").read_text() == made["text"]()


def test_every_alert_has_a_name_of_its_own_and_a_test_in_which_it_fires():
    tested = [fault.alert for topic in FAULTS.values() for fault in topic]

    assert sorted(tested) == sorted(rule["alert"] for rule in faults())
    assert len(set(tested)) == len(tested)


def test_the_tests_of_the_rules_are_those_written_from_the_faults():
    kept = {file.name: file.read_text() for file in RULE_TESTS.iterdir()}

    assert kept == files()


def test_every_alert_says_in_two_languages_what_happened_and_what_to_do():
    for rule in alerts():
        said = rule["annotations"]
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}
        assert said.keys() == {"summary", "summary_fr", "runbook", "runbook_fr"}
        assert all(len(text) > 20 for text in said.values())


def test_rules_name_only_label_values_that_exist():
    everything = SiteLabels((), ("dpo", "cse", "public"))
    for rule in alerts():
        values = {
            value
            for name in read_by(rule)
            for key in BY_NAME[name].keys(everything)
            for value in key[1:]
        }
        for operator, value in re.findall(r'\{\w+(=~?)"([^"]+)"\}', rule["expr"]):
            pattern = re.compile(value if operator == "=~" else re.escape(value))
            assert any(map(pattern.fullmatch, values)), rule["alert"]


def test_no_rule_looks_at_less_than_four_of_the_longest_intervals():
    for rule in alerts():
        for number, unit in re.findall(r"\[(\d+)([mhd])\]", rule["expr"]):
            assert int(number) * SECONDS[unit] >= 3600


def test_no_rule_is_looked_at_so_rarely_that_its_alert_would_blink():
    for group in groups():
        number, unit = re.fullmatch(r"(\d+)(m)", group.get("interval", "1m")).groups()
        assert int(number) * SECONDS[unit] < 300


def test_a_rule_that_uses_a_months_sum_is_looked_at_right_after_it_was_made():
    for group in groups():
        made = [rule["record"] for rule in group["rules"] if "record" in rule]
        asked = {
            name
            for rule in group["rules"]
            for name in series_of(rule["expr"])
            if name.startswith("site:")
        }
        assert asked <= set(made)
