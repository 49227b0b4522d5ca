"""A bucket's server that fails or lies is not believed, and nothing is made up."""

import os
from collections.abc import Callable
from dataclasses import replace

import pytest

from proxy.vault.s3.store import S3Store
from proxy.vault.s3.writing import PART_BYTES
from tests.contracts.object_store_suite import chunks, listed
from tests.failures.buckets import (
    ALWAYS,
    KEY,
    OBJECT,
    SMALL,
    answering,
    nothing_is_left,
    refused,
    soon,
    store_at,
)
from tests.fakes.faulty_bucket import FaultyBucket, Reply
from tests.fakes.seaweed import Bucket

LARGE = os.urandom(2 * PART_BYTES + 9)


# --- Servers that do not keep to it ---------------------------------------------------


def without(name: str) -> Callable[[Reply], Reply]:
    def change(reply: Reply) -> Reply:
        headers = reply.headers.copy()
        headers.popall(name, None)
        return replace(reply, headers=headers)

    return change


def saying(name: str, text: str) -> Callable[[Reply], Reply]:
    def change(reply: Reply) -> Reply:
        headers = reply.headers.copy()
        headers[name] = text
        return replace(reply, headers=headers)

    return change


@pytest.mark.parametrize(
    "change",
    [without("x-amz-checksum-sha256"), saying("x-amz-checksum-sha256", "AAAA")],
    ids=["silent", "wrong"],
)
@pytest.mark.parametrize(
    ("body", "step"), [(SMALL, "PutObject"), (LARGE, "UploadPart")]
)
async def test_what_is_not_confirmed_by_its_checksum_is_not_stored(
    store: S3Store, front: FaultyBucket, bucket: Bucket, body, step, change
) -> None:
    front.add(step, "changed", change=change, times=ALWAYS)

    await refused(store.put(OBJECT, chunks(body)), "does not confirm")

    await nothing_is_left(bucket)


@pytest.mark.parametrize(
    ("body", "step"), [(SMALL, "PutObject"), (LARGE, "UploadPart")]
)
async def test_what_was_changed_on_the_way_is_not_stored(
    store: S3Store, front: FaultyBucket, bucket: Bucket, body, step
) -> None:
    front.add(step, "bent")

    await refused(store.put(OBJECT, chunks(body)), "other bytes arrived")

    await nothing_is_left(bucket)


@pytest.mark.parametrize("body", [SMALL, LARGE], ids=["small", "large"])
async def test_an_object_of_another_size_than_was_written_is_not_stored(
    store: S3Store, front: FaultyBucket, bucket: Bucket, body
) -> None:
    front.add("HeadObject", "changed", change=saying("Content-Length", "5"))

    await refused(store.put(OBJECT, chunks(body)), "not what was written")

    await nothing_is_left(bucket)


@pytest.mark.parametrize(
    "step", ["CompleteMultipartUpload", "AbortMultipartUpload", "DeleteObject"]
)
async def test_a_server_that_only_says_it_has_done_it_is_not_believed(
    store: S3Store, front: FaultyBucket, bucket: Bucket, step
) -> None:
    """Whoever deletes reads back: what was not deleted is still seen."""
    if step == "AbortMultipartUpload":
        await bucket.call("create_multipart_upload", Key=KEY)
    if step == "DeleteObject":
        await store.put(OBJECT, chunks(SMALL))
    front.add(step, "refused", status=204, times=ALWAYS)

    if step == "CompleteMultipartUpload":
        await refused(store.put(OBJECT, chunks(LARGE)))
        await nothing_is_left(bucket)
    elif step == "AbortMultipartUpload":
        await refused(store.delete(OBJECT), "still there")
    else:
        await store.delete(OBJECT)
        assert await store.size(OBJECT) == len(SMALL)


