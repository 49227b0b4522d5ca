"""An increase waits a day and for an epoch; a decrease for the next epoch."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from sampling.lifecycle import effective_from
from sampling.seed import epoch_start

INSTANTS = st.integers(0, 3_000_000_000_000_000).map(
    lambda microseconds: (
        datetime.fromtimestamp(0, UTC) + timedelta(microseconds=microseconds)
    )
)
LENGTHS = st.integers(300, 86_400)
DAY = timedelta(hours=24)


@given(INSTANTS, LENGTHS)
def test_an_increase_holds_from_the_first_epoch_that_begins_a_day_later(now, seconds):
    epoch = effective_from(now, seconds, is_increase=True)

    assert epoch_start(epoch, seconds) >= now + DAY
    assert epoch_start(epoch - 1, seconds) < now + DAY


@given(INSTANTS, LENGTHS)
def test_a_decrease_holds_from_the_next_epoch_never_in_the_running_one(now, seconds):
    epoch = effective_from(now, seconds, is_increase=False)

    assert epoch_start(epoch, seconds) > now
    assert epoch_start(epoch - 1, seconds) <= now


@given(INSTANTS, LENGTHS)
def test_a_decrease_never_waits_longer_than_an_increase(now, seconds):
    sooner = effective_from(now, seconds, is_increase=False)

    assert sooner <= effective_from(now, seconds, is_increase=True)


def test_a_day_that_ends_with_an_epoch_is_enough():
    noon = datetime(2026, 11, 20, 12, tzinfo=UTC)
    a_moment = timedelta(microseconds=1)

    at_noon = effective_from(noon, 3600, is_increase=True)

    assert epoch_start(at_noon, 3600) == noon + DAY
    assert effective_from(noon + a_moment, 3600, is_increase=True) == at_noon + 1
