"""Evidence that is no longer what was written opens an incident by itself."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import datetime
from uuid import UUID

from proxy.database.pool import SiteDatabase
from proxy.errors import NoteError
from proxy.incidents.opening import Incident, open_incident
from proxy.ledger.publisher import CorruptTreeError
from proxy.ledger.transaction import QUERIES
from proxy.vault.restoring import Replayed
from retention.keys import DayKey


class IntegrityWatch:
    """One site's ledger and vault, and what is written down when they were changed."""

    def __init__(self, database: SiteDatabase, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    @asynccontextmanager
    async def over_publishing(self) -> AsyncIterator[None]:
        """The publisher refused to sign: once for each head it stopped at."""
        try:
            yield
        except (CorruptTreeError, NoteError) as error:
            size = await self._signed_size()
            await self._open(f"{error.error_id}-{size}")
            raise

    async def note_halt(self) -> None:
        """Witnesses halted the ledger, which then stays halted."""
        async with self._database.connection() as connection:
            is_halted = await connection.fetchval(
                QUERIES["is_halted"], self._database.site
            )
        if is_halted:
            await self._open("ledger-halted")

    async def note_tampered(self, recording_id: UUID) -> None:
        """A sealed object did not open to what was sealed."""
        await self._open(f"tampered-{recording_id}")

    async def note_findings(self, codes: Iterable[str]) -> None:
        """The service's own check found these faults in the ledger."""
        await self._open("ledger-" + "-".join(sorted(codes)))

    async def note_restored(self, replayed: Replayed) -> None:
        """What a restore had brought back was dead; or what should be there is not."""
        if replayed.came_back:
            await self._open(f"{self._clock().date()}", Incident.CAME_BACK)
        for key in replayed.keys_missing:
            await self._open(key.name, Incident.MISSING_KEY)

    async def note_dead_days(self, keys: Iterable[DayKey]) -> None:
        """A drill found keys that should be destroyed, here or in a copy."""
        for key in keys:
            await self._open(key.name, Incident.DEAD_DAY_OPENS)

    async def note_kept_too_long(self, kinds: Iterable[str]) -> None:
        """What should have been forgotten could not be; each kind once a day."""
        for kind in kinds:
            await self._open(f"{kind}-{self._clock().date()}", Incident.KEPT_TOO_LONG)

    async def _signed_size(self) -> int:
        async with self._database.connection() as connection:
            newest = await connection.fetchrow(
                QUERIES["read_newest_checkpoint"], self._database.site
            )
        return newest["size"] if newest else 0

    async def _open(self, reference: str, kind: Incident = Incident.INTEGRITY) -> None:
        async with self._database.connection() as connection:
            await open_incident(
                connection, self._database.site, kind, reference, self._clock()
            )
