"""Invitations: the one way to an account, and back to one whose factor is lost.

A link for one person, of one use, for three days. Whoever has it chooses a password
and a second factor; before that the account can do nothing. Whoever only looked at it
has neither: each opening has an authenticator's secret of its own, and is in the trace.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from proxy.access.accounts.accounts import (
    Account,
    Accounts,
    Wanted,
    check_not_own,
)
from proxy.access.accounts.factors import Factors, Proof
from proxy.access.accounts.faults import InvitationOverError
from proxy.access.accounts.hashing import PasswordHashing
from proxy.access.accounts.passwords import check_in_thread
from proxy.access.accounts.tokens import digest, new_secret
from proxy.access.accounts.totp import in_base32, new_totp_secret, otpauth_uri
from proxy.access.permissions import Actor, Role
from proxy.access.trace.acts import Act, Entry
from proxy.access.trace.trace import Trace
from proxy.database.named_queries import queries_beside
from proxy.database.pool import Connection, SiteDatabase
from retention.schedule_people import INVITED_FOR

QUERIES = queries_beside(__file__)
_WHAT = "invitation"


@dataclass(frozen=True, slots=True)
class Invitation:
    """What the invited person gets, and nobody else: `secret` goes into their link."""

    code: str
    secret: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Offer:
    """What whoever follows the link is shown: the TOTP secret, for their app.

    `opening` is that secret, sealed for this invitation, to be sent back with the form:
    nothing is kept of an opening that led nowhere.
    """

    code: str
    role: Role
    until: datetime
    totp_secret: str
    otpauth_uri: str
    opening: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """An invitation nobody has followed yet, without its secret."""

    code: str
    until: datetime


class Invitations:
    """One site's invitations."""

    def __init__(
        self,
        accounts: Accounts,
        database: SiteDatabase,
        hashing: PasswordHashing,
        factors: Factors,
        trace: Trace,
        clock: Callable[[], datetime],
    ) -> None:
        self._accounts = accounts
        self._database = database
        self._site = database.site
        self._hashing = hashing
        self._factors = factors
        self._trace = trace
        self._clock = clock

    async def invite(self, by: Actor, wanted: Wanted) -> Invitation:
        """Somebody new. Raises AccountRefusedError, CodeTakenError, AgentTakenError."""
        async with self._database.transaction() as connection:
            await self._accounts.add(connection, by, wanted)
            account = await self._accounts.lock(connection, wanted.code)
            made = await self._make(connection, by, account)
            await self._accounts.note(
                connection, Act.ACCOUNT_INVITED, by, wanted.code, wanted.role.value
            )
        return made

    async def reset(self, by: Actor, code: str) -> Invitation:
        """Somebody who lost their factor or password begins again, by a new link.

        What they had is worth nothing from here on, and their sessions end. Raises
        UnknownAccountError, OwnAccountError.
        """
        check_not_own(by, code)
        async with self._database.transaction() as connection:
            account = await self._accounts.lock_living(connection, code)
            await self._accounts.clear(connection, account.account_id)
            for forget in self._accounts.resets:
                await forget(connection, account.account_id)
            made = await self._make(connection, by, account)
            await self._accounts.note(connection, Act.FACTOR_RESET, by, code)
        return made

    async def _make(
        self, connection: Connection, by: Actor, account: Account
    ) -> Invitation:
        secret, now = new_secret(self._site), self._clock()
        await connection.execute(
            QUERIES["insert_invitation"],
            self._site,
            account.account_id,
            digest(secret),
            now,
            by.code,
            now + INVITED_FOR,
        )
        return Invitation(account.code, secret, now + INVITED_FOR)

    async def revoke(self, by: Actor, code: str) -> bool:
        """Whether there was one to take back. Raises UnknownAccountError."""
        async with self._database.transaction() as connection:
            account = await self._accounts.lock(connection, code)
            revoked = await connection.fetchval(
                QUERIES["delete_invitation"], self._site, account.account_id
            )
            if revoked:
                await self._accounts.note(connection, Act.ACCOUNT_CHANGED, by, code)
        return bool(revoked)

    async def list(self) -> list[Waiting]:
        """Those still open, by code."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                QUERIES["list_invitations"], self._site, self._clock()
            )
        return [Waiting(**dict(row)) for row in rows]

    async def offer(self, secret: str) -> Offer:
        """What there is to accept, with a TOTP secret nobody was shown before.

        Nobody knows who opens it; that somebody did is noted. Raises
        InvitationOverError.
        """
        row = await self._find(secret)
        opened = Entry(Act.VIEWED, "", "", purpose=_WHAT, about=row["code"])
        await self._trace.note(opened)
        return self._offer(row, new_totp_secret(), secret)

    async def offer_again(self, secret: str, opening: str) -> Offer:
        """The same one, after a slip. Raises InvitationOverError, WrongFactorError."""
        row = await self._find(secret)
        totp = self._factors.unseal_opening(digest(secret), opening)
        return self._offer(row, totp, secret)

    def _offer(self, row: asyncpg.Record, totp: bytes, secret: str) -> Offer:
        return Offer(
            row["code"],
            Role(row["role"]),
            row["until"],
            in_base32(totp),
            otpauth_uri(totp, row["code"], self._site),
            self._factors.seal_opening(digest(secret), totp),
        )

    async def accept(
        self,
        secret: str,
        password: str,
        *,
        opening: str = "",
        totp: str = "",
        proof: Proof | None = None,
    ) -> tuple[str, ...]:
        """Set password and second factor; return the recovery codes, shown only now.

        The factor is six digits of the app that has the secret of this `opening`, or a
        `proof` that keeps another. Raises InvitationOverError, WeakPasswordError,
        WrongFactorError, BusyError; the invitation then is as good as before.
        """
        row = await self._find(secret)
        known = (row["code"], self._site)
        hashed = await self._hashing.hash(await check_in_thread(password, known))
        keep = proof or self._factors.first_totp(digest(secret), opening, totp)
        async with self._database.transaction() as connection:
            account = await self._use(connection, secret, row["code"])
            await connection.execute(
                QUERIES["set_password"], self._site, account.account_id, hashed
            )
            await keep(connection, account.account_id)
            codes = await self._factors.new_recovery(connection, account.account_id)
            actor = Actor(account.code, account.role, self._site)
            await self._accounts.note(connection, Act.FACTOR_SET, actor, account.code)
        return codes

    async def _find(self, secret: str) -> asyncpg.Record:
        async with self._database.connection() as connection:
            row = await connection.fetchrow(
                QUERIES["find_invitation"], self._site, digest(secret), self._clock()
            )
        if row is None:
            raise InvitationOverError(fix="ask your administrator for another")
        return row

    async def _use(self, connection: Connection, secret: str, code: str) -> Account:
        """Of two at once the second waits for the account, and finds it used."""
        account = await self._accounts.lock_living(connection, code)
        used = await connection.fetchval(
            QUERIES["use_invitation"], self._site, digest(secret), self._clock()
        )
        if used != account.account_id:
            raise InvitationOverError(fix="ask your administrator for another")
        return account
