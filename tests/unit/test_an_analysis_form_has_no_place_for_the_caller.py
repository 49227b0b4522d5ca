"""The form about an agent: codes, scores, short lines; everything else is refused."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from proxy.api.faults import faults_of
from proxy.vault.analysis_form import HIGHEST_SCORE, MOST_CRITERIA, AnalysisForm
from retention.periods import LONGEST, LONGEST_ANALYSIS, AnalysisTerms, key_day

GREETING = {"criterion": "greeting", "score": 8}
FORM = {"agent": "a-104", "criteria": [GREETING], "conclusion": "well done"}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2060, 1, 1)).map(  # noqa: DTZ001
    lambda moment: moment.replace(tzinfo=UTC)
)
TERMS = st.builds(AnalysisTerms, st.integers(1, 10_000), st.integers(0, 10_000))


def scored(value):
    return {"criteria": [GREETING | {"score": value}]}


WRONG = {
    "no agent": ({"agent": ""}, "agent"),
    "an agent's name": ({"agent": "Anna Martin"}, "agent"),
    "a number for an agent": ({"agent": "0612345678"}, "agent"),
    "no criteria": ({"criteria": []}, "criteria"),
    "a criterion twice": ({"criteria": [GREETING] * 2}, "criteria"),
    "a score of nothing": ({"criteria": [{"score": 8}]}, "criteria.0.criterion"),
    "no score": ({"criteria": [{"criterion": "greeting"}]}, "criteria.0.score"),
    "too high": (scored(HIGHEST_SCORE + 1), "criteria.0.score"),
    "too low": (scored(-1), "criteria.0.score"),
    "a word for a score": (scored("8"), "criteria.0.score"),
    "true for a score": (scored(value=True), "criteria.0.score"),
    "what was said": ({"criteria": [GREETING | {"said": "I …"}]}, "criteria.0.said"),
    "too long": ({"conclusion": "x" * 301}, "conclusion"),
    "a dialogue": ({"conclusion": "Q: hello\nA: hello"}, "conclusion"),
}


def faults(form):
    with pytest.raises(ValidationError) as refused:
        AnalysisForm.model_validate(form)
    return {fault.field: fault for fault in faults_of(refused.value)}


def remark(text):
    return FORM | {"criteria": [GREETING | {"comment": text}]}


@pytest.mark.parametrize(
    "field", ["caller", "patient", "transcript", "number", "assessor", "call"]
)
def test_a_field_it_does_not_have_is_named_with_what_to_do(field):
    fault = faults(FORM | {field: "x"})[field]

    assert fault.fix == "remove it or check its spelling"


@pytest.mark.parametrize(("change", "field"), WRONG.values(), ids=WRONG)
def test_what_does_not_belong_there_is_refused_by_its_field(change, field):
    assert field in faults(FORM | change)


def test_no_more_criteria_than_anybody_reads():
    many = [GREETING | {"criterion": f"c-{n}"} for n in range(MOST_CRITERIA + 1)]

    assert AnalysisForm.model_validate(FORM | {"criteria": many[1:]})
    assert "criteria" in faults(FORM | {"criteria": many})


@given(
    st.lists(st.sampled_from("0123456789٣७"), min_size=9, max_size=15),
    st.sampled_from(["", " ", ".", "-", " - ", "/", ") ", "_"]),
)
def test_a_telephone_number_is_found_however_it_is_written(digits, between):
    fault = faults(remark(f"she gave {between.join(digits)} as hers"))

    assert "number" in fault["criteria.0.comment"].detail


@pytest.mark.parametrize("text", ["anna@example.org", "reach me @ work"])
def test_an_address_is_found(text):
    assert "address" in faults(remark(text))["criteria.0.comment"].detail


@pytest.mark.parametrize(
    "text",
    ["waited 45 seconds, of 120 allowed", "8/10 in 2026, 7 in 2025", "très bien"],
)
def test_what_is_said_of_an_agent_may_have_numbers_in_it(text):
    assert AnalysisForm.model_validate(remark(text)).criteria[0].comment == text


@given(JSON)
def test_whatever_it_is_given_it_is_a_form_or_a_fault(given_form):
    try:
        AnalysisForm.model_validate(given_form)
    except ValidationError as error:
        found = faults_of(error)
    else:
        return
    assert all(fault.detail and fault.fix for fault in found)


@given(
    st.text(
        alphabet=st.characters(exclude_categories=["C", "N"], exclude_characters="@")
    )
)
def test_what_was_written_is_kept_as_it_was(text):
    text = text.strip()[:300]

    form = AnalysisForm.model_validate(FORM | {"conclusion": text})

    assert form.conclusion == text.strip()
    again = json.loads(json.dumps(form.model_dump(mode="json")))
    assert AnalysisForm.model_validate(again) == form


@given(TERMS, MOMENTS)
def test_no_analysis_is_promised_more_than_a_year(terms, made_at):
    expires_at = terms.expires_at(made_at)

    assert made_at < expires_at <= made_at + LONGEST_ANALYSIS
    assert key_day(expires_at) <= (made_at + timedelta(days=365)).date()


@given(TERMS, MOMENTS, MOMENTS)
def test_by_the_same_terms_what_expired_is_what_is_too_old(terms, made_at, now):
    assert (terms.expires_at(made_at) <= now) == (made_at <= terms.newest_over(now))


@given(TERMS, TERMS, MOMENTS)
def test_later_terms_bring_an_end_nearer_and_never_put_it_off(terms, later, made_at):
    promised = terms.expires_at(made_at)

    ends_at = later.ends_at(made_at, promised)

    assert ends_at == min(promised, later.expires_at(made_at))
    assert later.newest_over(ends_at) <= made_at


@given(TERMS, MOMENTS)
def test_a_recording_is_not_kept_for_ever_because_it_was_analysed(terms, closed_at):
    until = terms.recording_until(closed_at)

    assert closed_at <= until <= closed_at + LONGEST
