"""Whether the trace is still what was written: every entry by its place.

1. Each body has the hash that was written with it, and the time.
2. A body that is gone had its year; no younger one is missing.
3. The tree over the hashes has, at each place, the root that was written there, and at
   its end the head's.
4. It begins with what the public ledger says of it: whoever changed body, hash and
   roots alike cannot have changed that.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import asyncpg

from proxy.access.trace.acts import Entry, NotOpaqueError
from proxy.access.trace.anchoring import Anchoring
from proxy.access.trace.checks import Look, Looked, keep_look, last_look
from proxy.access.trace.trace import QUERIES, Trace
from proxy.database.pool import SiteDatabase
from proxy.ledger.entry import LARGEST_INTEGER, NotCanonicalError
from proxy.ledger.tree import Frontier, leaf_hash
from retention.schedule_people import TRACE_KEPT

EVERY = timedelta(hours=24)
_PAGE = 5_000
_MOST_NAMED = 100  # of the places at fault; all are counted
# How far one replica's clock may be behind another's, and then some.
_CLOCKS_AGREE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with the entry at this place."""

    place: int
    says: str


@dataclass(slots=True)
class Verified:
    """What a check came to."""

    size: int = 0
    faults: list[Fault] = field(default_factory=list)
    count: int = 0

    def add(self, first: int, says: str, many: int = 1) -> None:
        """So many places from this one on: a forged head may leave out 2**60."""
        self.count = min(self.count + many, LARGEST_INTEGER)
        named = min(many, _MOST_NAMED - len(self.faults))
        self.faults += [Fault(first + n, says) for n in range(named)]


class Verifying:
    """One site's trace, checked."""

    def __init__(
        self,
        database: SiteDatabase,
        trace: Trace,
        anchoring: Anchoring,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._site = database.site
        self._trace = trace
        self._anchoring = anchoring
        self._clock = clock

    async def verify_if_due(self) -> Verified | None:
        """Check unless that was done within a day, by whichever replica."""
        async with self._database.connection() as connection:
            last = await last_look(connection, self._site, Look.VERIFY)
        if last and timedelta(0) <= self._clock() - last.at < EVERY:
            return None
        return await self.verify()

    async def verify(self) -> Verified:
        """Check all there is, and keep how many faults there are."""
        # In this order: what is written meanwhile is beyond both, and looked at later.
        anchors = {each.size: each.root async for each in self._anchoring.anchors()}
        async with self._database.connection() as connection:
            head = await self._trace.head(connection)
        walk = _Walk(head, anchors, self._clock() - TRACE_KEPT)
        while rows := await self._page(walk.size):
            await asyncio.to_thread(walk.read, rows)
        verified = walk.conclude()
        looked = Looked(self._clock(), verified.size, verified.count)
        async with self._database.connection() as connection:
            await keep_look(connection, self._site, Look.VERIFY, looked)
        return verified

    async def faults(self) -> int:
        """How many the last check found."""
        async with self._database.connection() as connection:
            last = await last_look(connection, self._site, Look.VERIFY)
        return last.faults if last else 0

    async def _page(self, first: int) -> Sequence[asyncpg.Record]:
        after = first - 1  # the last place there can be has none behind it
        async with self._database.connection() as connection:
            return list(
                await connection.fetch(QUERIES["read_leaves"], self._site, after, _PAGE)
            )


class _Walk:
    """Goes through the entries once, in their order."""

    def __init__(
        self, head: Frontier, anchors: Mapping[int, bytes], ended_before: datetime
    ) -> None:
        self.size = 0
        self._tree = Frontier()
        """As far as it is the one that was written."""
        self._head = head
        self._anchors = anchors
        self._ended_before = ended_before
        self._latest = datetime.min.replace(tzinfo=UTC)
        self._is_off = False
        """Whether the tree is another from some place on; said once, at that place."""
        self._found = Verified()

    def read(self, rows: Sequence[asyncpg.Record]) -> None:
        for row in rows:
            self._miss(row["seq"])
            self._read_one(row)

    def conclude(self) -> Verified:
        self._found.size = min(self.size, LARGEST_INTEGER)
        known = max([self._head.size, *self._anchors])
        self._miss(known)
        if self._head.size < known and not self._is_off:
            self._add(self._head.size, "the head is behind what the ledger says")
        return self._found

    def _miss(self, end: int) -> None:
        """Everything before this place should have been there."""
        if end > self.size:
            missing = "it is missing, and so is its hash"
            self._found.add(self.size, missing, end - self.size)
            self._is_off = True
            self.size = end

    def _read_one(self, row: asyncpg.Record) -> None:
        place = row["seq"]
        # The time of a body that is gone is bound by no hash, but those before it are.
        self._latest = max(self._latest, row["at"])
        since = max(row["at"], self._latest - _CLOCKS_AGREE)
        faults = list(_faults_of(row, is_over=since <= self._ended_before))
        self.size = place + 1
        if not self._is_off:
            self._tree = self._extended(row)
            if self._tree.root != row["root"]:
                self._is_off = True
                faults = faults or ["from here on the tree is another"]
        for says in faults:
            self._add(place, says)
        if not self._is_off:
            self._check_size(place)

    def _extended(self, row: asyncpg.Record) -> Frontier:
        """By the hash that was written, or else by the one that leads to the root."""
        after = self._tree.extended([row["leaf_hash"]])
        if after.root != row["root"] and row["body"] is not None:
            told = self._tree.extended([leaf_hash(row["body"].encode())])
            if told.root == row["root"]:
                return told
        return after

    def _check_size(self, place: int) -> None:
        size, root = self.size, self._tree.root
        if size == self._head.size and root != self._head.root:
            self._add(place, "the head has another root")
        if self._anchors.get(size, root) != root:
            self._add(place, "up to here it is not what the ledger says it was")

    def _add(self, place: int, says: str) -> None:
        self._found.add(place, says)


def _faults_of(row: asyncpg.Record, *, is_over: bool) -> Iterator[str]:
    if row["body"] is None:
        if not is_over:
            yield "it is missing before its end"
        return
    body = row["body"].encode()
    if leaf_hash(body) != row["leaf_hash"]:
        yield "it is not what was written"
        return
    try:
        at, _ = Entry.read(body)
    except (NotCanonicalError, NotOpaqueError):
        yield "it is no entry"
        return
    if at != row["at"]:
        yield "its time is not what was written"
