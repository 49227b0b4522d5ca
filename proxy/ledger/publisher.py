"""Publishing the ledger: hash what is new into tiles, then sign the tree's head.

The order makes a signature mean something:
1. One publisher at a time.
2. The tree as stored must still have the root that was signed last; if not, something
   was changed behind our back, and nothing is signed over it.
3. New leaves are hashed, their tiles written, and
4. the new head is signed, in the same transaction.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from proxy.database.pool import Connection
from proxy.errors import NoteError, PonctuelError
from proxy.ledger.checkpoint import Checkpoint, open_checkpoint
from proxy.ledger.note import Signer, VerifierKey
from proxy.ledger.tiles import (
    Tile,
    grown_tiles,
    reading_tiles,
    tiles_read,
)
from proxy.ledger.transaction import QUERIES, Ledger, LedgerWentBackError
from proxy.ledger.tree import (
    Frontier,
    ReadHashes,
    consistency_proof,
    frontier_at,
    inclusion_proof,
    leaf_hash,
)

_PAGE = 10_000
_IF_SET_BACK = (
    "stop; restore the database up to its newest commit, or begin a new ledger under "
    "another origin in a new database"
)


class CorruptTreeError(PonctuelError):
    """The stored tree is not the one that was signed; nothing is signed over it."""

    error_id = "corrupt-tree"


class Publisher:
    """Signs the heads of one site's ledger."""

    def __init__(
        self, ledger: Ledger, signer: Signer, clock: Callable[[], datetime]
    ) -> None:
        self._ledger = ledger
        self._site = ledger.site
        self._signer = signer
        self._clock = clock

    @property
    def key(self) -> VerifierKey:
        """By which its signatures are checked."""
        return self._signer.key

    async def publish(self) -> Checkpoint:
        """Sign the ledger as it stands; the newest checkpoint if nothing is new."""
        async with self._ledger.database.transaction() as connection:
            await connection.execute(QUERIES["lock_publication"], self._site)
            if await connection.fetchval(QUERIES["is_halted"], self._site):
                raise LedgerWentBackError(fix=_IF_SET_BACK)
            newest = await self.newest(connection)
            frontier = await self._verified_frontier(connection, newest)
            grown = await self._grow(connection, frontier)
            if newest is not None and grown.size == newest.size:
                return newest
            return await self._sign(connection, grown)

    async def publish_every(self, seconds: int) -> None:
        """Publish unless the newest checkpoint is younger than that."""
        async with self._ledger.database.connection() as connection:
            row = await connection.fetchrow(
                QUERIES["read_newest_checkpoint"], self._site
            )
        if row is None or self._clock() - row["signed_at"] >= timedelta(
            seconds=seconds
        ):
            await self.publish()

    async def newest(self, connection: Connection) -> Checkpoint | None:
        """The newest checkpoint, its signature verified."""
        row = await connection.fetchrow(QUERIES["read_newest_checkpoint"], self._site)
        if row is None:
            return None
        return open_checkpoint(row["note"], self._signer.key).checkpoint

    async def prove_growth(self, old_size: int, new_size: int) -> list[bytes]:
        """The consistency proof between two sizes of the tree as it is stored."""

        def prove(read: ReadHashes) -> list[bytes]:
            return consistency_proof(read, old_size, new_size)

        async with self._ledger.database.connection() as connection:
            return prove(await self._reader(connection, new_size, prove))

    async def prove_leaf(self, index: int, size: int) -> list[bytes]:
        """The inclusion proof of a leaf in the tree of `size` leaves, as stored."""

        def prove(read: ReadHashes) -> list[bytes]:
            return inclusion_proof(read, index, size)

        async with self._ledger.database.connection() as connection:
            return prove(await self._reader(connection, size, prove))

    async def _verified_frontier(
        self, connection: Connection, newest: Checkpoint | None
    ) -> Frontier:
        if newest is None:
            return Frontier()
        read = await self._reader(
            connection, newest.size, lambda hashes: frontier_at(hashes, newest.size)
        )
        try:
            frontier = frontier_at(read, newest.size)
        except NoteError as error:
            raise CorruptTreeError(error.detail) from error
        if frontier.root != newest.root:
            raise CorruptTreeError(f"at size {newest.size}")
        return frontier

    async def _grow(self, connection: Connection, frontier: Frontier) -> Frontier:
        """Hash what came after `frontier` into tiles, page by page."""
        while rows := await connection.fetch(
            QUERIES["read_entries"], self._site, frontier.size, _PAGE
        ):
            hashes = await asyncio.to_thread(
                _leaf_hashes, [row["body"] for row in rows]
            )
            await self._write_tiles(connection, frontier.size, hashes)
            frontier = frontier.extended(hashes)
        return frontier

    async def _write_tiles(
        self, connection: Connection, size: int, hashes: Sequence[bytes]
    ) -> None:
        read = await self._reader(
            connection, size, lambda read: frontier_at(read, size)
        )
        tiles = list(grown_tiles(read, size, hashes))
        await connection.execute(
            QUERIES["write_tiles"],
            self._site,
            [tile.level for tile, _ in tiles],
            [tile.index for tile, _ in tiles],
            [raw_tile for _, raw_tile in tiles],
        )

    async def _reader(
        self,
        connection: Connection,
        size: int,
        use: Callable[[ReadHashes], object],
    ) -> ReadHashes:
        """Fetch the tiles `use` will read of a tree of `size` leaves."""
        fetched: dict[Tile, bytes] = {}
        for tile in tiles_read(use, size):
            raw_tile = await connection.fetchval(
                QUERIES["read_tile"], self._site, tile.level, tile.index
            )
            # A tile that has grown since begins with the hashes it had then.
            fetched[tile] = (raw_tile or b"")[: tile.width * 32]
        return reading_tiles(fetched.__getitem__, size)

    async def _sign(self, connection: Connection, frontier: Frontier) -> Checkpoint:
        origin = self._signer.key.name
        checkpoint = Checkpoint(origin, frontier.size, frontier.root)
        await connection.execute(
            QUERIES["insert_checkpoint"],
            self._site,
            checkpoint.size,
            checkpoint.signed_by(self._signer).encode(),
            self._clock(),
        )
        return checkpoint


def _leaf_hashes(bodies: Sequence[bytes]) -> list[bytes]:
    return [leaf_hash(body) for body in bodies]
