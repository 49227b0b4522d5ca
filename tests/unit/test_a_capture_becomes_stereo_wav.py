"""What rtpengine captured becomes a WAV: outside left, agent right, nothing else in it.

The capture is whatever phones sent, so the second half of this file is hostile.
"""

import io
import struct
import sys
import warnings
import wave
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import BadAudioError
from proxy.ship.g711 import DECODERS, Samples
from proxy.ship.stereo import stereo_samples
from proxy.ship.ticket import LONGEST_SECONDS, Channel, Ticket
from proxy.ship.wav import RATE, stereo_wav

CALLER_PORT, AGENT_PORT = 40_000, 40_002
PCMU, PCMA, COMFORT_NOISE, OPUS, TELEPHONE_EVENT = 0, 8, 13, 96, 101
LOUD, QUIET = b"\x80", b"\xff"  # µ-law
LOUDEST = 32_124
ID = "0b9d7d3c-4a5e-4b6f-8a7b-0123456789ab"
TICKET = Ticket(ID, 60, Channel.OUTSIDE, CALLER_PORT)
ETHERNET, RAW_IP = 1, 101


@dataclass(frozen=True)
class Packet:
    """One 20 ms packet, unless told otherwise."""

    at: float = 0.0
    port: int = CALLER_PORT
    payload: bytes = LOUD * 160
    payload_type: int = PCMU
    timestamp: int = 0
    ssrc: int = 1
    first_byte: int = 0x80

    def rtp(self) -> bytes:
        head = struct.pack(
            "!BBHII", self.first_byte, self.payload_type, 0, self.timestamp, self.ssrc
        )
        return head + self.payload


def in_ipv4(packet: Packet) -> bytes:
    udp = struct.pack("!HHHH", 5000, packet.port, 8 + len(packet.rtp()), 0)
    length = 28 + len(packet.rtp())
    head = struct.pack("!BBHHHBBH8x", 0x45, 0, length, 0, 0, 64, 17, 0)
    return head + udp + packet.rtp()


def in_ipv6(packet: Packet) -> bytes:
    udp = struct.pack("!HHHH", 5000, packet.port, 8 + len(packet.rtp()), 0)
    head = struct.pack("!IHBB32x", 0x60000000, 8 + len(packet.rtp()), 17, 64)
    return head + udp + packet.rtp()


def capture(packets: Iterable[Packet], link: int = RAW_IP, wrap=in_ipv4) -> bytes:
    records = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, link)]
    for packet in packets:
        frame = bytes(14 if link == ETHERNET else 0) + wrap(packet)
        seconds, fraction = divmod(round((1_795_000_000 + packet.at) * 1e6), 1_000_000)
        records.append(struct.pack("<IIII", seconds, fraction, len(frame), len(frame)))
        records.append(frame)
    return b"".join(records)


def speech(seconds: float, **common: object) -> list[Packet]:
    begin = common.pop("at", 0.0)
    return [
        Packet(at=begin + n * 0.02, timestamp=n * 160, **common)
        for n in range(round(seconds * 50))
    ]


def heard(packets: Iterable[Packet], ticket: Ticket = TICKET, **how: object) -> Samples:
    return stereo_samples(io.BytesIO(capture(packets, **how)), ticket)


def seconds_of_sound(samples: Samples) -> list[float]:
    return [np.count_nonzero(samples[:, side]) / RATE for side in (0, 1)]


def test_the_outside_is_left_and_the_agent_is_right():
    samples = heard([*speech(2.0), *speech(1.0, port=AGENT_PORT, ssrc=2)])

    assert samples.shape == (2 * RATE, 2)
    assert seconds_of_sound(samples) == [2.0, 1.0]


def test_sides_do_not_depend_on_who_is_heard_first():
    samples = heard([*speech(1.0, port=AGENT_PORT, ssrc=2), *speech(2.0, at=0.5)])

    assert seconds_of_sound(samples) == [2.0, 1.0]


def test_when_the_agent_placed_the_call_the_agent_still_is_right():
    ticket = replace(TICKET, known_side=Channel.AGENT)
    samples = heard([*speech(2.0), *speech(1.0, port=AGENT_PORT, ssrc=2)], ticket)

    assert seconds_of_sound(samples) == [1.0, 2.0]


def test_silence_is_kept_where_it_was():
    samples = heard([*speech(1.0), *speech(1.0, port=AGENT_PORT, ssrc=2, at=1.5)])

    assert len(samples) == 2.5 * RATE
    assert not samples[: int(1.5 * RATE), 1].any()


