"""The verifier compares POLICY leaves, the service whole policies: they may not differ.

What the verifier finds to allow more must be an increase to the service too, or it
would accuse honest people. Without coverage both comparisons of leaves find the same.
"""

import json
from dataclasses import replace
from datetime import date, timedelta

from hypothesis import example, given
from hypothesis import strategies as st

from audit import verify
from proxy.intake.policies import content_of
from proxy.ledger.entry import Kind, encode
from sampling.budget import Budget
from sampling.increases import is_increase, raised_by_name
from sampling.mixing import Mode
from sampling.policy import NO_POLICY, Coverage, Purpose, SamplingPolicy, Stratum
from sampling.replay.rules import rules_of

MONDAY = date(2026, 11, 16)
RATES = st.integers(1, 4).map(lambda n: n * 5_000)
DAYS = st.integers(0, 2).map(lambda n: MONDAY + timedelta(n))
QUEUES = st.frozensets(st.sampled_from(["a", "b"]), max_size=2)
COVERAGES = st.builds(
    Coverage,
    st.integers(1, 2),
    st.integers(5, 6),
    st.sampled_from([2_000, 3_000, 5_000]),
    st.sampled_from([20_000, 35_000, 50_000]),
)


@st.composite
def conditions(draw, *, with_coverage):
    first = draw(DAYS)
    return {
        "purpose": draw(st.sampled_from([Purpose.TRAINING] * 9 + [Purpose.QUALITY])),
        "rate_ppm": draw(RATES),
        "budget": Budget(20_000, draw(st.integers(5, 6)), draw(st.integers(1, 2))),
        "starts_on": first,
        "ends_on": first + timedelta(draw(st.integers(0, 2))),
        "max_seconds": 600,
        "kept_days": draw(st.sampled_from([7, 30])),
        "coverage": draw(COVERAGES) if with_coverage and draw(st.booleans()) else None,
    }


@st.composite
def policies(draw, *, with_coverage):
    names = draw(st.sets(st.sampled_from(["x_in", "y_in", "z_out"])))
    strata = tuple(
        Stratum(
            name=name,
            queues=draw(QUEUES),
            **draw(conditions(with_coverage=with_coverage)),
        )
        for name in sorted(names)
    )
    own = draw(conditions(with_coverage=with_coverage))
    return SamplingPolicy(
        version=1, announcement="", opt_out_key="", strata=strata, **own
    )


@st.composite
def pairs(draw, *, with_coverage=False):
    """Often nearly the same: random pairs are hardly ever a decrease."""
    old = draw(policies(with_coverage=with_coverage))
    if draw(st.booleans()):
        return old, draw(policies(with_coverage=with_coverage))
    strata = tuple(
        replace(own, rate_ppm=draw(RATES), queues=draw(QUEUES))
        for own in old.strata
        if draw(st.booleans())
    )
    return old, replace(old, rate_ppm=draw(RATES), strata=strata)


def leaf_of(policy):
    said = content_of(policy, Mode.OPERATOR, 3600) | {"from": 1, "version": 1}
    return encode(Kind.POLICY, said)


def seen_by_the_verifier(old, new):
    one, two = (verify.parse_leaf(leaf_of(policy)) for policy in (old, new))
    return verify.increases(one, two)


@given(pairs(with_coverage=True))
@example((NO_POLICY, NO_POLICY))
def test_what_the_verifier_finds_is_an_increase_to_the_service(pair):
    if seen_by_the_verifier(*pair):
        assert is_increase(*pair)


@given(pairs())
def test_both_find_the_same_in_leaves(pair):
    old, new = (rules_of(json.loads(leaf_of(policy))).policy for policy in pair)

    assert bool(seen_by_the_verifier(*pair)) == bool(raised_by_name(old, new))
    assert bool(raised_by_name(old, new)) <= bool(is_increase(*pair))
