"""What the documents promise of "large" and "small" follows from their numbers."""

from datetime import date, timedelta

import pytest

from proxy.policy_document import PolicyPart
from sampling.policy import Purpose, SamplingPolicy, faults
from sampling.presets import PRESETS

STARTS = date(2026, 11, 1)


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_lawful(name):
    preset = PRESETS[name]
    policy = SamplingPolicy(
        version=1,
        purpose=Purpose.TRAINING,
        rate_ppm=preset.rate_ppm,
        budget=preset.budget,
        starts_on=STARTS,
        ends_on=STARTS + timedelta(days=28),
        max_seconds=600,
        kept_days=30,
        announcement="",
        opt_out_key="9",
    )

    assert faults(policy) == []


@pytest.mark.parametrize(
    ("name", "calls", "most"),
    [("large", 1_000, 70), ("large", 10_000, 250), ("small", 1_000, 25)],
)
def test_no_more_than_promised_of_any_run_of_calls_can_be_recorded(name, calls, most):
    assert PRESETS[name].budget.bound(calls) == most


@pytest.mark.parametrize(
    ("name", "figures"),
    [("large", (18_000, 20_000, 50, 20)), ("small", (10_000, 20_000, 5, 1))],
)
def test_naming_a_preset_sets_rate_and_budget(name, figures):
    part = PolicyPart.model_validate({"preset": name, "starts_on": STARTS})

    policy = part.to_policy(1)

    budget = policy.budget
    assert (
        policy.rate_ppm,
        budget.ceiling_ppm,
        budget.burst,
        budget.smooth,
    ) == figures


def test_a_key_written_out_wins_over_the_preset():
    given = {"preset": "small", "rate": "1.5%", "burst": 8, "starts_on": STARTS}

    policy = PolicyPart.model_validate(given).to_policy(1)

    assert policy.rate_ppm == 15_000
    assert (policy.budget.burst, policy.budget.smooth) == (8, 1)


def test_a_preset_does_not_excuse_from_the_limits():
    given = {"preset": "large", "burst": 90, "starts_on": STARTS}

    with pytest.raises(ValueError, match="at most 100"):
        PolicyPart.model_validate(given)


@pytest.mark.parametrize("preset", ["medium", "", 1, [], {}])
def test_an_unknown_preset_is_refused(preset):
    given = {"preset": preset, "rate": "1%", "starts_on": STARTS}

    with pytest.raises(ValueError, match="'large' or 'small'"):
        PolicyPart.model_validate(given)


def test_without_a_preset_the_rate_must_be_given():
    with pytest.raises(ValueError, match="rate\n  Field required"):
        PolicyPart.model_validate({"starts_on": STARTS})


def test_coverage_becomes_part_of_the_policy():
    wish = {"calls_per_agent": 150, "lowest": "0.4%", "highest": "4%"}
    given = {"preset": "large", "starts_on": STARTS, "coverage": wish}

    coverage = PolicyPart.model_validate(given).to_policy(1).coverage

    assert coverage is not None
    assert (coverage.at_least, coverage.expected_calls) == (1, 150)
    assert (coverage.min_ppm, coverage.max_ppm) == (4_000, 40_000)


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({}, "coverage.calls_per_agent"),
        ({"calls_per_agent": 150, "highest": "6%"}, "coverage.highest"),
        ({"calls_per_agent": 150, "highest": 5}, "ambiguous"),
        ({"calls_per_agent": 150, "force": True}, "coverage.force"),
    ],
)
def test_a_wish_that_cannot_be_right_is_refused(wish, said):
    given = {"preset": "large", "starts_on": STARTS, "coverage": wish}

    with pytest.raises(ValueError, match=said):
        PolicyPart.model_validate(given)
