"""Signing in takes two factors, and is one browser's until it ends (R28)."""

import asyncio

import pytest

from proxy.access.accounts.faults import (
    SignInRefusedError,
    UnknownSessionError,
    WeakPasswordError,
    WrongFactorError,
    WrongPasswordError,
)
from proxy.access.permissions import Permission, Role, ShownBy, Subject, permits
from proxy.access.trace.acts import Act
from proxy.errors import UnauthorizedError
from tests.fakes.named_people import HERE, PASSWORD, SITE, CheapHasher

ANOTHER = "Fenouil grille sous 3 parapluies"


async def test_password_and_telephone_together_open_a_session(clinic):
    member = await clinic.join("tr-1")

    made = await clinic.sign_in(member)

    session = await clinic.identity.by_session(made.secret)
    assert session.actor.code == "tr-1"
    assert session.actor.role is Role.TRAINER
    assert session.actor.shown_by is ShownBy.SESSION
    assert session.csrf == made.csrf
    assert session.session_id == made.session_id
    assert made.secret.startswith(f"{SITE}.")
    assert permits(session.actor, Permission.ACCOUNT_OWN, Subject(SITE))
    assert await clinic.traced(Act.SIGNED_IN) == ["tr-1"]


async def test_the_password_alone_opens_nothing(clinic):
    member = await clinic.join("tr-1")

    begun = await clinic.access.sign_in.begin("tr-1", PASSWORD, HERE)

    with pytest.raises(UnauthorizedError):
        await clinic.identity.by_session(begun)
    for shown in ("", "000000", PASSWORD, member.digits(steps=40)):
        with pytest.raises(SignInRefusedError):
            await clinic.access.sign_in.finish(begun, totp=shown, source=HERE)
    assert await clinic.count("sessions") == 0


async def test_there_is_no_account_nobody_made(clinic):
    for code in ("admin", "root", "admin-1", "ponctuel"):
        for password in ("admin", "", "ponctuel", PASSWORD):
            with pytest.raises(SignInRefusedError):
                await clinic.access.sign_in.begin(code, password, f"{code}{password}")
    assert await clinic.access.accounts.list() == []


async def test_a_password_is_the_same_however_it_is_composed(clinic):
    clinic.password = "vélo sûr, fenêtre bleue"
    await clinic.join("tr-1")

    decomposed = "ve\u0301lo su\u0302r,\u00a0fene\u0302tre bleue"
    assert await clinic.access.sign_in.begin("tr-1", decomposed, HERE)


async def test_whoever_is_slow_with_the_telephone_begins_again(clinic, clock):
    member = await clinic.join("tr-1")
    begun = await clinic.access.sign_in.begin("tr-1", PASSWORD, HERE)
    clock.advance(minutes=5)

    with pytest.raises(SignInRefusedError):
        await clinic.access.sign_in.finish(begun, totp=member.digits(), source=HERE)


async def test_each_sign_in_has_a_secret_of_its_own(clinic):
    """Session fixation: nothing a browser had before is what lets it in after."""
    member = await clinic.join("tr-1")

    begun = await clinic.access.sign_in.begin("tr-1", PASSWORD, HERE)
    first = await clinic.access.sign_in.finish(begun, totp=member.digits(), source=HERE)
    clinic.clock.advance(seconds=90)
    second = await clinic.sign_in(member)

    assert len({begun, first.secret, second.secret}) == 3
    assert first.csrf != second.csrf


async def test_a_fresh_second_factor_changes_the_secret(clinic, clock):
    """Session fixation: whoever had seen the secret before has nothing after."""
    member = await clinic.join("tr-1")
    made = await clinic.sign_in(member)
    before = await clinic.identity.by_session(made.secret)
    clock.advance(minutes=5)
    told = member.digits()

    again = await clinic.access.sign_in.confirm(before, totp=told)

    after = await clinic.identity.by_session(again.secret)
    assert after.session_id == before.session_id
    assert after.factor_at == clock() > before.factor_at
    assert after.csrf != before.csrf
    with pytest.raises(UnauthorizedError):
        await clinic.identity.by_session(made.secret)
    with pytest.raises(SignInRefusedError):
        await clinic.access.sign_in.confirm(after, totp=told)


async def test_a_session_ends_when_it_is_not_used(clinic, clock):
    made = await clinic.sign_in(await clinic.join("tr-1"))
    for _ in range(10):
        clock.advance(minutes=13)
        await clinic.identity.by_session(made.secret)
    clock.advance(minutes=15)

    with pytest.raises(UnauthorizedError):
        await clinic.identity.by_session(made.secret)


async def test_a_session_ends_when_it_is_old_however_much_it_is_used(clinic, clock):
    made = await clinic.sign_in(await clinic.join("tr-1"))
    for _ in range(59):
        clock.advance(minutes=10)
        await clinic.identity.by_session(made.secret)
    clock.advance(minutes=9)

    with pytest.raises(UnauthorizedError):
        await clinic.identity.by_session(made.secret)


