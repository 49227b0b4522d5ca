"""No setting overrides the ceilings that are constants of the code."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampling.budget import Budget
from sampling.gates import Line, closed_gate
from sampling.policy import (
    NO_POLICY,
    Purpose,
    SamplingPolicy,
    faults,
    parse_rate,
)
from tests.fakes.legal import LAWFUL_BASIS

FIRST = date(2026, 11, 1)
LAWFUL = SamplingPolicy(
    version=1,
    purpose=Purpose.TRAINING,
    rate_ppm=18_000,
    budget=Budget(ceiling_ppm=20_000, burst=50, smooth=20),
    starts_on=FIRST,
    ends_on=FIRST + timedelta(days=28),
    max_seconds=600,
    kept_days=30,
    announcement="Cet appel sera enregistré.",
    opt_out_key="9",
)
LINE = Line(group="cardio", basis=LAWFUL_BASIS)


@pytest.mark.parametrize(
    ("text", "ppm"),
    [("1.8%", 18_000), ("0.018", 18_000), ("0", 0), ("0%", 0), ("10 %", 100_000)],
)
def test_a_rate_is_a_percentage_or_a_fraction(text: str, ppm: int) -> None:
    assert parse_rate(text) == ppm


@pytest.mark.parametrize(
    "text", ["2", "1", "-1%", "-0.1", "two", "", "%", "nan", "inf%", "0.00000001"]
)
def test_a_rate_that_could_be_misread_is_refused_with_a_suggestion(text: str) -> None:
    with pytest.raises(ValueError, match=r"rate|ambiguous|finer"):
        parse_rate(text)


@given(st.integers(0, 1_000_000))
def test_a_rate_written_as_a_fraction_is_read_back_exactly(ppm: int) -> None:
    if ppm < 1_000_000:
        assert parse_rate(f"0.{ppm:06d}") == ppm


def test_a_lawful_policy_has_no_faults() -> None:
    assert faults(LAWFUL) == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"rate_ppm": 100_001}, "rate"),
        ({"rate_ppm": 20_001}, "rate"),
        ({"budget": Budget(100_001, 0, 0)}, "ceiling"),
        ({"budget": Budget(100_000, 50, 20)}, "burst"),
        ({"budget": Budget(60_000, 50, 20)}, "burst"),
        ({"budget": Budget(20_000, 50, 51)}, "smooth"),
        ({"budget": Budget(20_000, 50, 0)}, "smooth"),
        ({"ends_on": FIRST}, "ends_on"),
        ({"ends_on": FIRST + timedelta(days=93)}, "ends_on"),
        ({"max_seconds": 0}, "max_seconds"),
        ({"max_seconds": 3601}, "max_seconds"),
        ({"kept_days": 0}, "kept_days"),
        ({"kept_days": 181}, "kept_days"),
    ],
)
def test_whatever_passes_a_limit_is_refused_naming_the_field(
    change: dict[str, object], field: str
) -> None:
    found = faults(replace(LAWFUL, **change))

    assert field in [fault.field for fault in found]


@given(st.integers(0, 200_000), st.integers(0, 200_000), st.integers(0, 200))
def test_no_accepted_policy_allows_more_than_100_of_1000_calls(
    rate: int, ceiling: int, burst: int
) -> None:
    candidate = replace(
        LAWFUL, rate_ppm=rate, budget=Budget(ceiling, burst, max(1, burst))
    )

    if not faults(candidate):
        assert candidate.budget.bound(1000) <= 100
        assert rate <= 100_000


def test_without_a_policy_nothing_may_be_drawn() -> None:
    assert closed_gate(NO_POLICY, LINE, FIRST) == "policy_none"


def test_an_excluded_line_is_never_drawn() -> None:
    excluded = replace(LINE, is_excluded=True)

    assert closed_gate(LAWFUL, excluded, FIRST) == "line_excluded"


@pytest.mark.parametrize(
    ("day", "code"),
    [(-1, "campaign_ended"), (0, None), (27, None), (28, "campaign_ended")],
)
def test_a_campaign_ends_by_itself(day: int, code: str | None) -> None:
    assert closed_gate(LAWFUL, LINE, FIRST + timedelta(days=day)) == code
