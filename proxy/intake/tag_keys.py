"""Tag keys after their week: what they are still for, and how they end.

While a week's tag key exists, its holder can tell from a call's id which leaf is that
call's. That is what inspections and receipts need, and why the key must end after the
inspection window, in steps that are safe to repeat and to run twice at once:

1. Intent: weeks whose window is over are marked, durably.
2. Key file: destroyed, and its absence read back. What is left of the tag key in the
   database and its backups can no longer be opened by anyone.
3. Leaf: one transaction with the row's wrapped key. Only now is it reported as done.
4. Calls: their rows, old and of no use without the tag key, go in bounded batches.

A crash between two steps leaves marked weeks and old rows, and the next run takes them
up through this same code.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

import asyncpg

from proxy.intake.store import QUERIES
from proxy.ledger.entry import Kind
from proxy.ledger.transaction import Ledger, LedgerTransaction, NothingToRecordError
from proxy.vault.keys import KeyRing, week_name
from retention.periods import newest_inspected
from sampling.seed import WEEK_SECONDS, week_at

FORGOTTEN_AT_ONCE = 10_000  # calls a transaction: a second or so


@dataclass(frozen=True, slots=True)
class WeeksEnded:
    """What one run did. The keys of `failed` weeks are still there: tried again."""

    destroyed: int
    failed: int
    calls: int


async def open_tag_key(keys: KeyRing, row: asyncpg.Record) -> bytes:
    """A week's tag key from its row, living. Raises KeyMissingError."""
    if row["has_own_key"]:
        [tag_key] = await keys.unwrap(week_name(row["week"]), [row["wrapped_key"]])
        return tag_key
    return keys.unwrap_service(row["wrapped_key"])


class TagKeys:
    """One site's tag keys, for those who may link calls to leaves, until they end.

    `inspection_weeks` is how long after its week a key is kept.
    """

    def __init__(
        self,
        ledger: Ledger,
        keys: KeyRing,
        inspection_weeks: int,
    ) -> None:
        self._ledger = ledger
        self._site = ledger.site
        self._keys = keys
        self._inspection_weeks = inspection_weeks

    async def living(self) -> dict[int, bytes]:
        """Every week whose tag key still exists, and the key."""
        async with self._ledger.database.connection() as connection:
            rows = await connection.fetch(QUERIES["find_living_tag_keys"], self._site)
        return {row["week"]: await open_tag_key(self._keys, row) for row in rows}

    async def hand_out(self) -> dict[int, bytes]:
        """The same, for somebody outside; the ledger says that it happened, first."""
        living = await self.living()
        async with self._ledger.transaction() as change:
            change.append(Kind.NOTE, {"text": "tag keys handed out"})
        return living

    async def end_due(self, now: datetime) -> WeeksEnded:
        """End every week whose inspection window is over at `now`."""
        newest = newest_inspected(week_at(now), self._inspection_weeks)
        await self._doom(newest, now)
        done = [await self._end(week) for week in await self._to_end(newest)]
        return WeeksEnded(
            done.count(True), done.count(False), await self._forget_calls()
        )

    async def _doom(self, newest: int, now: datetime) -> None:
        async with self._ledger.database.connection() as connection:
            await connection.execute(QUERIES["doom_tag_keys"], self._site, newest, now)

    async def _to_end(self, newest: int) -> list[int]:
        """Weeks marked and not finished, and those whose key file came back."""
        doomed = await self._doomed()
        unfinished = {week for week, seq in doomed.items() if seq is None}
        files = {
            week
            for week in await self._keys.weeks()
            if week <= newest or week in doomed
        }
        return sorted(unfinished | files)

    async def _doomed(self) -> dict[int, int | None]:
        """Marked weeks, and the place of the leaf that says the key is gone."""
        async with self._ledger.database.connection() as connection:
            rows = await connection.fetch(QUERIES["find_doomed_tag_keys"], self._site)
        return {row["week"]: row["destroyed_seq"] for row in rows}

    async def _end(self, week: int) -> bool:
        """Destroy a week's key, verify that, append the leaf; False if it lives."""
        if not await self._keys.destroy(week_name(week)):
            return False
        try:
            async with self._ledger.transaction() as change:
                await self._receipt(change, week)
        except NothingToRecordError:  # never used, or another run was faster
            return True
        return True

    async def _receipt(self, change: LedgerTransaction, week: int) -> None:
        row = await change.connection.fetchrow(
            QUERIES["find_tag_key_end"], self._site, week
        )
        if row is None or row["destroyed_seq"] is not None:
            return
        seq = change.append(Kind.TAG_KEY_DESTROYED, {"week": week})
        await change.connection.execute(
            QUERIES["mark_tag_key_destroyed"], self._site, week, seq
        )

    async def _forget_calls(self) -> int:
        """Delete the calls of the weeks that have ended; return how many."""
        doomed = await self._doomed()
        ended = [week for week, seq in doomed.items() if seq is not None]
        if not ended:
            return 0
        week_end = datetime.fromtimestamp((max(ended) + 1) * WEEK_SECONDS, UTC)
        forgotten = batch = await self._forget_some(week_end)
        while batch == FORGOTTEN_AT_ONCE:
            batch = await self._forget_some(week_end)
            forgotten += batch
        return forgotten

    async def _forget_some(self, bound_before: datetime) -> int:
        async with self._ledger.database.connection() as connection:
            done = await connection.execute(
                QUERIES["forget_calls"], self._site, bound_before, FORGOTTEN_AT_ONCE
            )
        return int(done.removeprefix("DELETE "))
