"""The encrypted ZIP a package is sent as: the very same bytes, whenever it is made.

AES-256 as WinZip and 7-Zip write it (AE-2), nothing compressed, so that the length of
the whole is known before its first byte and any part of it can be made without what
lies before: that is what lets a broken download go on. The members are written by
stream-zip; only the directory at the end is ours, since it would have to be told of
members that are not being made. A test holds the two together byte for byte.

Nothing random may be drawn while streaming. Salts follow from the package's own secret
and from what is encrypted, so that no keystream is ever used for two contents.
"""

import warnings
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from struct import Struct

from stream_zip import NO_COMPRESSION_64, ZipIntegrityError, stream_zip

from proxy.errors import StorageError

PIECE = 64 * 1024  # bytes; as they come from the vault
SALT_SIZE = 16
_MODE = 0o600

# APPNOTE 6.3.10: 4.3.7, 4.3.12, 4.3.14 to 4.3.16; the extra field 0x9901 is WinZip's.
_LOCAL_SIZE = 30 + 20 + 11
_AROUND_DATA = SALT_SIZE + 2 + 10  # before it salt and verifier, behind it the MAC
_DIRECTORY_ENTRY = Struct("<4sBBBBHHHHIIIHHHHHII")
_DIRECTORY_EXTRA = Struct("<HHQQQHHH2sBH")
_ENDINGS = Struct("<4sQHHIIQQQQ4sIQI4sHHHHIIH")
_ENCRYPTED_UTF8 = 0x0001 | 0x0800
_AES_METHOD, _STORED, _AES_256, _AE_2 = 99, 0, 3, 2
_MADE_BY_UNIX = 3
_VERSION = 45  # what ZIP64 needs
_IN_ZIP64 = 0xFFFFFFFF


class ChangedMeanwhileError(StorageError):
    """What was to be sent is not what was measured."""

    error_id = "changed-meanwhile"


@dataclass(frozen=True, slots=True)
class Entry:
    """A member: its neutral name, its size in bytes, and the CRC-32 of its content."""

    name: str
    size: int
    crc32: int


@dataclass(frozen=True, slots=True)
class Archive:
    """An archive that can be made.

    `open_entry` gives the content of one, from its first byte; `salt` the 16 bytes of
    one, always the same.
    """

    entries: Sequence[Entry]
    made_at: datetime
    password: str
    salt: Callable[[int], bytes]
    open_entry: Callable[[int], AsyncGenerator[bytes, None]]

    @property
    def size(self) -> int:
        """Of all of it, in bytes."""
        return archive_size(self.entries)


def archive_size(entries: Sequence[Entry]) -> int:
    """How long the archive of these is, in bytes, before any of it is made."""
    members = sum(_member_size(entry) for entry in entries)
    return members + sum(map(_directory_size, entries)) + _ENDINGS.size


async def stream(archive: Archive, start: int = 0) -> AsyncGenerator[bytes, None]:
    """Its bytes from `start` on. Raises ChangedMeanwhileError, what opening raises.

    Members that lie before `start` are not made; of the one it lies in, all is.
    """
    at = 0
    for index, entry in enumerate(archive.entries):
        end = at + _member_size(entry)
        if start < end:
            async with aclosing(_member(archive, index)) as blocks:
                async for block in _from(blocks, start - at):
                    yield block
        at = end
    ending = _directory(archive)
    for first in range(max(0, start - at), len(ending), PIECE):
        yield ending[first : first + PIECE]


async def _from(blocks: AsyncIterator[bytes], start: int) -> AsyncIterator[bytes]:
    """What lies at `start` and behind."""
    async for block in blocks:
        if start < len(block):
            yield block[max(0, start) :]
        start -= len(block)


async def _member(archive: Archive, index: int) -> AsyncGenerator[bytes, None]:
    """One member: what stream-zip makes of it, without the directory it adds."""
    entry = archive.entries[index]
    fed: deque[bytes] = deque()
    zipped = _zipped(archive, index, _taken_from(fed))
    left = _member_size(entry)
    async with aclosing(archive.open_entry(index)) as content:
        try:
            async for block in _fed(content, fed, zipped):
                yield block[:left]
                left = max(0, left - len(block))
        except ZipIntegrityError as error:
            raise ChangedMeanwhileError(entry.name) from error


