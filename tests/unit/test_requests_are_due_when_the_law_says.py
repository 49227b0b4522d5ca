"""GDPR Art. 12(3) and CSP L.1111-7, counted by Regulation 1182/71: the calendar."""

import calendar
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from retention.rights.deadlines import Deadlines, Kind, deadlines, months_after

PARIS = ZoneInfo("Europe/Paris")
UNDER_GDPR = [kind for kind in Kind if kind is not Kind.MEDICAL_FILE]

days = st.dates(date(2018, 5, 25), date(2150, 12, 31))
moments = st.builds(
    lambda day, at: datetime.combine(day, at, PARIS), days, st.times()
).map(lambda moment: moment.astimezone(UTC).astimezone(PARIS))
gdpr_kinds = st.sampled_from(UNDER_GDPR)
kinds = st.sampled_from(Kind)
suspensions = st.integers(0, 60)


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=PARIS)


def has(year, month, number):
    return number <= calendar.monthrange(year, month)[1]


@pytest.mark.parametrize(
    ("kind", "received", "is_old", "expected"),
    [
        ("access", "2026-01-31", False, ("2026-02-28", "2026-02-28", "2026-04-30")),
        ("access", "2028-01-31", False, ("2028-02-29", "2028-02-29", "2028-04-30")),
        ("access", "2026-03-10", False, ("2026-04-10", "2026-04-10", "2026-06-10")),
        ("medical-file", "2026-03-10 14:00", False, ("2026-03-18", None, None)),
        ("medical-file", "2026-03-10 14:00", True, ("2026-05-10", None, None)),
    ],
)
def test_the_known_cases(kind, received, is_old, expected):
    found = deadlines(Kind(kind), at(received), is_older_than_five_years=is_old)

    dates = (found.due, found.extendable_until, found.extended_due)
    assert tuple(day and day.isoformat() for day in dates) == expected


def test_a_medical_file_is_not_handed_over_before_48_hours():
    found = deadlines(Kind.MEDICAL_FILE, at("2026-03-10 14:00"))

    assert found.earliest == at("2026-03-12 14:00")


@pytest.mark.parametrize(
    ("received", "earliest"),
    [
        ("2026-03-28 14:00", "2026-03-30 15:00"),  # an hour is missing that night
        ("2026-10-24 14:00", "2026-10-26 13:00"),  # an hour comes twice
    ],
)
def test_48_hours_really_pass_over_a_night_in_which_the_clocks_change(
    received, earliest
):
    assert deadlines(Kind.MEDICAL_FILE, at(received)).earliest == at(earliest)


@given(moments)
def test_the_time_to_think_is_48_hours_by_any_clock(received):
    earliest = deadlines(Kind.MEDICAL_FILE, received).earliest

    assert earliest.astimezone(UTC) - received.astimezone(UTC) == timedelta(hours=48)
    assert earliest.tzinfo is received.tzinfo


@given(gdpr_kinds, moments)
def test_only_a_medical_file_has_an_earliest_moment(kind, received):
    assert deadlines(kind, received).earliest is None


@given(moments)
def test_every_right_but_the_medical_file_has_the_same_dates(received):
    assert len({deadlines(kind, received) for kind in UNDER_GDPR}) == 1


@given(days, st.integers(1, 3))
@example(date(2027, 12, 31), 2)
@example(date(2028, 2, 29), 1)
@example(date(2100, 1, 31), 1)  # 2100 is no leap year
def test_a_month_ends_with_the_same_number_or_with_the_months_last_day(day, months):
    end = months_after(day, months)
    counted = (day.year * 12 + day.month - 1) + months
    year, month = divmod(counted, 12)

    assert (end.year, end.month) == (year, month + 1)
    if has(end.year, end.month, day.day):
        assert end.day == day.day
    else:
        assert (end + timedelta(days=1)).day == 1


@given(gdpr_kinds, moments)
@example(Kind.ACCESS, at("2026-01-31"))
@example(Kind.ERASURE, at("2028-01-29"))
def test_a_month_is_never_shorter_than_28_days_and_never_longer_than_31(kind, received):
    found = deadlines(kind, received)

    assert 28 <= (found.due - received.date()).days <= 31
    assert 89 <= (found.extended_due - received.date()).days <= 92


@given(gdpr_kinds, st.integers(2018, 2150))
def test_the_end_of_january_is_due_at_the_end_of_february(kind, year):
    received = datetime(year, 1, 31, tzinfo=PARIS)

    last = 29 if calendar.isleap(year) else 28
    assert deadlines(kind, received).due == date(year, 2, last)


