"""An administrator changes others, never themselves; a code is of one person only."""

from dataclasses import replace

import pytest

from proxy.access.accounts.accounts import Wanted
from proxy.access.accounts.faults import (
    AccountRefusedError,
    AgentTakenError,
    CodeTakenError,
    NotAcceptedError,
    OwnAccountError,
    UnknownAccountError,
)
from proxy.access.api_keys.keys import WantedKey
from proxy.access.api_keys.rules import KeyRefusedError
from proxy.access.permissions import Actor, Permission, Role, ShownBy, Subject, permits
from proxy.errors import UnauthorizedError
from tests.fakes.clinic import SITE
from tests.fakes.named_people import ADMINISTRATOR
from tests.fakes.staff import CARLA


@pytest.fixture
async def administrator(clinic):
    """Somebody signed in, and their session's actor."""
    member = await clinic.join("admin-ada", Role.ADMINISTRATOR)
    made = await clinic.sign_in(member)
    return (await clinic.identity.by_session(made.secret)).actor


async def test_nobody_makes_something_else_of_themselves(clinic, administrator):
    for role in (Role.DPO, Role.TRAINER, Role.ADMINISTRATOR):
        with pytest.raises(OwnAccountError):
            await clinic.access.accounts.change_role(
                administrator, Wanted("admin-ada", role)
            )

    assert await clinic.access.role_of("admin-ada") is Role.ADMINISTRATOR


async def test_whoever_finds_an_open_browser_cannot_make_the_account_theirs(
    clinic, administrator
):
    with pytest.raises(OwnAccountError):
        await clinic.access.invitations.reset(administrator, "admin-ada")

    assert (await clinic.access.accounts.find("admin-ada")).has_password
    assert await clinic.access.invitations.list() == []


async def test_another_administrator_does_both(clinic, administrator):
    await clinic.join("admin-bea", Role.ADMINISTRATOR)

    await clinic.access.accounts.change_role(
        administrator, Wanted("admin-bea", Role.AUDITOR)
    )
    await clinic.access.invitations.reset(administrator, "admin-bea")

    assert await clinic.access.role_of("admin-bea") is Role.AUDITOR


async def test_nobody_gets_the_grants_of_somebody_the_settings_name_no_more(clinic):
    async with clinic.database.connection() as connection:
        await connection.execute(
            "INSERT INTO grants (site_id, grant_id, code, until, given_by, given_at)"
            " VALUES ('clinic', gen_random_uuid(), 'tr-1', $1::timestamptz"
            " + interval '30 days', 'dpo-1', $1)",
            clinic.clock(),
        )

    with pytest.raises(CodeTakenError):
        await clinic.invite("tr-1")

    assert await clinic.count("accounts") == 0


async def test_a_machine_takes_no_leavers_code(clinic, clock):
    await clinic.join("tr-1")
    await clinic.access.accounts.end(ADMINISTRATOR, "tr-1")
    tomorrow = clock().replace(day=clock().day + 1)
    scopes = frozenset({Permission.GATES_READ})

    with pytest.raises(KeyRefusedError) as refused:
        await clinic.access.api_keys.make(
            ADMINISTRATOR, WantedKey("tr-1", Role.AUDITOR, scopes, tomorrow)
        )

    assert refused.value.field == "code"
    assert await clinic.count("api_keys") == 0


# --- Who says what others reach, hears somebody, or answers requests -----------------

AGENT, ANOTHER = "7042", "7099"


async def invited_officer(clinic, role=Role.DPO, agent=None):
    """By an administrator alone, and accepted."""
    invited = await clinic.invite("dpo-2", role, agent)
    member = await clinic.accept("dpo-2", invited.secret)
    clinic.clock.advance(seconds=90)
    return member


async def lets_in(clinic, member, role=Role.DPO):
    try:
        made = await clinic.sign_in(member)
    except UnauthorizedError:
        clinic.clock.advance(seconds=90)
        return False
    return (await clinic.identity.by_session(made.secret)).actor.role is role


@pytest.mark.parametrize(
    ("role", "agent"),
    [(Role.DPO, None), (Role.RIGHTS_OFFICER, None), (Role.AGENT, AGENT)],
    ids=["dpo", "rights officer", "agent"],
)
async def test_an_administrator_alone_makes_none_of_them(clinic, role, agent):
    member = await invited_officer(clinic, role, agent)
    assert not await lets_in(clinic, member, role)

    await clinic.access.accounts.appoint(CARLA, "dpo-2", agent)

    assert await lets_in(clinic, member, role)


async def test_a_session_of_an_agent_ends_with_a_move_to_another(clinic):
    member = await clinic.join("ag-1", Role.AGENT, AGENT)
    made = await clinic.sign_in(member)

    await clinic.access.accounts.change_role(
        ADMINISTRATOR, Wanted("ag-1", Role.AGENT, ANOTHER)
    )

    with pytest.raises(UnauthorizedError):
        await clinic.identity.by_session(made.secret)
    assert not await lets_in(clinic, member, Role.AGENT)


