"""An invitation's link is seen by whoever made it and by mail: a look keeps nothing."""

import pyotp
import pytest

from proxy.access.accounts.faults import SignInRefusedError, WrongFactorError
from proxy.access.trace.acts import Act, Entry
from tests.fakes.named_people import HERE, PASSWORD


@pytest.fixture
def invitations(clinic):
    return clinic.access.invitations


def digits(clinic, offer):
    return pyotp.TOTP(offer.totp_secret).at(clinic.clock())


async def test_the_secret_somebody_saw_first_does_not_sign_in(clinic, invitations):
    invited = await clinic.invite("tr-1")
    seen = await invitations.offer(invited.secret)
    member = await clinic.accept("tr-1", invited.secret)
    clinic.clock.advance(seconds=90)

    begun = await clinic.access.sign_in.begin("tr-1", PASSWORD, HERE)
    with pytest.raises(SignInRefusedError):
        await clinic.access.sign_in.finish(
            begun, totp=digits(clinic, seen), source=HERE
        )

    clinic.clock.advance(minutes=2)
    assert await clinic.sign_in(member)


async def test_each_opening_is_in_the_trace_and_nobody_is_said_to_have_done_it(
    clinic, invitations
):
    invited = await clinic.invite("tr-1")

    for _ in range(2):
        await invitations.offer(invited.secret)

    async with clinic.database.connection() as connection:
        rows = await connection.fetch(
            "SELECT body FROM access_entries WHERE act = 'viewed' ORDER BY seq"
        )
    opened = Entry(Act.VIEWED, "", "", purpose="invitation", about="tr-1")
    assert [Entry.read(row["body"].encode())[1] for row in rows] == [opened, opened]


async def test_a_slip_of_the_finger_shows_the_same_secret_and_is_no_opening(
    clinic, invitations
):
    invited = await clinic.invite("tr-1")
    offer = await invitations.offer(invited.secret)

    again = await invitations.offer_again(invited.secret, offer.opening)

    assert again.totp_secret == offer.totp_secret
    assert len(await clinic.traced(Act.VIEWED)) == 1


async def test_the_opening_of_anothers_invitation_is_worth_nothing(clinic, invitations):
    mine, theirs = await clinic.invite("tr-1"), await clinic.invite("tr-2")
    offer = await invitations.offer(mine.secret)

    with pytest.raises(WrongFactorError):
        await invitations.offer_again(theirs.secret, offer.opening)
    with pytest.raises(WrongFactorError):
        await invitations.accept(
            theirs.secret, PASSWORD, opening=offer.opening, totp=digits(clinic, offer)
        )

    assert not (await clinic.access.accounts.find("tr-2")).has_totp


@pytest.mark.parametrize("opening", ["", "AAAA", "é", "\udcff", "=", "A" * 96])
async def test_a_made_up_opening_is_worth_nothing(clinic, invitations, opening):
    invited = await clinic.invite("tr-1")

    with pytest.raises(WrongFactorError):
        await invitations.offer_again(invited.secret, opening)
    with pytest.raises(WrongFactorError):
        await invitations.accept(
            invited.secret, PASSWORD, opening=opening, totp="000000"
        )


async def test_no_secret_of_an_opening_is_kept_in_the_database(clinic, invitations):
    invited = await clinic.invite("tr-1")
    await invitations.offer(invited.secret)

    assert await clinic.value("SELECT totp_sealed FROM accounts") is None
    columns = await clinic.value(
        "SELECT array_agg(column_name::text ORDER BY 1) FROM information_schema.columns"
        " WHERE table_name = 'invitations' AND data_type = 'bytea'"
    )
    assert columns == ["digest"]
