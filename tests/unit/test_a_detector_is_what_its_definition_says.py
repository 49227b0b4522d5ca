"""The fast engine equals the definition, call by call, and survives being put away."""

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampling.monitoring.engine import (
    LARGEST_STATISTIC,
    MULTIPLES,
    UPWARD,
    Detector,
    log10_shown,
)

CALLS = st.lists(
    st.tuples(
        st.sampled_from(["blue", "green", "red"]),
        st.booleans(),
        st.floats(1e-6, 0.1),
    ),
    max_size=60,
)
CUTS = st.lists(st.integers(0, 60), max_size=4)


def run(detector, calls):
    groups, hits, ps = zip(*calls, strict=True) if calls else ((), (), ())
    return detector.run(groups, hits, np.array(ps))


def textbook(calls, multiples):
    """R as the papers write it, in plain numbers."""
    r = {}
    for group, is_hit, p in calls:
        q = np.minimum(np.array(multiples) * p, 0.98)
        before = r.get(group, np.zeros(len(multiples)))
        r[group] = (1 + before) * (q / p if is_hit else (1 - q) / (1 - p))
        yield min(sum(each.mean() for each in r.values()), 3 * LARGEST_STATISTIC)


@given(CALLS, st.sampled_from([MULTIPLES, UPWARD]))
def test_call_by_call_it_is_the_formula_of_the_papers(calls, multiples):
    detector = Detector(multiples)

    ours = [detector.step(group, is_hit=hit, p=p) for group, hit, p in calls]

    expected = list(textbook(calls, multiples))
    far = next((n for n, r in enumerate(expected) if r > 1e17), len(expected))
    assert ours[:far] == pytest.approx(expected[:far], rel=1e-9)


@given(CALLS, CUTS)
def test_many_calls_at_once_are_the_same_as_one_after_the_other(calls, cuts):
    slow, fast = Detector(), Detector()
    one_by_one = [slow.step(group, is_hit=hit, p=p) for group, hit, p in calls]

    edges = [0, *sorted(cuts), len(calls)]
    pieces = [calls[a:b] for a, b in pairwise(edges) if a < b]
    together = [r for piece in pieces for r in run(fast, piece)]

    most = max(one_by_one, default=1.0)
    assert together == pytest.approx(one_by_one, rel=1e-9, abs=1e-12 * most)
    assert fast.statistic == pytest.approx(slow.statistic, rel=1e-9)
    assert fast.log10_e == pytest.approx(slow.log10_e, abs=1e-9)


@given(CALLS, CALLS)
def test_put_away_and_taken_out_again_it_goes_on_as_if_nothing_had_been(first, then):
    kept, moved = Detector(), Detector()
    run(kept, first)
    run(moved, first)
    moved = Detector.from_dict(json.loads(json.dumps(moved.to_dict())), MULTIPLES)

    assert list(run(moved, then)) == list(run(kept, then))
    assert moved.to_dict() == kept.to_dict()


@pytest.mark.parametrize("is_hit", [True, False])
def test_nothing_overflows_however_long_it_goes_wrong(is_hit):
    detector = Detector()

    path = run(detector, [("agent", is_hit, 0.1)] * 200_000)

    assert np.isfinite(path).all()
    assert 1e17 < path.max() <= LARGEST_STATISTIC
    assert log10_shown(path.max()) > 17
    json.dumps(detector.to_dict(), allow_nan=False)


def test_without_any_call_there_is_no_evidence():
    assert (Detector().statistic, Detector().log10_e) == (0.0, 0.0)
    assert log10_shown(0.0) == 0.0


def test_the_month_that_ends_is_remembered_and_the_next_begins_with_nothing():
    detector = Detector()
    run(detector, [("agent", True, 0.02)] * 3)
    ended, statistic = detector.log10_e, detector.statistic

    detector.turn_month()

    assert ended > 3
    assert detector.log10_e_before == ended
    assert detector.log10_e == pytest.approx(0.0, abs=1e-12)
    assert detector.statistic == statistic  # a drift does not end with a month


def test_who_was_not_there_for_a_whole_month_is_forgotten():
    detector = Detector()
    run(detector, [("left", False, 0.02), ("stays", False, 0.02)])
    detector.turn_month()
    run(detector, [("stays", False, 0.02)])

    detector.turn_month()

    assert detector.groups == ["stays"]


def test_a_decision_begins_the_evidence_anew():
    detector = Detector()
    run(detector, [("agent", True, 0.02)] * 9)

    detector.restart()

    assert detector.statistic == 0.0
    assert detector.of_group("agent") == detector.of_group("nobody") == 0.0


def test_honest_months_rarely_look_guilty_although_groups_were_not_known():
    """Ville: E reaches 1/alpha with probability alpha at most."""
    months, calls = 400, 2_000
    random = np.random.default_rng(7)
    guilty = 0
    for _ in range(months):
        detector = Detector()
        groups = random.integers(0, 20, calls).astype(str)
        detector.run(groups, random.random(calls) < 0.03, np.full(calls, 0.03))
        guilty += detector.log10_e >= 1

    assert guilty / months <= 0.1
