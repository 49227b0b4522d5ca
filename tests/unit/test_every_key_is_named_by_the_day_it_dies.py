"""A key's name says what hangs under it and which day it must not outlive."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention.keys import DayKey, KeyClass, needs_renewal
from retention.periods import expires_at, key_day

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


@given(moments, st.integers(1, 180))
def test_a_key_outlives_its_recordings_by_less_than_a_day(
    captured_at: datetime, kept_days: int
) -> None:
    expiry = expires_at(captured_at, kept_days)
    key = DayKey(key_day(expiry))

    assert not key.is_over(expiry)
    assert key.is_over(expiry + timedelta(days=1))
