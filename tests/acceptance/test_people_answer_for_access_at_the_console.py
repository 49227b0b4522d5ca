"""The data protection officer and the administrator at their pages, in a browser."""

from urllib.parse import urlsplit

import pytest

from proxy.access.permissions import Role
from proxy.access.trace.acts import Act
from proxy.access.watch.rules import Rule, Sign
from tests.fakes.browser import chromium
from tests.fakes.console import PASSWORD, Person, enrol, window
from tests.fakes.forms import Forms
from tests.fakes.listeners import recorded, signed_in, traced
from tests.fakes.staff import staffed

pytestmark = pytest.mark.acceptance


async def suspected(house):
    """A trainer the rules have found a sign about; the alerts of the site."""
    await signed_in(house, "trainer-tess")
    alerts, today = house.site.access.oversight.alerts, house.clock().date()
    sign = Sign("trainer-tess", Rule.OFF_HOURS, today, 1, 0, 0)
    async with house.site.database.transaction() as connection:
        await alerts.open_in(connection, sign)
    return alerts


async def test_the_dpo_gives_a_grant_reviews_and_ends_it(house):
    person = await enrol(house, "dpo-dina", Role.DPO)
    await signed_in(house, "trainer-tess")
    last_day = house.clock().date().replace(day=30)
    async with chromium() as browser, window(browser, house.service.address) as shown:
        await shown.sign_in(house, person)
        await shown.press("Grants")
        await shown.fill(code="nobody-there", until=last_day.isoformat())
        await shown.press("Give a grant")
        assert "nobody who listens by grants has this one" in await shown.text
        assert await shown.barriers() == {}
        await shown.fill(code="trainer-tess")
        await shown.press("Give a grant")
        await shown.page.wait_for_selector("th:has-text('trainer-tess')")
        await shown.press("Still needed")
        await shown.page.wait_for_selector("td:has-text('(dpo-dina)')")
        await shown.press("End")
        await shown.page.wait_for_selector("td:text-is('over')")
        assert await shown.barriers() == {}
    assert shown.faults == []


async def test_the_dpo_decides_on_an_alert(house):
    person = await enrol(house, "dpo-dina", Role.DPO)
    alerts = await suspected(house)
    async with chromium() as browser, window(browser, house.service.address) as shown:
        await shown.sign_in(house, person)
        await shown.press("Alerts")
        assert await shown.barriers() == {}
        await shown.page.click("td a")
        assert await shown.barriers() == {}
        await shown.press("The lines of the trace")
        assert await shown.barriers() == {}
        await shown.page.go_back()
        await shown.page.select_option("[name=decision]", "justified")
        await shown.press("Decide")
        await shown.page.wait_for_selector("td:has-text('No alert is open.')")
    assert await alerts.count_open() == 0
    assert shown.faults == []


async def test_the_dpo_signs_a_month_and_who_may_what(house):
    person = await enrol(house, "dpo-dina", Role.DPO)
    await recorded(house)
    async with chromium() as browser, window(browser, house.service.address) as shown:
        await shown.sign_in(house, person)
        await shown.press("Monthly review")
        assert await shown.barriers() == {}
        await shown.press("Accesses of 2026-10")
        assert await shown.barriers() == {}
        await shown.press("Sign")
        await shown.press("Who may what")
        assert await shown.barriers() == {}
        await shown.press("Sign")
        await shown.page.wait_for_selector("th:has-text('Who may what')")
        for place in ("/recordings", "/analyses", "/trace", "/emergencies", "/account"):
            await shown.go(place)
            assert await shown.barriers() == {}, place
    signed = [entry.about for entry in await traced(house, Act.REVIEW_SIGNED)]
    assert signed == ["2026-10", "habilitations"]
    assert shown.faults == []


async def invite(shown, house):
    """As the administrator, by hand; return the link."""
    await shown.sign_in(house, await enrol(house, "ada-1", Role.ADMINISTRATOR))
    await shown.press("Accounts")
    await shown.fill(code="Claire Martin")
    await shown.page.select_option("[name=role]", "trainer")
    await shown.press("Invite somebody")
    assert "No such account can be made" in await shown.text
    assert await shown.barriers() == {}
    await shown.fill(code="trainer-tess")
    await shown.page.select_option("[name=role]", "trainer")
    await shown.press("Invite somebody")
    assert await shown.barriers() == {}
    return await shown.page.input_value("#link")


