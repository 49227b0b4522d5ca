"""What a grant may be at all: whatever its dates, places and receiver."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.access.grants.rules import (
    LONGEST,
    RECEIVERS,
    GrantRefusedError,
    Wanted,
    check_wanted,
)
from proxy.access.permissions import Role

NOW = datetime(2026, 11, 22, tzinfo=UTC)
MOMENTS = st.timedeltas(timedelta(days=-9000), timedelta(days=9000)).map(NOW.__add__)
SPANS = st.timedeltas(timedelta(days=-400), timedelta(days=400))
SOON = NOW + timedelta(days=1)


def is_allowed(wanted, role=Role.TRAINER, practices=("cardio",), now=NOW):
    try:
        check_wanted(wanted, role, practices, now)
    except GrantRefusedError:
        return False
    return True


@given(now=MOMENTS, span=SPANS)
def test_no_grant_is_over_already_or_longer_than_90_days(now, span):
    wanted = Wanted("trainer-tina", None, None, now + span)

    assert is_allowed(wanted, now=now) is (timedelta() < span <= timedelta(days=90))


def test_the_last_moment_is_90_days_from_now():
    for more, is_well in ((timedelta(), True), (timedelta(microseconds=1), False)):
        assert is_allowed(Wanted("tina", None, None, NOW + LONGEST + more)) is is_well


def test_a_time_without_a_zone_is_no_end():
    wanted = Wanted("trainer-tina", None, None, SOON.replace(tzinfo=None))

    assert not is_allowed(wanted)


@pytest.mark.parametrize("role", [*Role, None], ids=str)
def test_only_trainers_listen_by_grants(role):
    wanted = Wanted("somebody", "cardio", None, SOON)

    assert is_allowed(wanted, role) is (role is Role.TRAINER)
    assert frozenset({Role.TRAINER}) == RECEIVERS


@given(practice=st.text(max_size=40), listed=st.frozensets(st.text(max_size=40)))
def test_a_practice_is_one_of_those_listed(practice, listed):
    wanted = Wanted("trainer-tina", practice, None, SOON)

    assert is_allowed(wanted, practices=listed) is (practice in listed)


@pytest.mark.parametrize(
    ("campaign", "is_well"),
    [
        ("training-2026-11-01", True),
        (None, True),
        ("", False),
        ("training", False),
        ("training-2026-11-01 ", False),
        ("Training-2026-11-01", False),
        ("0612345678", False),
        ("Mme Durand", False),
    ],
)
def test_a_campaign_is_a_purpose_and_a_day_and_nothing_else(campaign, is_well):
    assert is_allowed(Wanted("trainer-tina", None, campaign, SOON)) is is_well