CALLS = {
    "make": lambda store: store.make(),
    "identity": lambda store: store.identity(),
    "put a small one": lambda store: store.put(OBJECT, chunks(SMALL)),
    "put a large one": lambda store: store.put(OBJECT, chunks(LARGE)),
    "size": lambda store: store.size(OBJECT),
    "read": lambda store: store.read(OBJECT, 2, 5),
    "delete": lambda store: store.delete(OBJECT),
    "list": listed,
    "check": lambda store: store.check(),
    "remove leftovers": lambda store: store.remove_leftovers(soon()),
}
ALL_CALLS = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
GARBAGE = {
    "no XML": b"<html>Maintenance",
    "other XML": b"<Other><Key>1</Key></Other>",
}


@ALL_CALLS
@pytest.mark.parametrize("body", GARBAGE.values(), ids=GARBAGE)
async def test_an_answer_that_makes_no_sense_is_none(
    store: S3Store, front: FaultyBucket, bucket: Bucket, call, body
) -> None:
    front.add("any", "changed", change=answering(body), times=ALWAYS)

    if call is CALLS["size"]:  # HEAD, whose answer has no words: something lies there
        assert await call(store) == len(body)
    else:
        await refused(call(store))

    front.mend()
    await store.delete(OBJECT)
    await nothing_is_left(bucket)


@pytest.mark.parametrize("operation", ["ListObjectsV2", "ListMultipartUploads"])
@pytest.mark.parametrize("token", ["", "again"])
async def test_a_list_that_does_not_end_is_no_list(
    store: S3Store, front: FaultyBucket, operation, token
) -> None:
    names = ["NextContinuationToken", "NextKeyMarker", "NextUploadIdMarker"]
    marks = "".join(f"<{name}>{token}</{name}>" for name in names if token)
    page = f"<R><IsTruncated>true</IsTruncated>{marks}</R>".encode()
    front.add(operation, "changed", change=answering(page), times=ALWAYS)

    call = listed(store) if operation == "ListObjectsV2" else store.delete(OBJECT)
    await refused(call, "does not end")


# --- Reading --------------------------------------------------------------------------


async def test_what_is_cut_off_is_not_taken_for_the_whole(
    store: S3Store, front: FaultyBucket
) -> None:
    await store.put(OBJECT, chunks(LARGE))
    front.add("GetObject", "cut")

    await refused(store.read(OBJECT, 0, len(LARGE)))

    assert await store.read(OBJECT, 0, len(LARGE)) == LARGE


def shortened(reply: Reply) -> Reply:
    headers = reply.headers.copy()
    headers["Content-Length"] = str(len(reply.body) - 1)
    return replace(reply, headers=headers, body=reply.body[:-1])


def of_another_part(reply: Reply) -> Reply:
    headers = reply.headers.copy()
    headers["Content-Range"] = f"bytes 0-2/{len(SMALL)}"
    return replace(reply, headers=headers)


def claiming_to_end(reply: Reply) -> Reply:
    headers = reply.headers.copy()
    headers["Content-Range"] = f"bytes 2-3/{len(SMALL)}"
    headers["Content-Length"] = "2"
    return replace(reply, headers=headers, body=reply.body[:2])


def whole(reply: Reply) -> Reply:
    headers = reply.headers.copy()
    del headers["Content-Range"]
    headers["Content-Length"] = str(len(SMALL))
    return replace(reply, status=200, headers=headers, body=SMALL)


def more(reply: Reply) -> Reply:
    headers = reply.headers.copy()
    headers["Content-Length"] = "3000000"
    return replace(reply, headers=headers, body=reply.body * 1_000_000)


@pytest.mark.parametrize(
    "lie", [shortened, of_another_part, claiming_to_end, whole, more]
)
async def test_other_bytes_than_were_asked_for_are_refused(
    store: S3Store, front: FaultyBucket, lie
) -> None:
    await store.put(OBJECT, chunks(SMALL))
    front.add("GetObject", "changed", change=lie)

    await refused(store.read(OBJECT, 2, 5), "other bytes")


# --- All of it ------------------------------------------------------------------------


