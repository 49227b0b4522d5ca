"""No draw is made with a seed that may already be public."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from sampling.seed import (
    CLOCK_TOLERANCE,
    epoch_at,
    epoch_start,
    epoch_to_draw_in,
    is_week_young,
    may_reveal,
    week_at,
)

instants = st.integers(1_767_225_600, 2_082_758_400).map(
    lambda seconds: datetime.fromtimestamp(seconds, UTC)
)
lengths = st.integers(300, 86_400)


@given(instants, lengths)
def test_an_instant_lies_in_its_epoch(now: datetime, seconds: int) -> None:
    epoch = epoch_at(now, seconds)

    assert epoch_start(epoch, seconds) <= now < epoch_start(epoch + 1, seconds)


@given(instants, lengths, st.integers(-200_000, 200_000))
def test_a_draw_is_never_made_in_an_epoch_that_may_be_revealed(
    now: datetime, seconds: int, skew: int
) -> None:
    """Another replica's clock may be behind; it still cannot use a public seed."""
    behind = now - timedelta(seconds=abs(skew))
    last = epoch_at(now, seconds)

    chosen = epoch_to_draw_in(behind, last, seconds)

    assert chosen is None or not may_reveal(chosen, now, seconds)


@given(instants, lengths)
def test_a_clock_a_day_back_draws_nothing_once_its_epoch_has_passed(
    now: datetime, seconds: int
) -> None:
    last = epoch_at(now, seconds)
    yesterday = now - timedelta(days=2)

    assert epoch_to_draw_in(yesterday, last, seconds) is None


def test_a_small_step_back_over_an_epochs_edge_stays_in_the_later_epoch() -> None:
    edge = epoch_start(1000, 3600)

    assert epoch_to_draw_in(edge - timedelta(milliseconds=50), 1000, 3600) == 1000
    assert epoch_to_draw_in(edge - 2 * CLOCK_TOLERANCE, 1000, 3600) is None


@given(instants, lengths)
def test_a_running_epoch_is_never_revealed(now: datetime, seconds: int) -> None:
    assert not may_reveal(epoch_at(now, seconds), now, seconds)


def test_only_the_first_day_of_a_week_names_last_weeks_tag() -> None:
    monday = datetime.fromtimestamp(
        week_at(datetime(2026, 11, 18, tzinfo=UTC)) * 604_800, UTC
    )

    assert is_week_young(monday)
    assert is_week_young(monday + timedelta(hours=23))
    assert not is_week_young(monday + timedelta(hours=25))
