"""Passkeys replayed, copied, foreign, unverified, forged: with a real authenticator."""

import asyncio
import base64

import asyncpg
import pytest
from playwright.async_api import Browser

from proxy.access.accounts.faults import SignInRefusedError
from proxy.access.passkeys.refusals import (
    PasskeyRefusedError,
    UnknownPasskeyError,
)
from proxy.access.trace.acts import Act
from proxy.errors import DatabaseUnavailableError, UnauthorizedError
from tests.fakes.authenticator import (
    Authenticator,
    authenticator,
    changed,
    empty_page,
)
from tests.fakes.named_people import ADMINISTRATOR, HERE, Clinic
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


async def test_an_answer_is_good_once(clinic: Clinic, device: Authenticator):
    member = await clinic.join("trainer-tess")
    await register(clinic, member, device)
    begun = await clinic.access.passkeys.begin_alone()
    answer = await device.get(begun.options)

    await clinic.access.passkeys.alone(begun.secret, answer, HERE)

    with pytest.raises(PasskeyRefusedError):
        await clinic.access.passkeys.alone(begun.secret, answer, HERE)


async def test_of_two_who_show_the_same_answer_one_gets_in(
    clinic: Clinic, device: Authenticator
):
    member = await clinic.join("trainer-tess")
    await register(clinic, member, device)
    begun = await clinic.access.passkeys.begin_alone()
    answer = await device.get(begun.options)
    passkeys = clinic.access.passkeys

    came = await asyncio.gather(
        *(passkeys.alone(begun.secret, answer, HERE) for _ in range(5)),
        return_exceptions=True,
    )

    assert sum(isinstance(each, PasskeyRefusedError) for each in came) == 4


async def test_an_answer_is_good_for_five_minutes(
    clinic: Clinic, device: Authenticator
):
    member = await clinic.join("trainer-tess")
    await register(clinic, member, device)
    begun = await clinic.access.passkeys.begin_alone()
    answer = await device.get(begun.options)
    clinic.clock.advance(minutes=5)

    with pytest.raises(PasskeyRefusedError):
        await clinic.access.passkeys.alone(begun.secret, answer, HERE)


async def test_an_answer_belongs_to_the_browser_and_the_purpose_it_was_asked_for(
    clinic: Clinic, device: Authenticator
):
    member = await clinic.join("trainer-tess")
    session = await register(clinic, member, device)
    passkeys = clinic.access.passkeys
    pending, other = await halfway(clinic, member), await halfway(clinic, member)
    mine = await device.get((await passkeys.begin_alone()).options)
    second = await device.get(await passkeys.begin_second(pending))

    with pytest.raises(PasskeyRefusedError):
        await passkeys.alone((await passkeys.begin_alone()).secret, mine, HERE)
    with pytest.raises(PasskeyRefusedError):
        await passkeys.second(other, second)
    with pytest.raises(PasskeyRefusedError):
        await passkeys.again(session, second)


async def test_a_page_of_another_origin_gets_nobody_in(
    clinic: Clinic, device: Authenticator
):
    member = await clinic.join("trainer-tess")
    await register(clinic, member, device)
    async with empty_page() as elsewhere:
        await device.visit(elsewhere)

        with pytest.raises(PasskeyRefusedError):
            await sign_in_alone(clinic, device)

    assert await traced(clinic, Act.SIGN_IN_FAILED) == [("trainer-tess", "passkey")]


async def test_somebody_elses_passkey_does_not_finish_my_sign_in(
    clinic: Clinic, browser: Browser, device: Authenticator, origin: str
):
    tess, theo = await clinic.join("trainer-tess"), await clinic.join("trainer-theo")
    await register(clinic, tess, device)
    pending = await halfway(clinic, tess)
    options = await clinic.access.passkeys.begin_second(pending)
    async with authenticator(browser, origin) as his:
        await register(clinic, theo, his)
        answer = await his.get(options, allowCredentials=[])

    with pytest.raises(PasskeyRefusedError):
        await clinic.access.passkeys.second(pending, answer)
    assert await traced(clinic, Act.SIGN_IN_FAILED) == [
        ("trainer-theo", "passkey-foreign")
    ]


async def test_a_proof_of_one_account_opens_no_other(
    clinic: Clinic, device: Authenticator
):
    tess, theo = await clinic.join("trainer-tess"), await clinic.join("trainer-theo")
    await register(clinic, tess, device)
    pending, his = await halfway(clinic, tess), await halfway(clinic, theo)
    options = await clinic.access.passkeys.begin_second(pending)
    proof = await clinic.access.passkeys.second(pending, await device.get(options))

    with pytest.raises(SignInRefusedError):
        await clinic.access.sign_in.finish(his, proof=proof, source=HERE)


async def test_a_device_that_verified_nobody_is_not_enough(
    clinic: Clinic, device: Authenticator
):
    member = await clinic.join("trainer-tess")
    await register(clinic, member, device)
    await device.forget_who_holds_it()

    with pytest.raises(PasskeyRefusedError):  # a page that asks for less
        await sign_in_alone(clinic, device, userVerification="discouraged")


