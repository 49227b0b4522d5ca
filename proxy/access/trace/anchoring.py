"""The trace's head, in the public ledger once a day.

Who holds the database could write a whole other trace with other hashes. What was
signed and witnessed says how many entries there were, and their root: a later one that
does not begin with them is found out. It says nothing of what the entries are.
"""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from proxy.access.trace.checks import Look, Looked, keep_look, last_look
from proxy.access.trace.trace import QUERIES, Trace
from proxy.ledger.entry import Kind, NotCanonicalError, decode
from proxy.ledger.transaction import Ledger, LedgerTransaction, NothingToRecordError
from proxy.ledger.tree import Frontier

EVERY = timedelta(hours=24)
_WORDS = b"access log: "
_SAYS = re.compile(r"access log: ([0-9]{1,15}) entries, root ([0-9a-f]{64})")
_STRETCH = 50_000  # leaves of the ledger looked through in one query


@dataclass(frozen=True, slots=True)
class Anchor:
    """What the public ledger says of the trace."""

    size: int
    root: bytes

    @property
    def text(self) -> str:
        return f"access log: {self.size} entries, root {self.root.hex()}"


class Anchoring:
    """One site's trace, tied to its ledger."""

    def __init__(
        self, ledger: Ledger, trace: Trace, clock: Callable[[], datetime]
    ) -> None:
        self.ledger = ledger
        self._site = ledger.site
        self._trace = trace
        self._clock = clock

    async def anchor_if_due(self) -> None:
        """Once a day, if there is anything new; whichever replica comes first."""
        if not await self._is_due():
            return
        with suppress(NothingToRecordError):
            async with self.ledger.transaction() as change:
                await self._anchor(change)

    async def anchors(self) -> AsyncIterator[Anchor]:
        """All there are, in their order."""
        size, _, _ = await self.ledger.figures()
        for first in range(0, size, _STRETCH):
            async with self.ledger.database.connection() as connection:
                rows = await connection.fetch(
                    QUERIES["read_anchors"], self._site, first, first + _STRETCH, _WORDS
                )
            for row in rows:
                if (anchor := _read(row["body"])) is not None:
                    yield anchor

    async def _is_due(self) -> bool:
        async with self.ledger.database.connection() as connection:
            head = await self._trace.head(connection)
            last = await last_look(connection, self._site, Look.ANCHOR)
        return self._has_news(head, last)

    def _has_news(self, head: Frontier, last: Looked | None) -> bool:
        if last is None:
            return head.size > 0
        age = self._clock() - last.at
        return head.size > last.size and not timedelta(0) <= age < EVERY

    async def _anchor(self, change: LedgerTransaction) -> None:
        """Under the ledger's lock; what another replica has just done is not redone."""
        head = await self._trace.head(change.connection)
        last = await last_look(change.connection, self._site, Look.ANCHOR)
        if self._has_news(head, last):
            change.append(Kind.NOTE, {"text": Anchor(head.size, head.root).text})
            looked = Looked(self._clock(), head.size)
            await keep_look(change.connection, self._site, Look.ANCHOR, looked)


def _read(body: bytes) -> Anchor | None:
    try:
        leaf = decode(body)
    except NotCanonicalError:
        return None  # the check of the ledger names it
    said = (
        _SAYS.fullmatch(str(leaf.get("text"))) if leaf.get("leaf") == "NOTE" else None
    )
    return Anchor(int(said[1]), bytes.fromhex(said[2])) if said else None
