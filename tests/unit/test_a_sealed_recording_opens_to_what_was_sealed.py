import hashlib
import tracemalloc
from collections.abc import AsyncIterator, Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.vault.sealing import (
    CHUNK_SIZE,
    HEADER_SIZE,
    TAG_SIZE,
    SealedLayout,
    Sealer,
    open_range,
    seal,
)

DATA_KEY = bytes(range(32))
RECORDING_ID = b"recording-0"
# A prime period: no two chunks are alike, so a chunk out of place would show.
AUDIO = bytes(n % 251 for n in range(4 * CHUNK_SIZE))

sizes = st.one_of(
    st.integers(0, 300),
    st.integers(0, len(AUDIO)),
    st.builds(
        lambda chunks, off: max(0, chunks * CHUNK_SIZE + off),
        st.integers(0, 3),
        st.integers(-2, 2),
    ),
)


def sealed(audio: bytes) -> bytes:
    sealer = Sealer(DATA_KEY, RECORDING_ID)
    return sealer.header() + b"".join(sealer.update(audio)) + sealer.finish()


async def opened(sealed_object: bytes, start: int, stop: int) -> bytes:
    async def read_sealed(first: int, last: int) -> bytes:
        return sealed_object[first:last]

    pieces = open_range(
        read_sealed, len(sealed_object), DATA_KEY, RECORDING_ID, start, stop
    )
    return b"".join([piece async for piece in pieces])


async def stream_of(pieces: Iterable[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


@given(sizes)
async def test_audio_of_any_length_comes_back_as_it_was(size):
    audio = AUDIO[:size]

    assert await opened(sealed(audio), 0, size) == audio


@given(sizes, st.lists(st.integers(0, len(AUDIO)), max_size=20))
async def test_it_does_not_matter_in_what_pieces_the_audio_arrives(size, cuts):
    edges = sorted([0, *(min(cut, size) for cut in cuts), size])
    pieces = [AUDIO[a:b] for a, b in pairwise(edges)]
    prefix = b"7 bytes"
    sealer = Sealer(DATA_KEY, RECORDING_ID, nonce_prefix=prefix)
    at_once = Sealer(DATA_KEY, RECORDING_ID, nonce_prefix=prefix)

    in_pieces = b"".join([piece async for piece in seal(stream_of(pieces), sealer)])

    whole = at_once.header() + b"".join(at_once.update(AUDIO[:size]))
    assert in_pieces == whole + at_once.finish()


@given(sizes, st.data())
async def test_any_range_opens_to_exactly_those_bytes(size, data):
    start = data.draw(st.integers(0, size))
    stop = data.draw(st.integers(start, size))

    assert await opened(sealed(AUDIO[:size]), start, stop) == AUDIO[start:stop]


async def test_a_range_is_opened_without_reading_the_rest():
    sealed_object = sealed(AUDIO * 25)
    read = 0

    async def read_sealed(first: int, last: int) -> bytes:
        nonlocal read
        read += last - first
        return sealed_object[first:last]

    middle = range(40 * CHUNK_SIZE + 10, 40 * CHUNK_SIZE + 20)
    pieces = [
        piece
        async for piece in open_range(
            read_sealed,
            len(sealed_object),
            DATA_KEY,
            RECORDING_ID,
            middle.start,
            middle.stop,
        )
    ]

    assert pieces == [(AUDIO * 25)[middle.start : middle.stop]]
    assert read == HEADER_SIZE + 2 * (CHUNK_SIZE + TAG_SIZE)


@given(sizes)
def test_sizes_and_digest_are_those_of_the_bytes_given_out(size):
    sealer = Sealer(DATA_KEY, RECORDING_ID)
    sealed_object = sealer.header()
    sealed_object += b"".join(sealer.update(AUDIO[:size])) + sealer.finish()

    assert sealer.clear_size == size
    assert sealer.sealed_size == len(sealed_object)
    assert sealer.sealed_sha256 == hashlib.sha256(sealed_object).digest()
    assert SealedLayout(len(sealed_object)).clear_size == size


def test_the_same_audio_never_seals_to_the_same_bytes():
    assert sealed(AUDIO) != sealed(AUDIO)


def test_nothing_clear_is_left_in_the_sealed_bytes():
    sealed_object = sealed(AUDIO)

    assert not any(
        AUDIO[at : at + 8] in sealed_object for at in range(0, len(AUDIO), 4099)
    )


async def test_audio_whose_source_fails_is_never_finished():
    async def hang_up() -> AsyncIterator[bytes]:
        yield AUDIO
        raise ConnectionResetError

    sealer = Sealer(DATA_KEY, RECORDING_ID)
    given_out = bytearray()

    async def store() -> None:
        async for piece in seal(hang_up(), sealer):
            given_out.extend(piece)

    with pytest.raises(ConnectionResetError):
        await store()

    # One chunk is still held: without the final mark it never left.
    assert len(given_out) == HEADER_SIZE + 3 * (CHUNK_SIZE + TAG_SIZE)


def test_a_sealer_seals_one_recording_and_no_more():
    sealer = Sealer(DATA_KEY, RECORDING_ID)
    sealer.finish()

    with pytest.raises(RuntimeError):
        sealer.update(b"more")
    with pytest.raises(RuntimeError):
        sealer.finish()


@pytest.mark.parametrize(
    ("data_key", "recording_id", "nonce_prefix"),
    [
        pytest.param(DATA_KEY[:16], RECORDING_ID, None, id="short-key"),
        pytest.param(DATA_KEY, b"", None, id="no-recording-id"),
        pytest.param(DATA_KEY, RECORDING_ID, b"short", id="short-prefix"),
    ],
)
def test_a_sealer_without_proper_key_and_name_does_not_start(
    data_key, recording_id, nonce_prefix
):
    with pytest.raises(ValueError, match=r"bytes|empty"):
        Sealer(data_key, recording_id, nonce_prefix=nonce_prefix)


@pytest.mark.parametrize(("start", "stop"), [(-1, 5), (5, 4), (0, 11), (11, 11)])
async def test_a_range_outside_the_recording_is_the_callers_mistake(start, stop):
    with pytest.raises(ValueError, match="not within"):
        await opened(sealed(AUDIO[:10]), start, stop)


async def test_a_gibibyte_streams_through_in_flat_memory():
    piece = AUDIO + AUDIO
    pieces = (piece for _ in range(2**30 // len(piece)))
    sealer = Sealer(DATA_KEY, RECORDING_ID)
    tracemalloc.start()
    try:
        async for _ in seal(stream_of(pieces), sealer):
            pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert sealer.clear_size == 2**30
    # A piece is sealed before it is given out: twice its size, and one held chunk.
    assert peak < 2 * len(piece) + CHUNK_SIZE
