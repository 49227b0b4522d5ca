"""The share recorded of the last calls, and the largest it has been under a policy."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

WINDOWS = (100, 1_000, 10_000)


class Shares:
    """Of the last n calls.

    Before n calls were made the missing ones count as skipped: the budget's bound holds
    for fewer calls, too.
    """

    def __init__(self) -> None:
        self._last: NDArray[np.uint8] = np.zeros(0, dtype=np.uint8)
        self._most = dict.fromkeys(WINDOWS, 0)

    def restart(self) -> None:
        """A new policy, with a bound of its own, is in force."""
        self._last = self._last[:0]
        self._most = dict.fromkeys(WINDOWS, 0)

    def add(self, seen: Sequence[bool]) -> None:
        """Take in calls, in order."""
        calls = np.concatenate([self._last, np.asarray(seen, dtype=np.uint8)])
        sums = np.concatenate([[0], np.cumsum(calls, dtype=np.int64)])
        ends = np.arange(len(self._last) + 1, len(sums))
        for n in WINDOWS:
            counts = sums[ends] - sums[np.maximum(ends - n, 0)]
            self._most[n] = max(self._most[n], int(counts.max(initial=0)))
        self._last = calls[-WINDOWS[-1] :]

    def now(self) -> dict[int, float]:
        return {n: int(self._last[-n:].sum()) / n for n in WINDOWS}

    def most(self) -> dict[int, float]:
        return {n: self._most[n] / n for n in WINDOWS}

    def to_dict(self) -> dict[str, Any]:
        return {
            "calls": len(self._last),
            "last": np.packbits(self._last).tobytes().hex(),
            "most": [self._most[n] for n in WINDOWS],
        }

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Self:
        shares = cls()
        packed = np.frombuffer(bytes.fromhex(kept["last"]), dtype=np.uint8)
        shares._last = np.unpackbits(packed, count=kept["calls"])
        shares._most = dict(zip(WINDOWS, kept["most"], strict=True))
        return shares
