"""The cross-check counts in whole numbers, and shares nothing with the engine."""

import ast
import json
from fractions import Fraction
from math import comb
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampling.binomial import (
    ALERT_CHANCE,
    ALERT_WINDOWS,
    BREAKER_WINDOWS,
    ClosedWindows,
    RollingTable,
    breaker_limits,
    limit,
)

ROOT = Path(__file__).resolve().parents[2]
CALLS = st.lists(st.booleans(), max_size=300)
MOSTLY_RECORDED = st.lists(st.sampled_from([True, True, True, False]), max_size=120)


def test_the_breaker_table_is_the_published_one():
    assert breaker_limits() == {10: 7, 20: 10, 50: 17, 200: 43, 1_000: 148}


@pytest.mark.parametrize(
    ("ppm", "limits"),
    [
        (10_000, [5, 13, 21, 132]),
        (18_000, [7, 19, 32, 222]),
        (20_000, [7, 21, 35, 245]),
        (50_000, [13, 41, 73, 569]),
        (100_000, [20, 72, 130, 1094]),
    ],
)
def test_the_alert_table_is_the_published_one(ppm, limits):
    assert [limit(n, ppm, ALERT_CHANCE) for n in ALERT_WINDOWS] == limits


@given(
    st.integers(1, 40),
    st.integers(0, 999_999),
    st.fractions(Fraction(1, 10**7), Fraction(1, 2)),
)
def test_a_limit_is_the_smallest_that_is_rarely_exceeded(calls, ppm, chance):
    p = Fraction(ppm, 1_000_000)

    def exceeded(k):
        return sum(
            comb(calls, j) * p**j * (1 - p) ** (calls - j)
            for j in range(k + 1, calls + 1)
        )

    k = limit(calls, ppm, chance)

    assert exceeded(k) <= chance
    assert k == 0 or exceeded(k - 1) > chance


def first_excess(calls):
    """The place of the first call after which some last n exceed their limit."""
    for end in range(1, len(calls) + 1):
        for n, most in breaker_limits().items():
            if sum(calls[max(0, end - n) : end]) > most:
                return end - 1
    return None


@given(st.one_of(CALLS, MOSTLY_RECORDED), st.integers(0, 300))
def test_the_rolling_table_looks_after_every_call(calls, cut):
    table = RollingTable()

    places = table.add(calls[:cut]), table.add(calls[cut:])

    expected = first_excess(calls)
    if expected is None:
        assert places == (None, None)
        assert table.excess() == {
            n: sum(calls[-n:]) - most for n, most in breaker_limits().items()
        }
    else:
        assert (places[0] if expected < cut else places[1] + cut) == expected
        assert max(table.excess().values()) > 0


@given(CALLS, CALLS)
def test_put_away_and_taken_out_again_the_tables_go_on(first, then):
    table, windows = RollingTable(), ClosedWindows()
    table.add(first)
    windows.add(first, [0.02] * len(first))
    kept = json.loads(json.dumps([table.to_dict(), windows.to_dict()]))
    other, others = RollingTable.from_dict(kept[0]), ClosedWindows.from_dict(kept[1])

    assert other.add(then) == table.add(then)
    windows.add(then, [0.02] * len(then))
    others.add(then, [0.02] * len(then))

    assert (other.excess(), others.excess()) == (table.excess(), windows.excess())


def test_seven_recordings_in_a_hundred_calls_are_no_breach():
    windows = ClosedWindows()

    windows.add([True] * 7 + [False] * 93, [0.02] * 100)
    assert windows.excess()[100] == 0

    windows.add([True] * 8 + [False] * 92, [0.02] * 100)
    assert windows.excess()[100] == 1


def test_a_window_is_judged_when_it_is_full_and_by_its_highest_probability():
    windows = ClosedWindows()

    windows.add([True] * 9 + [False] * 90, [0.02] * 99)
    assert windows.excess()[100] == 0  # not full yet

    windows.add([False], [0.1])
    assert windows.excess()[100] == 9 - limit(100, 100_000, ALERT_CHANCE)


def test_a_tripped_table_shows_by_how_much_until_it_is_begun_anew():
    table = RollingTable()
    table.add([True] * 9 + [False] * 1_000)

    assert table.excess()[10] == 2
    assert set(table.excess()) == set(BREAKER_WINDOWS)


def imported_by(file):
    tree = ast.parse(file.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_the_two_implementations_share_no_function():
    ours = {name for name in imported_by(ROOT / "sampling/binomial.py") if name}
    engine = set(imported_by(ROOT / "sampling/monitoring/engine.py"))

    assert not {name for name in ours | engine if name.startswith("sampling")}
