"""Copies of recordings: what is muted is silent, everything else is as it was."""

import io
import math
import wave
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import StorageError
from proxy.rights.packages.audio import (
    ReadClear,
    UnplayableError,
    as_wav,
    count_frames,
    extension,
    keeps_its_frames,
)
from proxy.rights.packages.muting import BadCutError, Cut, Why, checked

RECORDED = Path(__file__).parents[1] / "recorded" / "audio"
RATE = 8000


def reading(content: bytes) -> ReadClear:
    async def read(start: int, stop: int) -> bytes:
        return content[start:stop]

    return read


async def copied(
    content: bytes, cuts: Sequence[Cut] = (), frames: int | None = None
) -> bytes:
    parts = as_wav(reading(content), len(content), cuts, frames)
    return b"".join([part async for part in parts])


def samples_of(copy: bytes) -> np.ndarray:
    samples, _ = soundfile.read(io.BytesIO(copy), dtype="int16", always_2d=True)
    return samples


def spoken(samples: np.ndarray) -> bytes:
    written = io.BytesIO()
    soundfile.write(written, samples, RATE, format="WAV", subtype="PCM_16")
    return written.getvalue()


@st.composite
def recordings_with_cuts(draw: st.DrawFn) -> tuple[np.ndarray, tuple[Cut, ...]]:
    """Noise that is nowhere silent, of any length, and cuts that do not overlap."""
    channels = draw(st.integers(1, 2))
    frames = draw(st.integers(1, 60_000))
    seed = draw(st.integers(0, 2**32 - 1))
    random = np.random.default_rng(seed)
    samples = random.integers(1, 2**15, (frames, channels)).astype("int16")
    longest = math.ceil(frames * 1000 / RATE)
    edges = draw(st.lists(st.integers(0, longest), unique=True, max_size=8))
    edges.sort()
    pairs = zip(edges[::2], edges[1::2], strict=False)
    return samples, tuple(Cut(a, b, Why.THIRD_PARTY) for a, b in pairs)


@given(recordings_with_cuts())
async def test_muted_parts_are_digital_silence_and_the_rest_is_bit_exact(
    given_: tuple[np.ndarray, tuple[Cut, ...]],
) -> None:
    samples, cuts = given_
    copy = samples_of(await copied(spoken(samples), checked(cuts, len(samples) / RATE)))
    is_muted = np.zeros(len(samples), dtype=bool)
    for cut in cuts:
        is_muted[cut.start * 8 : cut.stop * 8] = True
    assert len(copy) == len(samples)
    assert not copy[is_muted].any()
    assert np.array_equal(copy[~is_muted], samples[~is_muted])


@given(recordings_with_cuts())
async def test_a_copy_is_the_same_each_time(
    given_: tuple[np.ndarray, tuple[Cut, ...]],
) -> None:
    samples, cuts = given_
    content = spoken(samples)
    assert await copied(content, cuts) == await copied(content, cuts)


FILES = {
    each.name: each.read_bytes()
    for each in sorted(RECORDED.iterdir())
    if each.suffix in {".wav", ".mp3", ".ogg"}
}