async def test_a_device_that_verifies_nobody_gets_no_passkey(
    clinic: Clinic, browser: Browser, origin: str
):
    member = await clinic.join("trainer-tess")
    session = await session_of(clinic, member)
    options = await clinic.access.passkeys.begin_registration(session)
    less = {"residentKey": "preferred", "userVerification": "discouraged"}
    async with authenticator(browser, origin, can_verify=False) as plain_key:
        answer = await plain_key.create(options, authenticatorSelection=less)

    with pytest.raises(PasskeyRefusedError):
        await clinic.access.passkeys.finish_registration(session, answer)


async def test_a_copy_is_found_by_its_counter_and_opens_nothing_more(
    clinic: Clinic, device: Authenticator
):
    member = await clinic.join("trainer-tess")
    session = await register(clinic, member, device)
    copy = (await device.copies())[0]
    await sign_in_alone(clinic, device)
    await sign_in_alone(clinic, device)
    await device.put_back(copy)

    with pytest.raises(PasskeyRefusedError):
        await sign_in_alone(clinic, device)
    assert (await traced(clinic, Act.SIGN_IN_FAILED))[-1] == (
        "trainer-tess",
        "passkey-counter",
    )
    for _ in range(3):  # nor does the original, whose counter is ahead
        with pytest.raises(PasskeyRefusedError):
            await sign_in_alone(clinic, device)

    doubted = await clinic.access.passkeys.listed(session.account_id)
    assert doubted[0].doubted_at == clinic.clock()


async def test_nobody_casts_doubt_on_a_passkey_they_do_not_have(
    clinic: Clinic, device: Authenticator
):
    """The counter counts only where the signature is right."""
    member = await clinic.join("trainer-tess")
    await register(clinic, member, device)
    begun = await clinic.access.passkeys.begin_alone()
    answer = await device.get(begun.options)
    forged = base64.urlsafe_b64encode(b"0" * 70).decode()

    with pytest.raises(PasskeyRefusedError):
        await clinic.access.passkeys.alone(
            begun.secret, changed(answer, signature=forged), HERE
        )
    await sign_in_alone(clinic, device)


async def test_nobody_removes_anothers_passkey(clinic: Clinic, device: Authenticator):
    tess, theo = await clinic.join("trainer-tess"), await clinic.join("trainer-theo")
    hers = await register(clinic, tess, device)
    his = await session_of(clinic, theo)
    key = (await clinic.access.passkeys.listed(hers.account_id))[0]

    with pytest.raises(UnknownPasskeyError):
        await clinic.access.passkeys.remove(his, key.passkey_id)


async def test_who_left_or_was_reset_signs_in_with_no_passkey(
    clinic: Clinic, browser: Browser, device: Authenticator, origin: str
):
    tess, theo = await clinic.join("trainer-tess"), await clinic.join("trainer-theo")
    await register(clinic, tess, device)
    await clinic.access.accounts.end(ADMINISTRATOR, tess.code)
    with pytest.raises(PasskeyRefusedError):
        await sign_in_alone(clinic, device)

    async with authenticator(browser, origin) as his:
        session = await register(clinic, theo, his)
        await clinic.access.invitations.reset(ADMINISTRATOR, theo.code)
        with pytest.raises(PasskeyRefusedError):
            await sign_in_alone(clinic, his)
    assert await clinic.access.passkeys.listed(session.account_id) == ()


async def test_who_leaves_while_the_browser_asks_stays_out(
    clinic: Clinic, device: Authenticator
):
    member = await clinic.join("trainer-tess")
    await register(clinic, member, device)
    pending = await halfway(clinic, member)
    options = await clinic.access.passkeys.begin_second(pending)
    proof = await clinic.access.passkeys.second(pending, await device.get(options))

    await clinic.access.accounts.end(ADMINISTRATOR, member.code)

    with pytest.raises(UnauthorizedError):
        await clinic.access.sign_in.finish(pending, proof=proof, source=HERE)


async def test_what_the_trace_cannot_take_does_not_happen(
    clinic: Clinic, device: Authenticator, dsn: str
):
    member = await clinic.join("trainer-tess")
    await register(clinic, member, device)
    session = await session_of(clinic, member)
    options = await clinic.access.passkeys.begin_registration(session)
    another = await device.create(options, excludeCredentials=[])
    connection = await asyncpg.connect(dsn)
    await connection.execute("REVOKE INSERT ON access_leaves FROM ponctuel_service")

    with pytest.raises(DatabaseUnavailableError):
        await clinic.access.passkeys.finish_registration(session, another)
    with pytest.raises(DatabaseUnavailableError):
        await sign_in_alone(clinic, device)

    made = await connection.fetchval("SELECT count(*) FROM sessions")
    await connection.close()
    assert made == 2  # those of the password, before
    assert len(await clinic.access.passkeys.listed(session.account_id)) == 1
