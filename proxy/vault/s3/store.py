"""Sealed objects in a bucket of any server that speaks S3.

The bucket is the store only while the name in it is the one it was made with; otherwise
nothing is written, deleted or said to be absent. Refused is what would keep audio that
was deleted: a bucket with versioning or Object Lock.
"""

import asyncio
import ipaddress
import re
from collections.abc import AsyncIterator, Coroutine
from contextlib import suppress
from datetime import datetime
from io import BytesIO
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from proxy.errors import ObjectMissingError, StorageError
from proxy.vault.objects import object_id_of
from proxy.vault.s3.bucket import Answer, Bucket, S3Config
from proxy.vault.s3.faults import (
    ANOTHER_STORE,
    IN_CLEAR,
    IS_LOCKED,
    KEEPS_VERSIONS,
    NOT_AS_ASKED,
)
from proxy.vault.s3.objects import (
    ABSENT,
    abort,
    abort_uploads,
    delete,
    find,
    list_keys,
    list_uploads,
    refuse_unconfirmed,
    refuse_versions,
)
from proxy.vault.s3.writing import Writing

__all__ = ["S3Config", "S3Store"]

# Of two who name the store at once, or again after a lost answer, one is refused.
_OCCUPIED = ("PreconditionFailed", "ConditionalRequestConflict", "412", "409")
# A server that does not know the question does not have the feature either.
_NOT_ASKABLE = ("NotImplemented", "501")
_NO_LOCK = (*_NOT_ASKABLE, "ObjectLockConfigurationNotFoundError")
_PAST_THE_END = ("InvalidRange", "416")
_MARKER_BYTES = 64
_NAMING_ATTEMPTS = 3
_WITHDRAW_SECONDS = 10  # delete() does it again, and has longer


