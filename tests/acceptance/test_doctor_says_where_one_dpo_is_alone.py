"""`ponctuel doctor` counts who could review a data protection officer's own use."""

import pytest

from proxy.access.permissions import Role
from tests.fakes.call_centre import SITE
from tests.fakes.command_line import ponctuel
from tests.fakes.console import ADMINISTRATOR, accept, enrol
from tests.fakes.staff import CARLA, PEOPLE

pytestmark = pytest.mark.acceptance
ALONE = {code: person for code, person in PEOPLE.items() if code != "dpo-dora"}


@pytest.fixture
def told(house):
    """What doctor says of a site where these people are listed."""

    async def told(people, *, break_glass=True):
        sites = house.plan()["sites"]
        sites[SITE] |= {"people": people, "access": {"break_glass": break_glass}}
        done = await ponctuel(house, "doctor", sites=sites)
        lines = done.stdout.splitlines()
        [line] = [line for line in lines if line.startswith(f"{SITE}: dpos ")]
        return line.removeprefix(f"{SITE}: dpos ").strip()

    return told


async def test_one_dpo_where_the_glass_may_be_broken_is_warned_of(told):
    said = await told(ALONE)

    assert said.startswith("warn: 1, and emergency access is on")
    assert "invite and appoint another" in said


async def test_one_dpo_is_told_of_where_it_may_not(told):
    said = await told(ALONE, break_glass=False)

    assert said.startswith("ok: 1: nobody decides alerts about one")


async def test_two_of_the_settings_are_enough(told):
    assert await told(PEOPLE) == "ok: 2"


async def test_an_account_counts_once_appointed_and_until_it_ends(house, told):
    await enrol(house, "dpo-eve", Role.DPO)
    assert await told(ALONE) == "ok: 2"

    again = await house.site.access.invitations.reset(ADMINISTRATOR, "dpo-eve")
    assert (await told(ALONE)).startswith("warn: 1")

    await accept(house, "dpo-eve", again.secret)
    assert (await told(ALONE)).startswith("warn: 1")

    await house.site.access.accounts.appoint(CARLA, "dpo-eve")
    assert await told(ALONE) == "ok: 2"

    await house.site.access.accounts.end(ADMINISTRATOR, "dpo-eve")
    assert (await told(ALONE)).startswith("warn: 1")
