"""What the desk needs to know from whoever does what a person asked for.

The desk answers; packages, erasure, restriction and rectification are done elsewhere,
each by a `Fulfilment` that says when it is. Without one, nothing of its kind is ever
answered as granted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from proxy.database.pool import Connection
from proxy.letters.facts import Facts
from proxy.rights.faults import NotDoneError
from proxy.rights.records import Request
from retention.rights.deadlines import Kind


@dataclass(frozen=True, slots=True)
class Done:
    """That it is done: to how many recordings, and whether to less than was asked."""

    recordings: int
    is_partial: bool = False


class Fulfilment(Protocol):
    """Who does what one kind of request asks for. All of it may be asked again."""

    async def check_done(self, request: Request) -> Done:
        """Whether it is done, durably, for every recording that was not dropped.

        Raises NotDoneError with what is missing.
        """
        ...

    async def check_still_done(self, connection: Connection, request: Request) -> None:
        """Whether it is so to the last: in the transaction that answers.

        Whatever could undo it waits for that; no other connection is asked for. Raises
        NotDoneError.
        """
        ...

    async def check_nothing_held(self, request: Request) -> None:
        """Whether nothing else is asked, where there are no recordings.

        Raises NotDoneError with what is missing.
        """
        ...

    async def facts(self, request: Request, head: Mapping[str, Any]) -> Facts:
        """What the letter states; `head` has the fields of `letters.facts.OfRequest`.

        Asked before the answer commits and again whenever the letter is read anew.
        """
        ...

    async def is_over(self, request: Request) -> bool:
        """Whether the recordings of an answered request are needed no more.

        Here and in `end` it may come without its particulars.
        """
        ...

    async def end(self, request: Request) -> None:
        """Forget what was kept for its delivery; asked before the request closes.

        Of a request that is not granted, too: it may have been prepared before.
        What it raises keeps the request from closing: it is asked again.
        """
        ...


class Fulfilments:
    """Who does what, by kind."""

    def __init__(self) -> None:
        self._by_kind: dict[Kind, Fulfilment] = {}

    def register(self, kind: Kind, fulfilment: Fulfilment) -> None:
        self._by_kind[kind] = fulfilment

    def of(self, kind: Kind) -> Fulfilment:
        """Raises NotDoneError where nobody does this."""
        try:
            return self._by_kind[kind]
        except KeyError:
            raise NotDoneError(
                f"nothing here does what a {kind} request asks for", field="kind"
            ) from None
