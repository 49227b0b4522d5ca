"""One object on its way into a bucket: never more than two parts of it in memory.

Small ones go in one request, others in parts that become an object all at once; both
only if there is none of that name, and with checksums the server must confirm.
"""

import asyncio
import io
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from contextlib import aclosing
from typing import Any

from proxy.errors import StorageError
from proxy.vault.s3.bucket import Answer, Bucket
from proxy.vault.s3.faults import KEEPS_VERSIONS, NOT_AS_ASKED, NOT_AS_WRITTEN
from proxy.vault.s3.objects import (
    WRITE,
    Found,
    abort_uploads,
    delete,
    find,
    refuse_unconfirmed,
)

# S3 takes parts from 5 MiB on, all but the last of one size, and 10,000 of them.
PART_BYTES = 5 << 20


class Writing:
    """One attempt to write an object. What it wrote bears its mark."""

    def __init__(self, bucket: Bucket, key: str) -> None:
        self._bucket = bucket
        self._key = key
        self._mark = secrets.token_hex(16)
        # Told, or a server might look into it to guess what it is.
        self._description: dict[str, Any] = {
            "ContentType": "application/octet-stream",
            "Metadata": {WRITE: self._mark},
        }
        self._upload_id = ""
        self._sent: list[dict[str, Any]] = []
        self._sending: asyncio.Task[Answer] | None = None

    async def write(self, sealed: AsyncIterator[bytes]) -> None:
        """Write the whole stream. Raises StorageError, and then wants withdrawing."""
        size = 0
        async with aclosing(_parts_of(sealed)) as parts:
            async for part in parts:
                size += part.getbuffer().nbytes
                if size < PART_BYTES:
                    await self._finish(self._put(part), size)
                    return
                await self._add(part)
        await self._settle()
        await self._finish(self._complete(), size)

    async def withdraw(self) -> None:
        """Leave nothing of it, whatever became of it. Raises StorageError."""
        if self._sending:
            self._sending.cancel()
            await asyncio.gather(self._sending, return_exceptions=True)
        # First: after that, no answer that is late can be followed by an object.
        await abort_uploads(self._bucket, self._key)
        found = await find(self._bucket, self._key)
        if found and found.write == self._mark:
            await delete(self._bucket, self._key)

    async def _put(self, body: io.BytesIO) -> Answer:
        return await self._bucket.send(
            "put_object",
            body,
            Key=self._key,
            IfNoneMatch="*",
            **self._description,
        )

    async def _begin(self) -> None:
        begun = await self._bucket.call(
            "create_multipart_upload",
            Key=self._key,
            ChecksumAlgorithm="SHA256",
            **self._description,
        )
        self._upload_id = begun.get("UploadId") or ""
        if not self._upload_id:
            raise NOT_AS_ASKED.as_storage_error()

    async def _add(self, part: io.BytesIO) -> None:
        """Send a part while the next one is filled; the one before it is there."""
        if not self._upload_id:
            await self._begin()
        await self._settle()
        self._sending = asyncio.create_task(
            self._bucket.send(
                "upload_part",
                part,
                Key=self._key,
                UploadId=self._upload_id,
                PartNumber=len(self._sent) + 1,
            )
        )

    async def _settle(self) -> None:
        """Return when what was sent is there."""
        if self._sending is None:
            return
        answer = await self._sending
        self._sending = None
        refuse_unconfirmed(answer)
        self._sent.append(
            {
                "PartNumber": len(self._sent) + 1,
                "ETag": answer.get("ETag") or "",
                "ChecksumSHA256": answer.get("ChecksumSHA256"),
            }
        )

    async def _complete(self) -> Answer:
        return await self._bucket.call(
            "complete_multipart_upload",
            Key=self._key,
            UploadId=self._upload_id,
            MultipartUpload={"Parts": self._sent},
            IfNoneMatch="*",
        )

    async def _finish(
        self, last_step: Coroutine[None, None, Answer], size: int
    ) -> None:
        """Take the last step; if its answer is lost, what lies there decides.

        Asked again, a server that has done it says that there is one already: ours.
        """
        refused: StorageError | None = None
        try:
            answer = await last_step
        except StorageError as error:
            refused = error
        else:
            refuse_unconfirmed(answer)
        found = await find(self._bucket, self._key)
        if found and found.version:
            raise KEEPS_VERSIONS.as_storage_error()
        if found != Found(size, self._mark):
            raise refused or NOT_AS_WRITTEN.as_storage_error()


async def _parts_of(sealed: AsyncIterator[bytes]) -> AsyncGenerator[io.BytesIO, None]:
    """The stream in parts of PART_BYTES; the last may be shorter, the only one empty.

    The next one is begun when the one before it has been taken.
    """
    part = io.BytesIO()
    async for chunk in sealed:
        rest = memoryview(chunk)
        while rest:
            if part.tell() == PART_BYTES:
                yield _rewound(part)
                part = io.BytesIO()
            taken = rest[: PART_BYTES - part.tell()]
            part.write(taken)
            rest = rest[len(taken) :]
    yield _rewound(part)


def _rewound(part: io.BytesIO) -> io.BytesIO:
    part.seek(0)
    return part
