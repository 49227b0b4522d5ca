"""A change and its evidence commit together, or neither does.

`Ledger.transaction()` is the one way to make a change that must be provable. It takes
the site's head lock, collects leaves, and writes them with the change; without a leaf
it refuses to commit. The order of the locks (head first, then rows) is the same
everywhere, so writers cannot deadlock.
"""

import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Self

import asyncpg

from proxy.database.named_queries import queries_beside
from proxy.database.pool import Connection, SiteDatabase
from proxy.errors import PonctuelError
from proxy.ledger.entry import Kind, Leaf, Value, decode, encode

QUERIES = queries_beside(__file__)
_PAGE = 10_000


class NothingToRecordError(PonctuelError):
    """A provable change came without its ledger entry and was undone."""

    error_id = "nothing-to-record"


class ForeignLedgerError(PonctuelError):
    """The ledger was begun under another name or key."""

    error_id = "foreign-ledger"


class StaleHeadError(PonctuelError):
    """Another writer moved the ledger's head; this change was undone."""

    error_id = "stale-head"


class LedgerWentBackError(PonctuelError):
    """Witnesses have cosigned more of this ledger, or another one, than is here.

    A database that was restored has forgotten draws that others have seen: to go on
    would draw under tokens and names that were used before, and sign a second history.
    """

    status = 503
    error_id = "ledger-went-back"


@dataclass(frozen=True, slots=True)
class Head:
    """Where a site's ledger ends, and what the next draw builds on."""

    size: int
    tokens: Mapping[str, int]
    last_epoch: int
    revealed_epoch: int
    policy_version: int
    is_halted: bool = False
    stops: frozenset[str] = frozenset()

    @classmethod
    def read(cls, row: asyncpg.Record) -> Self:
        return cls(
            row["size"],
            json.loads(row["tokens"]),
            row["last_epoch"],
            row["revealed_epoch"],
            row["policy_version"],
            row["is_halted"],
            frozenset(row["stops"]),
        )


@dataclass
class LedgerTransaction:
    """One open change: its connection, the head it builds on, and the leaves so far."""

    connection: Connection
    site: str
    size: int
    last_epoch: int
    revealed_epoch: int
    policy_version: int
    stops: frozenset[str] = frozenset()
    bodies: list[bytes] = field(default_factory=list)
    counted: Counter[tuple[str, str]] = field(default_factory=Counter)

    def append(self, kind: Kind, fields: Leaf) -> int:
        """Add a leaf; return its place in the ledger."""
        self.bodies.append(encode(kind, fields))
        return self.size + len(self.bodies) - 1

    def count(self, metric: str, label: str = "", amount: int = 1) -> None:
        """Add to an aggregate that becomes true with this change."""
        self.counted[metric, label] += amount


class Ledger:
    """The tamper-evident log of one site."""

    def __init__(self, database: SiteDatabase) -> None:
        self.database = database
        self.site = database.site

    async def create(self) -> None:
        """Make the site and its empty ledger, if they are not there."""
        async with self.database.transaction() as connection:
            await connection.execute(QUERIES["create_site"], self.site)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[LedgerTransaction]:
        """Open a change. Everything in it is undone unless a leaf was appended."""
        async with self.database.transaction() as connection:
            head = await lock_head(connection, self.site)
            change = LedgerTransaction(
                connection,
                self.site,
                head.size,
                head.last_epoch,
                head.revealed_epoch,
                head.policy_version,
                head.stops,
            )
            yield change
            await _write(change)

    async def figures(self) -> tuple[int, dict[str, int], dict[tuple[str, str], int]]:
        """The ledger's size, its tokens, and every aggregate counted so far."""
        async with self.database.connection() as connection:
            head = await connection.fetchrow(QUERIES["read_head"], self.site)
            rows = await connection.fetch(QUERIES["read_counts"], self.site)
        counts = {(row["metric"], row["label"]): row["value"] for row in rows}
        if head is None:
            return 0, {}, counts
        return head["size"], json.loads(head["tokens"]), counts

    async def begin(self, origin: str, vkey: str) -> None:
        """Write the first leaf, which names the log and its key, if there is none.

        Raises ForeignLedgerError when the first leaf names another: the key was lost or
        this is another site's database.
        """
        named: Leaf = {"origin": origin, "vkey": vkey}
        try:
            async with self.transaction() as change:
                if not change.size:
                    change.append(Kind.GENESIS, named)
        except NothingToRecordError:
            async with self.database.connection() as connection:
                rows = await connection.fetch(QUERIES["read_entries"], self.site, 0, 1)
            if rows[0]["body"] != encode(Kind.GENESIS, named):
                raise ForeignLedgerError(
                    fix="an origin is for ever: set it back; or, if it is unchanged, "
                    "restore the key directory that belongs to this database"
                ) from None

    async def entries(self) -> AsyncIterator[tuple[int, dict[str, Value]]]:
        """Every leaf in order, decoded, page by page."""
        async for seq, body in self.bodies():
            yield seq, decode(body)

    async def bodies(self) -> AsyncIterator[tuple[int, bytes]]:
        """Every leaf's bytes in order, page by page."""
        first = 0
        while True:
            async with self.database.connection() as connection:
                rows = await connection.fetch(
                    QUERIES["read_entries"], self.site, first, _PAGE
                )
            for row in rows:
                yield row["seq"], row["body"]
            if len(rows) < _PAGE:
                return
            first = rows[-1]["seq"] + 1


async def _write(change: LedgerTransaction) -> None:
    if not change.bodies:
        raise NothingToRecordError
    connection, site = change.connection, change.site
    await connection.execute(
        QUERIES["insert_entries"], site, change.size, change.bodies
    )
    if change.counted:
        await add_counts(connection, site, change.counted)
    moved = await connection.execute(
        QUERIES["move_head"],
        site,
        change.size,
        change.size + len(change.bodies),
        change.revealed_epoch,
        change.policy_version,
    )
    if moved != "UPDATE 1":
        raise StaleHeadError


async def lock_head(connection: Connection, site: str) -> Head:
    """Keep all other writers of the site's ledger out until this transaction ends."""
    row = await connection.fetchrow(QUERIES["lock_head"], site)
    if row is None:
        raise StaleHeadError(f"site {site} has no ledger")
    return Head.read(row)


async def add_counts(
    connection: Connection, site: str, counted: Mapping[tuple[str, str], int]
) -> None:
    """Add to aggregates inside the caller's transaction."""
    if counted:
        await connection.execute(
            QUERIES["add_counts"], site, *columns_of_counts(counted)
        )


def columns_of_counts(
    counted: Mapping[tuple[str, str], int],
) -> tuple[list[str], list[str], list[int]]:
    """Metrics, labels and amounts, as a query takes them."""
    metrics, labels = zip(*counted, strict=True) if counted else ((), ())
    return list(metrics), list(labels), list(counted.values())
