"""Passkeys and challenges as the database keeps them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Self
from uuid import UUID, uuid4

import asyncpg

from proxy.access.accounts.sign_in import PENDING_FOR
from proxy.access.accounts.tokens import digest
from proxy.access.passkeys.refusals import PasskeyRefusedError
from proxy.access.permissions import Role
from proxy.database.named_queries import queries_beside
from proxy.database.pool import Connection, SiteDatabase

QUERIES = queries_beside(__file__)
GOOD_FOR = timedelta(minutes=5)
MOST_CHALLENGES = 10_000
"""At once, at a site: the oldest make room."""


class Kind(StrEnum):
    """What a challenge is for; it is good for nothing else."""

    REGISTRATION = "registration"
    SECOND = "second"
    ALONE = "alone"
    AGAIN = "again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """What somebody is to sign. `bound_to` is the sign-in or session it is of."""

    kind: Kind
    bound_to: bytes
    account_id: UUID | None = None
    user_handle: bytes | None = None


@dataclass(frozen=True, slots=True)
class Passkey:
    """One passkey. `is_synced`: copies of it may lie with the maker of the device."""

    passkey_id: UUID
    account_id: UUID
    credential_id: bytes
    public_key: bytes
    user_handle: bytes
    sign_count: int
    is_synced: bool
    made_at: datetime
    used_at: datetime
    doubted_at: datetime | None = None
    """When its counter went back: it may have been copied, and opens nothing more."""

    @classmethod
    def read(cls, row: asyncpg.Record) -> Self:
        return cls(*(row[name] for name in cls.__slots__))


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose passkey it is."""

    account_id: UUID
    code: str
    role: Role


class PasskeyStore:
    """One site's."""

    def __init__(self, database: SiteDatabase, clock: Callable[[], datetime]) -> None:
        self.database = database
        self._site = database.site
        self._clock = clock

    async def ask(self, secret: bytes, challenge: Challenge) -> None:
        """Keep a challenge for five minutes, by its SHA-256."""
        now = self._clock()
        async with self.database.transaction() as connection:
            await connection.execute(
                QUERIES["delete_old_challenges"],
                self._site,
                now - GOOD_FOR,
                MOST_CHALLENGES,
            )
            await connection.execute(
                QUERIES["insert_challenge"],
                self._site,
                sha256(secret).digest(),
                challenge.kind,
                challenge.bound_to,
                challenge.account_id,
                challenge.user_handle,
                now,
            )

    async def use(self, secret: bytes, kind: Kind, bound_to: bytes) -> Challenge:
        """What this was asked for: once. Raises PasskeyRefusedError."""
        async with self.database.connection() as connection:
            row = await connection.fetchrow(
                QUERIES["use_challenge"],
                self._site,
                sha256(secret).digest(),
                kind,
                bound_to,
                self._clock() - GOOD_FOR,
            )
        if row is None:
            raise PasskeyRefusedError
        return Challenge(
            kind=kind,
            bound_to=bound_to,
            account_id=row["account_id"],
            user_handle=row["user_handle"],
        )

    async def pending_account(self, pending: str) -> UUID:
        """Whose password was shown. Raises PasskeyRefusedError."""
        async with self.database.connection() as connection:
            found: UUID | None = await connection.fetchval(
                QUERIES["find_halfway"],
                self._site,
                digest(pending),
                self._clock() - PENDING_FOR,
            )
        if found is None:
            raise PasskeyRefusedError
        return found

    async def of(self, account_id: UUID) -> tuple[Passkey, ...]:
        async with self.database.connection() as connection:
            return await self.of_in(connection, account_id)

    async def of_in(
        self, connection: Connection, account_id: UUID
    ) -> tuple[Passkey, ...]:
        rows = await connection.fetch(QUERIES["list_passkeys"], self._site, account_id)
        return tuple(map(Passkey.read, rows))

    async def find(self, credential_id: bytes) -> tuple[Passkey, Holder] | None:
        """Whoever's account lives."""
        async with self.database.connection() as connection:
            row = await connection.fetchrow(
                QUERIES["find_passkey"], self._site, credential_id
            )
        if row is None:
            return None
        holder = Holder(row["account_id"], row["code"], Role(row["role"]))
        return Passkey.read(row), holder

    async def add(self, connection: Connection, passkey: Passkey) -> bool:
        """False if the credential is somebody's already."""
        made = await connection.fetchval(
            QUERIES["insert_passkey"],
            self._site,
            passkey.passkey_id,
            passkey.account_id,
            passkey.credential_id,
            passkey.public_key,
            passkey.user_handle,
            passkey.sign_count,
            passkey.is_synced,
            passkey.made_at,
        )
        return made is not None

    async def count_up(self, passkey: Passkey, shown: int) -> bool:
        """Whether its counter went on; if not, it opens nothing any more."""
        now = self._clock()
        async with self.database.transaction() as connection:
            used = await connection.fetchval(
                QUERIES["use_passkey"], self._site, passkey.passkey_id, shown, now
            )
            if used is None:
                await connection.execute(
                    QUERIES["doubt_passkey"], self._site, passkey.passkey_id, now
                )
        return used is not None

    async def holds(self, connection: Connection, passkey: Passkey) -> bool:
        """Whether it is still somebody's, and opens something."""
        found = await connection.fetchval(
            QUERIES["holds_passkey"],
            self._site,
            passkey.account_id,
            passkey.passkey_id,
        )
        return found is not None

    async def remove(
        self, connection: Connection, account_id: UUID, passkey_id: UUID
    ) -> bool:
        gone = await connection.fetchval(
            QUERIES["delete_passkey"], self._site, account_id, passkey_id
        )
        return gone is not None

    async def forget(self, connection: Connection, account_id: UUID) -> None:
        await connection.execute(QUERIES["delete_passkeys_of"], self._site, account_id)


def new_id() -> UUID:
    return uuid4()
