"""Where sealed bytes lie. Stores see ciphertext only.

The guarantees every store gives are written at each method; one behavioural suite in
`tests/contracts/` holds all of them to it.
"""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Protocol
from uuid import UUID

from proxy.errors import StorageError


class ObjectStore(Protocol):
    """Sealed objects by id.

    Every method raises StorageError when the store cannot be asked, or gives an answer
    that is none: what was asked for may then have happened all the same.
    """

    async def identity(self) -> UUID | None:
        """The name the store was given when it was made; None if there is no store."""
        ...

    async def make(self) -> UUID:
        """Make the store if it is not there; return its name.

        Of two replicas that make it at once, both get the same.
        """
        ...

    async def put(self, object_id: UUID, sealed: AsyncIterator[bytes]) -> None:
        """Store the stream; on return it survives a power cut.

        On any error or cancellation nothing remains under its name; if even that cannot
        be had, delete() removes it. An object that is there is never overwritten: the
        second write of an id is refused.
        """
        ...

    async def size(self, object_id: UUID) -> int | None:
        """The stored size in bytes, or None when there is no such object."""
        ...

    async def read(self, object_id: UUID, start: int, stop: int) -> bytes:
        """Bytes [start, stop), as far as there are any. Raises ObjectMissingError."""
        ...

    async def delete(self, object_id: UUID) -> None:
        """Delete; a missing object counts as deleted. Durable on return.

        What a killed writer left of the object goes as well.
        """
        ...

    def list(self) -> AsyncIterator[UUID]:
        """Every object's id once, in no order.

        Raises StorageError when something lies there that is no object.
        """
        ...

    async def check(self) -> None:
        """Raise StorageError unless the store can be written now."""
        ...

    async def remove_leftovers(self, older_than: datetime) -> int:
        """Remove what writers that died left before `older_than`; return how many.

        Only what never became an object; a writer that is still at it keeps its own if
        it began later than that.
        """
        ...

    async def close(self) -> None:
        """Let go of connections; what is still being removed is waited for."""
        ...


def object_id_of(name: str) -> UUID:
    """The id of the object that lies under `name`; StorageError if it is no object's.

    A listing that left such things out would say less than what lies there.
    """
    try:
        object_id = UUID(name)
    except ValueError:
        object_id = None
    if object_id is None or object_id.hex != name:
        raise StorageError(
            "something lies among the objects that is none",
            field="vault",
            fix="find out who put it there, and move it away",
        )
    return object_id
