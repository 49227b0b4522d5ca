"""Accounts: made by invitation, of one person each, ended for good (R28, R29)."""

import asyncio
from datetime import timedelta

import pytest

from proxy.access.accounts.accounts import Wanted
from proxy.access.accounts.faults import (
    AccountRefusedError,
    CodeTakenError,
    InvitationOverError,
    SignInRefusedError,
    UnknownAccountError,
    WeakPasswordError,
    WrongFactorError,
)
from proxy.access.api_keys.keys import WantedKey
from proxy.access.api_keys.rules import KeyRefusedError
from proxy.access.permissions import Permission, Role
from proxy.access.trace.acts import Act
from proxy.database.pool import open_pool
from proxy.errors import UnauthorizedError
from tests.fakes.evidence import until
from tests.fakes.named_people import ADMINISTRATOR, HERE, PASSWORD

WAITING = (
    "SELECT count(*) FROM pg_locks AS l JOIN pg_database AS d ON l.database = d.oid"
    " WHERE d.datname = current_database() AND l.locktype = 'advisory'"
    " AND NOT l.granted"
)


@pytest.fixture
def invitations(clinic):
    return clinic.access.invitations


@pytest.fixture
def accounts(clinic):
    return clinic.access.accounts


async def invited(invitations, code="tr-1", role=Role.TRAINER, agent=None):
    return await invitations.invite(ADMINISTRATOR, Wanted(code, role, agent))


async def test_before_the_invitation_is_accepted_the_account_can_do_nothing(
    clinic, invitations, accounts
):
    await invited(invitations)

    for password in ("", PASSWORD, "None"):
        with pytest.raises(SignInRefusedError):
            await clinic.access.sign_in.begin("tr-1", password, HERE)
    account = await accounts.find("tr-1")
    assert not account.has_password
    assert not account.has_totp
    assert [each.code for each in await invitations.list()] == ["tr-1"]


async def test_the_link_sets_password_second_factor_and_recovery_codes(
    clinic, invitations, accounts
):
    made = await invited(invitations)

    member = await clinic.accept("tr-1", made.secret)

    assert len(set(member.recovery_codes)) == 10
    account = await accounts.find("tr-1")
    assert account.has_password
    assert account.has_totp
    assert await invitations.list() == []
    assert await clinic.traced(Act.ACCOUNT_INVITED) == ["admin-1"]
    assert await clinic.traced(Act.FACTOR_SET) == ["tr-1"]


async def test_an_invitation_is_used_once(clinic, invitations):
    made = await invited(invitations)
    await clinic.accept("tr-1", made.secret)

    with pytest.raises(InvitationOverError):
        await invitations.offer(made.secret)
    with pytest.raises(InvitationOverError):
        await invitations.accept(made.secret, PASSWORD, totp="000000")


async def test_two_who_use_an_invitation_at_once_are_one(clinic, invitations):
    made = await invited(invitations)

    answers = await asyncio.gather(
        *(clinic.accept("tr-1", made.secret) for _ in range(4)),
        return_exceptions=True,
    )

    lost = [each for each in answers if isinstance(each, InvitationOverError)]
    assert len(lost) == 3
    assert await clinic.count("recovery_codes") == 10


async def test_an_invitation_ends_after_three_days(invitations, clock):
    made = await invited(invitations)
    assert made.until == clock() + timedelta(hours=72)
    clock.advance(hours=72)

    with pytest.raises(InvitationOverError):
        await invitations.offer(made.secret)
    with pytest.raises(InvitationOverError):
        await invitations.accept(made.secret, PASSWORD, totp="000000")
    assert await invitations.list() == []


async def test_an_invitation_can_be_taken_back(clinic, invitations):
    made = await invited(invitations)

    assert await invitations.revoke(ADMINISTRATOR, "tr-1")
    assert not await invitations.revoke(ADMINISTRATOR, "tr-1")

    with pytest.raises(InvitationOverError):
        await clinic.accept("tr-1", made.secret)


@pytest.mark.parametrize(
    "secret", ["", "clinic", "clinic." + "a" * 43, "other." + "a" * 43, "\x00"]
)
async def test_what_is_no_invitation_is_not_told_from_one_that_is_over(
    invitations, secret
):
    await invited(invitations)

    with pytest.raises(InvitationOverError):
        await invitations.offer(secret)


async def test_a_slip_of_the_finger_costs_no_invitation(clinic, invitations):
    made = await invited(invitations)

    with pytest.raises(WeakPasswordError):
        await invitations.accept(made.secret, "tr-1", totp="000000")
    with pytest.raises(WrongFactorError):
        await invitations.accept(made.secret, PASSWORD, totp="000000x")

    assert await clinic.value("SELECT password_hash FROM accounts") is None
    assert await clinic.count("recovery_codes") == 0
    assert await clinic.accept("tr-1", made.secret)


