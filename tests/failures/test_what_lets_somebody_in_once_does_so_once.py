"""Replays, two at once, lost commits and kills: no secret opens two sessions (R28)."""

import asyncio
import signal
import sys
from pathlib import Path

import asyncpg
import pytest

from proxy.access.accounts.faults import InvitationOverError, SignInRefusedError
from proxy.errors import DatabaseUnavailableError, UnauthorizedError
from tests.fakes.faulty_wire import FaultyWire
from tests.fakes.named_people import ADMINISTRATOR, HERE, PASSWORD, running_clinic

ROOT = Path(__file__).parents[2]


async def begin(clinic, source=HERE):
    return await clinic.access.sign_in.begin("tr-1", PASSWORD, source)


def opened(answers):
    made = [each for each in answers if not isinstance(each, Exception)]
    assert all(
        isinstance(each, SignInRefusedError)
        for each in answers
        if isinstance(each, Exception)
    )
    return made


async def test_half_a_sign_in_is_finished_once(clinic):
    member = await clinic.join("tr-1")
    begun = await begin(clinic)
    await clinic.access.sign_in.finish(begun, totp=member.digits(), source=HERE)
    clinic.clock.advance(seconds=90)

    with pytest.raises(SignInRefusedError):
        await clinic.access.sign_in.finish(begun, totp=member.digits(), source=HERE)
    assert await clinic.count("sessions") == 1


async def test_half_a_sign_in_is_finished_once_by_two_at_once(clinic):
    """Each has a second factor of its own that is right."""
    member = await clinic.join("tr-1")
    begun = await begin(clinic)
    finish = clinic.access.sign_in.finish

    answers = await asyncio.gather(
        finish(begun, totp=member.digits(), source=HERE),
        *(
            finish(begun, recovery=code, source=HERE)
            for code in member.recovery_codes[:3]
        ),
        return_exceptions=True,
    )

    assert len(opened(answers)) == 1
    assert await clinic.count("sessions") == 1


@pytest.mark.parametrize("drift", [-1, 0, 1])
async def test_six_digits_are_accepted_once(clinic, drift):
    """Also half a minute early or late, and then none that are older."""
    member = await clinic.join("tr-1")
    clinic.clock.advance(minutes=5)
    digits = member.digits(drift)
    finish = clinic.access.sign_in.finish
    assert await finish(await begin(clinic), totp=digits, source=HERE)

    for steps in range(-1, drift + 1):
        with pytest.raises(SignInRefusedError):
            await finish(await begin(clinic), totp=member.digits(steps), source=HERE)
    assert await clinic.count("sessions") == 1


@pytest.mark.parametrize("drift", [-2, 2])
async def test_a_telephone_a_minute_off_does_not_sign_in(clinic, drift):
    member = await clinic.join("tr-1")
    clinic.clock.advance(minutes=5)

    with pytest.raises(SignInRefusedError):
        await clinic.access.sign_in.finish(
            await begin(clinic), totp=member.digits(drift), source=HERE
        )


async def test_six_digits_are_accepted_once_of_many_at_once(clinic):
    member = await clinic.join("tr-1")
    begun = [await begin(clinic) for _ in range(4)]
    digits = member.digits()

    answers = await asyncio.gather(
        *(
            clinic.access.sign_in.finish(each, totp=digits, source=HERE)
            for each in begun
        ),
        return_exceptions=True,
    )

    assert len(opened(answers)) == 1
    assert await clinic.count("sessions") == 1


async def test_six_digits_are_still_used_after_a_restart(clinic, dsn, tmp_path, clock):
    member = await clinic.join("tr-1")
    digits = member.digits()
    await clinic.access.sign_in.finish(await begin(clinic), totp=digits, source=HERE)

    async with running_clinic(dsn, tmp_path, clock) as again:
        with pytest.raises(SignInRefusedError):
            await again.access.sign_in.finish(
                await begin(again), totp=digits, source=HERE
            )


async def test_a_recovery_code_is_accepted_once_of_many_at_once(clinic):
    member = await clinic.join("tr-1")
    begun = [await begin(clinic) for _ in range(4)]
    code = member.recovery_codes[0]

    answers = await asyncio.gather(
        *(
            clinic.access.sign_in.finish(each, recovery=code, source=HERE)
            for each in begun
        ),
        clinic.access.sign_in.recover("tr-1", PASSWORD, code, HERE),
        return_exceptions=True,
    )

    assert len(opened(answers)) == 1
    assert await clinic.count("sessions") == 1
    assert await clinic.count("recovery_codes") == 9


@pytest.mark.parametrize("shown", ["", "\x00", "\ud800", "9" * 100_000, "clinic."])
async def test_whatever_is_shown_instead_is_refused_and_nothing_breaks(clinic, shown):
    await clinic.join("tr-1")
    sign_in = clinic.access.sign_in

    for attempt in (
        sign_in.finish(shown, totp="000000", source=HERE),
        sign_in.finish(await begin(clinic), totp=shown, source=HERE),
        sign_in.recover("tr-1", PASSWORD, shown, HERE),
        sign_in.recover(shown, shown, shown, HERE),
    ):
        with pytest.raises(SignInRefusedError):
            await attempt
    for attempt in (
        clinic.access.invitations.offer(shown),
        clinic.access.invitations.accept(shown, shown, totp=shown),
    ):
        with pytest.raises(InvitationOverError):
            await attempt


async def test_anothers_codes_are_worth_nothing(clinic):
    await clinic.join("tr-1")
    other = await clinic.join("tr-2")

    for shown in ({"totp": other.digits()}, {"recovery": other.recovery_codes[0]}):
        with pytest.raises(SignInRefusedError):
            await clinic.access.sign_in.finish(
                await begin(clinic), source=HERE, **shown
            )


