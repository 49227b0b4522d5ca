"""The service's own check of its ledger, once a day; outsiders have audit/verify.py.

1. The newest head bears our signature.
2. Every leaf under it is read again: the tree over them has the root that was signed.
3. Every draw is recomputed from the leaves alone (sampling.replay).

What it came to is a row that every replica shows. Each fault goes by the word the
offline verifier has for it (docs/proof.md).
"""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from proxy.errors import NoteError
from proxy.ledger.checkpoint import Checkpoint
from proxy.ledger.entry import NotCanonicalError, decode
from proxy.ledger.publisher import Publisher
from proxy.ledger.transaction import QUERIES, Ledger
from proxy.ledger.tree import Frontier, leaf_hash
from proxy.metrics_contract import FINDING, OTHER_FINDING
from sampling.replay import Code, Replay

EVERY = timedelta(hours=24)
_PAGE = 5_000  # a fraction of a second's work, in a thread beside the draws

AUDITORS_WORDS: Mapping[Code, str] = {
    Code.LEDGER_GAP: "ROOT",
    Code.LEAF_MALFORMED: "ENCODING",
    Code.POLICY_ORDER: "RETROPOLICY",
    Code.POLICY_LIMITS: "POLICY",
    Code.POLICY_APPROVALS: "POLICY",
    Code.POLICY_NOTICE: "NOTICE",
    Code.EPOCH_REPEATED: "EPOCHREOPENED",
    Code.EPOCH_NOT_OPEN: "LATECOMMIT",
    Code.EPOCH_ORDER: "ORDER",
    Code.EPOCH_COUNTS: "COUNT",
    Code.EPOCH_MODE: "BEACON",
    Code.SEED_NOT_COMMITTED: "SEED",
    Code.OUTSIDE_VALUE: "BEACON",
    Code.TAG_KEY_ORDER: "ORDER",
    Code.DRAW_WITHOUT_POLICY: "POLICY",
    Code.DRAW_REPEATED: "DUPLICATE",
    Code.DRAW_RATE: "THRESHOLD",
    Code.DRAW_REASON: "THRESHOLD",
    Code.DRAW_THRESHOLD: "THRESHOLD",
    Code.DRAW_VALUE: "DRAW",
    Code.DRAW_STOPPED: "STOPPED",
    Code.OUTCOME_NOT_DRAWN: "UNSAMPLED",
    Code.OUTCOME_REPEATED: "DUPLICATE",
    Code.DELETION_NOT_RECORDED: "UNSAMPLED",
    Code.DELETION_REPEATED: "DUPLICATE",
}


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check came to: how often each code was found among so many leaves."""

    size: int
    findings: Mapping[str, int]


class SelfCheck:
    """One site's check of itself."""

    def __init__(
        self, ledger: Ledger, publisher: Publisher, clock: Callable[[], datetime]
    ) -> None:
        self._ledger = ledger
        self._publisher = publisher
        self._clock = clock

    async def run_if_due(self) -> Checked | None:
        """Check unless that was done within a day, by whichever replica."""
        last = await self._last()
        if last and timedelta(0) <= self._clock() - last["checked_at"] < EVERY:
            return None
        return await self.run()

    async def run(self) -> Checked | None:
        """Check all that is signed and keep the result; None while nothing is."""
        async with self._ledger.database.connection() as connection:
            try:
                newest = await self._publisher.newest(connection)
            except NoteError:
                return await self._keep(Checked(0, {"LOGSIG": 1}))
        return await self._keep(await self._check(newest)) if newest else None

    async def figures(self) -> dict[tuple[str, ...], float]:
        """Findings by code, and when there were last none; 0 before the first check."""
        last = await self._last()
        found = json.loads(last["findings"]) if last else {}
        clean_at = last["clean_at"] if last else None
        return {
            ("verify_success_timestamp_seconds",): (
                clean_at.timestamp() if clean_at else 0
            ),
            **{
                ("verify_findings", code): found.get(code, 0) for code in FINDING.values
            },
        }

    async def _check(self, newest: Checkpoint) -> Checked:
        walk, tree, found = Replay(), Frontier(), Counter[str]()
        first = 0
        while rows := await self._page(first, newest.size):
            tree = tree.extended(await asyncio.to_thread(_read, walk, found, rows))
            first = rows[-1]["seq"] + 1
        if (tree.size, tree.root) != (newest.size, newest.root):
            found["ROOT"] += 1
        concluded = walk.conclude()
        found.update(_word(finding.code) for finding in concluded.findings)
        return Checked(newest.size, dict(found))

    async def _page(self, first: int, end: int) -> Sequence[asyncpg.Record]:
        async with self._ledger.database.connection() as connection:
            rows = await connection.fetch(
                QUERIES["read_entries"], self._ledger.site, first, _PAGE
            )
        return [row for row in rows if row["seq"] < end]

    async def _keep(self, checked: Checked) -> Checked:
        now = self._clock()
        async with self._ledger.database.connection() as connection:
            await connection.execute(
                QUERIES["keep_self_check"],
                self._ledger.site,
                now,
                checked.size,
                json.dumps(checked.findings),
                None if checked.findings else now,
            )
        return checked

    async def _last(self) -> asyncpg.Record | None:
        async with self._ledger.database.connection() as connection:
            return await connection.fetchrow(
                QUERIES["read_self_check"], self._ledger.site
            )


def _read(
    walk: Replay, found: Counter[str], rows: Sequence[asyncpg.Record]
) -> list[bytes]:
    """Replay a page of leaves; return their hashes."""
    for row in rows:
        try:
            walk.read(row["seq"], decode(row["body"]))
        except NotCanonicalError:
            found["ENCODING"] += 1
            walk.read(row["seq"], {"leaf": "NOTE"})  # its place at least is right
    return [leaf_hash(row["body"]) for row in rows]


def _word(code: Code) -> str:
    return AUDITORS_WORDS.get(code, OTHER_FINDING)
