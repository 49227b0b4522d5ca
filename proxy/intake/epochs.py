"""Seeds and tag keys: made ahead, committed in the ledger, wrapped in the database.

A seed is committed (leaf OPEN) before the first draw of its epoch and revealed (leaf
CLOSE) when no replica can draw in that epoch any more. A tag key is committed before
any call of its week is tagged.
"""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from proxy.errors import PonctuelError
from proxy.intake.store import QUERIES
from proxy.ledger.entry import Kind
from proxy.ledger.transaction import Ledger, LedgerTransaction, NothingToRecordError
from proxy.vault.keys import KeyRing
from sampling.draw import (
    SEED_SIZE,
    call_tag,
    epoch_key,
    seed_commitment,
    tag_key_commitment,
)
from sampling.seed import TAG_OVERLAP, epoch_at, may_reveal, week_at

_REVEALED_AT_ONCE = 100


class NoSeedError(PonctuelError):
    """There is no open epoch to draw in."""

    status = 503
    error_id = "no-seed"


@dataclass(frozen=True, slots=True)
class Tags:
    """The names a call may be bound under; `this_week` is the one it would be given.

    It may have begun last week, and the clock that bound it may have been ahead of
    ours: either way a second draw of it would be possible under one name alone (I2).
    """

    this_week: bytes
    last_week: bytes | None
    next_week: bytes | None

    @property
    def all(self) -> list[bytes]:
        names = (self.this_week, self.last_week, self.next_week)
        return [name for name in names if name is not None]


class Epochs:
    """One site's seeds and tag keys."""

    def __init__(
        self,
        ledger: Ledger,
        keys: KeyRing,
        clock: Callable[[], datetime],
        *,
        epoch_seconds: int,
        epochs_ahead: int,
    ) -> None:
        self._ledger = ledger
        self._site = ledger.site
        self._keys = keys
        self._clock = clock
        self.epoch_seconds = epoch_seconds
        self._ahead = epochs_ahead
        self._epoch_keys: dict[int, bytes] = {}
        self._tag_keys: dict[int, bytes] = {}

    async def prepare(self) -> None:
        """Commit the seeds and tag keys needed from now on. Safe to repeat."""
        now = self._clock()
        first = epoch_at(now, self.epoch_seconds)
        week = week_at(now)
        try:
            async with self._ledger.transaction() as change:
                await self._open_epochs(change, first, first + self._ahead)
                await self._make_tag_keys(change, [week, week + 1])
        except NothingToRecordError:  # all were there already
            pass
        await self._load_tag_keys([week - 1, week, week + 1])

    async def _open_epochs(
        self, change: LedgerTransaction, first: int, last: int
    ) -> None:
        rows = await change.connection.fetch(
            QUERIES["find_epochs_between"], self._site, first, last
        )
        known = {row["epoch"] for row in rows}
        for epoch in range(max(first, change.revealed_epoch + 1), last + 1):
            if epoch not in known:
                await self._open_epoch(change, epoch)

    async def _open_epoch(self, change: LedgerTransaction, epoch: int) -> None:
        seed = secrets.token_bytes(SEED_SIZE)
        commitment = seed_commitment(epoch, seed)
        seq = change.append(Kind.OPEN, {"e": epoch, "commit": commitment.hex()})
        await change.connection.execute(
            QUERIES["insert_epoch"],
            self._site,
            epoch,
            self._keys.wrap_service(seed),
            commitment,
            seq,
        )

    async def _make_tag_keys(
        self, change: LedgerTransaction, weeks: Sequence[int]
    ) -> None:
        rows = await change.connection.fetch(
            QUERIES["find_tag_keys"], self._site, weeks
        )
        known = {row["week"] for row in rows}
        for week in (week for week in weeks if week not in known):
            tag_key = secrets.token_bytes(SEED_SIZE)
            commitment = tag_key_commitment(week, tag_key)
            seq = change.append(
                Kind.TAG_KEY, {"week": week, "commit": commitment.hex()}
            )
            await change.connection.execute(
                QUERIES["insert_tag_key"],
                self._site,
                week,
                self._keys.wrap_service(tag_key),
                commitment,
                seq,
            )

    async def keep_up(self) -> None:
        """Load the tag keys that another replica has made since the last time."""
        week = week_at(self._clock())
        if not self._tag_keys.keys() >= {week, week + 1}:
            await self._load_tag_keys([week - 1, week, week + 1])

    async def _load_tag_keys(self, weeks: Sequence[int]) -> None:
        async with self._ledger.database.connection() as connection:
            rows = await connection.fetch(QUERIES["find_tag_keys"], self._site, weeks)
        self._tag_keys = {
            row["week"]: self._keys.unwrap_service(row["wrapped_key"]) for row in rows
        }

    def tags(self, connection: str, call_id: str) -> Tags:
        """The names of a call. Raises NoSeedError when it cannot be named yet."""

        def tag_of(week: int) -> bytes | None:
            key = self._tag_keys.get(week)
            return None if key is None else call_tag(key, connection, call_id)

        now = self._clock()
        week = week_at(now)
        this_week = tag_of(week)
        if this_week is None:
            raise NoSeedError("no tag key for this week yet")
        is_next_near = week_at(now + TAG_OVERLAP) > week
        return Tags(
            this_week, tag_of(week - 1), tag_of(week + 1) if is_next_near else None
        )

    async def key_of(self, change: LedgerTransaction, epoch: int) -> bytes:
        """The epoch's draw key. Raises NoSeedError for one that is not open."""
        if epoch <= change.revealed_epoch:
            raise NoSeedError("the epoch's seed is already public")
        if epoch not in self._epoch_keys:
            wrapped = await change.connection.fetchval(
                QUERIES["find_epoch"], self._site, epoch
            )
            if wrapped is None:
                raise NoSeedError("the epoch has no committed seed")
            seed = self._keys.unwrap_service(wrapped)
            self._epoch_keys = {epoch: epoch_key(epoch, seed)}
        return self._epoch_keys[epoch]

    async def reveal(self) -> int:
        """Close epochs in which no draw is possible any more; return how many."""
        now = self._clock()
        newest = epoch_at(now, self.epoch_seconds)
        while not may_reveal(newest, now, self.epoch_seconds):
            newest -= 1
        closed = 0
        while batch := await self._reveal_some(newest):
            closed += batch
        return closed

    async def _reveal_some(self, newest: int) -> int:
        try:
            async with self._ledger.transaction() as change:
                rows = await change.connection.fetch(
                    QUERIES["find_epochs_to_close"],
                    self._site,
                    newest,
                    _REVEALED_AT_ONCE,
                )
                for row in rows:
                    seed = self._keys.unwrap_service(row["wrapped_seed"])
                    fields = {
                        "e": row["epoch"],
                        "seed": seed.hex(),
                        "draws": row["draws"],
                        "records": row["records"],
                    }
                    seq = change.append(Kind.CLOSE, fields)
                    await change.connection.execute(
                        QUERIES["close_epoch"], self._site, row["epoch"], seq
                    )
                    change.revealed_epoch = max(change.revealed_epoch, row["epoch"])
        except NothingToRecordError:
            return 0
        return len(rows)

    @property
    def lookahead(self) -> timedelta:
        """How long draws go on if no new seed could be committed."""
        return timedelta(seconds=self._ahead * self.epoch_seconds)
