"""Which days need a key tomorrow: those of policies in force then, and no others."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention.keys import days_ahead, is_time_to_look_ahead
from retention.periods import expires_at, key_day
from sampling.budget import Budget
from sampling.mixing import Mode
from sampling.policy import NO_POLICY, Purpose, SamplingPolicy, Stratum
from sampling.schedule import PolicySchedule, ScheduledPolicy

TODAY = date(2026, 11, 18)
EPOCHS = range(100, 124)  # those of TODAY
BUDGET = Budget(20_000, 50, 20)
POLICY: SamplingPolicy = replace(
    NO_POLICY,
    version=1,
    rate_ppm=10_000,
    budget=BUDGET,
    starts_on=TODAY,
    ends_on=TODAY + timedelta(days=28),
    kept_days=30,
)


def stratum(**changes: object) -> Stratum:
    usual = {
        "name": "vip_in",
        "purpose": Purpose.TRAINING,
        "rate_ppm": 10_000,
        "budget": BUDGET,
        "starts_on": TODAY,
        "ends_on": TODAY + timedelta(days=7),
        "max_seconds": 600,
        "kept_days": 5,
    }
    return Stratum(**usual | changes)  # type: ignore[arg-type]  # a test's own values


def schedule(*policies: tuple[int, SamplingPolicy]) -> PolicySchedule:
    whole = PolicySchedule.empty(Mode.OPERATOR)
    for first, policy in policies:
        whole = whole.then(ScheduledPolicy(first, policy, Mode.OPERATOR))
    return whole


@pytest.mark.parametrize(("hour", "is_time"), [(0, False), (11, False), (12, True)])
def test_they_are_made_from_noon_on(hour: int, *, is_time: bool) -> None:
    assert (
        is_time_to_look_ahead(datetime(2026, 11, 18, hour, 59, tzinfo=UTC)) is is_time
    )


@given(
    st.datetimes(
        datetime(2026, 1, 1),  # noqa: DTZ001 - hypothesis adds the time zone
        datetime(2028, 1, 1),  # noqa: DTZ001 - the same
        timezones=st.just(UTC),
    ),
    st.integers(1, 180),
    st.timedeltas(timedelta(0), timedelta(hours=24) - timedelta(microseconds=1)),
)
def test_whatever_is_captured_tomorrow_finds_its_key(
    now: datetime, kept_days: int, of_day: timedelta
) -> None:
    tomorrow = datetime(now.year, now.month, now.day, tzinfo=UTC) + timedelta(days=1)

    captured_at = tomorrow + of_day

    [day] = days_ahead(now, [kept_days])
    assert key_day(expires_at(captured_at, kept_days)) == day


def test_every_stratum_that_runs_counts() -> None:
    running = replace(POLICY, strata=(stratum(), stratum(name="b_in", kept_days=60)))

    assert schedule((90, running)).kept_days(TODAY, EPOCHS) == {30, 5, 60}


@pytest.mark.parametrize(
    "idle", [{"rate_ppm": 0}, {"starts_on": TODAY + timedelta(days=1)}]
)
def test_what_draws_nothing_needs_no_key(idle: dict[str, object]) -> None:
    running = replace(POLICY, strata=(stratum(**idle),))

    assert schedule((90, running)).kept_days(TODAY, EPOCHS) == {30}


def test_a_campaign_that_is_over_needs_no_key() -> None:
    day = POLICY.ends_on

    assert schedule((90, POLICY)).kept_days(day, EPOCHS) == frozenset()


def test_without_a_policy_there_is_none() -> None:
    assert schedule().kept_days(TODAY, EPOCHS) == frozenset()


@pytest.mark.parametrize(
    ("first", "kept"), [(100, {9}), (101, {30, 9}), (123, {30, 9}), (124, {30})]
)
def test_one_that_begins_that_day_counts_and_so_does_the_one_before(
    first: int, kept: set[int]
) -> None:
    later = replace(POLICY, version=2, kept_days=9)

    found = schedule((90, POLICY), (first, later)).kept_days(TODAY, EPOCHS)

    assert found == kept
