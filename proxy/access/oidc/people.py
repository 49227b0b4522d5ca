"""Whose account it is that a provider vouches for, and what its groups make of them.

An account is made at the first sign-in where the provider saw a second factor; where
it did not, whoever has the password alone could make one, so there it takes an
invitation. The role follows the groups each time. An account that ended stays ended,
whatever the provider says.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from string import ascii_lowercase
from uuid import UUID

from proxy.access.accounts.accounts import Accounts, Wanted
from proxy.access.accounts.factors import Proof
from proxy.access.accounts.faults import WrongFactorError
from proxy.access.accounts.sessions import Session, Sessions
from proxy.access.oidc.refusals import (
    NotAdmittedError,
    SingleSignOnRefusedError,
    Why,
)
from proxy.access.oidc_config import OidcConfig
from proxy.access.permissions import Actor, Role
from proxy.access.trace.acts import SERVICE, Act, Entry
from proxy.access.trace.trace import Trace
from proxy.database.named_queries import queries_beside
from proxy.database.pool import Connection, SiteDatabase
from proxy.errors import UnauthorizedError

QUERIES = queries_beside(__file__)
_LETTERS = 16  # 75 bits; without digits, so that no code looks like a number


@dataclass(frozen=True, slots=True)
class Known:
    """Somebody a provider vouches for, and their account here."""

    subject: bytes
    account_id: UUID
    code: str
    role: Role


class SsoPeople:
    """One site's."""

    def __init__(
        self,
        database: SiteDatabase,
        accounts: Accounts,
        sessions: Sessions,
        trace: Trace,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._site = database.site
        self._accounts = accounts
        self._sessions = sessions
        self._trace = trace
        self._clock = clock
        # What an administrator would do; nobody in particular does it here.
        self._by = Actor(SERVICE, Role.ADMINISTRATOR, self._site)

    async def find(self, subject: bytes) -> Known | None:
        """Raises NotAdmittedError for an account that has ended."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(
                QUERIES["find_subject"], self._site, subject
            )
        if row is None:
            return None
        if row["ended_at"]:
            raise NotAdmittedError(Why.ACCOUNT)
        return Known(subject, row["account_id"], row["code"], Role(row["role"]))

    async def make(self, subject: bytes, role: Role) -> Known:
        """An account with a code that says nothing. Raises NotAdmittedError."""
        if role is Role.AGENT:  # which agent is for an invitation to say
            raise NotAdmittedError(Why.ACCOUNT)
        letters = (secrets.choice(ascii_lowercase) for _ in range(_LETTERS))
        code = "sso-" + "".join(letters)
        async with self._database.transaction() as connection:
            account_id = await self._accounts.add(
                connection, self._by, Wanted(code, role)
            )
            await self._tie(connection, subject, account_id)
            entry = Entry(Act.ACCOUNT_MADE, SERVICE, "", about=code)
            await self._trace.note_in(connection, entry)
        return Known(subject, account_id, code, role)

    async def link(self, subject: bytes, session: Session, role: Role) -> None:
        """Whoever is signed in here is who the provider vouches for.

        Raises NotAdmittedError where the groups make somebody else of them, and
        SingleSignOnRefusedError where either is tied to another, or they are signed in
        no more: the provider took its time.
        """
        if session.actor.role is not role:
            raise NotAdmittedError(Why.GROUP)
        async with self._database.transaction() as connection:
            await self._hold(connection, session)
            await self._tie(connection, subject, session.account_id)
            by = session.actor
            entry = Entry(Act.FACTOR_SET, by.code, by.role, about="sso")
            await self._trace.note_in(connection, entry)

    async def untie(self, connection: Connection, account_id: UUID) -> None:
        """What somebody tied to it who is not them, perhaps, ends when it is reset.

        Of one that has ended the tie stays, or the provider would make a new one.
        """
        await connection.execute(QUERIES["delete_tie"], self._site, account_id, SERVICE)

    async def follow(self, known: Known, role: Role) -> Known:
        """Make them what their groups say. Raises NotAdmittedError for agents."""
        if known.role is role:
            return known
        if Role.AGENT in {known.role, role}:
            raise NotAdmittedError(Why.GROUP)
        await self._accounts.change_role(self._by, Wanted(known.code, role))
        return Known(known.subject, known.account_id, known.code, role)

    async def shut_out(self, known: Known) -> None:
        """Whoever is in no group any more is signed out everywhere."""
        async with self._database.transaction() as connection:
            await self._sessions.end_all_of(connection, known.account_id)
            entry = Entry(Act.SIGNED_OUT, known.code, known.role, about="everywhere")
            await self._trace.note_in(connection, entry)

    def proof(self, known: Known) -> Proof:
        """That all this still holds, in the transaction that makes a session of it."""

        async def check(connection: Connection, account_id: UUID) -> None:
            holds = account_id == known.account_id and await connection.fetchval(
                QUERIES["holds_subject"],
                self._site,
                known.subject,
                account_id,
                known.role.value,
            )
            if not holds:
                raise WrongFactorError

        return check

    async def _hold(self, connection: Connection, session: Session) -> None:
        try:
            await self._sessions.hold(connection, session)
        except UnauthorizedError:
            raise SingleSignOnRefusedError(Why.STATE) from None

    async def _tie(
        self, connection: Connection, subject: bytes, account_id: UUID
    ) -> None:
        # Of two first sign-ins at once the second is undone here, account and all.
        tied = await connection.fetchval(
            QUERIES["insert_subject"], self._site, subject, account_id, self._clock()
        )
        if tied is None:
            raise SingleSignOnRefusedError(Why.ACCOUNT)


def role_of(groups: frozenset[str], config: OidcConfig) -> Role | None:
    """What somebody's groups make of them: None unless they agree on one role."""
    roles = {config.roles[group] for group in groups if group in config.roles}
    return roles.pop() if len(roles) == 1 else None
