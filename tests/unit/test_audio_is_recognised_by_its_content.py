import struct
import tracemalloc
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import AudioTooLongError, BadAudioError
from proxy.intake.audio import AudioFacts, AudioProbe

RECORDED = Path(__file__).parents[1] / "recorded" / "audio"
FILES = {
    file.name: file.read_bytes()
    for file in sorted(RECORDED.iterdir())
    if file.suffix in {".wav", ".mp3", ".ogg"}
}
PCM16 = FILES["pcm16-mono-8k.wav"]
PIPED = FILES["pcm16-stereo-8k-piped.wav"]
MP3 = FILES["mpeg2.5-mono-8k.mp3"]
OPUS = FILES["opus-mono.ogg"]

NO_LIMIT = 10**12
MOST_KEPT = 4096


def listen(
    *pieces: bytes, max_seconds: float = 3600, max_bytes: int = NO_LIMIT
) -> AudioFacts:
    probe = AudioProbe(max_seconds=max_seconds, max_bytes=max_bytes)
    for piece in pieces:
        probe.feed(piece)
        assert len(probe._stream._here) <= MOST_KEPT
    return probe.finish()


def verdict(pieces: Iterable[bytes], **limits: float) -> object:
    """What comes out, a refusal included, in a form that can be compared."""
    try:
        return listen(*pieces, **limits)
    except BadAudioError as refusal:
        return type(refusal), str(refusal)


def split(audio: bytes, cuts: Iterable[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(audio) + 1) for cut in cuts), len(audio)]
    return [audio[a:b] for a, b in pairwise(edges)]


def wav(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"".join(
        name + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)
        for name, content in chunks
    )
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WAVE" + body


def fmt(
    tag: int = 1, channels: int = 1, rate: int = 8000, bits: int = 16, block: int = -1
) -> tuple[bytes, bytes]:
    block = channels * bits // 8 if block < 0 else block
    return b"fmt ", struct.pack(
        "<HHIIHH", tag, channels, rate, rate * block, block, bits
    )


