"""The register of one site's accounts. Nobody is in it who was not invited.

An account whose credentials are gone, being new or reset, lets nobody in until its
invitation is used. A code is of one person for as long as the trace may name it, an
agent of one account for as long as it lives.
"""

from collections.abc import Awaitable, Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Self
from uuid import UUID, uuid4

import asyncpg

from proxy.access.accounts.codes import is_code, lock_code
from proxy.access.accounts.faults import (
    AccountRefusedError,
    AgentTakenError,
    CodeTakenError,
    NotAcceptedError,
    NotAppointedError,
    OwnAccountError,
    UnknownAccountError,
)
from proxy.access.accounts.sessions import Sessions
from proxy.access.permissions import Actor, Role
from proxy.access.trace.acts import Act, Entry
from proxy.access.trace.trace import Trace
from proxy.database.named_queries import queries_beside
from proxy.database.pool import Connection, SiteDatabase

QUERIES = queries_beside(__file__)

# Who decides what others reach, who hears somebody by their role alone, and who hands
# out what was said: an administrator alone makes none of them.
APPOINTED = frozenset({Role.DPO, Role.AGENT, Role.RIGHTS_OFFICER})

# What else an account signs in with, to be taken away when it is reset or ends.
Forget = Callable[[Connection, UUID], Awaitable[None]]
# What somebody was given for what they are no more, ended by whoever changes them.
Withdraw = Callable[[Connection, Actor, str], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Somebody, by a code. What they sign in with is not told."""

    account_id: UUID
    code: str
    role: Role
    agent_key: bytes | None
    made_at: datetime
    made_by: str
    ended_at: datetime | None
    appointed_by: str | None
    has_password: bool
    has_totp: bool

    @classmethod
    def read(cls, row: asyncpg.Record) -> Self:
        return cls(**dict(row) | {"role": Role(row["role"])})

    @property
    def lacks_appointment(self) -> bool:
        """Whether it lets nobody in until a data protection officer appoints it."""
        return self.role in APPOINTED and self.appointed_by is None


@dataclass(frozen=True, slots=True)
class Wanted:
    """An account to be made or changed.

    `agent` is the platform's code of who they are as an agent, for that role alone; it
    is kept as a keyed name only.
    """

    code: str
    role: Role
    agent: str | None = None


def check_not_own(by: Actor, code: str) -> None:
    """Nobody makes something else of themselves. Raises OwnAccountError.

    Nor does whoever finds an administrator's browser open keep the account by it.
    """
    if by.code == code:
        raise OwnAccountError(field="code", fix="ask another administrator")


@contextmanager
def _one_per_agent() -> Iterator[None]:
    """Raises AgentTakenError where the database knows another account of an agent."""
    try:
        yield
    except asyncpg.UniqueViolationError as error:
        raise AgentTakenError(
            field="agent", fix="end or change that account first"
        ) from error


class Accounts:
    """One site's accounts. `listed` are the codes of those the settings name."""

    def __init__(
        self,
        sessions: Sessions,
        database: SiteDatabase,
        trace: Trace,
        clock: Callable[[], datetime],
        name_agent: Callable[[str], bytes],
        listed: Collection[str],
    ) -> None:
        self._sessions = sessions
        self._database = database
        self._site = database.site
        self._trace = trace
        self._clock = clock
        self._name_agent = name_agent
        self._listed = listed
        self.withdraws: list[Withdraw] = []
        self.forgets: list[Forget] = []
        self.resets: list[Forget] = []
        """What goes with a reset alone: an account that ended stays known by it."""

    async def add(self, connection: Connection, by: Actor, wanted: Wanted) -> UUID:
        """Make an account that can do nothing yet, in the caller's transaction.

        Raises AccountRefusedError, CodeTakenError, AgentTakenError.
        """
        agent_key = self._check(wanted)
        await lock_code(connection, self._site, wanted.code)
        account_id = uuid4()
        with _one_per_agent():
            made = await connection.fetchval(
                QUERIES["insert_account"],
                self._site,
                account_id,
                wanted.code,
                wanted.role.value,
                agent_key,
                self._clock(),
                by.code,
            )
        if made is None:
            raise CodeTakenError(field="code", fix="choose another")
        return account_id

    def _check(self, wanted: Wanted) -> bytes | None:
        if not is_code(wanted.code):
            raise AccountRefusedError(
                "not a neutral code",
                field="code",
                fix="small letters, digits, - and _, at most 32; never a name",
            )
        if wanted.code in self._listed:
            raise CodeTakenError("the settings name it", field="code")
        return self._agent_key(wanted)

    def _agent_key(self, wanted: Wanted) -> bytes | None:
        if (wanted.role is Role.AGENT) != bool(wanted.agent):
            raise AccountRefusedError(
                "the role agent, and no other, needs the platform's code of the agent",
                field="agent",
            )
        return self._name_agent(wanted.agent) if wanted.agent else None

    async def find(self, code: str) -> Account:
        """Also one that has ended. Raises UnknownAccountError."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(QUERIES["find_account"], self._site, code)
        if row is None:
            raise UnknownAccountError(field="code")
        return Account.read(row)

    async def role_of(self, code: str) -> Role | None:
        """What somebody is; None where nobody has this code, or has left."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(QUERIES["find_account"], self._site, code)
        return None if row is None or row["ended_at"] else Role(row["role"])

    async def list(self) -> list[Account]:
        """All of them, by code, those that have ended too."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(QUERIES["list_accounts"], self._site)
        return [Account.read(row) for row in rows]

    async def end(self, by: Actor, code: str) -> None:
        """Somebody leaves: from here on nothing of theirs lets anybody in.

        Ending it twice changes nothing. Raises UnknownAccountError.
        """
        async with self._database.transaction() as connection:
            account = await self.lock(connection, code)
            if account.ended_at:
                return
            await self.clear(connection, account.account_id)
            await connection.execute(
                QUERIES["end_account"], self._site, account.account_id, self._clock()
            )
            await self._withdraw(connection, by, code)
            await self.note(connection, Act.ACCOUNT_ENDED, by, code)

    async def change_role(self, by: Actor, wanted: Wanted) -> None:
        """Their sessions end: whoever may do other things signs in for them anew.

        What they were given as something else ends, and so does an appointment. Raises
        UnknownAccountError, AccountRefusedError, OwnAccountError, AgentTakenError.
        """
        check_not_own(by, wanted.code)
        agent_key = self._agent_key(wanted)
        async with self._database.transaction() as connection:
            account = await self.lock_living(connection, wanted.code)
            with _one_per_agent():
                await connection.execute(
                    QUERIES["change_role"],
                    self._site,
                    account.account_id,
                    wanted.role.value,
                    agent_key,
                )
            await self._sessions.end_all_of(connection, account.account_id)
            if account.role is not wanted.role:
                await self._withdraw(connection, by, wanted.code)
            await self.note(
                connection, Act.ACCOUNT_CHANGED, by, wanted.code, wanted.role.value
            )

    async def appoint(self, by: Actor, code: str, agent: str | None = None) -> None:
        """A data protection officer says that this account is what it is made as.

        Until then, new or reset, it lets nobody in. Of an agent they say which one: an
        administrator said so too, and only a keyed name is kept to compare. Raises
        UnknownAccountError, OwnAccountError, AccountRefusedError, NotAcceptedError.
        """
        check_not_own(by, code)
        async with self._database.transaction() as connection:
            account = await self.lock_living(connection, code)
            await self._check_may_be_appointed(connection, account, agent)
            await connection.execute(
                QUERIES["appoint"], self._site, account.account_id, by.code
            )
            await self.note(connection, Act.ACCOUNT_CHANGED, by, code, "appointed")

    async def _check_may_be_appointed(
        self, connection: Connection, account: Account, agent: str | None
    ) -> None:
        """Whoever has the link of an account nobody uses yet could be anybody."""
        if account.role not in APPOINTED:
            raise AccountRefusedError(
                f"the role {account.role} needs no appointment", field="role"
            )
        named = self._name_agent(agent) if agent else None
        if named != account.agent_key:
            raise AccountRefusedError(
                "this account was not made for that agent",
                field="agent",
                fix="the platform's code of the agent, for the role agent alone; if it "
                "is right, ask an administrator to change the account",
            )
        if not await connection.fetchval(
            QUERIES["has_credential"], self._site, account.account_id
        ):
            raise NotAcceptedError(
                field="code",
                fix="appoint them once they have, and you know that it was them",
            )

    async def check_in(self, connection: Connection, code: str) -> None:
        """Raises NotAppointedError, for a code of the settings' as well."""
        if code in self._listed or await connection.fetchval(
            QUERIES["lacks_appointment"], self._site, code
        ):
            raise NotAppointedError(fix="a data protection officer appoints you first")

    async def _withdraw(self, connection: Connection, by: Actor, code: str) -> None:
        for withdraw in self.withdraws:
            await withdraw(connection, by, code)

    async def clear(self, connection: Connection, account_id: UUID) -> None:
        """Take away everything the account could sign in with, and its sessions."""
        for query in ("clear_factors", "delete_recovery_codes", "delete_invitation"):
            await connection.execute(QUERIES[query], self._site, account_id)
        for forget in self.forgets:
            await forget(connection, account_id)
        await self._sessions.end_all_of(connection, account_id)

    async def lock(self, connection: Connection, code: str) -> Account:
        """Hold it until the transaction ends. Raises UnknownAccountError.

        Whoever changes an account does this before anything else.
        """
        row = await connection.fetchrow(QUERIES["lock_account"], self._site, code)
        if row is None:
            raise UnknownAccountError(field="code")
        return Account.read(row)

    async def lock_living(self, connection: Connection, code: str) -> Account:
        """As `lock`; one that has ended is unknown."""
        account = await self.lock(connection, code)
        if account.ended_at:
            raise UnknownAccountError("it has ended", field="code")
        return account

    async def note(
        self, connection: Connection, act: Act, by: Actor, code: str, what: str = ""
    ) -> None:
        """Always last: others wait from here on. `what` they are from here on."""
        entry = Entry(act, by.code, by.role, purpose=what, about=code)
        await self._trace.note_in(connection, entry)
