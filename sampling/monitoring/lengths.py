"""Ten classes of call lengths, each with about a tenth of the site's calls.

The edges follow from earlier calls only, and stay as they are for a thousand calls, so
whether a call is recorded has no say in its own class's edges.
"""

import math
from bisect import bisect_right
from collections.abc import Mapping
from typing import Any, Self

CLASSES = 10
CALLS_BETWEEN_EDGES = 1_000
FIRST_EDGES = (15.0, 30.0, 60.0, 90.0, 120.0, 180.0, 240.0, 360.0, 600.0)  # seconds
_STEPS_PER_DOUBLING = 4
_STEPS = 48  # from one second to more than an hour


class Lengths:
    """A coarse histogram of the lengths so far, and the edges that follow from it."""

    def __init__(self) -> None:
        self._counts = [0] * (_STEPS + 1)
        self._edges = list(FIRST_EDGES)
        self._since = 0

    def class_of(self, seconds: float) -> str:
        """The class of one more call, counted from "0" for the shortest."""
        found = bisect_right(self._edges, seconds)
        self._counts[_step(seconds)] += 1
        self._since += 1
        if self._since == CALLS_BETWEEN_EDGES:
            self._edges = self._tenths()
            self._since = 0
        return str(found)

    def _tenths(self) -> list[float]:
        """The upper end of the step in which each tenth of all calls is full."""
        everything = sum(self._counts)
        edges: list[float] = []
        below = 0
        for step, count in enumerate(self._counts):
            below += count
            while below * CLASSES >= (len(edges) + 1) * everything:
                edges.append(2 ** ((step + 1) / _STEPS_PER_DOUBLING))
        return edges[: CLASSES - 1]

    def to_dict(self) -> dict[str, Any]:
        return {"counts": self._counts, "edges": self._edges, "since": self._since}

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Self:
        lengths = cls()
        lengths._counts = list(kept["counts"])
        lengths._edges = list(kept["edges"])
        lengths._since = int(kept["since"])
        return lengths


def _step(seconds: float) -> int:
    whole = int(_STEPS_PER_DOUBLING * math.log2(max(seconds, 1.0)))
    return min(whole, _STEPS)
