"""What changes who may come in asks for the second factor anew."""

import pyotp
import pytest

from proxy.access.accounts.accounts import Wanted
from proxy.access.permissions import Role
from tests.fakes.console import ADMINISTRATOR, PASSWORD, enrol
from tests.fakes.forms import Forms

pytestmark = pytest.mark.acceptance
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


async def accepted(house, code, role, agent=None):
    """Somebody invited, who has a password and an authenticator by now."""
    invitations = house.site.access.invitations
    invited = await invitations.invite(ADMINISTRATOR, Wanted(code, role, agent))
    offer = await invitations.offer(invited.secret)
    digits = pyotp.TOTP(offer.totp_secret).at(house.clock())
    await invitations.accept(
        invited.secret, PASSWORD, opening=offer.opening, totp=digits
    )
    return await house.site.access.accounts.find(code)


@pytest.fixture
async def officer(house):
    """A data protection officer's browser, signed in."""
    forms = Forms(house.http, house.service.address)
    await forms.sign_in(house, await enrol(house, "dpo-dina", Role.DPO))
    return forms


async def appoint(officer, account, **fields):
    csrf = await officer.token("/accounts")
    path = f"/accounts/{account.account_id}/appoint"
    return await officer.ask("POST", path, fields | {"csrf": csrf})


async def test_an_officer_appoints_another_at_their_page(house, officer):
    account = await accepted(house, "dpo-2", Role.DPO)

    answer, _ = await appoint(officer, account)

    assert answer.headers["Location"] == "/console/accounts"
    found = await house.site.access.accounts.find("dpo-2")
    assert found.appointed_by == "dpo-dina"


async def test_an_officer_who_appoints_an_agent_writes_which_one(house, officer):
    account = await accepted(house, "agent-2", Role.AGENT, "7042")
    _, page = await officer.ask("GET", "/accounts")
    assert 'name="agent"' in page

    answer, page = await appoint(officer, account, agent="7099")
    assert (answer.status, "Qui désigne écrit le même" in page) == (422, True)
    answer, _ = await appoint(officer, account, agent="7042")

    assert answer.headers["Location"] == "/console/accounts"
    found = await house.site.access.accounts.find("agent-2")
    assert found.appointed_by == "dpo-dina"


async def test_an_officer_is_told_that_nobody_accepted_yet(house, officer):
    invitations = house.site.access.invitations
    await invitations.invite(ADMINISTRATOR, Wanted("dpo-2", Role.DPO))
    account = await house.site.access.accounts.find("dpo-2")

    answer, page = await appoint(officer, account)

    assert answer.status == 409
    assert "encore accepté cette invitation" in page
