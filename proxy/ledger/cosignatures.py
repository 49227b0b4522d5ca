"""The cosignatures kept, the quorum they make, and the checkpoints worth keeping."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from proxy.ledger.note import Verified, VerifierKey
from proxy.ledger.transaction import QUERIES, Ledger
from proxy.ledger.witnessing import SignedHead, with_lines

KEPT_WHOLE = timedelta(hours=48)  # younger checkpoints are all kept
THINNED_TO = timedelta(hours=1)  # at most; older ones are kept once in so long
_THINNED_AT_ONCE = 50_000  # a few seconds; the rest of a long past comes later


class Cosignatures:
    """What one site's witnesses have signed. The quorum counts public keys."""

    def __init__(
        self, ledger: Ledger, keys: Sequence[VerifierKey], quorum: int
    ) -> None:
        self._database = ledger.database
        self._site = ledger.site
        self._keys = [key.public_key for key in keys]
        self.quorum = quorum
        self._thinned_before = 0

    async def newest_head(self) -> SignedHead | None:
        async with self._database.connection() as connection:
            row = await connection.fetchrow(
                QUERIES["read_newest_checkpoint"], self._site
            )
        return None if row is None else SignedHead(**row)

    async def signers_of(self, size: int) -> set[bytes]:
        """The public keys that cosigned the checkpoint of this size."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(QUERIES["find_signers"], self._site, size)
        return {row["witness_key"] for row in rows}

    async def last_sizes(self) -> dict[bytes, int]:
        """The largest size kept for each public key."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(QUERIES["find_last_cosigned"], self._site)
        return {row["witness_key"]: row["size"] for row in rows}

    async def keep(self, size: int, cosignatures: Iterable[Verified]) -> None:
        """Store verified cosignatures on the checkpoint of this size.

        With the one that makes a quorum, every epoch committed below it is dated.
        """
        async with self._database.transaction() as connection:
            # Two that keep at once would each miss the other's and date nothing.
            await connection.execute(QUERIES["lock_publication"], self._site)
            for one in cosignatures:
                await connection.execute(
                    QUERIES["insert_cosignature"],
                    self._site,
                    size,
                    one.key.public_key,
                    datetime.fromtimestamp(one.time or 0, UTC),
                    one.line.encode(),
                )
            if self.quorum:
                await connection.execute(
                    QUERIES["date_epochs"], self._site, size, self._keys, self.quorum
                )

    async def halt(self, now: datetime) -> None:
        """Nothing more is drawn or signed on this ledger: it is not the one it was."""
        async with self._database.connection() as connection:
            await connection.execute(QUERIES["halt"], self._site, now)

    async def newest_witnessed(self) -> int | None:
        """The size of the newest checkpoint that has its quorum."""
        async with self._database.connection() as connection:
            size: int | None = await connection.fetchval(
                QUERIES["find_newest_witnessed"], self._site, self._keys, self.quorum
            )
        return size

    async def notes(self, largest: int) -> dict[int, bytes]:
        """Every checkpoint kept up to a size, its cosignatures under it."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                QUERIES["read_checkpoints"], self._site, largest
            )
        return {row["size"]: with_lines(row["note"], row["lines"]) for row in rows}

    async def thin(self, now: datetime, epoch_seconds: int) -> int:
        """Delete old checkpoints but one an hour; return how many.

        Kept is the hour's first that has a quorum, or else its first; and everywhere
        the newest with a quorum, which evidence may have been made of. An hour is an
        epoch where those are shorter: a commitment's date must not move past its epoch.
        """
        step = min(int(THINNED_TO.total_seconds()), epoch_seconds)
        end = int((now - KEPT_WHOLE).timestamp()) // step * step
        if end == self._thinned_before:
            return 0
        async with self._database.connection() as connection:
            status = await connection.execute(
                QUERIES["thin_checkpoints"],
                self._site,
                datetime.fromtimestamp(end, UTC),
                step,
                self._keys,
                self.quorum,
                _THINNED_AT_ONCE,
            )
        deleted = int(status.rpartition(" ")[2])
        if deleted < _THINNED_AT_ONCE:
            self._thinned_before = end
        return deleted
