"""Attempts at one account wait longer and longer; so do those from one place."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.access.accounts.attempts import wait_after
from proxy.access.accounts.faults import TooManyAttemptsError
from proxy.access.accounts.sources import LARGEST_LEVEL, SourceLimiter

MOST_A_DAY = 25  # CNIL deliberation 2017-012, which 2022-100 follows


def minutes(count):
    return timedelta(minutes=count)


@pytest.mark.parametrize(
    ("failures", "wait"),
    [
        (0, minutes(0)),
        (4, minutes(0)),
        (5, minutes(1)),
        (9, minutes(1)),
        (10, minutes(15)),
        (11, minutes(30)),
        (15, minutes(480)),
        (1000, minutes(480)),
    ],
)
def test_after_five_a_minute_after_ten_a_quarter_of_an_hour_and_more(failures, wait):
    assert wait_after(failures) == wait


def test_nobody_has_more_than_25_guesses_a_day():
    elapsed, guesses = timedelta(), 0
    while elapsed < timedelta(days=1):
        guesses += 1
        elapsed += wait_after(guesses)

    assert guesses <= MOST_A_DAY


@given(st.integers(0, 500))
def test_a_wait_never_gets_shorter_and_has_an_end(failures):
    assert wait_after(failures) <= wait_after(failures + 1) <= minutes(480)


@pytest.fixture
def limiter(clock):
    return SourceLimiter(clock, most=100)


def fail(limiter, source, times):
    for _ in range(times):
        limiter.claim(source)


def test_twenty_failures_from_one_place_are_heard_and_no_more(limiter):
    fail(limiter, "192.0.2.7", LARGEST_LEVEL)

    with pytest.raises(TooManyAttemptsError):
        limiter.claim("192.0.2.7")
    limiter.claim("192.0.2.8")


def test_it_gets_better_with_time(limiter, clock):
    fail(limiter, "192.0.2.7", LARGEST_LEVEL)
    clock.advance(seconds=31)

    limiter.claim("192.0.2.7")
    with pytest.raises(TooManyAttemptsError):
        limiter.claim("192.0.2.7")


def test_a_whole_call_centre_behind_one_address_gets_in(limiter):
    for _ in range(500):
        limiter.claim("192.0.2.7")
        limiter.give_back("192.0.2.7")


def test_one_subscribers_many_addresses_are_one_place(limiter):
    for host in range(LARGEST_LEVEL):
        limiter.claim(f"2001:db8:1:2::{host:x}")

    with pytest.raises(TooManyAttemptsError):
        limiter.claim("2001:db8:1:2:ffff::1")
    limiter.claim("2001:db8:1:3::1")


def test_an_address_is_the_same_in_either_version(limiter):
    fail(limiter, "::ffff:192.0.2.7", LARGEST_LEVEL)

    with pytest.raises(TooManyAttemptsError):
        limiter.claim("192.0.2.7")


def test_a_million_places_take_no_more_memory_than_it_may(limiter):
    for number in range(10_000):
        limiter.claim(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")

    assert len(limiter._buckets) == 100


def test_a_clock_that_goes_back_lets_nobody_in_sooner(limiter, clock):
    fail(limiter, "192.0.2.7", LARGEST_LEVEL)
    clock.advance(hours=-5)

    with pytest.raises(TooManyAttemptsError):
        limiter.claim("192.0.2.7")