async def test_the_digits_that_made_the_account_do_not_sign_in_too(clinic, invitations):
    member = await clinic.accept("tr-1", (await invited(invitations)).secret)

    with pytest.raises(SignInRefusedError):
        await clinic.signed_in_now(member)
    clinic.clock.advance(seconds=30)
    assert await clinic.signed_in_now(member)


@pytest.mark.parametrize("code", ["tr-1", "admin-1"])
async def test_nobody_takes_a_code_that_somebody_has(invitations, code):
    await invited(invitations)

    with pytest.raises(CodeTakenError):
        await invited(invitations, code, Role.DPO)


async def test_a_code_is_not_given_again_when_its_owner_has_left(
    clinic, invitations, accounts
):
    await clinic.join("tr-1")
    await accounts.end(ADMINISTRATOR, "tr-1")

    with pytest.raises(CodeTakenError):
        await invited(invitations)
    with pytest.raises(UnknownAccountError):
        await invitations.reset(ADMINISTRATOR, "tr-1")


def grafana(clinic):
    scopes = frozenset({Permission.GATES_READ})
    ends = clinic.clock() + timedelta(days=30)
    return WantedKey("grafana", Role.AUDITOR, scopes, ends)


async def test_nobody_takes_a_machines_code(clinic, invitations):
    await clinic.access.api_keys.make(ADMINISTRATOR, grafana(clinic))

    with pytest.raises(CodeTakenError):
        await invited(invitations, "grafana")


async def test_of_a_person_and_a_machine_given_a_code_at_once_the_first_has_it(
    clinic, accounts
):
    wanted = Wanted("grafana", Role.TRAINER)
    async with clinic.database.transaction() as connection:
        await accounts.add(connection, ADMINISTRATOR, wanted)
        machine = asyncio.create_task(
            clinic.access.api_keys.make(ADMINISTRATOR, grafana(clinic))
        )
        await until(lambda: clinic.value(WAITING))

    with pytest.raises(KeyRefusedError):
        await machine
    assert await clinic.count("api_keys") == 0


@pytest.mark.parametrize(
    "code", ["", "Léa Martin", "lea@example.org", "0612345678", "x" * 33, "a\x00b"]
)
async def test_a_code_names_nobody(invitations, code):
    with pytest.raises(AccountRefusedError):
        await invited(invitations, code)


async def test_an_agent_is_known_by_a_keyed_name_only(clinic):
    member = await clinic.join("ag-1", Role.AGENT, "marie.dupont")

    kept = await clinic.value("SELECT agent_key FROM accounts")
    assert kept == clinic.access.accounts._name_agent("marie.dupont")
    assert len(kept) == 16
    session = await clinic.identity.by_session((await clinic.sign_in(member)).secret)
    assert session.actor.agent_key == kept


@pytest.mark.parametrize(
    ("role", "agent"), [(Role.AGENT, None), (Role.AGENT, ""), (Role.TRAINER, "a-104")]
)
async def test_an_agent_and_nobody_else_is_some_agent(invitations, role, agent):
    with pytest.raises(AccountRefusedError):
        await invited(invitations, "ag-1", role, agent)


async def test_a_leaver_with_an_open_session_is_out_at_once(clinic, accounts):
    member = await clinic.join("tr-1")
    made = await clinic.sign_in(member)
    begun = await clinic.access.sign_in.begin("tr-1", PASSWORD, HERE)
    session = await clinic.identity.by_session(made.secret)

    await accounts.end(ADMINISTRATOR, "tr-1")

    with pytest.raises(UnauthorizedError):
        await clinic.identity.by_session(made.secret)
    with pytest.raises(SignInRefusedError):
        await clinic.access.sign_in.finish(begun, totp=member.digits(), source=HERE)
    with pytest.raises(SignInRefusedError):
        await clinic.access.sign_in.confirm(session, totp=member.digits())
    with pytest.raises(SignInRefusedError):
        await clinic.access.sign_in.recover(
            "tr-1", PASSWORD, member.recovery_codes[0], HERE
        )
    with pytest.raises(UnknownAccountError):
        await clinic.access.own.renew_recovery_codes(session, member.digits())
    assert await clinic.access.role_of("tr-1") is None
    assert await clinic.traced(Act.ACCOUNT_ENDED) == ["admin-1"]
    gone = ("sessions", "pending_sign_ins", "recovery_codes", "invitations")
    assert [await clinic.count(table) for table in gone] == [0, 0, 0, 0]