async def test_after_signing_out_its_secret_is_worth_nothing(clinic):
    made = await clinic.sign_in(await clinic.join("tr-1"))
    session = await clinic.identity.by_session(made.secret)

    await clinic.access.sessions.end(session)

    with pytest.raises(UnauthorizedError):
        await clinic.identity.by_session(made.secret)
    with pytest.raises(UnknownSessionError):
        await clinic.access.sessions.end(session)
    with pytest.raises(UnauthorizedError):
        await clinic.access.own.change_password(session, PASSWORD, ANOTHER)
    assert await clinic.traced(Act.SIGNED_OUT) == ["tr-1"]


async def test_people_see_and_end_their_own_sessions_and_nobody_elses(clinic):
    member, other = await clinic.join("tr-1"), await clinic.join("tr-2")
    here, there = await clinic.sign_in(member), await clinic.sign_in(member)
    mine = await clinic.identity.by_session(here.secret)
    theirs = await clinic.identity.by_session((await clinic.sign_in(other)).secret)

    listed = await clinic.access.sessions.list_of(mine.account_id)
    assert [each.session_id for each in listed] == [here.session_id, there.session_id]
    with pytest.raises(UnknownSessionError):
        await clinic.access.sessions.end(theirs, here.session_id)
    await clinic.access.sessions.end(mine, there.session_id)
    with pytest.raises(UnauthorizedError):
        await clinic.identity.by_session(there.secret)
    await clinic.access.sessions.end_all(mine)
    with pytest.raises(UnauthorizedError):
        await clinic.identity.by_session(here.secret)
    assert theirs.actor.code == "tr-2"


@pytest.mark.parametrize(
    "shown",
    [
        "",
        "\x00",
        "\udc80",
        "clinic",
        "clinic.",
        "nowhere." + "a" * 43,
        "clinic." + "a" * 43,
    ],
)
async def test_what_is_no_sessions_secret_opens_nothing(clinic, shown):
    await clinic.sign_in(await clinic.join("tr-1"))

    with pytest.raises(UnauthorizedError):
        await clinic.identity.by_session(shown)


async def test_a_new_password_ends_the_other_sessions(clinic):
    member = await clinic.join("tr-1")
    here, there = await clinic.sign_in(member), await clinic.sign_in(member)
    own = await clinic.identity.by_session(here.secret)

    for wrong in ("", ANOTHER, PASSWORD + "x"):
        with pytest.raises(WrongPasswordError):
            await clinic.access.own.change_password(own, wrong, ANOTHER)
    assert await clinic.traced(Act.SIGN_IN_FAILED) == ["tr-1"] * 3
    with pytest.raises(WeakPasswordError):
        await clinic.access.own.change_password(own, PASSWORD, "Password1234!")
    made = await clinic.access.own.change_password(own, PASSWORD, ANOTHER)

    now = await clinic.identity.by_session(made.secret)
    assert now.factor_at == own.factor_at
    for old in (here, there):
        with pytest.raises(UnauthorizedError):
            await clinic.identity.by_session(old.secret)
    with pytest.raises(SignInRefusedError):
        await clinic.sign_in(member)
    member.password = ANOTHER
    assert await clinic.sign_in(member)


async def test_new_recovery_codes_take_the_place_of_the_old_ones(clinic):
    member = await clinic.join("tr-1")
    own = await clinic.identity.by_session((await clinic.sign_in(member)).secret)

    with pytest.raises(WrongFactorError):
        await clinic.access.own.renew_recovery_codes(own, "000000")
    assert await clinic.traced(Act.SIGN_IN_FAILED) == ["tr-1"]
    codes = await clinic.access.own.renew_recovery_codes(own, member.digits())

    assert len({*codes, *member.recovery_codes}) == 20
    assert await clinic.access.own.recovery_codes_left(own) == 10
    with pytest.raises(SignInRefusedError):
        await clinic.recover(member, member.recovery_codes[0])
    assert await clinic.recover(member, codes[0])
    assert await clinic.access.own.recovery_codes_left(own) == 9


async def test_a_hash_of_another_cost_is_made_anew_at_the_next_sign_in(clinic):
    member = await clinic.join("tr-1")
    before = await clinic.value("SELECT password_hash FROM accounts")
    clinic.hasher._parameters = CheapHasher(time_cost=2)._parameters

    await clinic.sign_in(member)

    after = await clinic.value("SELECT password_hash FROM accounts")
    assert ",t=1," in before
    assert ",t=2," in after
    assert await clinic.sign_in(member)


async def test_two_browsers_may_sign_in_at_once(clinic):
    members = [await clinic.join(f"tr-{number}") for number in range(4)]

    made = await asyncio.gather(*(clinic.signed_in_now(member) for member in members))

    seen = [await clinic.identity.by_session(each.secret) for each in made]
    assert [each.actor.code for each in seen] == [each.code for each in members]