@ALL_CALLS
@pytest.mark.parametrize("kind", ["cut-off", "silent"])
async def test_a_server_that_is_away_is_said_to_be_and_nothing_is_made_up(
    hasty: S3Store, front: FaultyBucket, bucket: Bucket, call, kind
) -> None:
    front.add("any", kind, times=ALWAYS)

    await refused(call(hasty))

    front.mend()
    await nothing_is_left(bucket)


async def test_a_server_that_is_not_there_is_given_up_soon(bucket: Bucket) -> None:
    front = FaultyBucket(bucket.endpoint)
    async with front.serving():
        pass
    async with store_at(front, bucket) as store:
        await refused(store.make(), "cannot be reached")


@ALL_CALLS
async def test_a_moments_overload_is_waited_out(
    store: S3Store, front: FaultyBucket, call
) -> None:
    if call is CALLS["read"]:
        await store.put(OBJECT, chunks(SMALL))
    front.add("any", "refused", status=503, code="SlowDown")

    await call(store)


async def test_an_overload_that_lasts_is_not_made_worse(
    store: S3Store, front: FaultyBucket, bucket: Bucket
) -> None:
    front.add("PutObject", "refused", times=ALWAYS)

    await refused(store.put(OBJECT, chunks(SMALL)), "too busy")

    assert front.seen["PutObject"] == 2
    await nothing_is_left(bucket)


@ALL_CALLS
async def test_keys_that_have_expired_are_told_and_not_tried_again(
    store: S3Store, front: FaultyBucket, call
) -> None:
    before = front.seen.total()
    front.add("any", "refused", status=403, code="ExpiredToken", times=ALWAYS)

    error = await refused(call(store))

    if call is not CALLS["size"]:  # HEAD, whose answer has no words
        assert "expired" in str(error)
    assert front.seen.total() == before + 1


async def test_a_clock_that_is_wrong_is_told(
    store: S3Store, front: FaultyBucket
) -> None:
    front.add("any", "refused", status=403, code="RequestTimeTooSkewed", times=ALWAYS)

    await refused(store.make(), "clock")


QUESTIONS = ["GetBucketVersioning", "GetObjectLockConfiguration"]


@pytest.mark.parametrize("question", QUESTIONS)
async def test_a_server_that_has_no_versions_or_locks_need_not_speak_of_them(
    front: FaultyBucket, bucket: Bucket, question
) -> None:
    front.add(question, "refused", status=501, code="NotImplemented", times=ALWAYS)
    async with store_at(front, bucket) as store:
        assert await store.make() == await store.identity()


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize(
    ("status", "code"),
    [(403, "AccessDenied"), (500, "InternalError"), (404, "NoSuchBucket")],
)
async def test_a_server_that_will_not_speak_of_them_is_refused(
    front: FaultyBucket, bucket: Bucket, question, status, code
) -> None:
    front.add(question, "refused", status=status, code=code, times=ALWAYS)
    async with store_at(front, bucket) as store:
        await refused(store.make())

    assert await bucket.keys() == []


async def test_a_lock_nobody_describes_is_a_lock(
    front: FaultyBucket, bucket: Bucket
) -> None:
    """This server keeps versions of what it locks; others may not."""
    empty = b"<ObjectLockConfiguration/>"
    front.add("GetObjectLockConfiguration", "changed", change=answering(empty))
    async with store_at(front, bucket) as store:
        await refused(store.make(), "Object Lock")


async def test_a_deletion_whose_answer_is_lost_is_told_and_may_be_repeated(
    store: S3Store, front: FaultyBucket, bucket: Bucket
) -> None:
    await store.put(OBJECT, chunks(SMALL))
    front.add("DeleteObject", "lost", times=ALWAYS)

    await refused(store.delete(OBJECT))

    front.mend()
    await store.delete(OBJECT)
    assert await store.size(OBJECT) is None
    await nothing_is_left(bucket)
