"""Guessing is slowed where something can be guessed, and nowhere else."""

import pytest

from proxy.access.accounts.faults import (
    SignInRefusedError,
    WeakPasswordError,
    WrongFactorError,
)
from tests.fakes.named_people import HERE, PASSWORD

ANOTHER = "seven otters borrow quiet umbrellas at dusk"


async def own_session(clinic, member):
    return await clinic.access.sessions.find((await clinic.sign_in(member)).secret)


async def lock(clinic, code):
    """By guesses of strangers, each from somewhere else."""
    for number in range(6):
        with pytest.raises(SignInRefusedError):
            await clinic.access.sign_in.begin(code, "wrong", f"198.51.100.{number}")


async def accepted(_connection, _account_id):
    """A proof that was judged already, as a passkey's is."""


async def refused(_connection, _account_id):
    raise WrongFactorError


async def test_a_passkey_shows_that_it_is_still_them_while_strangers_guess(clinic):
    member = await clinic.join("tr-1")
    session = await own_session(clinic, member)
    await lock(clinic, "tr-1")

    with pytest.raises(SignInRefusedError):  # six digits could be guessed
        await clinic.access.sign_in.confirm(session, totp=member.digits())
    with pytest.raises(SignInRefusedError):
        await clinic.access.sign_in.confirm(session, proof=refused)
    made = await clinic.access.sign_in.confirm(session, proof=accepted)

    found = await clinic.access.sessions.find(made.secret)
    assert found.factor_at == clinic.clock()


async def test_whoever_found_a_recovery_code_tries_few_passwords_with_it(clinic):
    member = await clinic.join("tr-1")
    found, another, *_ = member.recovery_codes
    compared = []
    clinic.hasher.on_verify = compared.append

    for number in range(20):
        with pytest.raises(SignInRefusedError):
            await clinic.access.sign_in.recover(
                "tr-1", "wrong", found, f"198.51.100.{number}"
            )

    real = await clinic.value("SELECT password_hash FROM accounts")
    assert compared.count(real) == 5
    with pytest.raises(SignInRefusedError):
        await clinic.access.sign_in.recover("tr-1", PASSWORD, found, HERE)
    assert await clinic.access.sign_in.recover("tr-1", PASSWORD, another, HERE)


async def test_a_new_password_that_will_not_do_is_no_wrong_guess(clinic):
    member = await clinic.join("tr-1")
    session = await own_session(clinic, member)
    for _ in range(6):
        with pytest.raises(WeakPasswordError):
            await clinic.access.own.change_password(session, PASSWORD, "short")

    assert await clinic.access.own.change_password(session, PASSWORD, ANOTHER)
