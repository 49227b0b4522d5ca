"""The object store, counted: what lies in it unexplained, and what does not lie in it.

An object is listed first and looked up afterwards, and whoever writes one says so in
`object_writes` before: so one that no site knows of then is nobody's. Of several sites
that share a store each looks through its own fence; none sees the others' rows.

Nothing is removed here of itself: an object this database does not know may be another
one's only copy, if two were ever set up on one store. People decide.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from datetime import datetime
from hashlib import sha256
from operator import attrgetter
from uuid import UUID

from proxy.database.pool import SiteDatabase
from proxy.incidents.opening import Incident, Said, note_on
from proxy.reconciliation.reports import InventoryReport
from proxy.reconciliation.results import QUERIES, reference_of
from proxy.vault.objects import ObjectStore
from proxy.vault.shelf import Shelf

HEADING = b"id,bytes\n"
_AT_ONCE = 1000
_FIRST = UUID(int=0)


class Inventory:
    """One site's part of an object store.

    `neighbours` are the other sites whose objects may lie in the same store.
    """

    def __init__(
        self,
        database: SiteDatabase,
        objects: ObjectStore,
        shelf: Shelf,
        neighbours: Callable[[], Sequence[SiteDatabase]],
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._objects = objects
        self._shelf = shelf
        self._neighbours = neighbours
        self._clock = clock

    async def take(self) -> InventoryReport:
        """Count everything. Raises StorageError when the store cannot be listed."""
        await self._shelf.recognise_store()  # an unmounted disk is no empty store
        listed = [each async for each in self._objects.list()]
        listed.sort(key=attrgetter("int"))
        listing = sha256(HEADING)
        strays: list[str] = []
        missing: list[str] = []
        number = 0
        for chunk in _chunks(listed):
            known = await self._known(self._database, chunk)
            foreign = await self._foreign([each for each in chunk if each not in known])
            for object_id in chunk:
                size = await self._objects.size(object_id)
                if object_id in foreign or size is None:  # None: deleted meanwhile
                    continue
                number += 1
                listing.update(f"{object_id.hex},{size}\n".encode())
                if object_id not in known:
                    strays.append(object_id.hex)
                elif known[object_id] not in (None, size):  # not what was sealed
                    missing.append(object_id.hex)
        missing += await self._missing(set(listed))
        return InventoryReport(
            day=self._clock().date(),
            objects=number,
            strays=strays,
            missing=sorted(missing),
            listing_sha256=listing.hexdigest(),
        )

    async def adopt(self, strays: Sequence[str], actor: str) -> None:
        """List strays as unfinished objects, which are removed like all of those.

        For somebody who has made sure that they are nobody's: the incident about them
        says who.
        """
        if not strays:
            return
        site, now = self._database.site, self._clock()
        async with self._database.transaction() as connection:
            for name in strays:
                await connection.execute(QUERIES["adopt_stray"], site, UUID(name), now)
            said = Said(actor, now, f"stray objects to be removed: {len(strays)}")
            about = reference_of(strays)
            await note_on(connection, site, Incident.STRAY_OBJECT, about, said)

    async def _known(
        self, database: SiteDatabase, chunk: Sequence[UUID]
    ) -> dict[UUID, int | None]:
        """Which of these objects a site knows; with their size, if they are sealed."""
        async with database.connection() as connection:
            rows = await connection.fetch(
                QUERIES["find_object_states"], database.site, chunk
            )
        return {row["object_id"]: row["sealed_size"] for row in rows}

    async def _foreign(self, unknown: Sequence[UUID]) -> set[UUID]:
        found: set[UUID] = set()
        for neighbour in self._neighbours():
            if unknown:
                found.update(await self._known(neighbour, unknown))
        return found

    async def _missing(self, listed: set[UUID]) -> list[str]:
        """Recordings without an object, now and not only when the list was made."""
        return [
            recording_id.hex
            async for recording_id in self._kept()
            if recording_id not in listed
            and await self._objects.size(recording_id) is None
            and await self._is_still_kept(recording_id)
        ]

    async def _kept(self) -> AsyncIterator[UUID]:
        after = _FIRST
        while True:
            async with self._database.connection() as connection:
                rows = await connection.fetch(
                    QUERIES["find_kept_recordings"],
                    self._database.site,
                    after,
                    _AT_ONCE,
                )
            for row in rows:
                yield row["recording_id"]
            if len(rows) < _AT_ONCE:
                return
            after = rows[-1]["recording_id"]

    async def _is_still_kept(self, recording_id: UUID) -> bool:
        async with self._database.connection() as connection:
            return bool(
                await connection.fetchval(
                    QUERIES["is_still_kept"], self._database.site, recording_id
                )
            )


def _chunks(listed: Sequence[UUID]) -> Iterator[Sequence[UUID]]:
    for first in range(0, len(listed), _AT_ONCE):
        yield listed[first : first + _AT_ONCE]
