"""After a reset nothing that was there before lets anybody in, begun or not."""

import pytest
from playwright.async_api import Browser

from proxy.access.accounts.faults import SignInRefusedError
from proxy.access.accounts.sessions import NewSession
from proxy.access.oidc.refusals import NotAdmittedError, SingleSignOnRefusedError
from proxy.access.oidc.sign_in import Linked
from proxy.access.oidc.states import Purpose
from proxy.access.passkeys import store
from proxy.access.permissions import Role
from proxy.access.surroundings import AccessConfig
from proxy.errors import UnauthorizedError
from tests.fakes.authenticator import authenticator, empty_page
from tests.fakes.lying_provider import LyingProvider
from tests.fakes.named_people import ADMINISTRATOR, HERE, Clinic, running_clinic
from tests.fakes.passkeys import browser, register, session_of
from tests.fakes.single_sign_on import arrive, clinic, failures, provider

__all__ = ["browser", "clinic", "provider"]


async def code_of(clinic: Clinic, arrived: NewSession) -> str:
    return (await clinic.access.sessions.find(arrived.secret)).actor.code


async def test_an_account_by_invitation_is_tied_to_no_provider_after_it(
    clinic: Clinic, provider: LyingProvider
):
    """Somebody else may have tied theirs at a browser that was left open."""
    tess = await clinic.join("trainer-tess", Role.TRAINER)
    session = await session_of(clinic, tess)
    begun = await clinic.access.oidc.begin(Purpose.LINK, session)
    query = provider.visit(begun.address)
    assert await clinic.access.oidc.finish(begun.secret, query, HERE, session) == (
        Linked()
    )
    assert await code_of(clinic, await arrive(clinic, provider)) == "trainer-tess"

    await clinic.access.invitations.reset(ADMINISTRATOR, "trainer-tess")

    assert await code_of(clinic, await arrive(clinic, provider)) != "trainer-tess"


async def test_a_tie_under_way_at_the_provider_is_none_after_it(
    clinic: Clinic, provider: LyingProvider
):
    """It answers in its own time, and the reset does not wait for it."""
    tess = await clinic.join("trainer-tess", Role.TRAINER)
    session = await session_of(clinic, tess)
    oidc = clinic.access.oidc
    begun = await oidc.begin(Purpose.LINK, session)
    query = provider.visit(begun.address)
    await clinic.access.invitations.reset(ADMINISTRATOR, "trainer-tess")

    with pytest.raises(SingleSignOnRefusedError):
        await oidc.finish(begun.secret, query, HERE, session)

    assert await clinic.count("oidc_subjects") == 0
    assert (await failures(clinic))[-1] == "sso-state"


async def test_a_session_ended_elsewhere_ties_nothing_either(
    clinic: Clinic, provider: LyingProvider
):
    tess = await clinic.join("trainer-tess", Role.TRAINER)
    session = await session_of(clinic, tess)
    begun = await clinic.access.oidc.begin(Purpose.LINK, session)
    query = provider.visit(begun.address)
    await clinic.access.sessions.end(session)

    with pytest.raises(SingleSignOnRefusedError):
        await clinic.access.oidc.finish(begun.secret, query, HERE, session)


async def test_a_passkey_that_was_being_made_is_none_after_it(
    browser: Browser, dsn: str, tmp_path, clock
):
    async with (
        empty_page() as origin,
        authenticator(browser, origin) as device,
        passkey_clinic(dsn, tmp_path, clock, origin) as clinic,
    ):
        session = await session_of(clinic, await clinic.join("trainer-tess"))
        options = await clinic.access.passkeys.begin_registration(session)
        answer = await device.create(options)
        await clinic.access.invitations.reset(ADMINISTRATOR, "trainer-tess")

        with pytest.raises(UnauthorizedError):
            await clinic.access.passkeys.finish_registration(session, answer)
        assert await clinic.count("passkeys") == 0


async def test_an_account_the_provider_made_is_the_same_persons_after_it(
    clinic: Clinic, provider: LyingProvider
):
    code = await code_of(clinic, await arrive(clinic, provider))
    await clinic.access.invitations.reset(ADMINISTRATOR, code)
    assert await code_of(clinic, await arrive(clinic, provider)) == code

    await clinic.access.accounts.end(ADMINISTRATOR, code)
    with pytest.raises(NotAdmittedError):  # and no second one for who has left
        await arrive(clinic, provider)


async def test_a_passkey_that_was_shown_just_before_opens_nothing_after_it(
    browser: Browser, dsn: str, tmp_path, clock
):
    async with (
        empty_page() as origin,
        authenticator(browser, origin) as device,
        passkey_clinic(dsn, tmp_path, clock, origin) as clinic,
    ):
        member = await clinic.join("trainer-tess")
        await register(clinic, member, device)
        begun = await clinic.access.passkeys.begin_alone()
        answer = await device.get(begun.options)
        reset_meanwhile(clinic, member.code)

        with pytest.raises(SignInRefusedError):
            await clinic.access.passkeys.alone(begun.secret, answer, HERE)
        assert await clinic.count("sessions") == 0


async def test_strangers_who_only_begin_take_no_challenge_of_somebody_known(
    browser: Browser, dsn: str, tmp_path, clock, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(store, "MOST_CHALLENGES", 3)
    async with (
        empty_page() as origin,
        authenticator(browser, origin) as device,
        passkey_clinic(dsn, tmp_path, clock, origin) as clinic,
    ):
        session = await session_of(clinic, await clinic.join("trainer-tess"))
        options = await clinic.access.passkeys.begin_registration(session)
        for _ in range(8):
            clock.advance(milliseconds=1)
            await clinic.access.passkeys.begin_alone()

        assert await clinic.count("passkey_challenges") <= 5
        answer = await device.create(options)
        assert await clinic.access.passkeys.finish_registration(session, answer)


def passkey_clinic(dsn, folder, clock, origin):
    return running_clinic(dsn, folder, clock, AccessConfig(public_url=origin))


def reset_meanwhile(clinic: Clinic, code: str) -> None:
    """The reset commits between what is shown and the session it would make."""
    admit = clinic.access.sign_in.admit

    async def late(*shown):
        await clinic.access.invitations.reset(ADMINISTRATOR, code)
        return await admit(*shown)

    clinic.access.sign_in.admit = late
