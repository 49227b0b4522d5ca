"""People with accounts at one site, on a real database, and what they sign in with."""

import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyotp
from argon2 import PasswordHasher
from typing_extensions import override

from proxy.access.accounts.accounts import APPOINTED, Wanted
from proxy.access.accounts.hashing import PasswordHashing
from proxy.access.accounts.invitations import Invitation
from proxy.access.accounts.sessions import NewSession
from proxy.access.identity import Identity
from proxy.access.people import People
from proxy.access.permissions import Actor, Role
from proxy.access.site_access import SiteAccess
from proxy.access.surroundings import AccessConfig, Surroundings
from proxy.access.trace.acts import Act, Entry
from proxy.database.pool import SiteDatabase, open_pool
from proxy.incidents.register import Register
from proxy.ledger.transaction import Ledger
from proxy.vault.key_directory import KeyDirectory
from proxy.vault.keys import KeyRing
from tests.fakes.staff import CARLA

SITE = "clinic"
HERE = "192.0.2.7"  # RFC 5737
PASSWORD = "tisane-bleue-parapluie-42"
ADMINISTRATOR = Actor("admin-1", Role.ADMINISTRATOR, SITE)


class CheapHasher(PasswordHasher):
    """Argon2id at a price for tests alone; counts what it computes."""

    def __init__(self, time_cost: int = 1) -> None:
        super().__init__(time_cost=time_cost, memory_cost=8, parallelism=1)
        self.computed = 0
        self.at_once = self.most_at_once = 0
        self.on_verify: Callable[[str], object] = str
        self._may_go_on = threading.Event()
        self._may_go_on.set()
        self._counting = threading.Lock()

    @override
    def hash(self, *args, **kwargs) -> str:
        with self._counted():
            return super().hash(*args, **kwargs)

    @override
    def verify(self, stored, *args, **kwargs) -> bool:
        self.on_verify(stored)
        with self._counted():
            return super().verify(stored, *args, **kwargs)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        with self._counting:
            self.computed += 1
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        self._may_go_on.wait(timeout=10)
        try:
            yield
        finally:
            with self._counting:
                self.at_once -= 1

    def hold(self) -> None:
        """Let everybody who hashes wait."""
        self._may_go_on.clear()

    def release(self) -> None:
        self._may_go_on.set()


@dataclass
class Member:
    """Somebody, and what is theirs alone."""

    code: str
    totp_secret: str
    recovery_codes: tuple[str, ...]
    clock: Callable[[], datetime]
    password: str = PASSWORD

    def digits(self, steps: int = 0) -> str:
        """What their telephone shows; its clock may be off by some steps."""
        at = self.clock() + timedelta(seconds=30 * steps)
        return pyotp.TOTP(self.totp_secret).at(at)


@dataclass
class Clinic:
    """One site's access, and a clock that obeys."""

    access: SiteAccess
    database: SiteDatabase
    clock: Callable[[], datetime]
    hasher: CheapHasher
    hashing: PasswordHashing
    password: str = PASSWORD

    @property
    def identity(self) -> Identity:
        return Identity(People([]), {SITE: self.access}, self.clock)

    async def join(
        self, code: str, role: Role = Role.TRAINER, agent: str | None = None
    ) -> Member:
        """Invited, and accepted. Their telephone has shown one code since."""
        invited = await self.invite(code, role, agent)
        member = await self.accept(invited.code, invited.secret)
        if role in APPOINTED:
            await self.access.accounts.appoint(CARLA, code, agent)
        self.clock.advance(seconds=90)
        return member

    async def invite(
        self, code: str, role: Role = Role.TRAINER, agent: str | None = None
    ) -> Invitation:
        wanted = Wanted(code, role, agent)
        return await self.access.invitations.invite(ADMINISTRATOR, wanted)

    async def accept(self, code: str, secret: str) -> Member:
        offer = await self.access.invitations.offer(secret)
        member = Member(code, offer.totp_secret, (), self.clock, self.password)
        member.recovery_codes = await self.access.invitations.accept(
            secret, self.password, opening=offer.opening, totp=member.digits()
        )
        return member

    async def sign_in(self, member: Member, source: str = HERE) -> NewSession:
        """Their telephone has shown another code since."""
        made = await self.signed_in_now(member, source)
        self.clock.advance(seconds=90)
        return made

    async def signed_in_now(self, member: Member, source: str = HERE) -> NewSession:
        begun = await self.access.sign_in.begin(member.code, member.password, source)
        return await self.access.sign_in.finish(
            begun, totp=member.digits(), source=source
        )

    async def recover(self, member: Member, code: str) -> NewSession:
        begun = await self.access.sign_in.begin(member.code, member.password, HERE)
        return await self.access.sign_in.finish(begun, recovery=code, source=HERE)

    @contextmanager
    def listening(self) -> Iterator[list[str]]:
        """What the database is asked meanwhile, in order."""
        asked: list[str] = []
        open_now = [holder._con for holder in self.database._pool._holders]
        heard = [connection for connection in open_now if connection]

        def note(record) -> None:
            asked.append(record.query)

        for connection in heard:
            connection.add_query_logger(note)
        yield asked
        for connection in heard:
            connection.remove_query_logger(note)

    async def value(self, query: str, *arguments: object) -> Any:
        async with self.database.connection() as connection:
            return await connection.fetchval(query, *arguments)

    async def count(self, table: str) -> int:
        return await self.value(f"SELECT count(*) FROM {table}")  # noqa: S608  # ours

    async def traced(self, act: Act) -> list[str]:
        """Who did that, in order."""
        async with self.database.connection() as connection:
            rows = await connection.fetch(
                "SELECT body FROM access_entries ORDER BY seq"
            )
        entries = [Entry.read(row["body"].encode())[1] for row in rows]
        return [entry.actor for entry in entries if entry.act is act]


@asynccontextmanager
async def running_clinic(
    dsn: str, folder: Path, clock, config: AccessConfig | None = None
) -> AsyncIterator[Clinic]:
    """A clinic whose database and keys are real."""
    database = await open_pool(dsn, SITE, 8)
    ring = KeyRing(KeyDirectory(folder / "keys", SITE))
    hasher = CheapHasher()
    ledger = Ledger(database)
    try:
        await ring.open()
        await ledger.create()
        given = Surroundings(
            ledger=ledger,
            seal=ring,
            name_agent=ring.name_agent,
            open_incident=Register(database, clock, "").open_in,
            clock=clock,
            config=config or AccessConfig(listed={"admin-1": Role.ADMINISTRATOR}),
        )
        hashing = PasswordHashing(hasher)
        access = SiteAccess(given, hashing)
        yield Clinic(access, database, clock, hasher, hashing)
    finally:
        await ring.close()
        await database.close()
