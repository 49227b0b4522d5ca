"""The breaker: it stops all draws of a site, and only people let them go on.

Opening is one ledger transaction: the leaf moves the head, and no draw is made on a
head without knowing of the stop. Closing it is not done here, only taken back: under
the head's lock, so that of a closing and a new cause the first one counts.
"""

from collections.abc import Callable, Collection, Iterable
from datetime import datetime

import asyncpg
import structlog

from proxy.database.pool import Connection
from proxy.incidents.opening import Incident, open_incident
from proxy.ledger.entry import Kind
from proxy.ledger.stopping import Party, set_stop, stay_stopped
from proxy.ledger.transaction import Ledger, LedgerTransaction, NothingToRecordError
from proxy.monitoring.reading import QUERIES

log = structlog.get_logger()

BLIND = "blind"  # what it opens for when nobody has judged for too long


class Breaker:
    """One site's breaker."""

    def __init__(self, ledger: Ledger, clock: Callable[[], datetime]) -> None:
        self._ledger = ledger
        self._site = ledger.site
        self._clock = clock

    async def open(self, causes: Iterable[str], judged: int) -> bool:
        """Stop the draws for these causes; safe to repeat, and on any replica.

        `judged` is the leaf before which the ledger was judged. False if the breaker
        was closed after that: then the causes are not those of now.
        """
        return await self._open(frozenset(causes), "has_closed_since", judged)

    async def open_blind(self) -> None:
        """Stop the draws because nobody judges them, unless somebody does by now."""
        await self._open(frozenset({BLIND}), "does_somebody_judge")

    async def _open(
        self, causes: frozenset[str], outdated: str, *arguments: object
    ) -> bool:
        """Do so unless the query `outdated` says that it is no longer called for."""
        async with self._ledger.database.connection() as connection:
            now = await self._find(connection)
            if now and now["is_open"] and not _news(now, causes):
                return True
        try:
            async with self._ledger.transaction() as change:
                if await change.connection.fetchval(
                    QUERIES[outdated], self._site, *arguments
                ):
                    return False
                if Party.BREAKER in change.stops:
                    await self._keep_open(change, causes)
                else:
                    await self._stop(change, sorted(causes))
        except NothingToRecordError:
            return False
        log.critical("breaker opened", site=self._site, causes=sorted(causes))
        return True

    async def _find(self, connection: Connection) -> asyncpg.Record | None:
        return await connection.fetchrow(QUERIES["find_opening"], self._site)

    async def _stop(self, change: LedgerTransaction, causes: list[str]) -> None:
        seq = change.size
        await set_stop(change, Party.BREAKER, is_on=True)
        await self._write_down(change, seq, causes)
        await self._report(change, str(seq))

    async def _keep_open(
        self, change: LedgerTransaction, causes: frozenset[str]
    ) -> None:
        """Add what is new. Who confirmed that it may close did not know of that."""
        now = await self._find(change.connection)
        news = _news(now, causes) if now else []
        if not now or not news:
            return
        text = f"breaker stays open: {', '.join(news)}"
        seq = change.append(Kind.NOTE, {"text": text})
        opened = seq if now["seq"] is None else now["seq"]
        await self._write_down(change, opened, sorted({*now["causes"], *causes}))
        if await stay_stopped(change, Party.BREAKER):
            await self._report(change, f"{seq}-{'-'.join(news)}")

    async def _write_down(
        self, change: LedgerTransaction, seq: int, causes: list[str]
    ) -> None:
        await change.connection.execute(
            QUERIES["save_opening"], self._site, seq, causes, self._clock()
        )

    async def _report(self, change: LedgerTransaction, reference: str) -> None:
        await open_incident(
            change.connection,
            self._site,
            Incident.BREAKER_OPENED,
            reference,
            self._clock(),
        )


def _news(now: asyncpg.Record, causes: Collection[str]) -> list[str]:
    """What was no cause yet.

    Closing is only spoken of while the monitors see: if it was, they are blind anew.
    """
    known = {*now["causes"]} - ({BLIND} if now["is_closing"] else set())
    return sorted({*causes} - known)
