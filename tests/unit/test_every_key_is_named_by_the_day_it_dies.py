"""A key's name says what hangs under it and which day it must not outlive."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention.keys import DayKey, KeyClass, needs_renewal
from retention.periods import (
    AFTER_ANALYSIS,
    LONGEST,
    LONGEST_ANALYSIS,
    after_analysis,
    analysis_expires_at,
    expires_at,
    key_day,
    shortened,
)

day_keys = st.builds(
    DayKey,
    st.dates(date(2000, 1, 1), date(2999, 12, 31)),
    st.sampled_from(KeyClass),
    st.integers(1, 9999),
)
moments = st.datetimes(
    datetime(2026, 1, 1),  # noqa: DTZ001 - the strategy adds the zone
    datetime(2027, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)


@given(day_keys)
def test_a_name_is_read_back_as_its_key(key: DayKey) -> None:
    assert DayKey.named(key.name) == key


@given(day_keys, day_keys)
def test_two_keys_never_share_a_name(one: DayKey, other: DayKey) -> None:
    assert (one.name == other.name) == (one == other)


@pytest.mark.parametrize(
    "name",
    ["audio-2026-13-01", "audio-2026-11-1", "audio-2026-11-01-1", "tag-2950", "log",
     "audio-2026-11-01-02", "audio-2026-11-01 ", "../audio-2026-11-01"],
)  # fmt: skip
def test_what_is_no_day_keys_name_is_none(name: str) -> None:
    assert DayKey.named(name) is None


def test_a_key_is_renewed_in_the_night_after_something_under_it_died_early() -> None:
    evening = datetime(2026, 11, 22, 23, 59, tzinfo=UTC)

    assert not needs_renewal(None, evening)
    assert not needs_renewal(evening, evening)
    assert needs_renewal(evening, evening + timedelta(minutes=1))


@given(moments, st.integers(1, 1000), st.integers(1, 1000))
def test_a_new_policy_shortens_what_is_kept_and_never_lengthens_it(
    captured_at: datetime, before: int, after: int
) -> None:
    expiry = expires_at(captured_at, before)

    assert shortened(expiry, captured_at, after) == min(
        expiry, expires_at(captured_at, after)
    )
    assert expiry - captured_at <= LONGEST


@given(moments, st.integers(1, 180), st.timedeltas(timedelta(), timedelta(days=200)))
def test_a_closed_analysis_lets_its_recording_go_within_a_week(
    captured_at: datetime, kept_days: int, later: timedelta
) -> None:
    expiry = expires_at(captured_at, kept_days)
    closed_at = captured_at + later

    assert after_analysis(expiry, closed_at) == min(expiry, closed_at + AFTER_ANALYSIS)


@given(moments, st.integers(1, 1000))
def test_an_analysis_is_kept_a_year_at_most(written_at: datetime, days: int) -> None:
    assert analysis_expires_at(written_at, days) - written_at <= LONGEST_ANALYSIS


@given(moments, st.integers(1, 180))
def test_a_key_outlives_its_recordings_by_less_than_a_day(
    captured_at: datetime, kept_days: int
) -> None:
    expiry = expires_at(captured_at, kept_days)
    key = DayKey(key_day(expiry))

    assert not key.is_over(expiry)
    assert key.is_over(expiry + timedelta(days=1))