# --- What the database did, and nobody heard ----------------------------------------


@pytest.fixture
async def wire(dsn):
    async with FaultyWire(dsn) as wire:
        yield wire


@pytest.fixture
async def wired(wire, tmp_path, clock):
    async with running_clinic(wire.dsn, tmp_path, clock) as clinic:
        yield clinic
        await wire.mend()


async def test_a_recovery_code_whose_session_nobody_heard_of_opens_no_second(
    wired, wire
):
    member = await wired.join("tr-1")
    code = member.recovery_codes[0]
    begun = await begin(wired)
    wire.lose_commit_of(b"DELETE FROM recovery_codes")

    with pytest.raises(DatabaseUnavailableError):
        await wired.access.sign_in.finish(begun, recovery=code, source=HERE)
    with pytest.raises(SignInRefusedError):
        await wired.access.sign_in.finish(begun, recovery=code, source=HERE)
    with pytest.raises(SignInRefusedError):
        await wired.recover(member, code)

    assert wire.lost == 1
    assert await wired.count("sessions") == 1
    assert await wired.recover(member, member.recovery_codes[1])


async def test_six_digits_whose_session_nobody_heard_of_open_no_second(wired, wire):
    member = await wired.join("tr-1")
    begun = await begin(wired)
    wire.lose_commit_of(b"INSERT INTO sessions")

    with pytest.raises(DatabaseUnavailableError):
        await wired.access.sign_in.finish(begun, totp=member.digits(), source=HERE)
    with pytest.raises(SignInRefusedError):
        await wired.signed_in_now(member)

    assert wire.lost == 1
    assert await wired.count("sessions") == 1
    wired.clock.advance(seconds=30)
    assert await wired.signed_in_now(member)


async def test_an_invitation_whose_acceptance_nobody_heard_of_is_used(wired, wire):
    made = await wired.invite("tr-1")
    wire.lose_commit_of(b"DELETE FROM invitations")

    with pytest.raises(DatabaseUnavailableError):
        await wired.accept("tr-1", made.secret)
    with pytest.raises(InvitationOverError):
        await wired.accept("tr-1", made.secret)

    assert wire.lost == 1
    again = await wired.access.invitations.reset(ADMINISTRATOR, "tr-1")
    assert await wired.accept("tr-1", again.secret)


async def test_a_leaver_whose_end_nobody_heard_of_is_out(wired, wire):
    made = await wired.sign_in(await wired.join("tr-1"))
    wire.lose_commit_of(b"DELETE FROM sessions")

    with pytest.raises(DatabaseUnavailableError):
        await wired.access.accounts.end(ADMINISTRATOR, "tr-1")

    assert wire.lost == 1
    with pytest.raises(UnauthorizedError):
        await wired.identity.by_session(made.secret)
    await wired.access.accounts.end(ADMINISTRATOR, "tr-1")


async def test_while_the_database_is_away_nobody_is_anybody(wired, wire):
    member = await wired.join("tr-1")
    made = await wired.sign_in(member)
    await wire.cut()

    with pytest.raises(DatabaseUnavailableError):
        await wired.identity.by_session(made.secret)
    with pytest.raises(DatabaseUnavailableError):
        await begin(wired)
    await wire.mend()
    assert await wired.identity.by_session(made.secret)


async def test_what_cannot_be_traced_is_not_done(clinic, dsn):
    """Not signing in, and not making, resetting or ending an account either."""
    member = await clinic.join("tr-1")
    owner = await asyncpg.connect(dsn)
    await owner.execute("REVOKE INSERT ON access_entries FROM ponctuel_service")

    for act in (
        clinic.signed_in_now(member),
        clinic.recover(member, member.recovery_codes[0]),
        clinic.invite("tr-2"),
        clinic.access.invitations.reset(ADMINISTRATOR, "tr-1"),
        clinic.access.accounts.end(ADMINISTRATOR, "tr-1"),
    ):
        with pytest.raises(DatabaseUnavailableError):
            await act

    await owner.execute("GRANT INSERT ON access_entries TO ponctuel_service")
    await owner.close()
    assert await clinic.count("sessions") == 0
    assert await clinic.count("accounts") == 1
    assert await clinic.count("recovery_codes") == 10
    assert await clinic.signed_in_now(member)


# --- Killed on the way --------------------------------------------------------------


async def killed(dsn, folder, member, code, when):
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.fakes.killed_sign_in", dsn, str(folder)),
        *("tr-1", code, member.clock().isoformat(), when),
        cwd=ROOT,
    )
    assert await process.wait() == -signal.SIGKILL


async def test_killed_before_the_commit_the_code_is_as_good_as_new(
    clinic, dsn, tmp_path
):
    member = await clinic.join("tr-1")
    code = member.recovery_codes[0]

    await killed(dsn, tmp_path, member, code, "during")

    assert await clinic.count("sessions") == 0
    assert await clinic.recover(member, code)
    with pytest.raises(SignInRefusedError):
        await clinic.recover(member, code)
    assert await clinic.count("sessions") == 1


async def test_killed_after_the_commit_the_code_is_used(clinic, dsn, tmp_path):
    member = await clinic.join("tr-1")
    code = member.recovery_codes[0]

    await killed(dsn, tmp_path, member, code, "after")

    with pytest.raises(SignInRefusedError):
        await clinic.recover(member, code)
    assert await clinic.count("sessions") == 1
    assert await clinic.count("recovery_codes") == 9
