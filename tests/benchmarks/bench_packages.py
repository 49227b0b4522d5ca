"""A package of 10 GB, made and streamed, beside the bare encryption of as many bytes.

Thousands of recordings, sealed in the vault's own format and served by a store that
gives one sealed object under every id. Beside it, in the same run: AES-256-CTR and
HMAC-SHA-1 of the same bytes, by the library that stream-zip uses. What is printed last
is by how much the process has grown meanwhile: nothing of a package is gathered.
"""

import asyncio
import os
import resource
import time
import zlib
from collections.abc import AsyncGenerator, AsyncIterator
from datetime import UTC, datetime
from uuid import UUID

from Crypto.Cipher import AES
from Crypto.Hash import HMAC, SHA1
from Crypto.Util import Counter

from proxy.rights.packages.archive import PIECE, Archive, Entry, stream
from proxy.rights.packages.keys import PackageKeys
from proxy.vault.sealing import Sealer, open_range, seal
from tests.benchmarks.rows import Row, run

RECORDINGS = 4000
CLEAR = 2_621_440  # bytes of each: 10.5 GB together; 2 min 44 s of stereo at 8 kHz
TEXT = b"x" * 2000
MADE_AT = datetime(2026, 11, 18, 10, 0, tzinfo=UTC)
KEY, RECORDING = bytes(range(32)), UUID(int=7).bytes


def rows(recordings: int = RECORDINGS) -> list[Row]:
    return asyncio.run(_measure(recordings))


async def _measure(recordings: int) -> list[Row]:
    sealed, crc32 = await _sealed()
    archive = _archive(recordings, sealed, crc32)
    async for _ in stream(_archive(20, sealed, crc32)):  # what is loaded once, is now
        pass
    before = _peak()
    started = time.perf_counter()
    size = 0
    async for block in stream(archive):
        size += len(block)
    ours = time.perf_counter() - started
    grown = _peak() - before
    assert size == archive.size
    bare = _bare(recordings)
    megabytes = size / 1e6
    return [
        Row(
            f"stream a package of {size / 1e9:.1f} GB, {recordings} recordings",
            megabytes / ours,
            "MB/s",
            "AES-256-CTR and HMAC-SHA-1 alone",
            megabytes / bare,
            bare / ours,
            ">= 0.2 x",
        ),
        Row("memory a package takes while it is sent", grown, "MB", "-", 0, 0, "<= 16"),
    ]


async def _sealed() -> tuple[bytes, int]:
    """One recording as it lies in the store, and the CRC of what was said."""
    clear = os.urandom(CLEAR)

    async def spoken() -> AsyncIterator[bytes]:
        yield clear

    sealer = Sealer(KEY, RECORDING)
    parts = [part async for part in seal(spoken(), sealer)]
    return b"".join(parts), zlib.crc32(clear)


def _archive(recordings: int, sealed: bytes, crc32: int) -> Archive:
    """For each recording what a package has: its copy, and three texts."""
    entries = [
        Entry(f"{number:04}.{kind}", size, crc)
        for number in range(recordings)
        for kind, size, crc in (
            ("wav", CLEAR, crc32),
            *((each, len(TEXT), zlib.crc32(TEXT)) for each in ("txt", "proof", "md")),
        )
    ]
    keys = PackageKeys(KEY, "bench")

    async def read(start: int, stop: int) -> bytes:
        return sealed[start:stop]

    async def opened(index: int) -> AsyncGenerator[bytes, None]:
        if index % 4:
            yield TEXT
            return
        async for piece in open_range(read, len(sealed), KEY, RECORDING, 0, CLEAR):
            yield piece

    return Archive(
        entries,
        MADE_AT,
        keys.password,
        lambda index: keys.salt(index, entries[index]),
        opened,
    )


def _bare(recordings: int) -> float:
    """Seconds for the same bytes, from memory."""
    cipher = AES.new(KEY, AES.MODE_CTR, counter=Counter.new(128, little_endian=True))
    mac = HMAC.new(KEY, digestmod=SHA1)
    piece = os.urandom(PIECE)
    started = time.perf_counter()
    for _ in range(recordings * CLEAR // PIECE):
        mac.update(cipher.encrypt(piece))
    return time.perf_counter() - started


def _peak() -> float:
    """The most memory the process has had so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    run(rows, "stream-zip", "pycryptodome", "cryptography")


if __name__ == "__main__":
    main()
