"""What every object store promises; subclass it and give it a store."""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from proxy.errors import ObjectMissingError, StorageError
from proxy.vault.objects import ObjectStore


async def chunks(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def breaking(error: BaseException) -> AsyncIterator[bytes]:
    yield b"half of it"
    raise error


async def stalling(begun: asyncio.Event) -> AsyncIterator[bytes]:
    yield b"half of it"
    begun.set()
    await asyncio.Event().wait()


async def listed(store: ObjectStore) -> list[UUID]:
    return [found async for found in store.list()]


Abandon = Callable[[UUID], Awaitable[None]]
IsUnfinished = Callable[[UUID], Awaitable[bool]]


class ObjectStoreSuite:
    """Subclasses provide a `store` that was made, and hands to look past it.

    `abandon` leaves what a writer that was killed just now leaves of an object;
    `is_unfinished` tells whether any of that is still there.
    """

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
        assert await listed(store) == []

    async def test_a_write_that_is_cancelled_leaves_nothing(
        self, store: ObjectStore, is_unfinished: IsUnfinished
    ) -> None:
        object_id, begun = uuid.uuid4(), asyncio.Event()
        writing = asyncio.create_task(store.put(object_id, stalling(begun)))
        await begun.wait()

        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing

        assert await store.size(object_id) is None
        assert not await is_unfinished(object_id)

    async def test_nothing_is_ever_written_over(self, store: ObjectStore) -> None:
        object_id = uuid.uuid4()
        await store.put(object_id, chunks(b"first"))

        with pytest.raises(StorageError):
            await store.put(object_id, chunks(b"second"))

        assert await store.read(object_id, 0, 100) == b"first"

    @pytest.mark.parametrize("span", [(0, 0), (0, 1), (5, 3)])
    async def test_a_missing_object_is_said_to_be_missing(
        self, store: ObjectStore, span: tuple[int, int]
    ) -> None:
        assert await store.size(uuid.uuid4()) is None
        with pytest.raises(ObjectMissingError):
            await store.read(uuid.uuid4(), *span)

    @pytest.mark.parametrize(
        ("start", "stop", "expected"),
        [(0, 0, b""), (2, 2, b""), (2, 99, b"cd"), (4, 9, b""), (0, 1, b"a")],
    )
    async def test_of_a_part_past_the_end_there_is_what_there_is(
        self, store: ObjectStore, start: int, stop: int, expected: bytes
    ) -> None:
        object_id = uuid.uuid4()
        await store.put(object_id, chunks(b"abcd"))

        assert await store.read(object_id, start, stop) == expected

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

        found = await listed(store)

        assert len(found) == 20
        assert set(found) == ids

    async def test_a_store_that_can_be_written_says_so(
        self, store: ObjectStore
    ) -> None:
        await store.check()

        assert await listed(store) == []

    async def test_a_store_keeps_the_name_it_was_made_with(
        self, store: ObjectStore
    ) -> None:
        names = {await store.make(), await store.make(), await store.identity()}

        assert len(names) == 1
        assert None not in names

    async def test_what_a_killed_writer_left_is_removed_once_it_is_old(
        self, store: ObjectStore, abandon: Abandon, is_unfinished: IsUnfinished
    ) -> None:
        object_id, kept = uuid.uuid4(), uuid.uuid4()
        await store.put(kept, chunks(b"x"))
        await abandon(object_id)
        minute = timedelta(minutes=1)

        assert await store.remove_leftovers(datetime.now(UTC) - minute) == 0
        assert await is_unfinished(object_id)
        assert await store.remove_leftovers(datetime.now(UTC) + minute) == 1
        assert not await is_unfinished(object_id)
        assert await listed(store) == [kept]

    async def test_what_a_killed_writer_left_goes_with_its_object(
        self, store: ObjectStore, abandon: Abandon, is_unfinished: IsUnfinished
    ) -> None:
        object_id = uuid.uuid4()
        await abandon(object_id)

        await store.delete(object_id)

        assert not await is_unfinished(object_id)