def ogg_page(
    body: bytes, *, sequence: int, granule: int = 0, flags: int = 0, serial: int = 7
) -> bytes:
    lacing = bytes([255] * (len(body) // 255) + [len(body) % 255])
    header = struct.pack(
        "<4sBBqIIIB", b"OggS", 0, flags, granule, serial, sequence, 0, len(lacing)
    )
    return header + lacing + body


OPUS_HEAD = b"OpusHead" + struct.pack("<BBHIhB", 1, 1, 312, 8000, 0, 0)
OGG_START = ogg_page(OPUS_HEAD, sequence=0, flags=2) + ogg_page(b"OpusTags", sequence=1)
SOUND = (b"data", bytes(16_000))


@pytest.mark.parametrize(
    ("name", "media_type", "seconds", "channels"),
    [
        ("pcm16-mono-8k.wav", "audio/wav", 0.25, 1),
        ("pcm8-mono-8k.wav", "audio/wav", 0.25, 1),
        ("a-law-mono-8k.wav", "audio/wav", 0.25, 1),
        ("mu-law-stereo-8k.wav", "audio/wav", 0.25, 2),
        ("pcm16-stereo-8k-piped.wav", "audio/wav", 0.25, 2),
        ("mpeg2.5-mono-8k.mp3", "audio/mpeg", 16 * 576 / 8000, 1),
        ("mpeg2-mono-16k-vbr-id3v2.mp3", "audio/mpeg", 30 * 576 / 16_000, 1),
        ("mpeg1-stereo-44k-no-info-id3v1.mp3", "audio/mpeg", 21 * 1152 / 44_100, 2),
        ("opus-mono.ogg", "audio/ogg", 1.0, 1),
        ("opus-stereo.ogg", "audio/ogg", 0.25, 2),
        ("vorbis-mono-8k.ogg", "audio/ogg", 1.0, 1),
        ("vorbis-stereo-44k.ogg", "audio/ogg", 0.5, 2),
    ],
)
def test_real_recordings_are_recognised_with_their_length_and_channels(
    name, media_type, seconds, channels
):
    facts = listen(FILES[name])

    assert facts == AudioFacts(
        media_type, pytest.approx(seconds), channels, len(FILES[name])
    )


def test_every_recording_of_the_folder_is_tested():
    described = (RECORDED / "README.md").read_text()

    assert [name for name in FILES if f"`{name}`" not in described] == []


@pytest.mark.parametrize("announced", [0, 0xFFFFFFFF, 0x7FFFF000])
def test_a_wav_that_does_not_know_its_length_yet_is_measured_as_it_comes(announced):
    streamed = PCM16[:40] + struct.pack("<I", announced) + PCM16[44:]

    assert listen(streamed).seconds == pytest.approx(0.25)


def test_a_wav_in_the_extensible_form_is_recognised():
    guid_tail = bytes.fromhex("000000001000800000aa00389b71")
    extension = struct.pack("<HHIH", 22, 8, 4, 7) + guid_tail
    name, plain = fmt(tag=0xFFFE, channels=2, bits=8)

    facts = listen(wav((name, plain + extension), SOUND))

    assert (facts.seconds, facts.channels) == (1.0, 2)


def test_chunks_around_the_sound_and_a_forgotten_padding_byte_do_no_harm():
    odd = (b"data", bytes(8001))
    audio = wav((b"LIST", b"odd"), fmt(tag=7, bits=8), (b"fact", bytes(4)), odd)

    assert listen(audio).seconds == listen(audio[:-1]).seconds == 8001 / 8000


@pytest.mark.parametrize(
    "not_audio",
    [
        pytest.param(b"\0\0\0\x20ftypisom" + bytes(64), id="mp4-video"),
        pytest.param(b"\x1a\x45\xdf\xa3" + bytes(64), id="webm-video"),
        pytest.param(b"RIFF\0\0\0\0AVI LIST" + bytes(64), id="avi-video"),
        pytest.param(b"\0\0\x01\xba" + bytes(64), id="mpeg-video"),
        pytest.param(b"\xff\xf1\x50\x80\x01\x7f\xfc" + bytes(64), id="aac"),
        pytest.param(b"\xff\xfd\x90\x00" + bytes(1000), id="mpeg-layer-2"),
        pytest.param(b"fLaC" + bytes(64), id="flac"),
        pytest.param(b"#!AMR\n" + bytes(64), id="amr"),
        pytest.param(wav(fmt(tag=3, bits=32), SOUND), id="wav-of-floats"),
        pytest.param(wav(fmt(tag=1, bits=24), SOUND), id="wav-of-24-bits"),
        pytest.param(wav(fmt(tag=0x31, bits=0), SOUND), id="wav-of-gsm"),
        pytest.param(b"\xff\xd8\xff\xe0" + bytes(64), id="jpeg"),
        pytest.param(b"%PDF-1.7\n" + bytes(64), id="pdf"),
        pytest.param(b"<!doctype html><title>Sign in</title>", id="sign-in-page"),
        pytest.param(b"\xff\xfeh\0i\0", id="utf-16-text"),
        pytest.param(b"RIF", id="three-bytes"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_anything_that_is_not_accepted_audio_is_refused(not_audio):
    with pytest.raises(BadAudioError):
        listen(not_audio)


CUT_SHORT = "breaks off"
NO_SOUND = "no sound"


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        pytest.param(wav(SOUND), "order", id="wav-without-format"),
        pytest.param(wav(fmt()), CUT_SHORT, id="wav-without-sound"),
        pytest.param(wav(fmt(), (b"data", b"")), NO_SOUND, id="wav-of-no-length"),
        pytest.param(wav(fmt(), SOUND, SOUND), "order", id="wav-with-second-sound"),
        pytest.param(wav(fmt(), fmt(channels=2), SOUND), "order", id="wav-two-formats"),
        pytest.param(
            wav((b"fmt ", bytes(8)), SOUND), "too short", id="wav-half-format"
        ),
        pytest.param(wav(fmt(block=1), SOUND), "contradicts", id="wav-lying-format"),
        pytest.param(wav(fmt(block=0), SOUND), "contradicts", id="wav-empty-samples"),
        pytest.param(wav(fmt(channels=0), SOUND), NO_SOUND, id="wav-no-channels"),
        pytest.param(wav(fmt(rate=0), SOUND), NO_SOUND, id="wav-at-no-speed"),
        pytest.param(wav(fmt(rate=10**9), SOUND), NO_SOUND, id="wav-at-mad-speed"),
        pytest.param(
            wav(*[(b"JUNK", b"")] * 100, fmt(), SOUND), "chunks", id="wav-of-confetti"
        ),
        pytest.param(
            b"ID3\4\0\0\0\0\0\x80" + bytes(128) + MP3, "ID3", id="mp3-broken-tag"
        ),
        pytest.param(b"ID3\4\0\0\x7f\x7f\x7f\x7f" + MP3, CUT_SHORT, id="mp3-all-tag"),
        pytest.param(MP3[:4], CUT_SHORT, id="mp3-without-a-whole-frame"),
        pytest.param(MP3 + bytes(4), "not an MP3 frame", id="mp3-with-junk-behind"),
        pytest.param(
            MP3 + b"TAG" + bytes(125) + MP3, "after its end", id="mp3-behind-its-end"
        ),
        pytest.param(
            MP3 + b"\xff\xf3\x48\xc4" + bytes(140), "changes", id="mp3-of-two-rates"
        ),
        pytest.param(OPUS[: len(OGG_START)], CUT_SHORT, id="ogg-cut-in-a-page"),
        pytest.param(OGG_START, NO_SOUND, id="ogg-without-sound"),
        pytest.param(
            ogg_page(OPUS_HEAD, sequence=0), "beginning", id="ogg-without-beginning"
        ),
        pytest.param(
            ogg_page(OPUS_HEAD[:12], sequence=0, flags=2), "neither", id="ogg-half-head"
        ),
        pytest.param(
            ogg_page(b"OpusHead\x20" + OPUS_HEAD[9:], sequence=0, flags=2),
            "not known",
            id="ogg-of-an-unknown-opus",
        ),
        pytest.param(
            ogg_page(b"\x80theora" + bytes(34), sequence=0, flags=2),
            "neither",
            id="ogg-of-video",
        ),
        pytest.param(
            OGG_START + ogg_page(b"x", sequence=2, serial=8, granule=960),
            "more than one stream",
            id="ogg-of-two-streams",
        ),
        pytest.param(
            OGG_START + ogg_page(b"x", sequence=2, flags=2, granule=960),
            "more than one stream",
            id="ogg-beginning-twice",
        ),
        pytest.param(
            OGG_START + ogg_page(b"x", sequence=3, granule=960),
            "missing",
            id="ogg-page-missing",
        ),
        pytest.param(
            OGG_START
            + ogg_page(b"x", sequence=2, granule=960)
            + ogg_page(b"x", sequence=3, granule=480),
            "backwards",
            id="ogg-running-backwards",
        ),
        pytest.param(OPUS + OPUS, "after its end", id="ogg-behind-its-end"),
        pytest.param(
            OGG_START + b"JUNK" + bytes(300), "not an Ogg", id="ogg-with-junk"
        ),
    ],
)
def test_broken_audio_is_refused_with_its_reason(broken, reason):
    with pytest.raises(BadAudioError, match=reason) as refusal:
        listen(broken)

    assert refusal.type is BadAudioError


def test_tags_in_front_of_an_mp3_are_no_sound():
    tag = b"ID3\4\0\x10\0\0\1\0" + bytes(128) + b"3DI\4\0\x10\0\0\1\0"

    assert listen(tag + MP3).seconds == listen(MP3).seconds


def test_the_shortest_of_all_mp3_frames_is_a_recording():
    frame_of_24_bytes = b"\xff\xf3\x14\x00" + bytes(20)

    facts = listen(frame_of_24_bytes)

    assert (facts.seconds, facts.channels) == (576 / 24_000, 2)


def test_an_ogg_cut_off_by_a_hang_up_counts_up_to_its_last_page():
    audio = (
        OGG_START
        + ogg_page(b"x", sequence=2, granule=312 + 24_000)
        + ogg_page(b"x" * 600, sequence=3, granule=-1)
    )

    assert listen(audio).seconds == 0.5


@given(st.data())
def test_a_recording_cut_short_is_refused_or_counted_only_as_far_as_it_goes(data):
    name = data.draw(st.sampled_from(sorted(FILES)))
    whole = FILES[name]
    size = data.draw(st.integers(0, len(whole) - 1))

    try:
        facts = listen(whole[:size])
    except BadAudioError:
        return
    assert name.endswith((".mp3", ".ogg", "piped.wav"))
    assert facts.seconds <= listen(whole).seconds


def test_a_wav_that_announces_too_much_is_refused_before_its_sound_arrives():
    probe = AudioProbe(max_seconds=0.2, max_bytes=NO_LIMIT)

    with pytest.raises(AudioTooLongError):
        probe.feed(PCM16[:44])


@pytest.mark.parametrize("name", sorted(FILES))
def test_audio_longer_than_the_policy_allows_is_refused_while_it_streams(name):
    audio = FILES[name]
    seconds = listen(audio).seconds

    assert listen(audio, max_seconds=seconds).seconds == seconds
    with pytest.raises(AudioTooLongError):
        listen(audio, max_seconds=seconds - 0.001)


@pytest.mark.parametrize("name", sorted(FILES))
def test_audio_larger_than_the_policy_allows_is_refused(name):
    audio = FILES[name]

    assert listen(audio, max_bytes=len(audio)).clear_size == len(audio)
    with pytest.raises(AudioTooLongError):
        listen(audio, max_bytes=len(audio) - 1)


def test_audio_once_refused_stays_refused():
    probe = AudioProbe(max_seconds=3600, max_bytes=NO_LIMIT)
    with pytest.raises(BadAudioError):
        probe.feed(b"%PDF-1.7")

    with pytest.raises(BadAudioError):
        probe.feed(PCM16)
    with pytest.raises(BadAudioError):
        probe.finish()


def test_nothing_can_be_added_to_audio_that_has_ended():
    probe = AudioProbe(max_seconds=3600, max_bytes=NO_LIMIT)
    probe.feed(PCM16)
    probe.finish()

    with pytest.raises(RuntimeError):
        probe.feed(PCM16)


def with_scars(audio: bytes, scars: list[tuple[int, int]]) -> bytes:
    scarred = bytearray(audio)
    for place, value in scars:
        scarred[place % len(scarred)] = value
    return bytes(scarred)


magics = st.sampled_from(
    [b"", b"RIFF\0\0\0\0WAVE", b"OggS\0\2", b"ID3\4\0\0", b"\xff\xf3"]
)
scars = st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 255)), max_size=8)
hostile_audio = st.one_of(
    st.builds(bytes.__add__, magics, st.binary(max_size=2000)),
    st.builds(with_scars, st.sampled_from(sorted(FILES.values())), scars),
)
cuts = st.lists(st.integers(0, 20_000), max_size=12)


