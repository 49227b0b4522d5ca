"""A grant ends with what somebody was, not only with its day (R29)."""

from datetime import timedelta

import pytest

from proxy.access.accounts.accounts import Wanted
from proxy.access.permissions import Role
from proxy.access.trace.acts import Act
from tests.fakes.named_people import ADMINISTRATOR
from tests.fakes.staff import CARLA


@pytest.fixture
async def granted(clinic):
    """A trainer who was given something for eighty days, and which grant it is."""
    member = await clinic.join("tr-1")
    until = clinic.clock() + timedelta(days=80)
    grant_id = await clinic.access.grants.give(CARLA, "tr-1", None, None, until)
    return member, grant_id


async def become(clinic, role):
    await clinic.access.accounts.change_role(ADMINISTRATOR, Wanted("tr-1", role))


async def reached(clinic, member):
    made = await clinic.sign_in(member)
    return (await clinic.identity.by_session(made.secret)).actor.grants


async def test_a_trainer_again_finds_no_grant_of_before(clinic, granted):
    member, grant_id = granted
    assert await reached(clinic, member)

    await become(clinic, Role.AUDITOR)
    await become(clinic, Role.TRAINER)

    assert await reached(clinic, member) == ()
    grant = await clinic.access.grants.find(grant_id)
    assert (grant.ended_at, grant.ended_by) == (
        clinic.clock() - timedelta(seconds=90),
        ADMINISTRATOR.code,
    )


@pytest.mark.usefixtures("granted")
async def test_what_is_signed_each_quarter_lists_no_grant_of_who_left(clinic):
    assert (await clinic.access.look()).document["grants"]

    await clinic.access.accounts.end(ADMINISTRATOR, "tr-1")

    assert (await clinic.access.look()).document["grants"] == []
    [grant] = await clinic.access.grants.list()
    assert not grant.holds_at(clinic.clock())


@pytest.mark.usefixtures("granted")
async def test_each_grant_that_ends_so_has_its_line_in_the_trace(clinic):
    await clinic.access.accounts.end(ADMINISTRATOR, "tr-1")

    assert await clinic.traced(Act.GRANT_ENDED) == [ADMINISTRATOR.code]


async def test_a_trainer_who_stays_one_keeps_what_was_given(clinic, granted):
    member, _ = granted

    await become(clinic, Role.TRAINER)

    assert await reached(clinic, member)
