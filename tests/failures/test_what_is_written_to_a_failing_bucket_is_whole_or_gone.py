"""Whatever a bucket's server does, an object is kept whole or nothing of it is left."""

import asyncio
import os
from collections.abc import AsyncIterator

import pytest

from proxy.errors import StorageError
from proxy.vault.s3.store import S3Store
from proxy.vault.s3.writing import PART_BYTES
from tests.contracts.object_store_suite import breaking, chunks, listed
from tests.failures.buckets import (
    ALWAYS,
    OBJECT,
    SMALL,
    it_is_kept,
    nothing_is_left,
    refused,
    soon,
    store_at,
)
from tests.fakes.evidence import until
from tests.fakes.faulty_bucket import FaultyBucket
from tests.fakes.seaweed import Bucket

LARGE = os.urandom(2 * PART_BYTES + 9)
ONE_STEP = ["GET marker", "PutObject", "HeadObject"]
STEPS = ["GET marker", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload"]
WRITES = [
    *(pytest.param(SMALL, step, id=f"small-{step}") for step in ONE_STEP),
    *(pytest.param(LARGE, step, id=f"large-{step}") for step in [*STEPS, "HeadObject"]),
]


@pytest.mark.parametrize("kind", ["cut-off", "silent"])
@pytest.mark.parametrize(("body", "step"), WRITES)
async def test_a_step_of_writing_that_never_works_leaves_nothing(
    hasty: S3Store, front: FaultyBucket, bucket: Bucket, body, step, kind
) -> None:
    front.add(step, kind, times=ALWAYS)

    await refused(hasty.put(OBJECT, chunks(body)))

    front.mend()
    if step == "HeadObject":  # whose object lies there could not be asked either
        async with store_at(front, bucket) as patient:
            await patient.delete(OBJECT)
    await nothing_is_left(bucket)


@pytest.mark.parametrize("kind", ["refused", "cut-off", "lost"])
@pytest.mark.parametrize(("body", "step"), WRITES)
async def test_a_step_of_writing_that_fails_once_is_tried_again(
    store: S3Store, front: FaultyBucket, bucket: Bucket, body, step, kind
) -> None:
    front.add(step, kind)

    await store.put(OBJECT, chunks(body))

    await it_is_kept(store, bucket, body)
    # Begun twice where the first answer was lost: one of them is nobody's.
    left = int((step, kind) == ("CreateMultipartUpload", "lost"))
    assert await store.remove_leftovers(soon()) == left
    assert await bucket.uploads() == []


@pytest.mark.parametrize(
    ("body", "step"), [(SMALL, "PutObject"), (LARGE, "CompleteMultipartUpload")]
)
async def test_a_last_step_that_nobody_hears_of_has_been_taken(
    store: S3Store, front: FaultyBucket, bucket: Bucket, body, step
) -> None:
    front.add(step, "lost", times=ALWAYS)

    await store.put(OBJECT, chunks(body))

    front.mend()
    await it_is_kept(store, bucket, body)
    assert await bucket.uploads() == []


@pytest.mark.parametrize("step", ["CreateMultipartUpload", "UploadPart"])
async def test_an_earlier_step_that_nobody_hears_of_is_undone(
    store: S3Store, front: FaultyBucket, bucket: Bucket, step
) -> None:
    front.add(step, "lost", times=ALWAYS)

    await refused(store.put(OBJECT, chunks(LARGE)))

    await nothing_is_left(bucket)


@pytest.mark.parametrize(("body", "step"), WRITES)
async def test_a_write_that_is_cancelled_in_any_step_leaves_nothing(
    store: S3Store, front: FaultyBucket, bucket: Bucket, body, step
) -> None:
    front.add(step, "lost-silent")
    reached = front.done[step] + 1
    writing = asyncio.create_task(store.put(OBJECT, chunks(body)))
    await until(lambda: front.done[step] == reached)

    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing

    await nothing_is_left(bucket)


async def test_what_is_cancelled_twice_is_withdrawn_all_the_same(
    store: S3Store, front: FaultyBucket, bucket: Bucket
) -> None:
    front.add("UploadPart", "lost-silent")
    front.add("ListMultipartUploads", "held")
    writing = asyncio.create_task(store.put(OBJECT, chunks(LARGE)))
    await until(lambda: front.done["UploadPart"])
    writing.cancel()
    await until(lambda: front.seen["ListMultipartUploads"])

    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    front.let_go()
    await store.close()

    await nothing_is_left(bucket)


async def test_a_source_that_breaks_while_a_part_is_sent_leaves_nothing(
    store: S3Store, front: FaultyBucket, bucket: Bucket
) -> None:
    front.add("UploadPart", "silent")

    async def source() -> AsyncIterator[bytes]:
        yield LARGE[: PART_BYTES + 1]
        await until(lambda: front.seen["UploadPart"])
        async for piece in breaking(StorageError("source broke")):
            yield piece

    with pytest.raises(StorageError, match="source broke"):
        await store.put(OBJECT, source())

    await nothing_is_left(bucket)


@pytest.mark.usefixtures("store")
async def test_an_upload_completed_late_comes_to_nothing(
    front: FaultyBucket, bucket: Bucket
) -> None:
    step = "CompleteMultipartUpload"
    front.add(step, "held", times=ALWAYS)
    async with store_at(front, bucket, silence_seconds=2) as writer:
        await refused(writer.put(OBJECT, chunks(LARGE)), "in time")

    front.let_go()
    await until(lambda: front.done[step] == front.seen[step])

    assert front.seen[step]
    await nothing_is_left(bucket)


async def test_a_small_object_that_arrives_late_is_listed_and_can_be_deleted(
    store: S3Store, front: FaultyBucket, bucket: Bucket
) -> None:
    """S3 cannot take back a request that is under way; the inventory finds it."""
    front.add("PutObject", "held", times=ALWAYS)
    async with store_at(front, bucket, silence_seconds=2) as writer:
        await refused(writer.put(OBJECT, chunks(SMALL)), "in time")

    front.let_go()
    await until(lambda: front.done["PutObject"] == front.seen["PutObject"])

    assert await listed(store) == [OBJECT]
    await store.delete(OBJECT)
    await nothing_is_left(bucket)


async def test_no_more_than_two_parts_are_ever_in_memory(
    store: S3Store, front: FaultyBucket
) -> None:
    piece, pulled = bytes(1 << 20), 0

    async def source() -> AsyncIterator[bytes]:
        nonlocal pulled
        for _ in range(6 * PART_BYTES // len(piece)):
            pulled += len(piece)
            yield piece

    front.add("UploadPart", "held")
    writing = asyncio.create_task(store.put(OBJECT, source()))
    await until(lambda: pulled > 2 * PART_BYTES)
    # A third part may not be begun: one piece is in hand to see that there is more.
    await until(lambda: front.seen["UploadPart"])
    assert pulled == 2 * PART_BYTES + len(piece)
    front.let_go()
    await writing

    assert await store.size(OBJECT) == 6 * PART_BYTES


@pytest.mark.parametrize("body", [SMALL, LARGE], ids=["small", "large"])
async def test_of_two_who_write_one_object_at_once_none_writes_over_the_other(
    store: S3Store, bucket: Bucket, body
) -> None:
    done = await asyncio.gather(
        *(store.put(OBJECT, chunks(body)) for _ in range(3)), return_exceptions=True
    )

    assert {type(each) for each in done} <= {type(None), StorageError}
    kept = [each for each in done if each is None]
    assert len(kept) == len(await bucket.objects()) <= 1
    assert await bucket.uploads() == []
