"""An erasure goes on each minute: it, too, asks first what time it is.

Even where no second clock can tell, it ends no hold and no key for its age: the sweep
does.
"""

from datetime import datetime, timedelta

import pytest

from proxy.app import Service
from proxy.database.second_clock import ClocksDifferError
from retention.holds import Authority
from retention.rights.deadlines import Kind
from tests.conftest import ObedientClock
from tests.fakes.erasing import erase, hold, nothing_is_left, tend
from tests.fakes.listeners import recorded
from tests.fakes.persons import THEIRS, asked

A_YEAR = timedelta(days=365)


@pytest.fixture
async def clinic(centre, clock):
    """The database server's clock is right, whatever this machine's says."""
    other = ObedientClock(clock.now)

    async def second_clock(_: object) -> datetime:
        return other()

    service = Service(centre.settings(), centre.clock, second_clock)
    centre.services.append(service)
    await service.start()
    await service.wait_ready()
    await centre.stop_worker()
    return centre


async def test_an_erasure_waits_until_the_clock_is_right(clinic, clock):
    theirs, _ = await recorded(clinic, caller=THEIRS)
    other, audio = await recorded(clinic, caller="+33699999999")
    request = await asked(clinic, Kind.ERASURE)

    clock.now += A_YEAR
    with pytest.raises(ClocksDifferError):
        await erase(clinic, request)
    clock.now -= A_YEAR
    assert len(await clinic.kept()) == 2
    await tend(clinic)

    await nothing_is_left(clinic, theirs)
    assert await clinic.heard(str(other)) == audio


async def test_where_no_clock_can_tell_the_neighbours_key_is_left_to_the_sweep(
    quiet, clock
):
    await recorded(quiet, caller=THEIRS)
    other, audio = await recorded(quiet, caller="+33699999999")
    request = await asked(quiet, Kind.ERASURE)

    clock.now += A_YEAR
    await erase(quiet, request)
    clock.now -= A_YEAR

    assert await quiet.leaves("KEK-") == []
    assert await quiet.heard(str(other)) == audio


async def test_where_no_clock_can_tell_a_running_requisition_is_left_to_the_sweep(
    quiet, clock
):
    theirs, _ = await recorded(quiet, caller=THEIRS)
    await hold(quiet, theirs, Authority.REQUISITION, 20)
    await erase(quiet, await asked(quiet, Kind.ERASURE))

    clock.now += A_YEAR
    await quiet.site.parts.shelf.remove_unfinished()
    await tend(quiet)
    clock.now -= A_YEAR

    assert await quiet.kept() == [str(theirs)]
    assert len(quiet.objects()) == 1


async def test_a_refusal_just_after_a_holds_end_is_not_forgotten(quiet, clock):
    """The hold is over and nobody has ended it yet: it goes with the next sweep."""
    theirs, _ = await recorded(quiet, caller=THEIRS)
    await hold(quiet, theirs, Authority.REQUISITION, 5)
    clock.advance(days=5, minutes=1)

    async with quiet.site.database.transaction() as connection:
        assert await quiet.site.parts.shelf.doom(connection, theirs) is None
    await quiet.site.sweep()

    await nothing_is_left(quiet, theirs)
