"""A bucket keeps the object store's promises, and its own."""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from proxy.errors import ObjectMissingError, StorageError
from proxy.vault.s3.store import S3Config, S3Store
from proxy.vault.s3.writing import PART_BYTES
from tests.contracts.object_store_suite import ObjectStoreSuite, chunks, listed
from tests.fakes.certificates import self_signed
from tests.fakes.faulty_bucket import FaultyBucket
from tests.fakes.seaweed import (
    ACCESS_KEY,
    READER_KEY,
    READER_SECRET,
    SECRET_KEY,
    Bucket,
    new_bucket,
)

PREFIX = "ponctuel/"
ANOTHER = b"00000000-0000-4000-8000-000000000009"
MANY = 1005  # a page of a bucket's list has 1000


def key(object_id: UUID) -> str:
    return f"{PREFIX}objects/{object_id.hex}"


@pytest.fixture
async def store(bucket: Bucket) -> AsyncIterator[S3Store]:
    store = S3Store(bucket.config(prefix=PREFIX))
    await store.make()
    yield store
    await store.close()


@pytest.fixture
def abandon(bucket: Bucket):
    async def begin(object_id: UUID) -> None:
        begun = await bucket.call("create_multipart_upload", Key=key(object_id))
        await bucket.call(
            "upload_part",
            Key=key(object_id),
            UploadId=begun["UploadId"],
            PartNumber=1,
            Body=b"sealed half",
        )

    return begin


@pytest.fixture
def is_unfinished(bucket: Bucket):
    async def look(object_id: UUID) -> bool:
        return key(object_id) in await bucket.uploads()

    return look


async def asked(config: S3Config) -> UUID | None:
    """What a store of its own, with this config, says its name is."""
    store = S3Store(config)
    try:
        return await store.identity()
    finally:
        await store.close()


class TestS3Store(ObjectStoreSuite):
    """All promises of an object store."""


@pytest.mark.parametrize(
    "size", [PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 2 * PART_BYTES, 20_000_000]
)
async def test_an_object_is_the_same_in_however_many_parts_it_was_sent(
    store: S3Store, bucket: Bucket, size: int
) -> None:
    object_id, body = uuid.uuid4(), os.urandom(size)
    pieces = [body[start : start + 65_552] for start in range(0, size, 65_552)]

    await store.put(object_id, chunks(*pieces))

    assert await store.size(object_id) == size
    assert await store.read(object_id, 0, size) == body
    middle = await store.read(object_id, PART_BYTES - 9, PART_BYTES + 9)
    assert middle == body[PART_BYTES - 9 : PART_BYTES + 9]
    assert await bucket.uploads() == []


async def test_a_piece_larger_than_a_part_is_divided(store: S3Store) -> None:
    object_id, body = uuid.uuid4(), os.urandom(2 * PART_BYTES + 7)

    await store.put(object_id, chunks(b"", body, b""))

    assert await store.read(object_id, 0, len(body)) == body


async def test_two_replicas_that_make_it_at_once_give_it_one_name(
    bucket: Bucket,
) -> None:
    stores = [S3Store(bucket.config()) for _ in range(6)]

    names = await asyncio.gather(*(store.make() for store in stores))

    assert len(set(names)) == 1
    for store in stores:
        await store.close()


async def test_two_prefixes_are_two_stores(store: S3Store, bucket: Bucket) -> None:
    other = S3Store(bucket.config(prefix=f"{PREFIX}other/"))
    await other.make()
    object_id = uuid.uuid4()

    await other.put(object_id, chunks(b"x"))
    await store.delete(object_id)

    assert await listed(store) == []
    assert await listed(other) == [object_id]
    assert await store.identity() != await other.identity()
    await other.close()


async def test_a_list_of_many_pages_names_every_object_once(
    store: S3Store, bucket: Bucket
) -> None:
    ids = {uuid.uuid4() for _ in range(MANY)}
    turn = asyncio.Semaphore(16)

    async def lay(object_id: UUID) -> None:
        async with turn:
            await bucket.lay(key(object_id), b"x")

    await asyncio.gather(*map(lay, ids))

    found = await listed(store)
    assert len(found) == MANY
    assert set(found) == ids


@pytest.mark.parametrize("name", ["copy-of-a-recording.wav", "ab/cd", "A" * 32, ""])
async def test_what_is_no_object_is_not_passed_over_in_a_listing(
    store: S3Store, bucket: Bucket, name: str
) -> None:
    await bucket.lay(f"{PREFIX}objects/{name or uuid.uuid4()}")

    with pytest.raises(StorageError, match="none"):
        await listed(store)


async def test_whether_it_can_be_written_is_tried_without_leaving_anything(
    store: S3Store, bucket: Bucket
) -> None:
    await store.check()

    assert await bucket.keys() == [f"{PREFIX}store-id"]


# --- A bucket that will not do ------------------------------------------------------


@pytest.mark.parametrize("status", ["Enabled", "Suspended"])
async def test_a_bucket_that_keeps_versions_is_refused(
    bucket: Bucket, status: str
) -> None:
    await bucket.version("Enabled")
    await bucket.version(status)
    store = S3Store(bucket.config())

    with pytest.raises(StorageError, match=r"vault\.s3: .*keeps versions.*versioning"):
        await store.make()

    assert await bucket.keys() == []
    await store.close()


