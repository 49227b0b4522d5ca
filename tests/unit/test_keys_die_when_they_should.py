"""When keys must die; that they do is held to every key store by its suite."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from proxy.intake.outcomes import OUTCOME_DEADLINE
from retention.periods import (
    LARGEST_LAG,
    LONGEST_INSPECTION,
    SHORTEST_INSPECTION,
    expires_at,
    newest_inspected,
)
from sampling.seed import WEEK_SECONDS, week_at

moments = st.datetimes(
    datetime(2026, 1, 1),  # noqa: DTZ001 - hypothesis adds the time zone
    datetime(2036, 1, 1),  # noqa: DTZ001 - the same
    timezones=st.just(UTC),
)


@given(moments, st.timedeltas(timedelta(0), OUTCOME_DEADLINE), st.integers(1, 180))
def test_no_recording_outlives_the_tag_key_of_its_call(
    bound_at: datetime, until_captured: timedelta, kept_days: int
) -> None:
    gone_at = expires_at(bound_at + until_captured, kept_days) + LARGEST_LAG

    newest = newest_inspected(week_at(gone_at), SHORTEST_INSPECTION)

    assert newest < week_at(bound_at)


@given(moments, st.integers(SHORTEST_INSPECTION, LONGEST_INSPECTION))
def test_a_weeks_window_is_counted_from_its_last_call(
    now: datetime, weeks: int
) -> None:
    newest = newest_inspected(week_at(now), weeks)

    def window_end(week: int) -> datetime:
        return datetime.fromtimestamp((week + 1 + weeks) * WEEK_SECONDS, UTC)

    assert window_end(newest) <= now < window_end(newest + 1)