@pytest.mark.parametrize("name", FILES)
async def test_every_format_that_is_taken_in_becomes_plain_pcm(name: str) -> None:
    content = FILES[name]
    seconds = soundfile.info(io.BytesIO(content)).duration
    frames = await count_frames(reading(content), len(content), seconds)
    copy = await copied(content, [Cut(10, 60, Why.THIRD_PARTY)], frames)
    with wave.open(io.BytesIO(copy)) as plain:
        assert plain.getsampwidth() == 2
        assert plain.getnframes() == frames
        rate = plain.getframerate()
    samples = samples_of(copy)
    expected, _ = soundfile.read(io.BytesIO(content), dtype="float32", always_2d=True)
    expected[rate * 10 // 1000 : math.ceil(rate * 60 / 1000)] = 0
    assert np.abs(samples / 32768 - expected[:frames]).max() < 1e-4
    assert not samples[math.ceil(rate / 100) : rate * 60 // 1000].any()


async def test_a_long_recording_is_decoded_without_a_seam() -> None:
    tone = np.sin(np.arange(RATE * 60) / 7).astype("float32")[:, None] * 0.4
    for format_, subtype in (("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", None)):
        written = io.BytesIO()
        soundfile.write(written, tone, RATE, format=format_, subtype=subtype)
        content = written.getvalue()
        frames = await count_frames(reading(content), len(content), 60)
        samples = samples_of(await copied(content, (), frames))
        whole, _ = soundfile.read(io.BytesIO(content), dtype="float32", always_2d=True)
        assert len(samples) == len(whole)
        assert np.abs(samples / 32768 - np.clip(whole, -1, 1)).max() < 1e-4


async def test_what_is_louder_than_full_scale_stays_there() -> None:
    loud = np.sign(np.sin(np.arange(RATE) / 20)).astype("float32")[:, None]
    written = io.BytesIO()
    soundfile.write(written, loud, RATE, format="OGG", subtype="VORBIS")
    content = written.getvalue()
    decoded, _ = soundfile.read(io.BytesIO(content), dtype="float32", always_2d=True)
    assert np.abs(decoded).max() > 1
    samples = samples_of(await copied(content))
    too_loud = np.abs(decoded) > 1
    assert np.array_equal(np.sign(samples[too_loud]), np.sign(decoded[too_loud]))


def test_an_mp3_keeps_its_frames_unless_something_is_muted() -> None:
    cut = [Cut(0, 1, Why.SECURITY)]
    assert keeps_its_frames("audio/mpeg", ())
    assert not keeps_its_frames("audio/wav", ())
    assert not keeps_its_frames("audio/ogg", ())
    assert not keeps_its_frames("audio/mpeg", cut)
    assert extension("audio/mpeg", ()) == "mp3"
    assert extension("audio/mpeg", cut) == "wav"


@pytest.mark.parametrize(
    "content", [b"", b"OggS nothing", b"RIFF1234WAVE", b"\xff" * 9]
)
async def test_what_cannot_be_decoded_is_no_copy(content: bytes) -> None:
    with pytest.raises(UnplayableError):
        await copied(content)


async def test_what_keeps_a_recording_from_being_read_is_told_as_it_is() -> None:
    content = spoken(np.ones((1_200_000, 1), dtype="int16"))

    async def failing(start: int, stop: int) -> bytes:
        if start:
            raise StorageError("the disk is away")
        return content[start:stop]

    with pytest.raises(StorageError, match="the disk is away"):
        async for _ in as_wav(failing, len(content), ()):
            pass


async def test_a_copy_that_would_be_shorter_than_the_call_is_refused() -> None:
    content = spoken(np.ones((RATE, 1), dtype="int16"))
    with pytest.raises(UnplayableError):
        await count_frames(reading(content), len(content), seconds=60)


@pytest.mark.parametrize(
    "cuts",
    [
        [(-1, 5)],
        [(5, 5)],
        [(7, 5)],
        [(0, 2001)],
        [(0, 10), (9, 20)],
        [(9, 20), (0, 10)],
        [(0, 10), (0, 10)],
        [(n, n + 1) for n in range(501)],
    ],
)
def test_a_cut_lies_inside_the_recording_and_overlaps_no_other(
    cuts: list[tuple[int, int]],
) -> None:
    with pytest.raises(BadCutError):
        checked((Cut(*span, Why.THIRD_PARTY) for span in cuts), seconds=2.0)


def test_cuts_are_put_in_order_and_may_touch() -> None:
    later, sooner = Cut(10, 20, Why.SECURITY), Cut(0, 10, Why.THIRD_PARTY)
    assert checked([later, sooner], 0.0195) == (sooner, later)
