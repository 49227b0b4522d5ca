"""A store in a bucket whose server fails and lies on order, and what is left then."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from multidict import CIMultiDict

from proxy.errors import ObjectMissingError, StorageError
from proxy.vault.s3.store import S3Store
from tests.fakes.faulty_bucket import FaultyBucket, Reply
from tests.fakes.seaweed import ACCESS_KEY, SECRET_KEY, Bucket

OBJECT = UUID("00000000-0000-4000-8000-000000000001")
KEY = f"objects/{OBJECT.hex}"
SMALL = b"sealed, and small"
ALWAYS = 999
HASTY = 0.5


@pytest.fixture
async def front(bucket: Bucket) -> AsyncIterator[FaultyBucket]:
    """A server before the real one."""
    front = FaultyBucket(bucket.endpoint)
    async with front.serving():
        yield front


@asynccontextmanager
async def store_at(
    front: FaultyBucket, bucket: Bucket, **changes: Any
) -> AsyncIterator[S3Store]:
    """A store that asks twice."""
    usual = {"endpoint": front.address, "attempts": 2}
    store = S3Store(bucket.config(**usual | changes))
    try:
        yield store
    finally:
        await store.close()


@pytest.fixture
async def store(front: FaultyBucket, bucket: Bucket) -> AsyncIterator[S3Store]:
    """A store that was made."""
    async with store_at(front, bucket) as store:
        await store.make()
        yield store


@pytest.fixture
async def hasty(
    store: S3Store, front: FaultyBucket, bucket: Bucket
) -> AsyncIterator[S3Store]:
    """The same, for what is to fail: a slow machine makes no difference to that."""
    assert await store.identity()
    async with store_at(front, bucket, silence_seconds=HASTY) as hasty:
        yield hasty


async def refused(attempt: Awaitable[object], match: str | None = None) -> StorageError:
    """Wait for an error that says what to do, and quotes nobody."""
    with pytest.raises(StorageError, match=match) as told:
        await attempt
    error = told.value
    assert not isinstance(error, ObjectMissingError)
    assert error.field == "vault.s3"
    for secret in (ACCESS_KEY, SECRET_KEY, OBJECT.hex, "127.0.0.1", "store-id"):
        assert secret not in str(error)
    return error


async def nothing_is_left(bucket: Bucket) -> None:
    assert await bucket.keys() == ["store-id"]
    assert await bucket.uploads() == []


async def it_is_kept(store: S3Store, bucket: Bucket, body: bytes) -> None:
    assert await bucket.objects() == [KEY]
    assert await bucket.body(KEY) == body
    assert await store.size(OBJECT) == len(body)


def soon() -> datetime:
    return datetime.now(UTC) + timedelta(minutes=1)


def answering(body: bytes) -> Callable[[Reply], Reply]:
    return lambda _: Reply(200, CIMultiDict(), body)
