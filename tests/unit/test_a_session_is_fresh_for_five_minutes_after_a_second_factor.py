from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from proxy.access.accounts.faults import StaleFactorError
from proxy.access.accounts.sessions import Session
from proxy.access.permissions import Actor, Role, ShownBy

NOW = datetime(2026, 11, 18, 9, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)


def shown(ago: timedelta) -> Session:
    actor = Actor("tr-lea", Role.TRAINER, "nord", ShownBy.SESSION)
    return Session(actor, uuid4(), uuid4(), "csrf", NOW - ago)


@pytest.mark.parametrize("ago", [timedelta(0), timedelta(minutes=5)])
def test_what_takes_a_fresh_factor_may_be_done_up_to_five_minutes_after_it(ago):
    shown(ago).check_fresh(NOW)

    assert shown(ago).is_fresh(NOW)


@pytest.mark.parametrize("ago", [timedelta(minutes=5) + MOMENT, timedelta(days=1)])
def test_later_the_factor_is_to_be_shown_again(ago):
    with pytest.raises(StaleFactorError):
        shown(ago).check_fresh(NOW)

    assert not shown(ago).is_fresh(NOW)


def test_a_factor_of_a_clock_that_is_ahead_shows_nothing():
    with pytest.raises(StaleFactorError):
        shown(-MOMENT).check_fresh(NOW)
