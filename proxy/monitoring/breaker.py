"""The breaker: it stops all draws of a site, and only people let them go on.

Opening is one ledger transaction: the leaf moves the head, and no draw is made on a
head without knowing of the stop. Closing it is not done here.
"""

from collections.abc import Callable, Iterable
from datetime import datetime

import structlog

from proxy.incidents.opening import Incident, open_incident
from proxy.ledger.stopping import Party, set_stop
from proxy.ledger.transaction import Ledger, LedgerTransaction, NothingToRecordError
from proxy.monitoring.reading import QUERIES

log = structlog.get_logger()


class Breaker:
    """One site's breaker."""

    def __init__(self, ledger: Ledger, clock: Callable[[], datetime]) -> None:
        self._ledger = ledger
        self._site = ledger.site
        self._clock = clock

    async def open(self, causes: Iterable[str], judged: int) -> bool:
        """Stop the draws for these causes; safe to repeat, and on any replica.

        `judged` is the leaf before which the ledger was judged. False if a stop was put
        on or taken off after that: then the causes are not those of now.
        """
        async with self._ledger.database.connection() as connection:
            now = await connection.fetchrow(QUERIES["find_opening"], self._site)
            if now and now["is_open"]:
                added = sorted({*now["causes"], *causes})
                if added != now["causes"]:
                    await connection.execute(
                        QUERIES["add_causes"], self._site, now["seq"], added
                    )
                return True
        return await self._stop(sorted(causes), judged)

    async def _stop(self, causes: list[str], judged: int) -> bool:
        try:
            async with self._ledger.transaction() as change:
                connection = change.connection
                if await connection.fetchval(
                    QUERIES["has_stop_since"], self._site, judged
                ):
                    return False
                seq = change.size
                if await set_stop(change, Party.BREAKER, is_on=True):
                    await self._write_down(change, seq, causes)
        except NothingToRecordError:
            return False
        log.critical("breaker opened", site=self._site, causes=causes)
        return True

    async def _write_down(
        self, change: LedgerTransaction, seq: int, causes: list[str]
    ) -> None:
        now = self._clock()
        await change.connection.execute(
            QUERIES["insert_opening"], self._site, seq, causes, now
        )
        await open_incident(
            change.connection, self._site, Incident.BREAKER_OPENED, str(seq), now
        )
