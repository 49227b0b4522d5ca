"""Somebody who does what a request asks for, when a test says that they did."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from proxy.database.pool import Connection
from proxy.letters.facts import DoneErasure, Facts
from proxy.rights.faults import NotDoneError
from proxy.rights.fulfilling import Done
from proxy.rights.records import Request


class Told:
    """Does nothing at all; counts when it was asked to end."""

    def __init__(self) -> None:
        self.is_done = self.is_delivered = False
        self.is_partial = False
        self.ended: list[UUID] = []

    async def check_done(self, request: Request) -> Done:
        if not self.is_done:
            raise NotDoneError("one is left", field=request.reference)
        return Done(1, self.is_partial)

    async def check_still_done(self, _: Connection, request: Request) -> None:
        await self.check_done(request)

    async def check_nothing_held(self, request: Request) -> None:
        pass

    async def facts(self, request: Request, head: Mapping[str, Any]) -> Facts:
        return DoneErasure(**head, destroyed=1, done_on=request.due_on)

    async def is_over(self, request: Request) -> bool:  # noqa: ARG002  # a Fulfilment's
        return self.is_delivered

    async def end(self, request: Request) -> None:
        self.ended.append(request.request_id)
