"""What is stored, digested and approved is the policy itself, in one spelling."""

import json
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.intake.documents import as_bytes, digest_of, policy_of, written
from proxy.policy_document import PolicyPart
from sampling.policy import NO_POLICY

START = date(2026, 11, 16)
CODES = st.frozensets(st.sampled_from(["blue", "red", "green", "A-1"]), max_size=3)
RATES = st.integers(1, 20_000).map(lambda ppm: f"{ppm / 10_000:.4f}%")


@st.composite
def documents(draw):
    stratum = st.fixed_dictionaries(
        {"queues": CODES},
        optional={
            "rate": RATES,
            "consent": st.sampled_from(["opt_in", "opt_out"]),
            "kept_days": st.integers(1, 180),
            "ends_on": st.just(START + timedelta(days=3)),
            "coverage": st.just({"calls_per_agent": 60, "lowest": "0.0001%"}),
        },
    )
    given_ = draw(
        st.fixed_dictionaries(
            {"rate": RATES, "starts_on": st.just(START)},
            optional={
                "preset": st.sampled_from(["large", "small"]),
                "max_seconds": st.integers(1, 3600),
                "announcement": st.text("aé1% \u00a0'", min_size=10, max_size=20),
                "excluded_agents": CODES,
                "strata": st.dictionaries(st.sampled_from(["x_in", "y_out"]), stratum),
            },
        )
    )
    try:
        return PolicyPart.model_validate(given_)
    except ValueError:
        return PolicyPart(rate="1%", starts_on=START)


@given(documents())
def test_the_document_is_the_policy_and_nothing_is_lost(part):
    document = json.loads(json.dumps(written(part)))

    assert policy_of(document, 3) == part.to_policy(3)


@given(documents())
def test_written_again_it_is_the_same(part):
    document = written(part)

    again = written(PolicyPart.model_validate(json.loads(as_bytes(document))))

    assert as_bytes(again) == as_bytes(document)


def test_how_it_was_written_makes_no_difference():
    spellings = [
        {"rate": "1.8%", "starts_on": START, "excluded_agents": ["b", "a"]},
        {"rate": "0.018", "starts_on": "2026-11-16", "excluded_agents": ["a", "b"]},
        {"preset": "large", "starts_on": START, "excluded_agents": ["a", "b"]},
    ]

    found = {as_bytes(written(PolicyPart.model_validate(each))) for each in spellings}

    assert len(found) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"rate": "1.9%"},
        {"opt_out_key": "1"},
        {"announcement": "Un autre texte."},
        {"excluded_agents": ["a"]},
        {"strata": {"x_in": {"queues": ["q"]}}},
    ],
    ids=str,
)
def test_every_change_and_every_salt_has_a_digest_of_its_own(change):
    usual = {"rate": "1.8%", "starts_on": START}
    before, after = (
        written(PolicyPart.model_validate(each)) for each in (usual, usual | change)
    )

    digests = {
        digest_of(document, salt)
        for document in (before, after)
        for salt in (b"a" * 16, b"b" * 16)
    }

    assert len(digests) == 4


def test_no_policy_has_an_empty_document():
    assert written(None) == {}
    assert policy_of({}, 4).rate_ppm == NO_POLICY.rate_ppm == 0
    assert policy_of({}, 4).version == 4