def test_nothing_beyond_the_maximum_is_kept_of_a_long_call():
    ticket = replace(TICKET, max_seconds=10)
    samples = heard(speech(40.0), ticket)

    assert len(samples) == 10 * RATE


def test_keys_noise_other_codecs_and_control_packets_are_not_audio():
    others = [
        Packet(payload_type=kind, payload=LOUD * 160)
        for kind in (TELEPHONE_EVENT, COMFORT_NOISE, OPUS, 200, 201)
    ]
    samples = heard([*others, *speech(1.0, payload=QUIET * 160), *others])

    assert not samples.any()
    with pytest.raises(BadAudioError):
        heard(others)


@pytest.mark.parametrize("link", [ETHERNET, RAW_IP])
@pytest.mark.parametrize("wrap", [in_ipv4, in_ipv6])
def test_each_of_rtpengines_formats_is_read(link: int, wrap):
    assert seconds_of_sound(heard(speech(1.0), link=link, wrap=wrap)) == [1.0, 0.0]


@pytest.mark.parametrize(
    ("first_byte", "before", "after"),
    [
        (0x82, bytes(8), b""),  # two contributing sources
        (0x90, struct.pack("!HH", 0, 1) + bytes(4), b""),  # header extension
        (0xA0, b"", b"\x55\x55\x03"),  # padding
    ],
)
def test_only_the_payload_of_a_packet_is_heard(
    first_byte: int, before: bytes, after: bytes
):
    payload = before + LOUD * 160 + after
    samples = heard([Packet(payload=payload, first_byte=first_byte)])

    assert samples[:, 0].tolist() == [LOUDEST] * 160


def test_a_stream_that_starts_over_goes_on_at_its_arrival():
    again = [replace(packet, at=packet.at + 5) for packet in speech(1.0)]
    samples = heard([*speech(1.0), *again])

    assert len(samples) == 6 * RATE
    assert seconds_of_sound(samples) == [2.0, 0.0]


def test_a_stream_goes_on_over_the_end_of_its_clock():
    late = [replace(p, timestamp=(p.timestamp - 4000) % 2**32) for p in speech(1.0)]

    assert seconds_of_sound(heard(late)) == [1.0, 0.0]


def test_jitter_and_disorder_of_arrival_do_not_move_the_sound():
    packets = speech(1.0)
    shaken = [replace(p, at=p.at + 0.1 * (n % 3)) for n, p in enumerate(packets)]
    shaken = [packets[0], *sorted(shaken[1:], key=lambda packet: packet.at)]

    assert seconds_of_sound(heard(shaken)) == [1.0, 0.0]
    assert len(heard(shaken)) == RATE


def test_the_wav_is_one_that_others_can_read():
    samples = heard([*speech(2.0), *speech(1.0, port=AGENT_PORT, ssrc=2)])
    with wave.open(io.BytesIO(stereo_wav(samples))) as read:
        shape = (read.getnchannels(), read.getsampwidth(), read.getframerate())
        frames = np.frombuffer(read.readframes(read.getnframes()), "<i2")

    assert shape == (2, 2, 8000)
    assert np.array_equal(frames.reshape(-1, 2), samples)


def test_the_codec_tables_are_those_of_the_standard():
    levels = {
        PCMU: {0x00: -32124, 0x80: 32124, 0xFF: 0, 0x7F: 0, 0xFE: 8, 0x0F: -16764},
        PCMA: {0xD5: 8, 0x55: -8, 0xAA: 32256, 0x2A: -32256, 0xD4: 24, 0x80: 5504},
    }

    for codec, expected in levels.items():
        assert {code: DECODERS[codec][code] for code in expected} == expected


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="audioop is gone")
def test_the_codec_tables_agree_with_the_former_standard_library():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import audioop  # noqa: PLC0415 - importing it warns
    every_code = bytes(range(256))
    theirs = {
        PCMU: audioop.ulaw2lin(every_code, 2),
        PCMA: audioop.alaw2lin(every_code, 2),
    }

    for codec, levels in theirs.items():
        assert DECODERS[codec].tobytes() == levels


# --- metadata -------------------------------------------------------------------------

NOTE = "/rec/pcaps/a.pcap\n\n\ncall start time: 2026-11-21T21:46:04\n\n\n"


def test_the_ticket_is_read_from_the_last_line():
    assert Ticket.parse(f"{NOTE}decision:{ID}|max:60|caller:40000\n") == TICKET
    assert Ticket.parse(f"{NOTE}decision:{ID}|max:60|agent:40000\r\n\n") == replace(
        TICKET, known_side=Channel.AGENT
    )


