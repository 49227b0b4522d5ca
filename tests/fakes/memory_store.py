"""An object store in memory, with an object store's guarantees but that of lasting."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from uuid import UUID, uuid4

from proxy.errors import ObjectMissingError, StorageError


def _utc_now() -> datetime:
    return datetime.now(UTC)


class MemoryStore:
    """An ObjectStore. `away` makes it one that cannot be asked."""

    def __init__(self, clock: Callable[[], datetime] = _utc_now) -> None:
        self._clock = clock
        self.name: UUID | None = None
        self.objects: dict[UUID, bytes] = {}
        self.unfinished: dict[UUID, datetime] = {}
        self.away = False

    async def identity(self) -> UUID | None:
        self._be_there()
        return self.name

    async def make(self) -> UUID:
        self._be_there()
        self.name = self.name or uuid4()
        return self.name

    async def put(self, object_id: UUID, sealed: AsyncIterator[bytes]) -> None:
        self._recognise()
        self.unfinished[object_id] = self._clock()
        try:
            body = b"".join([chunk async for chunk in sealed])
        finally:
            self.unfinished.pop(object_id, None)
        self._recognise()
        if object_id in self.objects:
            raise StorageError("there is an object of this name already")
        self.objects[object_id] = body

    async def size(self, object_id: UUID) -> int | None:
        self._recognise()
        body = self.objects.get(object_id)
        return None if body is None else len(body)

    async def read(self, object_id: UUID, start: int, stop: int) -> bytes:
        self._recognise()
        try:
            return self.objects[object_id][start:stop]
        except KeyError:
            raise ObjectMissingError from None

    async def delete(self, object_id: UUID) -> None:
        self._recognise()
        self.objects.pop(object_id, None)
        self.unfinished.pop(object_id, None)

    async def list(self) -> AsyncIterator[UUID]:
        self._recognise()
        for object_id in list(self.objects):
            yield object_id

    async def check(self) -> None:
        self._recognise()

    async def remove_leftovers(self, older_than: datetime) -> int:
        self._recognise()
        old = [each for each, at in self.unfinished.items() if at < older_than]
        for object_id in old:
            del self.unfinished[object_id]
        return len(old)

    async def close(self) -> None:
        """There is nothing to let go of."""

    def _be_there(self) -> None:
        if self.away:
            raise StorageError("it cannot be reached", field="vault")

    def _recognise(self) -> None:
        self._be_there()
        if self.name is None:
            raise StorageError("it is not the one that was begun with", field="vault")
