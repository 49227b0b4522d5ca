"""Wrapping keys are files only we may read; destroying one is final."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import KeyMissingError, TamperedError
from proxy.intake.outcomes import OUTCOME_DEADLINE
from proxy.vault.keys import InsecureKeyDirectoryError, KeyRing
from retention.periods import (
    LARGEST_LAG,
    LONGEST_INSPECTION,
    SHORTEST_INSPECTION,
    expires_at,
    newest_inspected,
)
from sampling.seed import WEEK_SECONDS, week_at

DAY = date(2026, 12, 21)
WEEK = 2968
DATA_KEY = bytes(range(32))


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    ring = KeyRing(tmp_path / "keys", "clinic")
    ring.open()
    return ring


def test_a_wrapped_key_is_opened_by_its_day_alone(ring: KeyRing) -> None:
    wrapped = ring.wrap_for_day(DAY, DATA_KEY)
    ring.wrap_for_day(date(2026, 12, 22), DATA_KEY)

    assert ring.unwrap_for_day(DAY, wrapped) == DATA_KEY
    with pytest.raises(TamperedError):
        ring.unwrap_for_day(date(2026, 12, 22), wrapped)


def test_a_destroyed_day_opens_nothing_any_more(ring: KeyRing) -> None:
    wrapped = ring.wrap_for_day(DAY, DATA_KEY)

    ring.destroy_day(DAY)
    ring.destroy_day(DAY)

    assert not ring.has_day(DAY)
    with pytest.raises(KeyMissingError):
        ring.unwrap_for_day(DAY, wrapped)


def test_a_day_made_again_does_not_open_what_died_with_the_first(ring: KeyRing) -> None:
    wrapped = ring.wrap_for_day(DAY, DATA_KEY)
    ring.destroy_day(DAY)

    ring.wrap_for_day(DAY, DATA_KEY)

    with pytest.raises(TamperedError):
        ring.unwrap_for_day(DAY, wrapped)


def test_two_replicas_share_one_key_per_day(tmp_path: Path, ring: KeyRing) -> None:
    other = KeyRing(tmp_path / "keys", "clinic")
    other.open()

    assert other.unwrap_for_day(DAY, ring.wrap_for_day(DAY, DATA_KEY)) == DATA_KEY
    assert ring.days() == other.days() == [DAY]


def test_key_files_are_private_and_nothing_else_is_left_beside_them(
    tmp_path: Path, ring: KeyRing
) -> None:
    ring.wrap_for_day(DAY, DATA_KEY)
    ring.wrap_service(DATA_KEY)

    files = sorted((tmp_path / "keys" / "clinic").iterdir())

    assert [file.name for file in files] == ["audio-2026-12-21.key", "service.key"]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


def test_a_weeks_key_opens_what_it_wrapped_until_it_is_destroyed(
    ring: KeyRing,
) -> None:
    wrapped = ring.wrap_for_week(WEEK, DATA_KEY)
    ring.wrap_for_week(WEEK + 1, DATA_KEY)

    assert ring.unwrap_for_week(WEEK, wrapped) == DATA_KEY
    with pytest.raises(TamperedError):
        ring.unwrap_for_week(WEEK + 1, wrapped)

    ring.destroy_week(WEEK)
    ring.destroy_week(WEEK)

    assert not ring.has_week(WEEK)
    assert ring.weeks() == [WEEK + 1]
    with pytest.raises(KeyMissingError):
        ring.unwrap_for_week(WEEK, wrapped)


def test_a_week_made_again_does_not_open_what_died_with_the_first(
    ring: KeyRing,
) -> None:
    wrapped = ring.wrap_for_week(WEEK, DATA_KEY)
    ring.destroy_week(WEEK)

    ring.wrap_for_week(WEEK, DATA_KEY)

    with pytest.raises(TamperedError):
        ring.unwrap_for_week(WEEK, wrapped)


def test_days_and_weeks_are_destroyed_apart(ring: KeyRing) -> None:
    of_day = ring.wrap_for_day(DAY, DATA_KEY)
    of_week = ring.wrap_for_week(WEEK, DATA_KEY)

    ring.destroy_week(20_261_221)
    ring.destroy_day(date(1970, 1, 1))

    assert (ring.days(), ring.weeks()) == ([DAY], [WEEK])
    assert ring.unwrap_for_day(DAY, of_day) == DATA_KEY
    assert ring.unwrap_for_week(WEEK, of_week) == DATA_KEY


def test_a_copy_that_a_killed_writer_left_is_part_of_its_weeks_key(
    tmp_path: Path, ring: KeyRing
) -> None:
    ring.wrap_for_week(WEEK, DATA_KEY)
    left = tmp_path / "keys" / "clinic" / f".tag-{WEEK}.key.0123456789abcdef"
    left.write_bytes(DATA_KEY)

    ring.destroy_week(WEEK)

    assert not left.exists()
    assert ring.weeks() == []


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


def test_a_key_directory_that_others_may_enter_is_refused(tmp_path: Path) -> None:
    (tmp_path / "clinic").mkdir(mode=0o755)
    (tmp_path / "clinic").chmod(0o755)

    with pytest.raises(InsecureKeyDirectoryError, match="chmod 700"):
        KeyRing(tmp_path, "clinic").open()


def test_a_damaged_key_file_is_said_to_be_damaged(
    tmp_path: Path, ring: KeyRing
) -> None:
    wrapped = ring.wrap_for_day(DAY, DATA_KEY)
    (tmp_path / "keys" / "clinic" / "audio-2026-12-21.key").write_bytes(b"short")

    with pytest.raises(TamperedError):
        ring.unwrap_for_day(DAY, wrapped)


def test_sites_do_not_share_keys(tmp_path: Path, ring: KeyRing) -> None:
    other = KeyRing(tmp_path / "keys", "other")
    other.open()
    wrapped = ring.wrap_for_day(DAY, DATA_KEY)

    with pytest.raises(KeyMissingError):
        other.unwrap_for_day(DAY, wrapped)