async def test_whoever_appoints_an_agent_says_which_one(clinic):
    await invited_officer(clinic, Role.AGENT, AGENT)

    for agent in (None, "", ANOTHER):
        with pytest.raises(AccountRefusedError) as refused:
            await clinic.access.accounts.appoint(CARLA, "dpo-2", agent)
        assert refused.value.field == "agent"

    assert (await clinic.access.accounts.find("dpo-2")).appointed_by is None


async def test_nobody_is_appointed_before_they_accepted(clinic):
    invited = await clinic.invite("dpo-2", Role.DPO)

    with pytest.raises(NotAcceptedError):
        await clinic.access.accounts.appoint(CARLA, "dpo-2")

    await clinic.accept("dpo-2", invited.secret)
    await clinic.access.accounts.appoint(CARLA, "dpo-2")
    assert (await clinic.access.accounts.find("dpo-2")).appointed_by == CARLA.code


async def test_an_agent_has_one_account_as_long_as_it_lives(clinic):
    accounts = clinic.access.accounts
    await clinic.join("ag-1", Role.AGENT, AGENT)
    await clinic.join("tr-1", Role.TRAINER)

    with pytest.raises(AgentTakenError) as refused:
        await clinic.invite("ag-2", Role.AGENT, AGENT)
    with pytest.raises(AgentTakenError):
        await accounts.change_role(ADMINISTRATOR, Wanted("tr-1", Role.AGENT, AGENT))

    assert refused.value.field == "agent"
    assert [each.code for each in await accounts.list()] == ["ag-1", "tr-1"]
    await accounts.end(ADMINISTRATOR, "ag-1")
    assert await clinic.invite("ag-2", Role.AGENT, AGENT)


async def test_the_review_shows_that_an_account_became_another_agents(clinic):
    await clinic.join("ag-1", Role.AGENT, AGENT)
    before = await clinic.access.look()

    await clinic.access.accounts.change_role(
        ADMINISTRATOR, Wanted("ag-1", Role.AGENT, ANOTHER)
    )

    after = await clinic.access.look()
    [old], [new] = before.document["accounts"], after.document["accounts"]
    assert old["agent"] != new["agent"]
    assert (old["appointed_by"], new["appointed_by"]) == (CARLA.code, None)
    assert before.digest != after.digest
    assert AGENT.encode() not in before.text


async def test_after_a_reset_they_are_appointed_anew(clinic):
    member = await clinic.join("dpo-2", Role.DPO)
    signed_in = await clinic.sign_in(member)
    again = await clinic.access.invitations.reset(ADMINISTRATOR, "dpo-2")
    member = await clinic.accept("dpo-2", again.secret)
    clinic.clock.advance(seconds=90)

    with pytest.raises(UnauthorizedError):
        await clinic.identity.by_session(signed_in.secret)
    assert not await lets_in(clinic, member)


async def test_a_change_of_role_makes_none_either(clinic):
    member = await clinic.join("tr-1", Role.TRAINER)
    await clinic.access.accounts.change_role(ADMINISTRATOR, Wanted("tr-1", Role.DPO))

    assert not await lets_in(clinic, member)


async def test_officers_appoint_others_and_nobody_who_needs_it_not(clinic):
    await clinic.join("tr-1", Role.TRAINER)
    await invited_officer(clinic)
    itself = Actor("dpo-2", Role.DPO, SITE, ShownBy.SESSION)

    with pytest.raises(OwnAccountError):
        await clinic.access.accounts.appoint(itself, "dpo-2")
    with pytest.raises(AccountRefusedError):
        await clinic.access.accounts.appoint(CARLA, "tr-1")
    with pytest.raises(UnknownAccountError):
        await clinic.access.accounts.appoint(CARLA, "nobody")
    assert not permits(ADMINISTRATOR, Permission.GRANTS_WRITE, Subject(SITE))


async def test_what_an_account_became_is_on_the_trace(clinic):
    await invited_officer(clinic)
    await clinic.access.accounts.appoint(CARLA, "dpo-2")

    async with clinic.database.connection() as connection:
        rows = await connection.fetch(
            "SELECT act, actor, body::jsonb ->> 'purpose' AS what FROM access_entries"
            " WHERE act IN ('account-invited', 'account-changed') ORDER BY seq"
        )
    assert [tuple(row) for row in rows] == [
        ("account-invited", ADMINISTRATOR.code, "dpo"),
        ("account-changed", CARLA.code, "appointed"),
    ]


async def test_whoever_the_settings_name_takes_the_code_from_an_account(clinic):
    member = await clinic.join("tr-1", Role.TRAINER)
    signed_in = await clinic.sign_in(member)
    listed = replace(clinic.access.config, listed={"tr-1": Role.DPO})

    clinic.access.config = listed

    with pytest.raises(UnauthorizedError):
        await clinic.identity.by_session(signed_in.secret)
