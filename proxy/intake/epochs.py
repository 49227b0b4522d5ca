"""Seeds and tag keys: made ahead, committed in the ledger, wrapped in the database.

A seed is committed (leaf OPEN) before the first draw of its epoch and revealed (leaf
CLOSE) when no replica can draw in that epoch any more. A tag key is committed before
any call of its week is tagged.
"""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from proxy.database.pool import Connection
from proxy.errors import NoOutsideValueError, PonctuelError
from proxy.intake.opening import EpochPlan, Opening
from proxy.intake.randomness.source import OutsideSource
from proxy.intake.store import QUERIES
from proxy.intake.tag_keys import open_tag_key
from proxy.ledger.entry import Kind, Leaf
from proxy.ledger.transaction import Ledger, LedgerTransaction, NothingToRecordError
from proxy.vault.keys import KeyRing, week_name
from sampling.draw import (
    SEED_SIZE,
    call_tag,
    epoch_key,
    tag_key_commitment,
)
from sampling.mixing import Mode
from sampling.schedule import PolicySchedule
from sampling.seed import TAG_OVERLAP, epoch_at, epoch_start, may_reveal, week_at

_REVEALED_AT_ONCE = 100
_KEYS_KEPT = 2  # besides the newest: clocks may step back over an epoch's edge


class NoSeedError(PonctuelError):
    """There is no open epoch to draw in."""

    status = 503
    error_id = "no-seed"


@dataclass(frozen=True, slots=True)
class Tags:
    """The names a call may be bound under, around `week`, in which it was asked about.

    It may have begun last week, and the clock that bound it may have been ahead of
    ours: either way a second draw of it would be possible under one name alone (I2).
    """

    week: int
    this_week: bytes
    last_week: bytes | None
    next_week: bytes | None

    @property
    def all(self) -> tuple[bytes, ...]:
        names = (self.this_week, self.last_week, self.next_week)
        return tuple(name for name in names if name is not None)

    def drawn_in(self, week: int) -> tuple[bytes, bytes | None] | None:
        """The name it gets if it is drawn in `week`, and that of the week before.

        None where it has no name: the clock of who asks is days away from the draw's.
        """
        names = {
            self.week - 1: self.last_week,
            self.week: self.this_week,
            self.week + 1: self.next_week,
        }
        name = names.get(week)
        return None if name is None else (name, names.get(week - 1))


@dataclass(frozen=True, slots=True)
class _TagKey:
    """A tag key that is made and wrapped, and not yet in the ledger."""

    week: int
    wrapped: bytes
    commitment: bytes


