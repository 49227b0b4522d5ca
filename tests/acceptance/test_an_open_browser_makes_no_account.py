"""What changes who may come in asks for the second factor anew."""

import pytest

from proxy.access.accounts.accounts import Wanted
from proxy.access.permissions import Role
from tests.fakes.console import ADMINISTRATOR, enrol
from tests.fakes.forms import Forms

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(60)]
_NEW = {"code": "tr-2", "role": "trainer"}


@pytest.fixture
async def browser(house):
    """An administrator's, signed in."""
    forms = Forms(house.http, house.service.address)
    await forms.sign_in(house, await enrol(house, "admin-bea", Role.ADMINISTRATOR))
    return forms


async def codes(house):
    return {each.code for each in await house.site.access.accounts.list()}


async def test_an_invitation_six_minutes_later_asks_for_the_factor(house, browser):
    house.clock.advance(minutes=6)
    csrf = await browser.token("/accounts")

    answer, _ = await browser.ask("POST", "/accounts", _NEW | {"csrf": csrf})

    assert answer.headers["Location"] == "/console/account/confirm"
    assert "tr-2" not in await codes(house)


async def test_right_after_signing_in_it_does_not(house, browser):
    csrf = await browser.token("/accounts")

    answer, _ = await browser.ask("POST", "/accounts", _NEW | {"csrf": csrf})

    assert answer.status == 200
    assert "tr-2" in await codes(house)


@pytest.mark.parametrize("what", ["role", "reset", "end"])
async def test_so_does_every_other_change(house, browser, what):
    await enrol(house, "tr-3", Role.TRAINER)
    account = await house.site.access.accounts.find("tr-3")
    house.clock.advance(minutes=6)
    csrf = await browser.token("/accounts")

    answer, _ = await browser.ask(
        "POST",
        f"/accounts/{account.account_id}/{what}",
        {"csrf": csrf, "role": "auditor"},
    )

    assert answer.headers["Location"] == "/console/account/confirm"
    assert await house.site.access.accounts.find("tr-3") == account


async def test_an_officer_appoints_another_at_their_page(house):
    officer = await enrol(house, "dpo-dina", Role.DPO)
    invitations = house.site.access.invitations
    await invitations.invite(ADMINISTRATOR, Wanted("dpo-2", Role.DPO))
    account = await house.site.access.accounts.find("dpo-2")
    forms = Forms(house.http, house.service.address)
    await forms.sign_in(house, officer)
    csrf = await forms.token("/grants")

    answer, _ = await forms.ask(
        "POST", f"/accounts/{account.account_id}/appoint", {"csrf": csrf}
    )

    assert answer.headers["Location"] == "/console/accounts"
    found = await house.site.access.accounts.find("dpo-2")
    assert found.appointed_by == "dpo-dina"