@given(kinds, st.booleans(), moments, st.timedeltas(timedelta(0), timedelta(days=800)))
def test_who_asks_later_is_never_due_earlier(kind, is_old, received, gap):
    later = (received.astimezone(UTC) + gap).astimezone(PARIS)
    first, second = (
        deadlines(kind, moment, is_older_than_five_years=is_old)
        for moment in (received, later)
    )

    assert first.due <= second.due
    assert (first.extended_due or first.due) <= (second.extended_due or second.due)
    assert first.earliest is None or first.earliest <= second.earliest


@given(gdpr_kinds, moments)
def test_a_day_later_is_a_day_later_unless_the_month_is_too_short(kind, received):
    next_day = received.date() + timedelta(days=1)
    first = deadlines(kind, received).due
    second = deadlines(kind, datetime.combine(next_day, time(), PARIS)).due

    if second == first:  # both clamped to the same last day
        assert (second + timedelta(days=1)).day == 1
        assert next_day.day > second.day
    else:
        assert first < second


@given(gdpr_kinds, moments)
def test_an_extension_is_told_within_the_first_month_and_adds_two(kind, received):
    found = deadlines(kind, received)

    assert found.extendable_until == found.due
    assert found.extended_due == months_after(received.date(), 3)
    assert found.extended_due > found.due


@given(moments, st.booleans(), suspensions)
def test_a_medical_file_is_never_extended(received, is_old, gone):
    found = deadlines(
        Kind.MEDICAL_FILE,
        received,
        is_older_than_five_years=is_old,
        suspended_days=gone,
    )

    assert found.extendable_until is None
    assert found.extended_due is None


@given(moments)
def test_a_medical_file_is_due_eight_days_after_the_day_of_receipt(received):
    found = deadlines(Kind.MEDICAL_FILE, received)

    assert found.due - received.date() == timedelta(days=8)
    assert found.earliest.date() < found.due


@given(gdpr_kinds, moments)
def test_the_age_of_what_is_asked_for_matters_to_a_medical_file_only(kind, received):
    old = deadlines(kind, received, is_older_than_five_years=True)

    assert old == deadlines(kind, received)


@given(gdpr_kinds, moments, suspensions)
def test_each_suspended_day_moves_every_date_by_one(kind, received, gone):
    plain, moved = (
        deadlines(kind, received, suspended_days=suspended) for suspended in (0, gone)
    )
    shift = timedelta(days=gone)

    assert moved.due == plain.due + shift
    assert moved.extendable_until == plain.extendable_until + shift
    assert moved.extended_due == plain.extended_due + shift


@given(st.booleans(), moments, suspensions)
def test_no_suspension_moves_a_medical_file_that_is_counted_from_receipt(
    is_old, received, gone
):
    plain, doubted = (
        deadlines(
            Kind.MEDICAL_FILE,
            received,
            is_older_than_five_years=is_old,
            suspended_days=suspended,
        )
        for suspended in (0, gone)
    )

    assert doubted == plain


@given(kinds, days, st.times(), st.times())
def test_the_hour_of_receipt_does_not_matter_to_a_date(kind, day, one, other):
    first, second = (
        deadlines(kind, datetime.combine(day, hour, PARIS)) for hour in (one, other)
    )

    assert first.due == second.due


def test_the_day_of_receipt_is_that_of_the_place_not_that_of_greenwich():
    after_midnight = datetime(2026, 3, 9, 23, 30, tzinfo=UTC).astimezone(PARIS)

    assert deadlines(Kind.ACCESS, after_midnight).due == date(2026, 4, 10)


def test_what_falls_on_a_weekend_or_a_holiday_stays_there():
    whitsun, christmas = at("2026-04-24"), at("2026-11-25")

    assert deadlines(Kind.ACCESS, whitsun).due == date(2026, 5, 24)  # a Sunday
    assert deadlines(Kind.ACCESS, christmas).due == date(2026, 12, 25)


@given(kinds, moments, st.integers(-100, 100), st.booleans())
def test_what_is_left_is_counted_to_the_date_that_holds(kind, received, gone, extended):
    found = deadlines(kind, received)
    holds = (found.extended_due if extended else None) or found.due
    today = holds + timedelta(days=gone)

    assert found.days_left(today, is_extended=extended) == -gone
    assert found.is_due_soon(today, is_extended=extended) == (gone >= -7)


def test_a_moment_without_a_zone_has_no_day():
    with pytest.raises(ValueError, match="time zone"):
        deadlines(Kind.ACCESS, datetime(2026, 3, 10))  # noqa: DTZ001  # the point


def test_a_clock_never_stood_still_for_less_than_no_time():
    with pytest.raises(ValueError, match="below 0"):
        deadlines(Kind.ACCESS, at("2026-03-10"), suspended_days=-1)


def test_dates_can_be_compared_and_kept():
    found = deadlines(Kind.ACCESS, at("2026-03-10"))

    assert found == Deadlines(
        None, date(2026, 4, 10), date(2026, 4, 10), date(2026, 6, 10)
    )