async def test_ending_an_account_twice_is_ending_it_once(clinic, accounts):
    await clinic.join("tr-1")

    for _ in range(2):
        await accounts.end(ADMINISTRATOR, "tr-1")

    assert await clinic.traced(Act.ACCOUNT_ENDED) == ["admin-1"]
    with pytest.raises(UnknownAccountError):
        await accounts.end(ADMINISTRATOR, "nobody")


async def test_whoever_signs_in_while_the_account_is_ended_is_not_in(clinic, accounts):
    member = await clinic.join("tr-1")
    begun = await clinic.access.sign_in.begin("tr-1", PASSWORD, HERE)

    signed_in, _ = await asyncio.gather(
        clinic.access.sign_in.finish(begun, totp=member.digits(), source=HERE),
        accounts.end(ADMINISTRATOR, "tr-1"),
        return_exceptions=True,
    )

    assert await clinic.count("sessions") == 0
    if not isinstance(signed_in, SignInRefusedError):
        with pytest.raises(UnauthorizedError):
            await clinic.identity.by_session(signed_in.secret)


async def test_a_changed_role_counts_at_the_next_request(clinic, accounts):
    member = await clinic.join("tr-1")
    made = await clinic.sign_in(member)

    await accounts.change_role(ADMINISTRATOR, Wanted("tr-1", Role.AUDITOR))

    with pytest.raises(UnauthorizedError):
        await clinic.identity.by_session(made.secret)
    session = await clinic.identity.by_session((await clinic.sign_in(member)).secret)
    assert session.actor.role is Role.AUDITOR
    assert await clinic.traced(Act.ACCOUNT_CHANGED) == ["admin-1"]


async def test_a_lost_telephone_is_made_good_by_a_recovery_code_once(clinic):
    member = await clinic.join("tr-1")
    code = member.recovery_codes[3]

    made = await clinic.recover(member, code.lower().replace("-", " "))

    assert (await clinic.identity.by_session(made.secret)).actor.code == "tr-1"
    with pytest.raises(SignInRefusedError):
        await clinic.recover(member, code)
    assert await clinic.recover(member, member.recovery_codes[4])


async def test_everything_lost_the_administrator_gives_a_new_link(clinic, invitations):
    lost = await clinic.join("tr-1")
    open_session = await clinic.sign_in(lost)

    made = await invitations.reset(ADMINISTRATOR, "tr-1")

    with pytest.raises(UnauthorizedError):
        await clinic.identity.by_session(open_session.secret)
    with pytest.raises(SignInRefusedError):
        await clinic.sign_in(lost)
    with pytest.raises(SignInRefusedError):
        await clinic.access.sign_in.recover(
            "tr-1", PASSWORD, lost.recovery_codes[0], HERE
        )
    again = await clinic.accept("tr-1", made.secret)
    clinic.clock.advance(seconds=90)
    assert again.totp_secret != lost.totp_secret
    assert await clinic.sign_in(again)
    assert await clinic.traced(Act.FACTOR_RESET) == ["admin-1"]


async def test_what_is_kept_elsewhere_to_sign_in_with_goes_too(
    clinic, invitations, accounts
):
    gone = []

    async def forget(_, account_id):
        gone.append(account_id)

    accounts.forgets.append(forget)
    await clinic.join("tr-1")
    account_id = (await accounts.find("tr-1")).account_id

    await invitations.reset(ADMINISTRATOR, "tr-1")
    assert gone == [account_id]
    await accounts.end(ADMINISTRATOR, "tr-1")
    assert gone == [account_id, account_id]


async def test_a_second_reset_makes_the_first_link_worthless(clinic, invitations):
    await clinic.join("tr-1")
    first = await invitations.reset(ADMINISTRATOR, "tr-1")
    second = await invitations.reset(ADMINISTRATOR, "tr-1")

    with pytest.raises(InvitationOverError):
        await clinic.accept("tr-1", first.secret)
    assert await clinic.accept("tr-1", second.secret)


async def test_what_is_of_one_site_is_not_seen_from_another(clinic, dsn):
    """Not even by a query that forgot to say whose it wants."""
    made = await clinic.sign_in(await clinic.join("tr-1"))
    other = await open_pool(dsn, "other", 1)
    tables = ("accounts", "sessions", "recovery_codes", "access_entries")

    async with other.connection() as connection:
        seen = [
            await connection.fetchval(f"SELECT count(*) FROM {table}")  # noqa: S608
            for table in tables
        ]
    await other.close()

    assert seen == [0, 0, 0, 0]
    with pytest.raises(UnauthorizedError):
        await clinic.identity.by_session(made.secret.replace("clinic", "other"))
