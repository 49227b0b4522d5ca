"""When a request for access is done, and when its delivery is over."""

from collections.abc import Mapping
from typing import Any

from proxy.database.pool import Connection
from proxy.letters.facts import Facts
from proxy.rights.faults import NotDoneError
from proxy.rights.fulfilling import Done
from proxy.rights.packages.counting import counted
from proxy.rights.packages.links import LONGEST_LINK
from proxy.rights.packages.making import to_hand_over
from proxy.rights.packages.packages import Packages
from proxy.rights.packages.store import QUERIES, Ended, Package
from proxy.rights.records import ItemState, Request
from proxy.rights.requests import Requests

_DELIVERED = frozenset({Ended.FETCHED, Ended.LINK_OVER, Ended.CLOSED})
_FIX = "have a package made, and issue its link"


class AccessFulfilment:
    """Hands over copies: the `Fulfilment` of access and of the medical file."""

    def __init__(self, packages: Packages, requests: Requests) -> None:
        self._packages = packages
        self._store = packages.store
        self._requests = requests

    async def check_done(self, request: Request) -> Done:
        """Done: a package with every recording that was not dropped, and a link to it.

        Raises NotDoneError, also for a package that lacks one or has one too many.
        """
        items = await self._requests.items(request.request_id)
        package = await self._last(request)
        self._check_in_reach(package)
        rows = await self._store.rows("list_package_recordings", package.package_id)
        packed = {row["recording_id"] for row in rows}
        if packed | set(package.left_out) != set(to_hand_over(items)):
            raise NotDoneError(
                "the package is not of these recordings", field="package", fix=_FIX
            )
        is_partial = bool(package.left_out) or any(
            item.state is ItemState.GONE for item in items
        )
        return Done(len(packed), is_partial)

    async def check_still_done(self, connection: Connection, request: Request) -> None:
        row = await connection.fetchrow(
            QUERIES["lock_last_package"], self._store.site, request.request_id
        )
        if row is not None:
            self._check_in_reach(Package.read(row))

    def _check_in_reach(self, package: Package) -> None:
        """Fetched whole, or a link leads to it. Raises NotDoneError."""
        is_fetched = package.ended_because is Ended.FETCHED
        if not is_fetched and not package.is_fetchable(self._store.clock()):
            raise NotDoneError(_why(package), field="package", fix=_FIX)

    async def check_nothing_held(self, _request: Request) -> None:
        """Without recordings there is nothing to hand over."""

    async def _last(self, request: Request) -> Package:
        package = await self._store.last(request.request_id)
        if package is None:
            raise NotDoneError("there is no package", field="package", fix=_FIX)
        return package

    async def facts(self, request: Request, head: Mapping[str, Any]) -> Facts:
        """Raises NotDoneError."""
        package = await self._last(request)
        if package.link_until is None:
            raise NotDoneError(_why(package), field="package", fix=_FIX)
        how_many = await counted(self._store, self._requests, package)
        return self._packages.texts.answer(request, head, how_many, package)

    async def is_over(self, request: Request) -> bool:
        """Fetched whole, or the link is over: seven days at most.

        A package that has no link yet, or is to be followed by another, keeps its
        recordings for as long: whose download failed is given one after the answer.
        """
        package = await self._store.last(request.request_id)
        if package is None or package.ended_because in _DELIVERED:
            return True
        until = package.link_until or package.made_at + LONGEST_LINK
        return until <= self._store.clock()

    async def end(self, request: Request) -> None:
        async with self._store.database.transaction() as connection:
            await self._packages.making.end(
                connection, request.request_id, Ended.CLOSED
            )
            await connection.execute(
                QUERIES["forget_package_items"], self._store.site, request.request_id
            )


def _why(package: Package) -> str:
    if package.fault is not None:
        return f"it cannot be made: {package.fault}"
    if package.ended_because is not None:
        return f"the package is over: {package.ended_because}"
    if package.is_link_void:
        return "its link died of wrong codes"
    if package.link_until is not None:
        return "its link is over"
    return "no link was issued" if package.is_assembled else package.in_words
