"""The engine of all monitors: Shiryaev-Roberts detectors, and e-processes beside them.

Each call had a probability p, fixed before its draw and written in its leaf. If all is
well it is recorded with just that chance, whatever happened before. For each of several
other chances q the likelihood ratio L = q/p if it was recorded, (1-q)/(1-p) if not, has
the mean 1. Then

* R ← (1 + R)·L, averaged over the q and summed over groups, grows by at most 1 a call
  on average, so it reaches A after A calls or later on average: a drift is found
  whenever it begins. (Shin, Ramdas & Rinaldo, "E-detectors", 2023: the sum over
  disjoint groups keeps the bound, so splitting into 50 agents costs nothing.)
* E = ∏ L, averaged likewise, exceeds 1,000 once in 1,000 honest periods at most,
  however often one looks (Ville 1939): the verdict on a period. A long good history
  buries it, so it finds no drift.

Everything is kept as logarithms: nothing overflows, and a whole series of calls is done
at once. With Z = 1 + R the recursion is Z ← 1 + L·Z, and with C the running sum of
log L its solution is Z_n = e^{C_n}·(Z_0 + Σ e^{-C_k}).
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# By how much a changed chance may differ from p: never recorded … always recorded.
MULTIPLES = (1e-6, 0.2, 0.5, 1.5, 2.0, 3.0, 5.0, 10.0, 25.0, 49.0)
UPWARD = tuple(multiple for multiple in MULTIPLES if multiple > 1)
LARGEST_CHANCE = 0.98
# A statistic is shown and compared up to here: far beyond any threshold, and sums of
# such numbers are still exact to the unit that matters.
LARGEST_STATISTIC = 1e18
_LOG_LARGEST = math.log(LARGEST_STATISTIC)
_LN10 = math.log(10)


class Detector:
    """One monitor: a statistic for each of its groups."""

    def __init__(self, multiples: Sequence[float] = MULTIPLES) -> None:
        self._multiples: Floats = np.array(multiples)
        self._place: dict[str, int] = {}
        self._log_z: Floats = np.zeros((0, len(multiples)))
        self._log_e: Floats = np.zeros((0, len(multiples)))
        self._is_fresh: NDArray[np.bool_] = np.zeros(0, dtype=bool)
        self._month_before = 0.0

    @property
    def groups(self) -> list[str]:
        return list(self._place)

    @property
    def statistic(self) -> float:
        """R, summed over the groups."""
        return float(_r_of(self._log_z).sum())

    def of_group(self, group: str) -> float:
        """R of one group; 0 for one not heard of."""
        place = self._place.get(group)
        return 0.0 if place is None else float(_r_of(self._log_z[place]))

    def step(self, group: str, *, is_hit: bool, p: float) -> float:
        """Take in one call; return the statistic. The definition, call by call."""
        place = self._place_of(group)
        log_l = self._log_ratios(np.array([is_hit]), np.array([p]))[0]
        self._log_z[place] = np.logaddexp(0.0, self._log_z[place] + log_l)
        self._log_e[place] += log_l
        self._is_fresh[place] = True
        return self.statistic

    def run(self, groups: Sequence[str], hits: Sequence[bool], ps: Floats) -> Floats:
        """Take in many calls, in order; return the statistic after each of them."""
        places = np.array([self._place_of(group) for group in groups], dtype=np.int64)
        log_l = self._log_ratios(np.asarray(hits, dtype=bool), ps)
        before = self.statistic
        growth = np.zeros(len(places))
        order = np.argsort(places, kind="stable")
        edges = np.flatnonzero(np.diff(places[order])) + 1
        for own in np.split(order, edges):
            if len(own):
                growth[own] = self._run_group(places[own[0]], log_l[own])
        return before + np.cumsum(growth)

    def _run_group(self, place: np.int64, log_l: Floats) -> Floats:
        """By how much one group's R grows with each of its calls."""
        sums = np.cumsum(log_l, axis=0)
        terms = np.concatenate([self._log_z[place][np.newaxis], -sums])
        log_z = sums + np.logaddexp.accumulate(terms, axis=0)[1:]
        r = _r_of(np.concatenate([self._log_z[place][np.newaxis], log_z]))
        self._log_z[place] = log_z[-1]
        self._log_e[place] += sums[-1]
        self._is_fresh[place] = True
        return np.diff(r)

    def _log_ratios(self, hits: NDArray[np.bool_], ps: Floats) -> Floats:
        """The logarithm of L: a row for each call, a column for each alternative."""
        p = ps[:, np.newaxis]
        q = np.minimum(self._multiples * p, LARGEST_CHANCE)
        ratios: Floats = np.where(
            hits[:, np.newaxis], np.log(q / p), np.log1p(-q) - np.log1p(-p)
        )
        return ratios

    def _place_of(self, group: str) -> int:
        if group not in self._place:
            self._place[group] = len(self._place)
            more = np.zeros((1, len(self._multiples)))
            self._log_z = np.concatenate([self._log_z, more])
            self._log_e = np.concatenate([self._log_e, more])
            self._is_fresh = np.append(self._is_fresh, False)
        return self._place[group]

    # --- Months and decisions ---------------------------------------------------------

    @property
    def log10_e(self) -> float:
        """log10 of this month's e-process.

        Group j of those met so far holds 1/(j(j+1)) of the stake and cash the rest, so
        that groups need not be known beforehand.
        """
        j = np.arange(1, len(self._place) + 1)
        log_mean = np.logaddexp.reduce(self._log_e, axis=1) - math.log(
            len(self._multiples)
        )
        cash = -math.log(len(j) + 1)
        held = [cash, *(log_mean - np.log(j) - np.log(j + 1))]
        return float(np.logaddexp.reduce(held)) / _LN10

    @property
    def log10_e_before(self) -> float:
        """The same, of the month before."""
        return self._month_before

    def turn_month(self) -> None:
        """Begin a new e-process, and forget groups the ended month had no call of."""
        self._month_before = self.log10_e
        kept = np.flatnonzero(self._is_fresh)
        names = self.groups
        self._place = {names[old]: new for new, old in enumerate(kept)}
        self._log_z = self._log_z[kept]
        self._log_e = np.zeros_like(self._log_z)
        self._is_fresh = np.zeros(len(kept), dtype=bool)

    def restart(self) -> None:
        """Forget the evidence so far: people have looked at it and decided."""
        self._log_z = np.zeros_like(self._log_z)

    # --- Keeping it -------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Everything, as JSON can hold it."""
        return {
            "groups": self.groups,
            "z": self._log_z.tolist(),
            "e": self._log_e.tolist(),
            "fresh": self._is_fresh.tolist(),
            "month_before": self._month_before,
        }

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any], multiples: Sequence[float]) -> Self:
        detector = cls(multiples)
        shape = (len(kept["groups"]), len(multiples))
        detector._place = {name: place for place, name in enumerate(kept["groups"])}
        detector._log_z = np.array(kept["z"], dtype=float).reshape(shape)
        detector._log_e = np.array(kept["e"], dtype=float).reshape(shape)
        detector._is_fresh = np.array(kept["fresh"], dtype=bool).reshape(shape[0])
        detector._month_before = float(kept["month_before"])
        return detector


def _r_of(log_z: Floats) -> Floats:
    """R, averaged over the alternatives (the last axis)."""
    r: Floats = np.expm1(np.minimum(log_z, _LOG_LARGEST)).mean(axis=-1)
    return r


def log10_shown(statistic: float) -> float:
    """log10(1 + R): 0 before the first call, and log10 R wherever that matters."""
    return math.log10(1 + statistic)