@pytest.mark.parametrize(
    "raw_line",
    [
        "",
        "refused",
        "call end time: 2026-11-21T21:46:14",
        f"decision:{ID}",
        f"decision:{ID}|max:60",
        f"decision:{ID}|max:0|caller:40000",
        f"decision:{ID}|max:-1|caller:40000",
        f"decision:{ID}|max:600000|caller:40000",
        f"decision:{ID}|max:60|caller:0",
        f"decision:{ID}|max:60|nobody:40000",
        f"decision:{ID}|max:60|caller:40000|more:1",
        f"decision:{ID}/../x|max:60|caller:40000",
        "decision:|max:60|caller:40000",
        f"decision:{ID}|max:٦٠|caller:40000",
        f"xdecision:{ID}|max:60|caller:40000",
    ],
)
def test_what_is_no_ticket_is_nobodys(raw_line: str):
    assert Ticket.parse(NOTE + raw_line + "\n") is None


def test_a_ticket_that_a_phone_wrote_into_its_sdp_is_not_believed():
    forged = f"{NOTE}SDP mode: offer\na=x\ndecision:{ID}|max:60|caller:40000\n"

    assert Ticket.parse(forged + "\n\ncall end time: 2026-11-21T21:46:14\n") is None
    assert Ticket.parse(forged + "\n\nrefused\n") is None


def test_no_ticket_allows_more_than_the_longest_recording():
    ticket = Ticket.parse(f"{NOTE}decision:{ID}|max:99999|caller:40000")

    assert ticket is not None
    assert ticket.max_seconds == LONGEST_SECONDS


@given(st.text())
def test_any_note_is_a_ticket_or_none(raw_note: str):
    assert Ticket.parse(raw_note) is None or "decision:" in raw_note


# --- hostile captures -----------------------------------------------------------------


def outcome(raw_capture: bytes, ticket: Ticket = TICKET) -> Samples | None:
    try:
        return stereo_samples(io.BytesIO(raw_capture), ticket)
    except BadAudioError:
        return None


@pytest.mark.parametrize(
    "raw_capture",
    [
        b"",
        b"RIFF",
        capture([])[:10],
        capture([]),
        b"\x00" * 24 + capture(speech(1.0))[24:],
        capture(speech(1.0), link=113),
    ],
    ids=["nothing", "a WAV", "half a header", "no packets", "no magic", "other link"],
)
def test_what_is_no_capture_is_refused(raw_capture: bytes):
    with pytest.raises(BadAudioError):
        stereo_samples(io.BytesIO(raw_capture), TICKET)


@given(st.integers(0, 50 * (16 + 200)))
def test_a_capture_cut_anywhere_gives_what_came_before_the_cut(kept: int):
    whole = capture(speech(1.0))
    complete = outcome(whole)
    cut = outcome(whole[:kept])

    assert complete is not None
    assert cut is None or np.array_equal(cut, complete[: len(cut)])


@given(st.binary(max_size=2000))
def test_no_bytes_can_do_more_than_be_refused(raw_records: bytes):
    samples = outcome(capture([]) + raw_records)

    assert samples is None or len(samples) <= TICKET.max_seconds * RATE


@given(st.data())
def test_a_capture_with_any_bytes_changed_stays_within_its_limits(data: st.DataObject):
    raw_capture = bytearray(capture(speech(0.2)))
    for _ in range(data.draw(st.integers(1, 20))):
        place = data.draw(st.integers(0, len(raw_capture) - 1))
        raw_capture[place] = data.draw(st.integers(0, 255))
    samples = outcome(bytes(raw_capture))

    assert samples is None or len(samples) <= TICKET.max_seconds * RATE


packets = st.builds(
    Packet,
    at=st.floats(-1e6, 1e6),
    port=st.sampled_from([CALLER_PORT, AGENT_PORT, 1]),
    payload=st.binary(max_size=400),
    payload_type=st.sampled_from([PCMU, PCMA, TELEPHONE_EVENT]),
    timestamp=st.integers(0, 2**32 - 1),
    ssrc=st.integers(0, 3),
    first_byte=st.integers(0, 255),
)


@given(st.lists(packets, max_size=30), st.integers(1, 100))
def test_no_time_that_a_packet_claims_makes_a_recording_longer(
    sent: list[Packet], max_seconds: int
):
    samples = outcome(capture(sent), replace(TICKET, max_seconds=max_seconds))

    assert samples is None or len(samples) <= max_seconds * RATE
