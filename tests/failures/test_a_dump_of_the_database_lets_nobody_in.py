"""Whoever reads all of the database can sign in as nobody (R28)."""

import asyncpg
import pyotp
import pytest

from proxy.access.accounts.faults import SignInRefusedError
from tests.fakes.dumps import as_text, spellings
from tests.fakes.named_people import HERE, PASSWORD


async def test_a_dump_holds_argon2id_and_hashes_and_no_secret(clinic, dsn):
    member = await clinic.join("tr-1")
    made = await clinic.sign_in(member)
    confirmed = await clinic.access.sign_in.confirm(
        await clinic.identity.by_session(made.secret), totp=member.digits()
    )
    begun = await clinic.access.sign_in.begin("tr-1", PASSWORD, HERE)
    invited = await clinic.invite("tr-2")
    offer = await clinic.access.invitations.offer(invited.secret)
    secrets = [
        PASSWORD,
        member.totp_secret,
        offer.totp_secret,
        *(pyotp.TOTP(each).byte_secret() for each in (member.totp_secret,)),
        pyotp.TOTP(offer.totp_secret).byte_secret(),
        *member.recovery_codes,
        *(code.replace("-", "") for code in member.recovery_codes),
        *(each.partition(".")[2] for each in (made.secret, confirmed.secret)),
        *(each.partition(".")[2] for each in (begun, invited.secret)),
        made.csrf,
        confirmed.csrf,
    ]

    text = await as_text(dsn)

    assert "$argon2id$v=19$" in text
    assert "tr-1" in text
    found = [
        secret
        for secret in secrets
        for spelling in spellings(secret)
        if spelling in text.lower()
    ]
    assert found == []


async def test_a_dump_does_not_hold_what_was_typed_in_the_wrong_field(clinic, dsn):
    """A password typed where the code goes is nobody's code, and is not kept."""
    for typed in ("hunter2-hunter2", "Jean Dupont", "+33612345678"):
        with pytest.raises(SignInRefusedError) as caught:
            await clinic.access.sign_in.begin(typed, PASSWORD, HERE)
        assert typed not in str(caught.value)

    text = await as_text(dsn)

    for typed in ("hunter2", "Dupont", "33612345678"):
        assert not any(spelling in text.lower() for spelling in spellings(typed))


async def test_the_columns_that_hold_what_people_sign_in_with_are_these(dsn):
    """So that a new one is noticed here, and looked at."""
    connection = await asyncpg.connect(dsn)
    rows = await connection.fetch(
        "SELECT table_name || '.' || column_name AS name"
        " FROM information_schema.columns WHERE table_schema = 'public'"
        " AND table_name IN ('accounts', 'recovery_codes', 'invitations',"
        " 'pending_sign_ins', 'sessions', 'sign_in_attempts')"
        " AND data_type IN ('bytea', 'text') ORDER BY 1"
    )
    await connection.close()

    assert [row["name"] for row in rows if not row["name"].endswith(".site_id")] == [
        "accounts.agent_key",
        "accounts.appointed_by",
        "accounts.code",
        "accounts.made_by",
        "accounts.password_hash",
        "accounts.role",
        "accounts.totp_sealed",
        "invitations.digest",
        "invitations.made_by",
        "pending_sign_ins.digest",
        "recovery_codes.digest",
        "sessions.digest",
        "sign_in_attempts.name",
    ]