async def accept(invited, house, link):
    """As the invited person, in French, with a slip of the finger."""
    await invited.page.goto(link)
    assert await invited.barriers() == {}
    assert "#" not in invited.page.url
    await invited.press("Continuer")
    by_hand = await invited.page.inner_text("main code")
    person = Person("trainer-tess", PASSWORD, by_hand.replace(" ", ""))
    digits = person.digits(house)
    await invited.fill(password=PASSWORD, again=PASSWORD + "?", proof=digits)
    await invited.press("Créer mon compte")
    assert "ne sont pas les mêmes" in await invited.text
    assert await invited.barriers() == {}
    await invited.fill(password=PASSWORD, again=PASSWORD, proof=digits)
    await invited.press("Créer mon compte")
    await invited.page.wait_for_selector(".codes")
    assert await invited.page.locator(".codes li").count() == 10
    assert await invited.barriers() == {}
    return person


async def test_an_administrator_invites_and_the_invited_person_enrols(house):
    async with (
        chromium() as browser,
        window(browser, house.service.address) as shown,
        window(browser, house.service.address, "fr") as invited,
    ):
        link = await invite(shown, house)
        await invited.sign_in(house, await accept(invited, house, link))
        assert "Enregistrements" in await invited.page.inner_text("nav.main")
        await shown.go("/accounts")
        await shown.press("Change trainer-tess")
        assert await shown.barriers() == {}
        await shown.press("End the account")
        await shown.page.wait_for_selector("td:has-text('ended')")
        await invited.go()  # a leaver with an open session
        assert "session est terminée" in await invited.text
    secret = urlsplit(link).fragment
    assert secret
    assert not any(secret in asked for asked in invited.requests)
    assert shown.faults == invited.faults == []


async def ask(shown, centre, officer, recording):
    """Emergency access, first without a reason that is one."""
    await shown.press("Emergency access")
    assert await shown.barriers() == {}
    await shown.fill(proof=officer.digits(centre))
    await shown.press("Confirm")
    await shown.page.wait_for_selector("[name=reason]")
    await shown.fill(recording=str(recording), reason="because")
    await shown.press("Open the recording")
    assert "three words" in await shown.text
    assert await shown.barriers() == {}
    await shown.fill(reason="a complaint that was made about this very call")
    await shown.press("Open the recording")
    assert await shown.barriers() == {}


async def review(reviewing):
    await reviewing.press("Emergency uses")
    await reviewing.page.click("td a")
    assert "a complaint that was made" in await reviewing.text
    assert await reviewing.barriers() == {}
    await reviewing.page.select_option("[name=outcome]", "justified")
    await reviewing.press("Close the review")
    await reviewing.page.wait_for_selector("td:has-text('(dpo-dina)')")


async def test_emergency_access_opens_one_recording_and_is_reviewed(centre):
    sites = staffed(centre)
    sites["clinic"]["access"] = {"break_glass": True}
    await centre.open(sites=sites)
    recording, _ = await recorded(centre)
    officer = await enrol(centre, "rights-rita", Role.RIGHTS_OFFICER)
    reviewer = await enrol(centre, "dpo-dina", Role.DPO)
    address = centre.service.address
    async with (
        chromium() as browser,
        window(browser, address) as shown,
        window(browser, address) as reviewing,
    ):
        await shown.sign_in(centre, officer)
        centre.clock.advance(minutes=6)  # the factor is not fresh any more
        await ask(shown, centre, officer, recording)
        await shown.press("Listen")
        await shown.page.wait_for_selector("audio")
        assert await shown.barriers() == {}
        await reviewing.sign_in(centre, reviewer)
        await review(reviewing)
        await reviewing.go(f"/trace?item={recording}")
        await reviewing.press("For the person concerned")
        told = await reviewing.page.inner_text("table")
        assert await reviewing.barriers() == {}
    assert "2026-11-18\tbegan to listen\tthe case it was opened for" in told
    assert officer.code not in told
    assert await centre.site.access.break_glass.count_unreviewed() == 0
    assert shown.faults == reviewing.faults == []


async def test_who_was_not_reviewed_in_time_is_told_to_be_suspended(centre):
    sites = staffed(centre)
    sites["clinic"]["access"] = {"break_glass": True}
    await centre.open(sites=sites)
    recording, _ = await recorded(centre)
    officer = await enrol(centre, "rights-rita", Role.RIGHTS_OFFICER)
    forms = Forms(centre.http, centre.service.address)
    await forms.sign_in(centre, officer)
    reason = "a complaint that was made about this very call"
    fields = {"recording": str(recording), "reason": reason}
    csrf = await forms.token("/emergency")
    answer, _ = await forms.ask("POST", "/emergency", fields | {"csrf": csrf})
    assert answer.status == 200
    centre.clock.advance(hours=73)
    with pytest.raises(AssertionError, match="Suspendu"):
        await forms.sign_in(centre, officer)