async def test_a_bucket_with_object_lock_is_refused(s3_server: str) -> None:
    async with new_bucket(s3_server, ObjectLockEnabledForBucket=True) as bucket:
        with pytest.raises(StorageError, match=r"versions|Object Lock"):
            await asked(bucket.config())


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"bucket": "nobody-made-this-one"}, "no such bucket"),
        ({"access_key": "AKUNKNOWN"}, "does not accept these keys"),
        ({"secret_key": "not-the-secret"}, "does not accept these keys"),
        ({"endpoint": "http://192.0.2.1:8333"}, "in clear"),
        ({"endpoint": "http://storage.example.com"}, "in clear"),
    ],
)
async def test_what_is_wrong_with_it_is_said_without_quoting_anything(
    bucket: Bucket, changes: dict[str, str], told: str
) -> None:
    with pytest.raises(StorageError, match=told) as refused:
        await asked(bucket.config(**changes))

    error = refused.value
    assert error.field == "vault.s3"
    assert error.fix
    secrets = {ACCESS_KEY, SECRET_KEY, bucket.name, *changes.values()}
    assert [text for text in secrets if text in str(error)] == []


async def test_keys_that_may_only_read_cannot_name_a_store(bucket: Bucket) -> None:
    config = bucket.config(access_key=READER_KEY, secret_key=READER_SECRET)
    store = S3Store(config)

    with pytest.raises(StorageError, match="may not"):
        await store.make()

    assert await bucket.keys() == []
    await store.close()


def test_what_a_store_is_told_describes_itself_without_its_keys(bucket: Bucket) -> None:
    told = repr(bucket.config())

    assert ACCESS_KEY not in told
    assert SECRET_KEY not in told


async def test_versioning_that_is_switched_on_later_is_noticed_at_once(
    store: S3Store, bucket: Bucket
) -> None:
    kept, refused = uuid.uuid4(), uuid.uuid4()
    await store.put(kept, chunks(b"x"))
    await bucket.version("Enabled")

    for attempt in (
        lambda: store.delete(kept),
        lambda: store.put(refused, chunks(b"x")),
        lambda: store.put(refused, chunks(os.urandom(PART_BYTES))),
        store.check,
        store.identity,
    ):
        with pytest.raises(StorageError, match="keeps versions"):
            await attempt()


# --- Another bucket -----------------------------------------------------------------


@pytest.mark.parametrize("marker", [None, b"", b"no name", ANOTHER])
async def test_nothing_is_deleted_written_or_absent_where_the_store_is_not(
    store: S3Store, bucket: Bucket, marker: bytes | None
) -> None:
    """Another bucket may have been named, in which no object can be found."""
    object_id, other = uuid.uuid4(), uuid.uuid4()
    await store.put(object_id, chunks(b"x"))
    await bucket.call("delete_object", Key=f"{PREFIX}store-id")
    if marker is not None:
        await bucket.lay(f"{PREFIX}store-id", marker)
    before = await bucket.keys()

    for attempt in (
        lambda: store.delete(object_id),
        lambda: store.put(other, chunks(b"x")),
        lambda: store.size(other),
        lambda: store.read(other, 0, 1),
        store.check,
    ):
        with pytest.raises(StorageError) as refused:
            await attempt()
        assert not isinstance(refused.value, ObjectMissingError)

    assert await bucket.keys() == before


async def test_a_bucket_that_is_gone_is_no_proof_of_a_deletion(s3_server: str) -> None:
    async with new_bucket(s3_server) as bucket:
        store = S3Store(bucket.config())
        await store.make()

    for attempt in (
        lambda: store.size(uuid.uuid4()),
        lambda: store.read(uuid.uuid4(), 0, 1),
        lambda: store.delete(uuid.uuid4()),
        lambda: listed(store),
        store.check,
    ):
        with pytest.raises(StorageError, match="no such bucket"):
            await attempt()
    await store.close()


async def test_a_store_that_was_never_named_has_no_name(bucket: Bucket) -> None:
    assert await asked(bucket.config()) is None


# --- The way there ------------------------------------------------------------------


async def test_the_environment_changes_neither_keys_nor_the_way(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = "http://127.0.0.1:9"
    for name, value in {
        "AWS_PROFILE": "nobodys",
        "AWS_ACCESS_KEY_ID": "AKNOBODY",
        "AWS_SECRET_ACCESS_KEY": "nobodys",
        "AWS_SESSION_TOKEN": "nobodys",
        "AWS_ENDPOINT_URL": nowhere,
        "AWS_REGION": "mars-north-1",
        "AWS_CA_BUNDLE": "/nowhere.pem",
        "HTTP_PROXY": nowhere,
        "http_proxy": nowhere,
        "ALL_PROXY": nowhere,
    }.items():
        monkeypatch.setenv(name, value)
    store = S3Store(bucket.config())

    assert await store.make() == await store.identity()
    await store.close()


async def test_a_server_over_tls_is_believed_with_the_authority_that_was_named(
    bucket: Bucket, tmp_path
) -> None:
    certificate = tmp_path / "certificate.pem"
    front = FaultyBucket(bucket.endpoint)
    async with front.serving(self_signed(certificate)):
        trusting = bucket.config(endpoint=front.address, ca_file=certificate)
        store = S3Store(trusting)
        await store.make()
        await store.put(uuid.uuid4(), chunks(os.urandom(PART_BYTES), b"x"))
        await store.close()

        with pytest.raises(StorageError, match=r"prove who it is.*ca_file"):
            await asked(bucket.config(endpoint=front.address))