class Epochs:
    """One site's seeds and tag keys."""

    def __init__(
        self,
        ledger: Ledger,
        keys: KeyRing,
        clock: Callable[[], datetime],
        plan: EpochPlan,
        source: OutsideSource,
    ) -> None:
        self._ledger = ledger
        self._site = ledger.site
        self._keys = keys
        self._clock = clock
        self._plan = plan
        self._opening = Opening(ledger, keys, clock, plan, source)
        self._epoch_keys: dict[int, bytes] = {}
        self._tag_keys: dict[int, bytes] = {}

    @property
    def epoch_seconds(self) -> int:
        return self._plan.seconds

    async def prepare(self, schedule: PolicySchedule) -> None:
        """Commit the seeds and tag keys needed from now on. Safe to repeat."""
        week = week_at(self._clock())
        commitments = await self._opening.nonce_commitments(schedule)
        fresh = await self._fresh_tag_keys([week, week + 1])
        try:
            async with self._ledger.transaction() as change:
                await self._opening.open(change, schedule, commitments)
                await self._keep_tag_keys(change, fresh)
        except NothingToRecordError:  # all were there already
            pass
        await self._load_tag_keys([week - 1, week, week + 1])

    async def _fresh_tag_keys(self, weeks: Sequence[int]) -> list[_TagKey]:
        """Tag keys of weeks that have none; in no transaction: a key store is slow."""
        async with self._ledger.database.connection() as connection:
            known = await self._known(connection, weeks)
        fresh = []
        for week in (week for week in weeks if week not in known):
            tag_key = secrets.token_bytes(SEED_SIZE)
            await self._keys.make(week_name(week))
            [wrapped] = await self._keys.wrap(week_name(week), [tag_key])
            fresh.append(_TagKey(week, wrapped, tag_key_commitment(week, tag_key)))
        return fresh

    async def _keep_tag_keys(
        self, change: LedgerTransaction, fresh: Sequence[_TagKey]
    ) -> None:
        known = await self._known(change.connection, [each.week for each in fresh])
        for each in fresh:
            if each.week not in known:
                leaf: Leaf = {"week": each.week, "commit": each.commitment.hex()}
                await change.connection.execute(
                    QUERIES["insert_tag_key"],
                    self._site,
                    each.week,
                    each.wrapped,
                    each.commitment,
                    change.append(Kind.TAG_KEY, leaf),
                )

    async def _known(self, connection: Connection, weeks: Sequence[int]) -> set[int]:
        rows = await connection.fetch(QUERIES["find_tag_keys"], self._site, weeks)
        return {row["week"] for row in rows}

    async def keep_up(self) -> None:
        """Load the tag keys that another replica has made since the last time."""
        week = week_at(self._clock())
        if not self._tag_keys.keys() >= {week, week + 1}:
            await self._load_tag_keys([week - 1, week, week + 1])

    async def _load_tag_keys(self, weeks: Sequence[int]) -> None:
        async with self._ledger.database.connection() as connection:
            rows = await connection.fetch(QUERIES["find_living_tag_keys"], self._site)
        self._tag_keys = {
            row["week"]: await open_tag_key(self._keys, row)
            for row in rows
            if row["week"] in weeks
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
            week,
            this_week,
            tag_of(week - 1),
            tag_of(week + 1) if is_next_near else None,
        )

    async def key_of(
        self, connection: Connection, revealed_epoch: int, epoch: int
    ) -> bytes:
        """The epoch's draw key.

        Raises NoSeedError when no draw may be made with its seed, NoOutsideValueError
        while what is to be mixed in is not there; never another mode's key instead.
        """
        if epoch <= revealed_epoch:
            raise NoSeedError("the epoch's seed is already public")
        if epoch not in self._epoch_keys:
            newest = list(self._epoch_keys.items())[-_KEYS_KEPT:]
            key = await self._load_key(connection, epoch)
            self._epoch_keys = {**dict(newest), epoch: key}
        return self._epoch_keys[epoch]

    async def _load_key(self, connection: Connection, epoch: int) -> bytes:
        row = await connection.fetchrow(QUERIES["find_epoch"], self._site, epoch)
        if row is None:
            raise NoSeedError("the epoch has no committed seed")
        if self._plan.quorum and not await self._is_witnessed(connection, epoch, row):
            raise NoSeedError("no quorum had seen the epoch's seed before it began")
        if row["mode"] != Mode.OPERATOR and row["outside_value"] is None:
            raise NoOutsideValueError
        seed = self._keys.unwrap_service(row["wrapped_seed"])
        return epoch_key(epoch, seed, row["outside_value"] or b"")

    async def _is_witnessed(
        self, connection: Connection, epoch: int, row: asyncpg.Record
    ) -> bool:
        """Whether a quorum had cosigned the commitment before the epoch began."""
        start = epoch_start(epoch, self._plan.seconds)
        if row["witnessed_at"] and row["witnessed_at"] < start:
            return True
        return bool(
            await connection.fetchval(QUERIES["is_first_hours"], self._site, epoch)
        )

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
                    seq = change.append(Kind.CLOSE, self._closing(row))
                    await change.connection.execute(
                        QUERIES["close_epoch"], self._site, row["epoch"], seq
                    )
                    change.revealed_epoch = max(change.revealed_epoch, row["epoch"])
        except NothingToRecordError:
            return 0
        return len(rows)

    def _closing(self, row: asyncpg.Record) -> dict[str, str | int]:
        """What makes the epoch's draws recomputable by everyone.

        Without an outside value, in a mode that needs one, nothing was drawn.
        """
        leaf: dict[str, str | int] = {
            "e": row["epoch"],
            "seed": self._keys.unwrap_service(row["wrapped_seed"]).hex(),
            "draws": row["draws"],
            "records": row["records"],
        }
        if row["outside_value"]:
            leaf["x"] = row["outside_value"].hex()
        if row["outside_proof"]:
            leaf["sig"] = row["outside_proof"].hex()
        return leaf
