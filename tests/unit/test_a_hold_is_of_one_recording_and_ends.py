"""What defers an end has a right, a reference, a reason and an end of its own."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention.holds import LONGEST_FREEZE, LONGEST_HOLD, Authority, Hold, due_at

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
moments = st.datetimes(
    datetime(2026, 1, 1),  # noqa: DTZ001 - the strategy adds the zone
    datetime(2027, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)


def hold(**changes: object) -> Hold:
    usual = {
        "authority": Authority.REQUISITION,
        "reference": "PV 2026/113",
        "reason": "police requisition of 20 November",
        "until": NOW + timedelta(days=20),
    }
    return Hold(**(usual | changes))


def test_a_hold_that_says_everything_has_no_fault() -> None:
    assert hold().faults(NOW) == {}


@pytest.mark.parametrize("field", ["reference", "reason"])
@pytest.mark.parametrize("text", ["", "   ", "x" * 501])
def test_a_hold_without_its_reasons_is_refused(field: str, text: str) -> None:
    assert list(hold(**{field: text}).faults(NOW)) == [field]


@pytest.mark.parametrize(
    ("authority", "longest"),
    [
        (Authority.REQUISITION, LONGEST_HOLD),
        (Authority.CLAIM, LONGEST_HOLD),
        (Authority.RESTRICTION, LONGEST_HOLD),
        (Authority.REQUEST, LONGEST_FREEZE),
    ],
)
def test_a_hold_ends_within_its_longest_time(
    authority: Authority, longest: timedelta
) -> None:
    second = timedelta(seconds=1)

    assert hold(authority=authority, until=NOW + longest).faults(NOW) == {}
    assert hold(authority=authority, until=NOW + longest + second).faults(NOW)
    assert hold(authority=authority, until=NOW).faults(NOW)


@given(moments, st.none() | moments)
def test_a_hold_defers_an_end_and_never_hastens_it(
    expiry: datetime, until: datetime | None
) -> None:
    due = due_at(expiry, until)

    assert due >= expiry
    assert due in (expiry, until)
