"""`ponctuel doctor` names what persons would be promised in vain: a link, a code."""

import pytest

from proxy.access.permissions import Role
from tests.fakes.call_centre import SITE
from tests.fakes.command_line import ponctuel
from tests.fakes.console import ADMINISTRATOR, enrol
from tests.fakes.gateway import SECRET
from tests.fakes.staff import PEOPLE

pytestmark = pytest.mark.acceptance

ANSWERING = {"dpo", "rights_officer"}
NOBODY = {
    code: person for code, person in PEOPLE.items() if person["role"] not in ANSWERING
}
GATEWAY = {"url": "https://sms.clinic.example/send", "secret": SECRET}
ORIGIN = "https://ponctuel.clinic.example"


@pytest.fixture
def told(house):
    """What doctor says of a site's links and codes, and whether it failed for them."""

    async def told(people=PEOPLE, **settings):
        sites = house.plan()["sites"]
        sites[SITE] |= {"people": people} | settings
        done = await ponctuel(house, "doctor", sites=sites)
        said = [
            line.removeprefix(f"{SITE}: ")
            for line in done.stdout.splitlines()
            if " to persons' " in line
        ]
        return {line.split(" ")[0]: line.partition("  ")[2].strip() for line in said}

    return told


async def test_without_an_origin_or_a_gateway_both_are_said_with_the_setting(told):
    said = await told()

    assert said["links"].startswith("warn: ")
    assert f"sites.{SITE}.access.public_url" in said["links"]
    assert said["codes"].startswith("warn: ")
    assert f"sites.{SITE}.rights.sender" in said["codes"]


async def test_what_is_set_is_in_order(told):
    said = await told(access={"public_url": ORIGIN}, rights={"sender": GATEWAY})

    assert said["links"] == f"ok: {ORIGIN}"
    assert said["codes"].startswith("ok: ")


async def test_where_nobody_answers_requests_nothing_is_said(told):
    assert await told(NOBODY) == {}


async def test_a_gateway_is_for_somebodys_codes_whoever_answers(told):
    said = await told(NOBODY, rights={"sender": GATEWAY})

    assert said["links"].startswith("warn: ")


async def test_an_officer_with_an_account_answers_until_it_ends(house, told):
    await enrol(house, "officer-eve", Role.RIGHTS_OFFICER)
    assert await told(NOBODY) != {}

    await house.site.access.accounts.end(ADMINISTRATOR, "officer-eve")
    assert await told(NOBODY) == {}
