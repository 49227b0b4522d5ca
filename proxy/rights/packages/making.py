"""Putting packages together: recording by recording, durably, and again after a crash.

A package is begun with the list of its recordings. Each is then measured and written
down with its texts in one transaction; what was written is never done again. At the end
the whole has a length, and may be handed out. What is wrong with a recording itself
stops it, in words; what may pass (a store, a key service, the database) is tried again
by the next `tend`.
"""

import asyncio
from collections.abc import Collection, Sequence
from uuid import UUID, uuid4

import structlog

from proxy.access.permissions import Actor
from proxy.database.pool import Connection
from proxy.errors import ObjectMissingError, PonctuelError, TamperedError
from proxy.letters.checking import LetterFactError
from proxy.rights.faults import NoLetterheadError
from proxy.rights.packages.archive import archive_size
from proxy.rights.packages.audio import UnplayableError
from proxy.rights.packages.contents import Contents
from proxy.rights.packages.faults import (
    NotFaultyError,
    NothingToPackError,
    PackageNotReadyError,
)
from proxy.rights.packages.keys import new_root
from proxy.rights.packages.store import Ended, Item, Package, PackageStore
from proxy.rights.records import ItemState, Request, RequestItem
from proxy.rights.requests import Requests

log = structlog.get_logger()

_MOST_AT_ONCE = 2
_NEVER_PASSES = (TamperedError, UnplayableError, ObjectMissingError)
_THERE = frozenset({ItemState.FROZEN, ItemState.HELD})
_UNWRITTEN = (LetterFactError, NoLetterheadError)


class Making:
    """One site's packages, being made."""

    def __init__(
        self, requests: Requests, store: PackageStore, contents: Contents
    ) -> None:
        self._requests = requests
        self._store = store
        self._contents = contents
        self._working: dict[UUID, asyncio.Task[None]] = {}
        self._at_once = asyncio.Semaphore(_MOST_AT_ONCE)

    async def begin(
        self,
        connection: Connection,
        by: Actor,
        request: Request,
        without: Collection[UUID],
    ) -> UUID:
        """A new package instead of any former one, whose link then leads nowhere.

        `without` are recordings that kept a former one from being made. Under the
        request's lock. Raises NothingToPackError, NotFaultyError.
        """
        request_id = request.request_id
        faulty = await self._store.faulty(connection, request_id)
        if not faulty.issuperset(without):
            raise NotFaultyError(
                field="without",
                fix="drop from the request what is not the person's",
            )
        items = await self._requests.items_in(connection, request_id)
        wanted = [each for each in to_hand_over(items) if each not in without]
        if not wanted:
            raise NothingToPackError(fix="answer that nothing is held")
        await self.end(connection, request_id, Ended.CHANGED)
        package_id = uuid4()
        draws = {item.recording_id: item.draw_seq for item in items}
        await self._store.begin(
            connection,
            by,
            (package_id, request_id, new_root()),
            {recording_id: draws[recording_id] for recording_id in wanted},
            [*without],
        )
        return package_id

    async def end(
        self, connection: Connection, request_id: UUID, because: Ended
    ) -> None:
        """End the living package of a request, if there is one."""
        former = await self._store.find_in(connection, request_id)
        if former is not None:
            await self._store.end(connection, former.package_id, because)

    def work_on(self, request_id: UUID) -> None:
        """Go on with a package in the background, unless that is being done."""
        running = self._working.get(request_id)
        if running is None or running.done():
            self._working[request_id] = asyncio.create_task(self._work(request_id))

    async def wait(self, request_id: UUID) -> None:
        """Until the background has stopped working on it, whatever came of it."""
        if (task := self._working.get(request_id)) is not None:
            await asyncio.wait([task])

    async def close(self) -> None:
        tasks = list(self._working.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _work(self, request_id: UUID) -> None:
        try:
            async with self._at_once:
                await self.assemble(request_id)
        except PonctuelError as error:
            log.warning("package not assembled", why=error.error_id)
        finally:
            del self._working[request_id]

    async def assemble(self, request_id: UUID) -> None:
        """Go on until it is assembled, or until something is wrong with what is in it.

        Raises what may pass: StorageError, DatabaseUnavailableError and the like.
        """
        request = await self._requests.find(request_id)
        while (package := await self._store.find(request_id)) and not package.is_idle:
            item = await self._store.next_item(package.package_id)
            try:
                if item is None:
                    await self._finish(request, package)
                else:
                    await self._add(request, package, item)
            except _UNWRITTEN as error:  # no recording's fault: it is not left out
                await self._store.fault(package.package_id, error, None)

    async def _add(self, request: Request, package: Package, item: Item) -> None:
        try:
            members = await self._contents.of_recording(request, package, item)
        except _NEVER_PASSES as error:
            await self._store.fault(package.package_id, error, item.recording_id)
            return
        async with self._store.database.transaction() as connection:
            if await self._store.finish_item(connection, package.package_id, item):
                await self._store.keep_members(connection, package.package_id, members)

    async def _finish(self, request: Request, package: Package) -> None:
        members = await self._store.members(package.package_id)
        head = await self._contents.head(request, package, members)
        size = archive_size([each.entry for each in (*head, *members)])
        async with self._store.database.transaction() as connection:
            if await self._store.finish(connection, package.package_id, size):
                await self._store.keep_members(connection, package.package_id, head)


def to_hand_over(items: Sequence[RequestItem]) -> list[UUID]:
    """The recordings of a package, in the order of the items.

    Raises PackageNotReadyError while one is not frozen yet: it would be missing.
    """
    if any(item.state is ItemState.TO_FREEZE for item in items):
        raise PackageNotReadyError(
            "not every recording is frozen yet", fix="ask again in a minute"
        )
    return [item.recording_id for item in items if item.state in _THERE]
