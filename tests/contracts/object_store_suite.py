"""What every object store promises; subclass it and give it a store."""

import os
import uuid
from collections.abc import AsyncIterator

import pytest

from proxy.errors import ObjectMissingError, StorageError
from proxy.vault.objects import ObjectStore


async def chunks(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def breaking(error: BaseException) -> AsyncIterator[bytes]:
    yield b"half of it"
    raise error


class ObjectStoreSuite:
    """Subclasses provide the fixture `store`."""

    async def test_what_was_stored_is_read_back_whole_and_in_parts(
        self, store: ObjectStore
    ) -> None:
        object_id, body = uuid.uuid4(), os.urandom(3_000_000)

        await store.put(
            object_id, chunks(body[:10], body[10:2_000_000], body[2_000_000:])
        )

        assert await store.size(object_id) == len(body)
        assert await store.read(object_id, 0, len(body)) == body
        assert (
            await store.read(object_id, 1_999_990, 2_000_010)
            == body[1_999_990:2_000_010]
        )

    async def test_an_empty_object_is_an_object(self, store: ObjectStore) -> None:
        object_id = uuid.uuid4()

        await store.put(object_id, chunks())

        assert await store.size(object_id) == 0

    @pytest.mark.parametrize(
        "error", [StorageError("source broke"), KeyboardInterrupt()]
    )
    async def test_a_stream_that_breaks_leaves_nothing(
        self, store: ObjectStore, error: BaseException
    ) -> None:
        object_id = uuid.uuid4()

        with pytest.raises(type(error)):
            await store.put(object_id, breaking(error))

        assert await store.size(object_id) is None
        assert [found async for found in store.list()] == []

    async def test_a_missing_object_is_said_to_be_missing(
        self, store: ObjectStore
    ) -> None:
        assert await store.size(uuid.uuid4()) is None
        with pytest.raises(ObjectMissingError):
            await store.read(uuid.uuid4(), 0, 1)

    async def test_deleting_is_final_and_may_be_repeated(
        self, store: ObjectStore
    ) -> None:
        object_id = uuid.uuid4()
        await store.put(object_id, chunks(b"x"))

        await store.delete(object_id)
        await store.delete(object_id)

        assert await store.size(object_id) is None

    async def test_every_object_is_listed_once(self, store: ObjectStore) -> None:
        ids = {uuid.uuid4() for _ in range(20)}
        for object_id in ids:
            await store.put(object_id, chunks(b"x"))

        listed = [found async for found in store.list()]

        assert len(listed) == 20
        assert set(listed) == ids

    async def test_a_store_that_can_be_written_says_so(
        self, store: ObjectStore
    ) -> None:
        await store.check()

        assert [found async for found in store.list()] == []
