import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import TamperedError
from proxy.vault.sealing import (
    CHUNK_SIZE,
    HEADER_SIZE,
    TAG_SIZE,
    SealedLayout,
    Sealer,
    open_range,
)

DATA_KEY = bytes(range(32))
RECORDING_ID = b"recording-0"
PREFIX = b"prefix."
AUDIO = bytes(n % 251 for n in range(2 * CHUNK_SIZE + 1000))
SEALED_CHUNK = CHUNK_SIZE + TAG_SIZE


def sealed(
    audio: bytes = AUDIO,
    data_key: bytes = DATA_KEY,
    recording_id: bytes = RECORDING_ID,
    nonce_prefix: bytes = PREFIX,
) -> bytes:
    sealer = Sealer(data_key, recording_id, nonce_prefix=nonce_prefix)
    return sealer.header() + b"".join(sealer.update(audio)) + sealer.finish()


SEALED = sealed()


def chunks_of(sealed_object: bytes) -> list[bytes]:
    return [
        sealed_object[at : at + SEALED_CHUNK]
        for at in range(HEADER_SIZE, len(sealed_object), SEALED_CHUNK)
    ]


async def opened(
    sealed_object: bytes,
    *,
    size: int = len(SEALED),
    data_key: bytes = DATA_KEY,
    recording_id: bytes = RECORDING_ID,
    start: int = 0,
    stop: int = len(AUDIO),
) -> bytes:
    """Open what a store holds now, under the size recorded when it was sealed."""

    async def read_sealed(first: int, last: int) -> bytes:
        return sealed_object[first:last]

    pieces = open_range(read_sealed, size, data_key, recording_id, start, stop)
    return b"".join([piece async for piece in pieces])


@given(st.integers(0, len(SEALED) - 1), st.integers(1, 255))
async def test_a_change_of_any_byte_is_noticed(place, change):
    changed = bytearray(SEALED)
    changed[place] ^= change

    with pytest.raises(TamperedError):
        await opened(bytes(changed))


async def test_every_change_of_every_byte_of_a_short_recording_is_noticed():
    short = sealed(b"allo")
    for place in range(len(short)):
        for change in range(1, 256):
            changed = bytearray(short)
            changed[place] ^= change
            with pytest.raises(TamperedError):
                await opened(bytes(changed), size=len(short), stop=4)


@given(st.integers(0, len(SEALED) - 1))
async def test_a_recording_cut_short_does_not_open_even_where_it_is_whole(size):
    with pytest.raises(TamperedError):
        await opened(SEALED[:size], stop=1)


@given(st.integers(0, len(SEALED) - 1))
async def test_a_recording_cut_short_does_not_open_when_its_record_is_cut_too(size):
    with pytest.raises(TamperedError):
        await opened(SEALED[:size], size=size, stop=0)


async def test_a_recording_cut_between_two_chunks_does_not_open():
    size = HEADER_SIZE + 2 * SEALED_CHUNK

    with pytest.raises(TamperedError):
        await opened(SEALED[:size], size=size, stop=1)


@given(st.binary(min_size=1, max_size=40))
async def test_bytes_behind_the_end_are_noticed_when_the_record_counts_them(more):
    with pytest.raises(TamperedError):
        await opened(SEALED + more, size=len(SEALED) + len(more), stop=1)


@pytest.mark.parametrize(
    "order",
    [
        pytest.param([1, 0, 2], id="swapped"),
        pytest.param([0, 0, 2], id="repeated"),
        pytest.param([1, 1, 2], id="first-lost"),
        pytest.param([0, 2], id="left-out"),
        pytest.param([0, 1, 2, 2], id="end-twice"),
        pytest.param([2], id="only-the-end"),
    ],
)
async def test_chunks_in_another_order_do_not_open(order):
    chunks = chunks_of(SEALED)
    changed = SEALED[:HEADER_SIZE] + b"".join(chunks[index] for index in order)

    with pytest.raises(TamperedError):
        await opened(
            changed, size=len(changed), stop=SealedLayout(len(changed)).clear_size
        )


@pytest.mark.parametrize("index", [0, 1, 2])
@pytest.mark.parametrize(
    "other",
    [
        pytest.param(sealed(recording_id=b"recording-1"), id="another-recording"),
        pytest.param(sealed(nonce_prefix=b"another"), id="another-attempt"),
        pytest.param(sealed(data_key=bytes(32)), id="another-key"),
    ],
)
async def test_a_chunk_taken_from_elsewhere_does_not_open(other, index):
    chunks = chunks_of(SEALED)
    chunks[index] = chunks_of(other)[index]

    with pytest.raises(TamperedError):
        await opened(SEALED[:HEADER_SIZE] + b"".join(chunks))


async def test_a_final_chunk_does_not_pass_for_a_middle_one():
    whole_chunks = sealed(AUDIO[:CHUNK_SIZE])
    grafted = whole_chunks + chunks_of(SEALED)[1]

    with pytest.raises(TamperedError):
        await opened(grafted, size=len(grafted), stop=1)


async def test_recordings_swapped_in_the_store_do_not_open():
    with pytest.raises(TamperedError):
        await opened(sealed(recording_id=b"recording-1"))


async def test_the_wrong_key_opens_nothing():
    with pytest.raises(TamperedError):
        await opened(SEALED, data_key=bytes(32), stop=0)


async def test_the_wrong_recording_id_opens_nothing():
    with pytest.raises(TamperedError):
        await opened(SEALED, recording_id=b"recording-1", stop=0)


async def test_the_border_between_header_and_recording_id_cannot_be_moved():
    assert sealed(b"", recording_id=b"ab") != sealed(b"", recording_id=b"a")
    with pytest.raises(TamperedError):
        await opened(
            sealed(b"", recording_id=b"ab"), size=32, recording_id=b"a", stop=0
        )


@pytest.mark.parametrize("size", [-1, 0, 16, 31, 32 + SEALED_CHUNK, 2**64])
def test_a_size_no_sealed_recording_has_is_refused(size):
    with pytest.raises(TamperedError):
        SealedLayout(size)


@given(st.binary(max_size=200), st.integers(-5, 2**70))
async def test_junk_in_the_store_is_refused_and_nothing_else_happens(junk, size):
    with pytest.raises(TamperedError):
        await opened(junk, size=size, stop=0)


async def test_no_audio_is_given_out_before_it_was_checked():
    changed = bytearray(SEALED)
    changed[HEADER_SIZE + SEALED_CHUNK] ^= 1
    given_out = bytearray()

    async def read_sealed(first: int, last: int) -> bytes:
        return bytes(changed[first:last])

    async def listen() -> None:
        async for piece in open_range(
            read_sealed, len(SEALED), DATA_KEY, RECORDING_ID, 0, len(AUDIO)
        ):
            given_out.extend(piece)

    with pytest.raises(TamperedError):
        await listen()

    assert given_out == AUDIO[: len(given_out)]
    assert len(given_out) <= CHUNK_SIZE


async def test_an_error_says_which_chunk_and_shows_nothing_of_the_audio():
    changed = bytearray(SEALED)
    changed[-1] ^= 1

    with pytest.raises(TamperedError) as error:
        await opened(bytes(changed))

    assert str(error.value) == "chunk 2 does not open"
    assert error.value.__cause__ is None
