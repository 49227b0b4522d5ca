"""Nothing is drawn before every answer the law asks for is given, and in force.

GDPR Art. 6, 9, 35; Labour Code L.1222-4, L.2312-38; Public Health Code L.1111-8.
"""

import math
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.governance.gates import NAMES, State, figures, report
from sampling.budget import Budget
from sampling.gates import Line, closed_gate, closed_line_gate
from sampling.legal import LegalBasis, Reference
from sampling.policy import NO_POLICY, Purpose, SamplingPolicy
from tests.fakes.legal import LAWFUL_BASIS, SINCE

TODAY = date(2026, 11, 18)
TOMORROW = TODAY + timedelta(days=1)
LAWFUL = SamplingPolicy(
    version=1,
    purpose=Purpose.TRAINING,
    rate_ppm=18_000,
    budget=Budget(ceiling_ppm=20_000, burst=50, smooth=20),
    starts_on=TODAY,
    ends_on=TOMORROW,
    max_seconds=600,
    kept_days=30,
    announcement="Cet appel sera enregistré.",
    opt_out_key="9",
)
CODES = {
    "article_6": "no_basis",
    "balancing_test": "no_basis",
    "article_9": "no_basis",
    "practice_authorisation": "no_basis",
    "dpia": "no_dpia",
    "dpo_opinion": "no_dpia",
    "staff_information": "no_cse",
    "hosting": "no_hds",
}
each_reference = pytest.mark.parametrize(("name", "code"), CODES.items())


def line(**changes):
    return Line(group="cardio", basis=replace(LAWFUL_BASIS, **changes))


def changed(name, **changes):
    return line(**{name: replace(getattr(LAWFUL_BASIS, name), **changes)})


def test_with_every_reference_in_force_the_gate_is_open():
    assert closed_gate(LAWFUL, line(), TODAY) is None


@each_reference
def test_a_missing_reference_closes_the_gate(name, code):
    assert closed_gate(LAWFUL, line(**{name: None}), TODAY) == code


@each_reference
def test_a_reference_that_has_ended_closes_the_gate_on_that_very_day(name, code):
    ending = changed(name, valid_until=TOMORROW)

    assert closed_line_gate(ending, TODAY) is None
    assert closed_line_gate(ending, TOMORROW) == code


@each_reference
def test_a_reference_dated_in_the_future_does_not_open_the_gate_yet(name, code):
    coming = changed(name, dated_on=TOMORROW)

    assert closed_line_gate(coming, TODAY) == code
    assert closed_line_gate(coming, TOMORROW) is None


def test_a_dpia_without_a_day_of_review_holds_one_year():
    last_day = SINCE + timedelta(days=364)

    assert closed_line_gate(line(), last_day) is None
    assert closed_line_gate(line(), last_day + timedelta(days=1)) == "no_dpia"


def test_only_legitimate_interest_needs_a_balancing_test():
    consented = replace(LAWFUL_BASIS.article_6, kind="6-1-a")

    basis = replace(LAWFUL_BASIS, article_6=consented, balancing_test=None)

    assert basis.missing_code(TODAY) is None


def test_a_group_that_refers_to_nothing_is_never_drawn():
    assert LegalBasis().missing_code(TODAY) == "no_basis"
    assert LegalBasis().expiry is None


days = st.dates(date(2026, 1, 1), date(2030, 1, 1))


@given(ends=st.dictionaries(st.sampled_from(sorted(CODES)), days), today=days)
def test_an_open_gate_closes_on_its_expiry_and_not_a_day_before(ends, today):
    references = {
        name: replace(getattr(LAWFUL_BASIS, name), valid_until=day)
        for name, day in ends.items()
    }
    basis = replace(LAWFUL_BASIS, **references)

    if basis.missing_code(today) is None:
        assert basis.expiry
        last_day = basis.expiry.day - timedelta(days=1)
        assert basis.missing_code(last_day) is None
        assert basis.missing_code(basis.expiry.day) is not None


# --- In words ------------------------------------------------------------------------


def test_what_is_missing_or_ends_is_said_in_two_languages():
    lines = [
        line(
            article_9=None,
            dpo_opinion=replace(LAWFUL_BASIS.dpo_opinion, valid_until=TODAY),
            staff_information=replace(
                LAWFUL_BASIS.staff_information, dated_on=TOMORROW
            ),
            hosting=replace(LAWFUL_BASIS.hosting, valid_until=TOMORROW),
        )
    ]

    [group] = report(lines, LAWFUL, TODAY)

    said = {each.name: (each.state, each.words.french) for each in group.conditions}
    assert (group.is_open, group.code) == (False, "no_basis")
    assert said["article_9"][0] is State.MISSING
    assert "absente" in said["article_9"][1]
    assert said["dpo_opinion"] == (
        State.ENDED,
        "avis du DPO sur l'AIPD : a pris fin le 18/11/2026, à renouveler",
    )
    assert said["staff_information"][0] is State.NOT_YET
    assert said["hosting"][1].endswith("en vigueur, encore 1 jour")
    english = {each.name: each.words.english for each in group.conditions}
    assert english["article_9"].endswith(
        "add `article_9` with reference, on and author"
    )
    assert english["hosting"] == "hosting declaration holds for 1 more day"


def test_every_condition_has_its_words():
    assert {each.name for each in LAWFUL_BASIS.conditions} == set(NAMES)


def test_an_excluded_line_says_nothing_about_its_group_unless_all_are_excluded():
    excluded = replace(line(), is_excluded=True)
    alone = replace(excluded, group="council")

    told = report([excluded, line(), alone], LAWFUL, TODAY)

    assert [(each.group, each.code) for each in told] == [
        ("cardio", None),
        ("council", "line_excluded"),
    ]


def test_without_a_policy_the_report_says_so_before_anything_else():
    [group] = report([line()], NO_POLICY, TODAY)

    assert group.code == "policy_none"


# --- In figures ----------------------------------------------------------------------


def test_the_figures_count_down_to_the_first_review_and_the_first_certificate():
    other = replace(line(), group="kine")
    sooner = replace(changed("hosting", valid_until=TOMORROW), group="gyn")

    told = figures([line(), other, sooner], TODAY)

    review = SINCE + timedelta(days=365)
    assert told == {"dpia_days_left": (review - TODAY).days, "hds_days_left": 1}


def test_hosting_that_needs_no_certificate_never_runs_out():
    declared = Reference("on our own premises", SINCE, "dpo", kind="self_hosted")

    told = figures([line(hosting=declared)], TODAY)

    assert told["hds_days_left"] == math.inf


def test_a_missing_reference_of_a_group_in_use_counts_as_run_out():
    told = figures([line(dpia=None, hosting=None)], TODAY)

    assert told == {"dpia_days_left": 0, "hds_days_left": 0}


def test_lines_nobody_is_drawn_on_count_for_nothing():
    unused = replace(line(dpia=None, hosting=None), is_excluded=True)

    assert figures([unused], TODAY) == {
        "dpia_days_left": math.inf,
        "hds_days_left": math.inf,
    }
