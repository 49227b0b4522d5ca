"""Two ready-made sets of rates, for large and for small sites.

A bucket's `burst` bounds short runs of calls, so a small site needs a small one. Such a
bucket is rarely full, and smoothing it would lower nearly every call's probability.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sampling.budget import Budget


@dataclass(frozen=True, slots=True)
class Preset:
    """A rate and the bucket that goes with it. `rate_ppm` in millionths."""

    rate_ppm: int
    budget: Budget


PRESETS: Mapping[str, Preset] = {
    # At most 70 of any 1,000 consecutive calls, 250 of any 10,000.
    "large": Preset(18_000, Budget(ceiling_ppm=20_000, burst=50, smooth=20)),
    # About 300 calls a day: at most 25 of any 1,000.
    "small": Preset(10_000, Budget(ceiling_ppm=20_000, burst=5, smooth=1)),
}
