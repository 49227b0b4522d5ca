"""Statistics of requests: right, and without a figure that stands for a few persons."""

from collections import Counter
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention.rights.deadlines import Kind
from retention.rights.report import Answered, Promptness, report
from retention.rights.request import Outcome, Standing, State

RECEIVED = datetime(2026, 3, 10, tzinfo=ZoneInfo("Europe/Paris"))
cells = st.builds(
    Answered,
    st.sampled_from(Kind),
    st.sampled_from(Outcome),
    st.sampled_from(Promptness),
)
years = st.dictionaries(cells, st.integers(1, 40)).map(
    lambda counts: list(Counter(counts).elements())
)


def figures(told):
    yield told.total
    yield from told.kinds.values()
    yield from told.promptness.values()
    for row in told.outcomes.values():
        yield from row.values()


def bounds(figure):
    if figure == "<5":
        return 1, 4
    low, _, high = figure.partition("-")
    return int(low), int(high or low)


@given(years)
def test_no_figure_stands_for_one_to_four_persons(year):
    assert {"1", "2", "3", "4"}.isdisjoint(figures(report(2026, year)))


@given(years)
def test_every_figure_is_true(year):
    told = report(2026, year)

    kinds = Counter(row.kind for row in year)
    prompt = Counter(row.promptness for row in year)
    pairs = Counter((row.kind, row.outcome) for row in year)
    for figure, exact in [
        (told.total, len(year)),
        *((told.kinds[each], kinds[each]) for each in Kind),
        *((told.promptness[each], prompt[each]) for each in Promptness),
        *((told.outcomes[a][b], pairs[a, b]) for a in Kind for b in Outcome),
    ]:
        low, high = bounds(figure)
        assert low <= exact <= high


@given(years, st.randoms(use_true_random=False))
def test_years_that_differ_in_small_cells_only_are_told_the_same(year, chance):
    """So no subtraction of any two figures can give a small cell away."""
    other = Counter(year)
    for cell, count in Counter(year).items():
        if count < 5:
            other[cell] = chance.randint(1, 4)

    assert report(2026, other.elements()) == report(2026, year)


@given(years)
def test_large_cells_are_told_exactly(year):
    large = [cell for cell, count in Counter(year).items() if count >= 5]
    kept = [row for row in year if row in large]

    assert report(2026, kept).total == str(len(kept))


def test_a_year_is_told_by_right_answer_and_promptness():
    granted = Answered(Kind.ACCESS, Outcome.GRANTED, Promptness.IN_TIME)
    late = Answered(Kind.ACCESS, Outcome.GRANTED, Promptness.LATE)
    erased = Answered(Kind.ERASURE, Outcome.PARTLY, Promptness.IN_TIME)

    told = report(2026, [granted] * 12 + [late] * 2 + [erased] * 3)

    assert told.year == 2026
    assert told.total == "14-20"
    assert told.kinds[Kind.ACCESS] == "13-16"
    assert told.outcomes[Kind.ACCESS][Outcome.GRANTED] == "13-16"
    assert told.outcomes[Kind.ACCESS][Outcome.REFUSED] == "0"
    assert told.kinds[Kind.ERASURE] == "<5"
    assert told.promptness[Promptness.LATE] == "<5"


@pytest.mark.parametrize(
    ("days", "is_extended", "expected"),
    [
        (31, False, "in-time"),
        (32, False, "late"),
        (31, True, "in-time-extended"),
        (92, True, "in-time-extended"),
        (93, True, "late"),
    ],
)
def test_a_request_was_in_time_by_the_date_that_held_for_it(
    days, is_extended, expected
):
    answered = Standing(
        Kind.ACCESS,
        RECEIVED,
        state=State.CLOSED,
        outcome=Outcome.GRANTED,
        answered_at=RECEIVED + timedelta(days=days),
        extended_at=RECEIVED if is_extended else None,
    )

    assert Answered.of(answered).promptness == expected


def test_what_is_not_answered_is_in_no_statistics():
    with pytest.raises(ValueError, match="not answered"):
        Answered.of(Standing(Kind.ACCESS, RECEIVED))
