"""One site's keys of machines. Each is shown once; of it only its SHA-256 is kept.

A key has 256 random bits, so a plain hash of it cannot be turned back (NIST SP
800-63B-4, section 5.1.2). It names its site, for without that no row could be read.
"""

import re
import secrets
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from typing import Self
from uuid import UUID, uuid4

import asyncpg

from proxy.access.accounts.codes import lock_code
from proxy.access.api_keys.rules import (
    BY_PEOPLE_ONLY,
    KeyRefusedError,
    check_code,
    check_end,
    check_scopes,
)
from proxy.access.permissions import Actor, Permission, Role, ShownBy
from proxy.access.trace.acts import Act, Entry
from proxy.access.trace.trace import Trace
from proxy.database.named_queries import queries_beside
from proxy.database.pool import Connection, SiteDatabase
from proxy.errors import PonctuelError, UnauthorizedError

QUERIES = queries_beside(__file__)
_BYTES = 32
_WRITTEN = re.compile(r"pk_([a-z0-9][a-z0-9_-]{0,31})\.[A-Za-z0-9_-]{43}")

# What a person is, by their code; None where nobody has it.
RoleOf = Callable[[str], Awaitable[Role | None]]


class UnknownKeyError(PonctuelError):
    """There is no such key."""

    status = 404
    error_id = "unknown-key"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """What is kept of a key that is shown to nobody again."""

    key_id: UUID
    code: str
    role: Role
    scopes: frozenset[Permission]
    until: datetime
    made_by: str
    made_at: datetime
    ended_at: datetime | None
    ended_by: str | None
    last_used_on: date | None

    @classmethod
    def read(cls, row: asyncpg.Record) -> Self:
        return cls(
            **dict(row) | {"role": Role(row["role"]), "scopes": _scopes(row["scopes"])}
        )


@dataclass(frozen=True, slots=True)
class WantedKey:
    """A key as somebody asks for it: a machine's code, and what it is for."""

    code: str
    role: Role
    scopes: frozenset[Permission]
    until: datetime


def site_of(shown: str) -> str | None:
    """The site a key says it is of; None for what is no key."""
    written = _WRITTEN.fullmatch(shown)
    return written[1] if written else None


class ApiKeys:
    """One site's keys."""

    def __init__(
        self,
        database: SiteDatabase,
        clock: Callable[[], datetime],
        trace: Trace,
        role_of: RoleOf,
    ) -> None:
        self._database = database
        self._site = database.site
        self._clock = clock
        self._trace = trace
        self._role_of = role_of

    async def make(self, by: Actor, wanted: WantedKey) -> tuple[UUID, str]:
        """The key's id, and the key. Raises KeyRefusedError."""
        now = self._clock()
        check_code(wanted.code)
        check_scopes(wanted.role, wanted.scopes)
        check_end(wanted.until, now)
        taken = KeyRefusedError(
            "a person has, or had, this code",
            field="code",
            fix="give the machine its own",
        )
        if await self._role_of(wanted.code) is not None:
            raise taken
        key_id, key = uuid4(), f"pk_{self._site}.{secrets.token_urlsafe(_BYTES)}"
        async with self._database.transaction() as connection:
            await lock_code(connection, self._site, wanted.code)
            made = await connection.fetchval(
                QUERIES["insert_key"],
                self._site,
                key_id,
                _digest(key),
                wanted.code,
                wanted.role.value,
                sorted(wanted.scopes),
                wanted.until,
                by.code,
                now,
            )
            if made is None:
                raise taken
            entry = Entry(Act.KEY_MADE, by.code, by.role, key_id, about=wanted.code)
            await self._trace.note_in(connection, entry)
        return key_id, key

    async def identify(self, shown: str) -> Actor:
        """Whose key this is, limited to what it is for. Raises UnauthorizedError.

        One that never was, is over or was ended is not told apart.
        """
        now = self._clock()
        async with self._database.connection() as connection:
            row = await connection.fetchrow(
                QUERIES["find_living_key"], self._site, _digest(shown), now
            )
            if row is None or site_of(shown) != self._site:
                raise UnauthorizedError("this key is nobody's, or is over")
            if row["last_used_on"] != now.date():
                await connection.execute(
                    QUERIES["note_used"], self._site, row["key_id"], now.date()
                )
        return Actor(
            row["code"],
            Role(row["role"]),
            self._site,
            ShownBy.KEY,
            scopes=_scopes(row["scopes"]),
        )

    async def end(self, by: Actor, key_id: UUID) -> ApiKey:
        """End it now; ending it twice changes nothing. Raises UnknownKeyError."""
        async with self._database.transaction() as connection:
            key = await self._lock(connection, key_id)
            if key.ended_at is None:
                await connection.execute(
                    QUERIES["end_key"], self._site, key_id, by.code, self._clock()
                )
                key = await self._lock(connection, key_id)
                entry = Entry(Act.KEY_ENDED, by.code, by.role, key_id, about=key.code)
                await self._trace.note_in(connection, entry)
        return key

    async def list(self) -> list[ApiKey]:
        """Every key there is a record of, the oldest first."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(QUERIES["list_keys"], self._site)
        return [ApiKey.read(row) for row in rows]

    async def _lock(self, connection: Connection, key_id: UUID) -> ApiKey:
        row = await connection.fetchrow(QUERIES["lock_key"], self._site, key_id)
        if row is None:
            raise UnknownKeyError
        return ApiKey.read(row)


def _digest(key: str) -> bytes:
    return sha256(key.encode()).digest()


def _scopes(words: Collection[str]) -> frozenset[Permission]:
    """What is known no more, or not for machines any more, opens nothing."""
    known = (Permission(word) for word in words if word in set(Permission))
    return frozenset(known) - BY_PEOPLE_ONLY
