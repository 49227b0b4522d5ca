"""Sealing beside the bare cipher, storing beside `cp`, and memory against length."""

import asyncio
import multiprocessing
import os
import re
import secrets
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ProcessPoolExecutor
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from proxy.vault.filesystem import FilesystemStore
from proxy.vault.sealing import CHUNK_SIZE, Sealer, open_range, seal
from tests.benchmarks.rows import Row, run

MIB = 1 << 20
ROUNDS = 5
STREAM_SIZE = 512 * MIB
PIECE = secrets.token_bytes(MIB)
CLEAR_CHUNK = PIECE[:CHUNK_SIZE]
DATA_KEY = secrets.token_bytes(32)
RECORDING_ID = uuid4().bytes


def rows() -> list[Row]:
    return [*_memory_rows(), _store_row(), _peak_row()]


def _memory_rows() -> list[Row]:
    sealing, cipher, cipher_and_digest, opening, decipher = _gigabytes_per_second(
        _seal_to_memory, _encrypt, _encrypt_and_hash, _opening(), _decrypt
    )
    return [
        _row("seal a stream to memory", sealing, "AES-GCM alone", cipher, ">= 1 GB/s"),
        _row(
            "seal a stream to memory",
            sealing,
            "AES-GCM and SHA-256 alone",
            cipher_and_digest,
            ">= 0.9 x",
        ),
        _row("open a whole recording", opening, "AES-GCM alone", decipher, ">= 0.4 x"),
    ]


def _store_row() -> Row:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        stored, copied = _gigabytes_per_second(_storing(directory), _copying(directory))
    return _row("seal and store to disk", stored, "cp + fsync", copied, ">= 0.8 x")


def _peak_row() -> Row:
    long, short = _peak_mebibytes(2048 * MIB), _peak_mebibytes(MIB)
    return Row(
        "peak memory streaming 2 GiB",
        long,
        "MiB",
        "streaming 1 MiB",
        short,
        long / short,
        "<= 1.1 x",
    )


def _row(name: str, value: float, peer: str, peer_value: float, goal: str) -> Row:
    return Row(name, value, "GB/s", peer, peer_value, value / peer_value, goal)


def _gigabytes_per_second(*actions: Callable[[], None]) -> list[float]:
    """Return the best of each, in turns: other work on the machine only ever slows."""
    seconds: list[list[float]] = [[] for _ in actions]
    for _ in range(ROUNDS):
        for action, took in zip(actions, seconds, strict=True):
            start = time.perf_counter()
            action()
            took.append(time.perf_counter() - start)
    return [STREAM_SIZE / min(took) / 1e9 for took in seconds]


async def _stream(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // MIB):
        yield PIECE


def _sealed_stream(size: int) -> AsyncIterator[bytes]:
    return seal(_stream(size), Sealer(DATA_KEY, RECORDING_ID))


def _seal_to_memory(size: int = STREAM_SIZE) -> None:
    async def consume() -> None:
        async for _ in _sealed_stream(size):
            pass

    asyncio.run(consume())


def _encrypt() -> None:
    cipher = AESGCM(DATA_KEY)
    for index in range(STREAM_SIZE // CHUNK_SIZE):
        cipher.encrypt(index.to_bytes(12), CLEAR_CHUNK, RECORDING_ID)


def _encrypt_and_hash() -> None:
    cipher, digest = AESGCM(DATA_KEY), sha256()
    for index in range(STREAM_SIZE // CHUNK_SIZE):
        digest.update(cipher.encrypt(index.to_bytes(12), CLEAR_CHUNK, RECORDING_ID))


def _decrypt() -> None:
    cipher = AESGCM(DATA_KEY)
    sealed_chunk = cipher.encrypt(bytes(12), CLEAR_CHUNK, RECORDING_ID)
    for _ in range(STREAM_SIZE // CHUNK_SIZE):
        cipher.decrypt(bytes(12), sealed_chunk, RECORDING_ID)


def _opening() -> Callable[[], None]:
    sealer = Sealer(DATA_KEY, RECORDING_ID)
    sealed_object = sealer.header()
    sealed_object += b"".join(sealer.update(PIECE * 64)) + sealer.finish()

    async def read_sealed(start: int, stop: int) -> bytes:
        return sealed_object[start:stop]

    async def consume() -> None:
        for _ in range(STREAM_SIZE // sealer.clear_size):
            async for _ in open_range(
                read_sealed,
                sealer.sealed_size,
                DATA_KEY,
                RECORDING_ID,
                0,
                sealer.clear_size,
            ):
                pass

    return lambda: asyncio.run(consume())


def _storing(directory: Path) -> Callable[[], None]:
    store = FilesystemStore(directory)
    asyncio.run(store.make())

    async def put_and_delete() -> None:
        object_id = uuid4()
        await store.put(object_id, _sealed_stream(STREAM_SIZE))
        await store.delete(object_id)

    return lambda: asyncio.run(put_and_delete())


def _copying(directory: Path) -> Callable[[], None]:
    source, copy = directory / "source", directory / "copy"
    with source.open("wb") as stream:
        stream.writelines(PIECE for _ in range(STREAM_SIZE // MIB))

    def copy_and_delete() -> None:
        command = ["cp", "--reflink=never", str(source), str(copy)]
        subprocess.run(command, check=True)
        descriptor = os.open(copy, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
        copy.unlink()

    return copy_and_delete


def _peak_mebibytes(size: int) -> float:
    """Return the peak of a process of its own that seals `size` bytes."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as process:
        return process.submit(_peak_after_sealing, size).result()


def _peak_after_sealing(size: int) -> float:
    _seal_to_memory(size)
    # Not ru_maxrss: Linux hands the parent's peak down through fork and exec.
    status = Path("/proc/self/status").read_text("ascii")
    [kibibytes] = re.findall(r"VmHWM:\s+(\d+) kB", status)
    return int(kibibytes) / 1024


def main() -> None:
    run(rows, "cryptography")


if __name__ == "__main__":
    main()
