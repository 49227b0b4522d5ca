"""A package's archive: known length, the same bytes each time, opened by any tool."""

import subprocess
import zlib
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stream_zip import NO_COMPRESSION_64, stream_zip

from proxy.rights.packages.archive import (
    PIECE,
    Archive,
    ChangedMeanwhileError,
    Entry,
    stream,
)
from proxy.rights.packages.keys import PackageKeys
from tests.peers import need

MADE_AT = datetime(2026, 11, 18, 10, 31, 44, tzinfo=UTC)
KEYS = PackageKeys(bytes(range(32)), "libsndfile-1.2.2")
CONTENTS = st.lists(
    st.one_of(
        st.binary(max_size=200),
        st.sampled_from([PIECE - 18, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE]).map(
            lambda size: b"\x5a" * size
        ),
    ),
    min_size=1,
    max_size=5,
)


def archive_of(contents: Sequence[bytes], part: int = PIECE) -> Archive:
    entries = [
        Entry(f"enregistrements/{n:04}-é.wav", len(each), zlib.crc32(each))
        for n, each in enumerate(contents)
    ]

    async def opened(index: int) -> AsyncGenerator[bytes, None]:
        content = contents[index]
        for at in range(0, len(content), part):
            yield content[at : at + part]

    return Archive(
        entries,
        MADE_AT,
        KEYS.password,
        lambda index: KEYS.salt(index, entries[index]),
        opened,
    )


async def all_of(archive: Archive, start: int = 0) -> bytes:
    async with aclosing(stream(archive, start)) as blocks:
        return b"".join([block async for block in blocks])


@pytest.mark.filterwarnings("ignore:PBKDF2 without")
@given(contents=CONTENTS, part=st.sampled_from([7, 1000, PIECE, 2 * PIECE + 5]))
async def test_it_is_byte_for_byte_what_the_library_writes(
    contents: list[bytes], part: int
) -> None:
    archive = archive_of(contents, max(part, 50))
    salts = iter([archive.salt(index) for index in range(len(contents))])
    ours = await all_of(archive)
    theirs = b"".join(
        stream_zip(
            [
                (e.name, MADE_AT, 0o600, NO_COMPRESSION_64(e.size, e.crc32), [content])
                for e, content in zip(archive.entries, contents, strict=True)
            ],
            extended_timestamps=False,
            password=archive.password,
            get_crypto_random=lambda _: next(salts),
        )
    )
    assert ours == theirs
    assert len(ours) == archive.size


@given(contents=CONTENTS, data=st.data())
async def test_it_goes_on_from_any_byte_as_if_it_had_never_stopped(
    contents: list[bytes], data: st.DataObject
) -> None:
    archive = archive_of(contents)
    whole = await all_of(archive)
    start = data.draw(st.integers(0, len(whole)))
    assert await all_of(archive, start) == whole[start:]


async def test_what_lies_before_the_wanted_part_is_not_even_opened() -> None:
    archive = archive_of([b"first", b"second", b"third"])
    opened: list[int] = []

    def noting(index: int) -> AsyncGenerator[bytes, None]:
        opened.append(index)
        return archive.open_entry(index)

    looked = Archive(archive.entries, MADE_AT, archive.password, archive.salt, noting)
    whole = await all_of(archive)
    third = whole.index(b"0002-")
    assert await all_of(looked, third) == whole[third:]
    assert opened == [2]


@pytest.mark.parametrize("changed", [b"fifth", b"fourth", b"four!"])
async def test_what_is_not_what_was_measured_never_becomes_a_whole_archive(
    changed: bytes,
) -> None:
    archive = archive_of([b"first"])

    async def other(_: int) -> AsyncGenerator[bytes, None]:
        yield changed

    lying = Archive(archive.entries, MADE_AT, archive.password, archive.salt, other)
    with pytest.raises(ChangedMeanwhileError):
        await all_of(lying)


@pytest.fixture
async def package(tmp_path: Path) -> Path:
    contents = [b"bonjour\n", bytes(range(256)) * 1000, b""]
    package = tmp_path / "package.zip"
    package.write_bytes(await all_of(archive_of(contents)))
    return package


def test_7_zip_opens_it_with_the_password_and_not_without(package: Path) -> None:
    seven = need("7z", "apt-get install 7zip")
    right, said = _run(seven, "t", f"-p{KEYS.password}", str(package))
    assert right, said
    _, listed = _run(seven, "l", "-slt", f"-p{KEYS.password}", str(package))
    assert listed.count(b"Method = AES-256 Store") == 3
    for wrong in ("", "WRONG", KEYS.password.lower()):
        assert not _run(seven, "t", f"-p{wrong}", str(package))[0]


async def test_thousands_of_recordings_fit_into_one_package(tmp_path: Path) -> None:
    archive = archive_of([f"call {number}".encode() for number in range(3000)])
    package = tmp_path / "package.zip"
    package.write_bytes(await all_of(archive))  # a test's own file
    seven = need("7z", "apt-get install 7zip")
    is_whole, said = _run(seven, "t", f"-p{KEYS.password}", str(package))
    assert is_whole
    assert b"Files: 3000" in said


def test_bsdtar_reads_what_was_put_in(package: Path) -> None:
    bsdtar = need("bsdtar", "apt-get install libarchive-tools")
    opening = (bsdtar, "-xOf", str(package), "--passphrase")
    right, read = _run(*opening, KEYS.password)
    assert right
    assert read == b"bonjour\n" + bytes(range(256)) * 1000
    assert not _run(*opening, "WRONG")[0]


def _run(*command: str) -> tuple[bool, bytes]:
    """Whether it went well, and what it said."""
    ran = subprocess.run(command, capture_output=True, check=False)
    return ran.returncode == 0, ran.stdout
