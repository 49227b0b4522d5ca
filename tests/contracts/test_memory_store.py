"""The store in memory, on which other tests stand, promises what the real ones do."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from tests.contracts.object_store_suite import ObjectStoreSuite
from tests.fakes.memory_store import MemoryStore


@pytest.fixture
async def store() -> MemoryStore:
    store = MemoryStore()
    await store.make()
    return store


@pytest.fixture
def abandon(store: MemoryStore):
    async def begin(object_id: UUID) -> None:
        store.unfinished[object_id] = datetime.now(UTC)

    return begin


@pytest.fixture
def is_unfinished(store: MemoryStore):
    async def look(object_id: UUID) -> bool:
        return object_id in store.unfinished

    return look


class TestMemoryStore(ObjectStoreSuite):
    """All promises of an object store."""
