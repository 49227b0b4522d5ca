"""Passkeys with a real browser and its authenticator."""

import base64
import json
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.async_api import Error as PlaywrightError

from proxy.access.accounts.faults import StaleFactorError
from proxy.access.passkeys.passkeys import MOST
from proxy.access.passkeys.refusals import (
    NoPasskeysError,
    PasskeyRefusedError,
    TooManyPasskeysError,
    UnknownPasskeyError,
)
from proxy.access.trace.acts import Act
from tests.fakes.authenticator import Authenticator
from tests.fakes.named_people import HERE, Clinic, running_clinic
from tests.fakes.passkeys import (
    browser,
    clinic,
    device,
    halfway,
    origin,
    register,
    session_of,
    sign_in_alone,
    traced,
)

__all__ = ["browser", "clinic", "device", "origin"]


async def test_a_passkey_is_made_and_signs_in_by_itself(
    clinic: Clinic, device: Authenticator
):
    member = await clinic.join("trainer-tess")
    await register(clinic, member, device)

    made = await sign_in_alone(clinic, device)

    session = await clinic.access.sessions.find(made.secret)
    assert session.actor.code == "trainer-tess"
    assert session.factor_at == clinic.clock()
    assert (await traced(clinic, Act.FACTOR_SET))[-1] == ("trainer-tess", "passkey")
    assert (await traced(clinic, Act.SIGNED_IN))[-1][0] == "trainer-tess"


async def test_a_passkey_stands_for_the_telephone_after_the_password(
    clinic: Clinic, device: Authenticator
):
    member = await clinic.join("trainer-tess")
    await register(clinic, member, device)
    pending = await halfway(clinic, member)

    options = await clinic.access.passkeys.begin_second(pending)
    proof = await clinic.access.passkeys.second(pending, await device.get(options))
    made = await clinic.access.sign_in.finish(pending, proof=proof, source=HERE)

    assert (await clinic.access.sessions.find(made.secret)).actor.code == member.code


async def test_a_passkey_shows_once_more_that_it_is_still_them(
    clinic: Clinic, device: Authenticator
):
    member = await clinic.join("trainer-tess")
    session = await register(clinic, member, device)
    clinic.clock.advance(minutes=6)

    options = await clinic.access.passkeys.begin_again(session)
    proof = await clinic.access.passkeys.again(session, await device.get(options))
    made = await clinic.access.sign_in.confirm(session, proof=proof)

    found = await clinic.access.sessions.find(made.secret)
    assert found.session_id == session.session_id
    assert found.factor_at == clinic.clock()


async def test_what_is_asked_of_a_browser_names_nobody_and_wants_a_verified_user(
    clinic: Clinic,
):
    member = await clinic.join("trainer-tess")
    session = await session_of(clinic, member)

    asked = json.loads(await clinic.access.passkeys.begin_registration(session))

    assert asked["attestation"] == "none"
    assert asked["authenticatorSelection"]["userVerification"] == "required"
    assert asked["authenticatorSelection"]["residentKey"] == "preferred"
    handle = base64.urlsafe_b64decode(asked["user"]["id"] + "=")
    assert len(handle) == 32
    assert asked["user"]["name"] == asked["user"]["displayName"] == "trainer-tess"


async def test_a_passkey_is_made_and_removed_with_a_fresh_second_factor_only(
    clinic: Clinic, device: Authenticator
):
    member = await clinic.join("trainer-tess")
    session = await register(clinic, member, device)
    passkeys = clinic.access.passkeys
    mine = (await passkeys.listed(session.account_id))[0]
    clinic.clock.advance(minutes=6)

    with pytest.raises(StaleFactorError):
        await passkeys.begin_registration(session)
    with pytest.raises(StaleFactorError):
        await passkeys.remove(session, mine.passkey_id)

    session = await session_of(clinic, member)
    with pytest.raises(UnknownPasskeyError):
        await passkeys.remove(session, uuid4())
    await passkeys.remove(session, mine.passkey_id)
    with pytest.raises(PasskeyRefusedError):
        await sign_in_alone(clinic, device)


async def test_a_device_is_not_registered_twice_nor_for_two(
    clinic: Clinic, device: Authenticator
):
    tess, theo = await clinic.join("trainer-tess"), await clinic.join("trainer-theo")
    session = await session_of(clinic, tess)
    passkeys = clinic.access.passkeys
    options = await passkeys.begin_registration(session)
    answer = await device.create(options)
    his = await session_of(clinic, theo)

    with pytest.raises(PasskeyRefusedError):  # asked of her, shown by him
        await passkeys.finish_registration(his, answer)
    await register(clinic, tess, device)
    asked, again = [
        json.loads(await passkeys.begin_registration(session)) for _ in range(2)
    ]

    assert len(again["excludeCredentials"]) == 1
    assert again["user"]["id"] == asked["user"]["id"]
    with pytest.raises(PlaywrightError):  # the device itself knows it has one
        await device.create(json.dumps(again))


async def test_an_account_has_ten_passkeys_at_most(
    clinic: Clinic, device: Authenticator
):
    member = await clinic.join("trainer-tess")
    session = await session_of(clinic, member)
    passkeys = clinic.access.passkeys
    for _ in range(MOST):
        options = await passkeys.begin_registration(session)
        await passkeys.finish_registration(
            session, await device.create(options, excludeCredentials=[])
        )

    with pytest.raises(TooManyPasskeysError):
        await passkeys.begin_registration(session)


async def test_passkeys_are_off_until_the_address_people_use_is_set(
    dsn: str, tmp_path: Path, clock
):
    async with running_clinic(dsn, tmp_path, clock) as clinic:
        assert not clinic.access.passkeys.are_on
        with pytest.raises(NoPasskeysError):
            await clinic.access.passkeys.begin_alone()
        with pytest.raises(NoPasskeysError):
            await clinic.access.passkeys.alone("clinic.x", "{}", HERE)
