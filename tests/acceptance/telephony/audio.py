"""What the two people in the lab's calls say, as RTP for sipp and as samples to expect.

Both begin with a tone while the announcement is still playing: none of that may ever be
recorded. Then they speak, long after it is over. The caller also types a card number,
so to say: its digits may not be recorded either.
"""

import shutil
import struct
import subprocess
import wave
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]

RATE = 8000
PACKET = 160  # samples: 20 ms
TONE_SECONDS = 0.5
SPEECH_AT = 4.0  # seconds after the call is answered
PCMU, TELEPHONE_EVENT = 0, 101
ANNOUNCEMENT_HERTZ = 1400
ESPEAK = shutil.which("espeak-ng")


class Audible(Protocol):
    """Whatever one side sends during a call."""

    def write_rtp(self, file: Path) -> None: ...


@dataclass(frozen=True)
class Voice:
    """Somebody's part in a call."""

    words: str
    hertz: int
    ssrc: int
    seconds: float
    digits: str = ""
    digits_at: float = SPEECH_AT + 0.5

    def speech(self) -> Samples:
        """What the recording must hold, to the sample, apart from silence around it."""
        return decoded(encoded(self._spoken()))

    def write_rtp(self, file: Path) -> None:
        tone = encoded(_tone(self.hertz, TONE_SECONDS))
        packets = [
            *audio_packets(tone, 0.0),
            *audio_packets(encoded(self._spoken()), SPEECH_AT),
            *digit_packets(self.digits, self.digits_at),
        ]
        file.write_bytes(pcap_of(packets, self.ssrc))

    def _spoken(self) -> Samples:
        if ESPEAK is None:
            return _tone(self.hertz // 2, self.seconds)
        return np.resize(_speech(self.words, ESPEAK), round(self.seconds * RATE))


CALLER = Voice(
    "Bonjour, je vous appelle au sujet de ma dernière facture, "
    "dont je ne comprends pas la deuxième ligne.",
    hertz=880,
    ssrc=0xCA11E4,
    seconds=3.5,
    digits="4176",
)
AGENT = Voice(
    "Bonjour, vous êtes au secrétariat. Un instant, j'ouvre votre dossier.",
    hertz=620,
    ssrc=0xA6E47,
    seconds=3.0,
)


def write_announcement(file: Path) -> None:
    """Short, so that calls can be short; the length is all that matters here."""
    with wave.open(str(file), "wb") as announcement:
        announcement.setparams((1, 2, RATE, 0, "NONE", ""))
        announcement.writeframes(_tone(ANNOUNCEMENT_HERTZ, 0.6).tobytes())


def _tone(hertz: int, seconds: float) -> Samples:
    moments = np.arange(round(seconds * RATE)) / RATE
    return (9000 * np.sin(2 * np.pi * hertz * moments)).astype(np.int16)


def _speech(words: str, espeak: str) -> Samples:
    made = subprocess.run(
        [espeak, "-v", "fr", "-s", "170", "--stdout", words],
        check=True,
        capture_output=True,
    ).stdout
    (rate,) = struct.unpack_from("<I", made, 24)
    spoken = np.frombuffer(made[44 : len(made) // 2 * 2], "<i2")
    wanted = np.arange(0, len(spoken), rate / RATE)
    return np.interp(wanted, np.arange(len(spoken)), spoken).astype(np.int16)


# µ-law by its definition (G.711, table 2a), not by the table of the code under test.
def decoded(codes: NDArray[np.uint8]) -> Samples:
    flipped = ~codes.astype(np.int32) & 0xFF
    segment, step = (flipped & 0x70) >> 4, flipped & 0x0F
    magnitude = ((2 * step + 33) << segment) * 4 - 132
    return np.where(flipped & 0x80, -magnitude, magnitude).astype(np.int16)


def encoded(samples: Samples) -> NDArray[np.uint8]:
    """The nearest code for each sample."""
    codes = np.arange(255, -1, -1, dtype=np.uint8)
    order = np.argsort(decoded(codes), kind="stable")
    levels = decoded(codes)[order].astype(np.int32)
    above = np.clip(np.searchsorted(levels, samples), 1, len(levels) - 1)
    nearer = samples - levels[above - 1] < levels[above] - samples
    return codes[order][above - nearer]


Packet = tuple[float, int, int, bytes]  # seconds, payload type, timestamp, payload


def audio_packets(codes: NDArray[np.uint8], begin: float) -> Iterator[Packet]:
    for first in range(0, len(codes), PACKET):
        at = begin + first / RATE
        payload = codes[first : first + PACKET].tobytes().ljust(PACKET, b"\xff")
        yield at, PCMU, round(at * RATE), payload


def digit_packets(digits: str, begin: float) -> Iterator[Packet]:
    """RFC 4733: the same timestamp throughout an event, its end sent three times."""
    for number, digit in enumerate(digits):
        at = begin + number * 0.4
        for step in range(1, 9):
            ending = 0x80 if step > 5 else 0
            payload = struct.pack(
                "!BBH", int(digit), ending | 10, min(step, 6) * PACKET
            )
            yield at + step * 0.02, TELEPHONE_EVENT, round(at * RATE), payload


def pcap_of(packets: Iterable[Packet], ssrc: int) -> bytes:
    packets = sorted(packets, key=lambda packet: packet[0])
    records = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)]
    for sequence, (at, payload_type, timestamp, payload) in enumerate(packets):
        rtp = struct.pack("!BBHII", 0x80, payload_type, sequence, timestamp, ssrc)
        udp = struct.pack("!HHHH", 4000, 4002, 20 + len(payload), 0) + rtp + payload
        ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), sequence, 0, 64, 17, 0)
        frame = bytes(12) + b"\x08\x00" + ip + bytes((127, 0, 0, 1)) * 2 + udp
        seconds, microseconds = divmod(round(at * 1e6), 1_000_000)
        records.append(
            struct.pack("<IIII", seconds, microseconds, len(frame), len(frame)) + frame
        )
    return b"".join(records)
