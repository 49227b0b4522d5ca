"""Where sealed bytes lie. Stores see ciphertext only.

The guarantees every store gives are written at each method; one behavioural suite in
`tests/contracts/` holds all of them to it.
"""

from collections.abc import AsyncIterator
from typing import Protocol
from uuid import UUID


class ObjectStore(Protocol):
    """Sealed objects by id."""

    def identity(self) -> UUID | None:
        """The name the store was given when it was made; None if there is no store."""
        ...

    def make(self) -> UUID:
        """Make the store if it is not there; return its name. Raises StorageError."""
        ...

    async def put(self, object_id: UUID, sealed: AsyncIterator[bytes]) -> None:
        """Store the stream; on return it survives a power cut.

        On any error or cancellation nothing remains under its name. Raises
        StorageError.
        """
        ...

    async def size(self, object_id: UUID) -> int | None:
        """The stored size in bytes, or None when there is no such object."""
        ...

    async def read(self, object_id: UUID, start: int, stop: int) -> bytes:
        """Bytes [start, stop). Raises ObjectMissingError."""
        ...

    async def delete(self, object_id: UUID) -> None:
        """Delete; a missing object counts as deleted. Durable on return.

        What a killed writer left of the object goes as well.
        """
        ...

    def list(self) -> AsyncIterator[UUID]:
        """Every object's id, in no order."""
        ...

    async def check(self) -> None:
        """Raise StorageError unless the store can be written now."""
        ...
