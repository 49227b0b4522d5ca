"""The cross-check of the monitors: binomial tables, computed with whole numbers.

It answers the same question as the `ceiling` monitor in another way, so that a fault in
one does not blind both: it shares no function with `sampling.monitoring`.

Two tables. The *breaker* table is looked at after every call: of the last 10 … 1,000,
more recordings than 10 % of calls (the hard ceiling) would give once in a million
windows. The *alert* table is for closed windows that do not overlap: more than 99.9 %
of such windows would have at the calls' own probability. Looked at after every call it
would cry wolf.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

PPM = 1_000_000
BREAKER_PPM = 100_000  # 10 %: no policy may exceed it
BREAKER_WINDOWS = (10, 20, 50, 200, 1_000)
BREAKER_CHANCE = Fraction(1, 1_000_000)
ALERT_WINDOWS = (100, 500, 1_000, 10_000)
ALERT_CHANCE = Fraction(1, 1_000)


@lru_cache(maxsize=1024)
def limit(calls: int, ppm: int, chance: Fraction) -> int:
    """The smallest k with P(more than k of `calls` at `ppm` millionths) <= `chance`.

    Exact: the distribution function is summed in integers.
    """
    shared = math.gcd(ppm, PPM)
    hit, miss = ppm // shared, (PPM - ppm) // shared
    everything = (hit + miss) ** calls
    term = below = miss**calls
    k = 0
    while (everything - below) * chance.denominator > everything * chance.numerator:
        term = term * (calls - k) * hit // ((k + 1) * miss)
        k += 1
        below += term
    return k


def breaker_limits() -> dict[int, int]:
    """How many of the last n calls may be recorded at most, by n."""
    return {n: limit(n, BREAKER_PPM, BREAKER_CHANCE) for n in BREAKER_WINDOWS}


class RollingTable:
    """The breaker table over the last calls."""

    def __init__(self) -> None:
        self._last: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        self._peak = dict.fromkeys(BREAKER_WINDOWS, 0)
        self._limits = breaker_limits()

    def add(self, recorded: Sequence[bool]) -> int | None:
        """Take in calls, in order; the place of the first that exceeds a limit."""
        calls = np.concatenate([self._last, np.asarray(recorded, dtype=np.int64)])
        before = len(self._last)
        firsts = [
            found
            for n in BREAKER_WINDOWS
            if (found := self._exceeded(calls, before, n)) is not None
        ]
        self._last = calls[-BREAKER_WINDOWS[-1] :]
        return min(firsts, default=None)

    def _exceeded(
        self, calls: NDArray[np.int64], before: int, window: int
    ) -> int | None:
        sums = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(calls)])
        ends = np.arange(before + 1, len(sums))
        counts = sums[ends] - sums[np.maximum(ends - window, 0)]
        over = counts - self._limits[window]
        if not len(over) or over.max() <= 0:
            return None
        self._peak[window] = max(self._peak[window], int(over.max()))
        return int(np.argmax(over > 0))

    def excess(self) -> dict[int, int]:
        """Recorded minus the limit, by window; once exceeded, the largest there was."""
        return {
            n: self._peak[n] or int(self._last[-n:].sum()) - self._limits[n]
            for n in BREAKER_WINDOWS
        }

    def to_dict(self) -> dict[str, Any]:
        return {
            "last": "".join(map(str, self._last.tolist())),
            "peak": [self._peak[n] for n in BREAKER_WINDOWS],
        }

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Self:
        table = cls()
        table._last = np.array([int(x) for x in kept["last"]], dtype=np.int64)
        table._peak = dict(zip(BREAKER_WINDOWS, kept["peak"], strict=True))
        return table


class ClosedWindows:
    """The alert table over windows that do not overlap, each judged when it is full.

    The limit is that of the window's highest probability: where others were lower it is
    on the safe side, and never cries wolf.
    """

    def __init__(self) -> None:
        self._open = dict.fromkeys(ALERT_WINDOWS, (0, 0, 0))  # calls, recorded, ppm
        self._closed = dict.fromkeys(ALERT_WINDOWS, 0)

    def add(self, recorded: Sequence[bool], probabilities: Sequence[float]) -> None:
        """Take in calls, in order."""
        ppms = [math.ceil(p * PPM) for p in probabilities]
        for n in ALERT_WINDOWS:
            self._add(n, recorded, ppms)

    def _add(self, n: int, recorded: Sequence[bool], ppms: Sequence[int]) -> None:
        at = 0
        while at < len(ppms):
            calls, hits, highest = self._open[n]
            end = min(len(ppms), at + n - calls)
            hits += sum(recorded[at:end])
            highest = max(highest, *ppms[at:end])
            self._open[n] = (calls + end - at, hits, highest)
            at = end
            if self._open[n][0] == n:
                self._closed[n] = hits - limit(n, min(highest, PPM - 1), ALERT_CHANCE)
                self._open[n] = (0, 0, 0)

    def excess(self) -> dict[int, int]:
        """Recorded minus the limit of the last full window, by its length."""
        return dict(self._closed)

    def to_dict(self) -> dict[str, Any]:
        return {
            "open": [list(self._open[n]) for n in ALERT_WINDOWS],
            "closed": [self._closed[n] for n in ALERT_WINDOWS],
        }

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Self:
        windows = cls()
        windows._open = {n: _three(each) for n, each in _by_window(kept["open"])}
        windows._closed = {n: int(each) for n, each in _by_window(kept["closed"])}
        return windows


def _by_window(kept: Iterable[Any]) -> Iterable[tuple[int, Any]]:
    return zip(ALERT_WINDOWS, kept, strict=True)


def _three(kept: Sequence[int]) -> tuple[int, int, int]:
    calls, hits, ppm = kept
    return calls, hits, ppm
