"""Voices that nothing else can sound like: wherever a piece of one lies, it is found.

Each is noise from a seed, from the call's first moment to its last, so that wherever an
objection falls there is something to find, and a packet missing is seen.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.acceptance.telephony.audio import (
    RATE,
    audio_packets,
    decoded,
    digit_packets,
    pcap_of,
)

SILENCE = 0xFF
EXCERPT = RATE // 20


@dataclass(frozen=True)
class KnownVoice:
    """`pauses`: silent for most of each second, so that the other is heard alone."""

    seed: int
    seconds: float
    pauses: bool = False
    digits: str = ""
    digits_at: float = 0.0

    @property
    def ssrc(self) -> int:
        return 0x5EED0000 + self.seed

    def codes(self) -> NDArray[np.uint8]:
        """The samples as G.711 has them."""
        count = round(self.seconds * RATE)
        codes = np.random.default_rng(self.seed).integers(0, 256, count, np.uint8)
        if self.pauses:
            codes[np.arange(count) % RATE >= RATE // 4] = SILENCE
        return codes

    def write_rtp(self, file: Path) -> None:
        packets = [
            *audio_packets(self.codes(), 0.0),
            *digit_packets(self.digits, self.digits_at),
        ]
        file.write_bytes(pcap_of(packets, self.ssrc))

    def secrets(self, name: str) -> dict[str, bytes]:
        """As it is captured, and as samples."""
        excerpts = self._excerpts()
        return {
            f"{name}, captured": excerpts.tobytes(),
            f"{name}, mono": decoded(excerpts).tobytes(),
        }

    def stereo_secrets(self, name: str) -> dict[str, bytes]:
        """As one of two channels, the other silent: as it is shipped.

        Half of that is zeros: a database's pages may hold eight bytes of it by chance.
        """
        samples = decoded(self._excerpts())
        silence = np.zeros_like(samples)
        return {
            f"{name}, left": np.column_stack([samples, silence]).tobytes(),
            f"{name}, right": np.column_stack([silence, samples]).tobytes(),
        }

    def _excerpts(self) -> NDArray[np.uint8]:
        """Of each half second a part, enough to find any piece that is longer."""
        codes = self.codes()
        within = np.arange(len(codes)) % (RATE // 2)
        begin = 0 if self.pauses else RATE // 2 - EXCERPT
        return codes[(within >= begin) & (within < begin + EXCERPT)]
