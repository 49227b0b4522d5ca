"""A capture's RTP becomes stereo audio: the person outside left, the agent right.

DTMF is not audio and never leaves the capture: the digits of a typed card number are
among it. No timestamp that a phone sends can place audio, or ask for memory, beyond the
seconds that the decision allows.
"""

from dataclasses import dataclass
from typing import BinaryIO, Final

import numpy as np

from proxy.errors import BadAudioError
from proxy.ship.g711 import DECODERS, Samples
from proxy.ship.pcap import RtpPacket, rtp_packets
from proxy.ship.ticket import Ticket
from proxy.ship.wav import CHANNELS, RATE

# A stream whose own clock and its arrival differ by more was restarted: phones do set
# timestamps back to 0 in mid-stream, keeping the SSRC (seen with rtpengine 10.5, 2026).
_LARGEST_DRIFT: Final = RATE // 2


def stereo_samples(raw_capture: BinaryIO, ticket: Ticket) -> Samples:
    """The call's audio, at most `ticket.max_seconds` from the first sound.

    One row a moment, left and right, at 8 kHz. Raises `BadAudioError` when the capture
    cannot be read or has no G.711 in it.
    """
    recording = _Recording(ticket.max_seconds * RATE)
    for packet in rtp_packets(raw_capture):
        decoder = DECODERS.get(packet.payload_type)
        if decoder is not None and packet.payload:
            codes = np.frombuffer(packet.payload, np.uint8)
            recording.add(ticket.channel(packet.port), packet, decoder[codes])
    return recording.samples()


class _Recording:
    """Samples written to their places in time, as far as the maximum goes."""

    def __init__(self, most: int) -> None:
        # The zeros cost memory only where something is written.
        self._samples: Samples = np.zeros((most, CHANNELS), np.int16)
        self._end = 0
        self._first_at: float | None = None
        self._clocks: dict[tuple[int, int], _StreamClock] = {}

    def add(self, channel: int, packet: RtpPacket, sound: Samples) -> None:
        if self._first_at is None:
            self._first_at = packet.arrived_at
        arrival = round((packet.arrived_at - self._first_at) * RATE)
        clock = self._clocks.setdefault(
            (channel, packet.ssrc), _StreamClock(arrival, packet.timestamp)
        )
        self._write(channel, clock.place(packet.timestamp, arrival), sound)

    def _write(self, channel: int, place: int, sound: Samples) -> None:
        begin = max(place, 0)
        end = min(place + len(sound), len(self._samples))
        if begin < end:
            self._samples[begin:end, channel] = sound[begin - place : end - place]
            self._end = max(self._end, end)

    def samples(self) -> Samples:
        if not self._end:
            raise BadAudioError("the capture has no G.711 audio")
        return self._samples[: self._end]


@dataclass(slots=True)
class _StreamClock:
    """Turns a stream's timestamps into places, starting over when they jump."""

    place_then: int
    timestamp_then: int

    def place(self, timestamp: int, arrival: int) -> int:
        passed = (timestamp - self.timestamp_then + 2**31) % 2**32 - 2**31
        if abs(self.place_then + passed - arrival) > _LARGEST_DRIFT:
            self.place_then, self.timestamp_then, passed = arrival, timestamp, 0
        return self.place_then + passed