class S3Store:
    """An ObjectStore over one bucket, or over what has one prefix in it."""

    def __init__(self, config: S3Config) -> None:
        self._bucket = Bucket(config)
        self._endpoint = config.endpoint
        self._marker = f"{config.prefix}store-id"
        self._probe = f"{config.prefix}probe"
        self._objects = f"{config.prefix}objects/"
        self._name: UUID | None = None
        self._withdrawing: set[asyncio.Task[None]] = set()

    async def identity(self) -> UUID | None:
        await self._refuse_unfit()
        found = await self._read_marker()
        self._name = self._name or found
        return found

    async def make(self) -> UUID:
        for _ in range(_NAMING_ATTEMPTS):
            found = await self.identity()
            if found is not None:
                return found
            written = await self._bucket.send(
                "put_object",
                BytesIO(str(uuid4()).encode("ascii")),
                expected=_OCCUPIED,
                Key=self._marker,
                IfNoneMatch="*",
            )
            if not written.refused:
                refuse_unconfirmed(written)
        raise ANOTHER_STORE.as_storage_error()

    async def put(self, object_id: UUID, sealed: AsyncIterator[bytes]) -> None:
        await self._recognise()
        writing = Writing(self._bucket, self._key(object_id))
        try:
            await writing.write(sealed)
        except BaseException:
            await self._to_its_end(_withdraw(writing))
            raise

    async def size(self, object_id: UUID) -> int | None:
        found = await find(self._bucket, self._key(object_id))
        if found is None:
            await self._recognise()
            return None
        if found.size is None:
            raise NOT_AS_ASKED.as_storage_error()
        return found.size

    async def read(self, object_id: UUID, start: int, stop: int) -> bytes:
        if start >= stop:
            return await self._read_nothing(object_id)
        answer, body = await self._bucket.read(
            self._key(object_id),
            stop - start,
            expected=(*ABSENT, *_PAST_THE_END),
            Range=f"bytes={start}-{stop - 1}",
        )
        if answer.refused in ABSENT:
            await self._recognise()
            raise ObjectMissingError
        if not answer.refused and not _is_as_asked(answer, body, start, stop):
            raise NOT_AS_ASKED.as_storage_error()
        return body

    async def delete(self, object_id: UUID) -> None:
        await self._recognise()
        key = self._key(object_id)
        await abort_uploads(self._bucket, key)  # first: one could become the object
        await delete(self._bucket, key)

    async def list(self) -> AsyncIterator[UUID]:
        async for key in list_keys(self._bucket, self._objects):
            yield object_id_of(key.removeprefix(self._objects))

    async def check(self) -> None:
        await self._recognise()
        written = await self._bucket.send(
            "put_object", BytesIO(b"probe"), Key=self._probe
        )
        refuse_unconfirmed(written)
        refuse_versions(written)
        await delete(self._bucket, self._probe)

    async def remove_leftovers(self, older_than: datetime) -> int:
        """End uploads that were begun before `older_than` and are no objects yet."""
        await self._recognise()
        removed = 0
        async for upload in list_uploads(self._bucket, self._objects):
            if upload["Initiated"] < older_than:
                await abort(self._bucket, upload)
                removed += 1
        return removed

    async def close(self) -> None:
        await asyncio.gather(*self._withdrawing, return_exceptions=True)
        await self._bucket.close()

    async def _refuse_unfit(self) -> None:
        """Refuse a bucket of which it is not known that what is deleted is gone."""
        if not _is_private(self._endpoint):
            raise IN_CLEAR.as_storage_error()
        versions = await self._bucket.call("get_bucket_versioning", _NOT_ASKABLE)
        if versions.get("Status"):  # suspended, too: what was kept before is still kept
            raise KEEPS_VERSIONS.as_storage_error()
        lock = await self._bucket.call("get_object_lock_configuration", _NO_LOCK)
        if not lock.refused:
            raise IS_LOCKED.as_storage_error()

    async def _recognise(self) -> None:
        """Only here is "it is not there" a proof, and may anything be changed."""
        found = await self._read_marker()
        self._name = self._name or found
        if found is None or found != self._name:
            raise ANOTHER_STORE.as_storage_error()

    async def _read_marker(self) -> UUID | None:
        answer, body = await self._bucket.read(
            self._marker, _MARKER_BYTES, expected=("NoSuchKey",)
        )
        try:
            return None if answer.refused else UUID(body.decode("ascii"))
        except ValueError:
            return None

    async def _read_nothing(self, object_id: UUID) -> bytes:
        if await self.size(object_id) is None:
            raise ObjectMissingError
        return b""

    async def _to_its_end(self, work: Coroutine[None, None, None]) -> None:
        """Whoever waits for it may be cancelled, once or twice; the work is not."""
        task = asyncio.create_task(work)
        self._withdrawing.add(task)
        task.add_done_callback(self._withdrawing.discard)
        await asyncio.shield(task)

    def _key(self, object_id: UUID) -> str:
        return f"{self._objects}{object_id.hex}"


async def _withdraw(writing: Writing) -> None:
    """Leave nothing of it; what cannot be reached now is removed by delete()."""
    with suppress(StorageError, TimeoutError):
        async with asyncio.timeout(_WITHDRAW_SECONDS):
            await writing.withdraw()


def _is_private(endpoint: str) -> bool:
    """Whether nobody on the way can read what is sent there."""
    url = urlsplit(endpoint)
    if url.scheme == "https":
        return True
    try:
        return ipaddress.ip_address(url.hostname or "").is_loopback
    except ValueError:
        return url.hostname == "localhost"


def _is_as_asked(answer: Answer, body: bytes, start: int, stop: int) -> bool:
    """Whether these are the bytes asked for, all that there are of them."""
    said = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", answer.get("ContentRange") or "")
    if said is None:  # a server that knows no ranges gives something else
        return False
    first, last, size = map(int, said.groups())
    return (
        first == start and last == min(stop, size) - 1 and len(body) == last - first + 1
    )