@given(hostile_audio, cuts)
def test_no_bytes_whatever_do_more_than_get_refused(audio, cuts):
    assert verdict(split(audio, cuts), max_seconds=2.0, max_bytes=3000)


@given(hostile_audio, cuts, st.floats(0.01, 2), st.integers(0, 9000))
def test_the_verdict_does_not_depend_on_how_the_stream_was_cut(
    audio, cuts, max_seconds, max_bytes
):
    limits = {"max_seconds": max_seconds, "max_bytes": max_bytes}

    assert verdict(split(audio, cuts), **limits) == verdict([audio], **limits)


@pytest.mark.parametrize("name", sorted(FILES))
def test_the_verdict_is_the_same_when_bytes_come_one_by_one(name):
    audio = FILES[name]

    assert listen(*(audio[at : at + 1] for at in range(len(audio)))) == listen(audio)


@pytest.mark.parametrize(
    "start",
    [
        pytest.param(PIPED, id="endless-wav"),
        pytest.param(b"RIFF\0\0\0\0WAVEJUNK\xf0\xff\xff\xff", id="endless-wav-chunk"),
        pytest.param(b"ID3\4\0\0\x7f\x7f\x7f\x7f", id="endless-id3-tag"),
    ],
)
def test_an_endless_stream_takes_no_more_memory_than_one_piece(start):
    piece = bytes(64 * 1024)
    probe = AudioProbe(max_seconds=1e9, max_bytes=NO_LIMIT)
    tracemalloc.start()
    try:
        probe.feed(start)
        for _ in range(2000):
            probe.feed(piece)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 64 * 1024
