"""What can be asked and done under one key, or one prefix, of a bucket."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from proxy.vault.s3.bucket import Answer, Bucket
from proxy.vault.s3.faults import (
    ENDLESS,
    KEEPS_VERSIONS,
    NOT_ABORTED,
    NOT_AS_ASKED,
    NOT_CONFIRMED,
)

ABSENT = ("NoSuchKey", "404")
WRITE = "write"
"""Metadata: which attempt to write it an object is from."""

_MOST_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Found:
    """An object as the server tells it."""

    size: int | None
    write: str | None
    version: str | None = None


async def find(bucket: Bucket, key: str) -> Found | None:
    """What lies under `key`. None proves nothing: HEAD says it of a missing bucket."""
    head = await bucket.call("head_object", expected=ABSENT, Key=key)
    if head.refused:
        return None
    return Found(
        size=head.get("ContentLength"),
        write=(head.get("Metadata") or {}).get(WRITE),
        version=head.get("VersionId"),
    )


async def delete(bucket: Bucket, key: str) -> None:
    """Delete for good; a missing object counts as deleted."""
    refuse_versions(await bucket.call("delete_object", Key=key))


def refuse_versions(answer: Answer) -> None:
    """Raise StorageError where a write or a deletion has left a version behind."""
    if answer.get("DeleteMarker") or answer.get("VersionId"):
        raise KEEPS_VERSIONS.as_storage_error()


def refuse_unconfirmed(answer: Answer) -> None:
    """Raise StorageError where other bytes may be stored than were sent."""
    if not answer.is_confirmed:
        raise NOT_CONFIRMED.as_storage_error()


async def list_keys(bucket: Bucket, prefix: str) -> AsyncIterator[str]:
    """Every key that begins with `prefix`, page by page."""
    place: dict[str, Any] = {}
    while True:
        page = await bucket.call("list_objects_v2", Prefix=prefix, **place)
        for each in page.get("Contents") or ():
            yield each["Key"]
        following = {"ContinuationToken": page.get("NextContinuationToken")}
        if not _goes_on(page, place, following):
            return
        place = following


async def list_uploads(bucket: Bucket, prefix: str) -> AsyncIterator[dict[str, Any]]:
    """Every upload under way whose key begins with `prefix`."""
    place: dict[str, Any] = {}
    while True:
        page = await bucket.call("list_multipart_uploads", Prefix=prefix, **place)
        for upload in page.get("Uploads") or ():
            yield upload
        following = {
            "KeyMarker": page.get("NextKeyMarker"),
            "UploadIdMarker": page.get("NextUploadIdMarker"),
        }
        if not _goes_on(page, place, following):
            return
        place = following


def _goes_on(
    page: Answer, place: dict[str, object], following: dict[str, object]
) -> bool:
    """Whether there is a page after this one; a list that turns in circles is none."""
    if page.get("IsTruncated") is None:  # no list at all, though it can be read as one
        raise NOT_AS_ASKED.as_storage_error()
    if not page.get("IsTruncated"):
        return False
    if None in following.values() or following == place:
        raise ENDLESS.as_storage_error()
    return True


async def abort_uploads(bucket: Bucket, key: str) -> None:
    """End every upload of `key`, so that none can become an object any more.

    Raises StorageError where one remains. A part that was on its way may arrive after
    the end, and has to be thrown away as well: hence again, until the list is empty.
    """
    for _ in range(_MOST_ROUNDS):
        begun = [each async for each in list_uploads(bucket, key) if each["Key"] == key]
        if not begun:
            return
        for upload in begun:
            await abort(bucket, upload)
    raise NOT_ABORTED.as_storage_error()


async def abort(bucket: Bucket, upload: dict[str, Any]) -> None:
    """End one upload as it was listed; one that is over already is no fault."""
    await bucket.call(
        "abort_multipart_upload",
        expected=("NoSuchUpload", "404"),
        Key=upload["Key"],
        UploadId=upload["UploadId"],
    )
