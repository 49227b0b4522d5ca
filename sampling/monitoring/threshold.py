"""From how many calls a site has to the value at which its monitors alarm."""

import math
from collections.abc import Mapping
from datetime import date
from typing import Any, Self

from sampling.monitoring.observations import Monitor

LEAST_ALARM = 1e6
YEARS_BETWEEN_FALSE_ALARMS = 2
_DAYS = 30
_STEPS = 10  # a power of ten
_PERIODS_A_YEAR = 12.2  # of 30 days; the alert rule that checks A reckons with 12


class Traffic:
    """Calls of each of the last 30 days."""

    def __init__(self) -> None:
        self._calls: dict[int, int] = {}

    def add(self, day: date, calls: int) -> None:
        at = day.toordinal()
        self._calls[at] = self._calls.get(at, 0) + calls
        if len(self._calls) > _DAYS:
            self._calls = {d: n for d, n in self._calls.items() if d > at - _DAYS}

    @property
    def alarm_at(self) -> float:
        """A = 2 x calls a year x monitors: in two years, one false alarm or none.

        At a new site it grows with the calls made so far: after n calls a false alarm
        then has come with probability ln(n)/170 at most, not n/A. In steps, for it is
        published at once and must not count single calls; upwards, to be safe.
        """
        calls_a_year = _PERIODS_A_YEAR * sum(self._calls.values())
        wanted = YEARS_BETWEEN_FALSE_ALARMS * calls_a_year * len(Monitor)
        if wanted <= LEAST_ALARM:
            return LEAST_ALARM
        return float(10 ** (math.ceil(math.log10(wanted) * _STEPS) / _STEPS))

    def to_dict(self) -> dict[str, Any]:
        return {str(day): calls for day, calls in self._calls.items()}

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Self:
        traffic = cls()
        traffic._calls = {int(day): int(calls) for day, calls in kept.items()}
        return traffic
