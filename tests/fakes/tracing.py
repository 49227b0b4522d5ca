"""A trace with something in it, and somebody who holds the database and changes it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from uuid import UUID, uuid4

import asyncpg

from proxy.access.permissions import Role
from proxy.access.trace.acts import Act, Entry
from proxy.access.trace.anchoring import Anchoring
from proxy.access.trace.trace import Trace
from proxy.access.trace.verifying import Verifying
from proxy.database.pool import SiteDatabase
from proxy.ledger.transaction import Ledger


class Traced:
    """One site's trace, its anchors, its check."""

    def __init__(self, database: SiteDatabase, clock: Callable[[], datetime]) -> None:
        self.database = database
        self.ledger = Ledger(database)
        self.trace = Trace(database, clock)
        self.anchoring = Anchoring(self.ledger, self.trace, clock)
        self.verifying = Verifying(database, self.trace, self.anchoring, clock)

    async def play(self, times: int = 1, actor: str = "t-1") -> None:
        for _ in range(times):
            await self.trace.note(played(actor))

    async def faults(self) -> list[tuple[int, str]]:
        verified = await self.verifying.verify()
        return [(fault.place, fault.says) for fault in verified.faults]

    async def notes(self) -> list[str]:
        found = [leaf async for _, leaf in self.ledger.entries()]
        return [str(leaf["text"]) for leaf in found if leaf["leaf"] == "NOTE"]


def played(actor: str = "t-1", item: UUID | None = None) -> Entry:
    return Entry(Act.PLAY, actor, Role.TRAINER, item or uuid4(), "training")


@asynccontextmanager
async def owner_of(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """Whoever owns the tables, with what keeps accidents from them switched off."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("SET session_replication_role = replica")
        yield connection
    finally:
        await connection.close()