async def _fed(
    content: AsyncIterator[bytes], fed: deque[bytes], zipped: Iterator[bytes]
) -> AsyncIterator[bytes]:
    """Its blocks, pulled only as far as there is something to make them of.

    The header is a block of its own; from then on a block takes a piece at most, so it
    never looks for one that has not come yet.
    """
    yield next(zipped)
    async for piece in in_pieces(content):
        fed.append(piece)
        yield next(zipped)
    for block in zipped:
        yield block


def _zipped(archive: Archive, index: int, content: Iterator[bytes]) -> Iterator[bytes]:
    entry = archive.entries[index]
    method = NO_COMPRESSION_64(entry.size, entry.crc32)
    zipped = stream_zip(
        [(entry.name, archive.made_at, _MODE, method, content)],
        chunk_size=PIECE,
        extended_timestamps=False,
        password=archive.password,
        get_crypto_random=lambda _: archive.salt(index),
    )
    return _without_warning(iter(zipped))


def _without_warning(zipped: Iterator[bytes]) -> Iterator[bytes]:
    """Its second block takes a key from the password.

    stream-zip leaves SHA-1 to PBKDF2's defaults, which is what AE-2 prescribes; that a
    later pycryptodome wants it said is the library's matter.
    """
    yield next(zipped)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "PBKDF2 without", DeprecationWarning)
        block = next(zipped)
    yield block
    yield from zipped


def _taken_from(fed: deque[bytes]) -> Iterator[bytes]:
    while fed:
        yield fed.popleft()


async def in_pieces(content: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """The same bytes, PIECE of them at a time; the last piece may be shorter."""
    held = bytearray()
    async for part in content:
        if not held and len(part) == PIECE:
            yield part
            continue
        held += part
        while len(held) >= PIECE:
            yield bytes(held[:PIECE])
            del held[:PIECE]
    if held:
        yield bytes(held)


def _member_size(entry: Entry) -> int:
    return _LOCAL_SIZE + len(entry.name.encode()) + _AROUND_DATA + entry.size


def _directory_size(entry: Entry) -> int:
    return _DIRECTORY_ENTRY.size + len(entry.name.encode()) + _DIRECTORY_EXTRA.size


def _directory(archive: Archive) -> bytes:
    made, at = bytearray(), 0
    for entry in archive.entries:
        made += _directory_entry(entry, at, archive.made_at)
        at += _member_size(entry)
    return bytes(made) + _endings(len(archive.entries), len(made), at)


def _directory_entry(entry: Entry, at: int, made_at: datetime) -> bytes:
    name = entry.name.encode()
    time, day = _in_dos_time(made_at)
    fixed = _DIRECTORY_ENTRY.pack(
        b"PK\x01\x02",
        *(_VERSION, _MADE_BY_UNIX, _VERSION, 0),
        *(_ENCRYPTED_UTF8, _AES_METHOD, time, day),
        0,  # AE-2 has the MAC instead of the CRC, which would tell of the content
        *(_IN_ZIP64, _IN_ZIP64),
        *(len(name), _DIRECTORY_EXTRA.size),
        *(0, 0, 0),
        *(_MODE << 16, _IN_ZIP64),
    )
    sizes = (entry.size, entry.size + _AROUND_DATA, at)
    aes = (0x9901, 7, _AE_2, b"AE", _AES_256, _STORED)
    return fixed + name + _DIRECTORY_EXTRA.pack(0x0001, 24, *sizes, *aes)


def _endings(count: int, size: int, at: int) -> bytes:
    return _ENDINGS.pack(
        *(b"PK\x06\x06", 44, _VERSION, _VERSION, 0, 0, count, count, size, at),
        *(b"PK\x06\x07", 0, at + size, 1),
        *(b"PK\x05\x06", 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, _IN_ZIP64, _IN_ZIP64, 0),
    )


def _in_dos_time(at: datetime) -> tuple[int, int]:
    """Two seconds at a time, from 1980 on, and of no time zone."""
    time = at.second // 2 | at.minute << 5 | at.hour << 11
    return time, at.day | at.month << 5 | (at.year - 1980) << 9
