"""What is judged once a call has ended: agent, hour, direction, length, order, failure.

These look both ways (too many, too few), so a call must not be taken in before it is
known what came of it, and the calls come in the order of the ledger, which says nothing
about what came of them. Otherwise those that are known sooner would look too many.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple, Self

import numpy as np

from sampling.monitoring.engine import MULTIPLES, UPWARD, Detector
from sampling.monitoring.lengths import Lengths
from sampling.monitoring.live import month_of
from sampling.monitoring.observations import Decided, End, Item, Monitor, Watched

FAILURE_RATE = 0.02  # of the drawn calls, what a sound installation may lose
NOBODY = "-"  # the group of calls whose agent is not known
_ALTERNATIVES: Mapping[Monitor, tuple[float, ...]] = {
    monitor: UPWARD if monitor is Monitor.FAILURE else MULTIPLES
    for monitor in Monitor
    if monitor is not Monitor.CEILING
}


class _Trial(NamedTuple):
    """A call as one monitor sees it; without a group it does not see it."""

    call: Watched
    group: str | None
    is_hit: bool
    p: float


class Settled:
    """The other six monitors, as of one place in the ledger.

    `alarms` names the monitors that have reached their threshold since the last
    decision, and the call they did so at.
    """

    def __init__(self) -> None:
        self.detectors = {m: Detector(own) for m, own in _ALTERNATIVES.items()}
        self.alarms: dict[Monitor, int] = {}
        self.month = 0
        self._lengths = Lengths()
        self._was_recorded = False

    def feed(self, items: Iterable[Item], alarm_at: float) -> None:
        """Take in what comes next in the ledger, all of it settled."""
        for kind, group in groupby(items, _kind_of):
            if isinstance(kind, int):
                self._turn_month(kind)
                calls = [c for c in group if isinstance(c, Watched) and c.is_judged]
                self._take(calls, alarm_at)
            else:
                for item in group:
                    self._restart(item)

    def _turn_month(self, month: int) -> None:
        if month > self.month:
            self.month = month
            for detector in self.detectors.values():
                detector.turn_month()

    def _restart(self, item: Item) -> None:
        if isinstance(item, Decided) and item.monitor in self.detectors:
            self.detectors[item.monitor].restart()
            self.alarms.pop(item.monitor, None)

    def _take(self, calls: Sequence[Watched], alarm_at: float) -> None:
        possible = [call for call in calls if call.is_possible]
        grouped: Mapping[Monitor, Callable[[Watched], str | None]] = {
            Monitor.AGENT: lambda call: call.agent,
            Monitor.HOUR: lambda call: str(call.at.hour),
            Monitor.DIRECTION: lambda call: call.stratum.rpartition("_")[2],
            Monitor.DURATION: self._length_of,
            Monitor.SERIAL: self._follows,
        }
        for monitor, group_of in grouped.items():
            self._run(
                monitor,
                [
                    _Trial(c, group_of(c), c.is_as_drawn, c.probability)
                    for c in possible
                ],
                alarm_at,
            )
        ended = [c for c in possible if c.is_drawn and c.end is not End.EXCUSED]
        failures = [
            _Trial(c, c.agent or NOBODY, c.end is not End.RECORDED, FAILURE_RATE)
            for c in ended
        ]
        self._run(Monitor.FAILURE, failures, alarm_at)

    def _run(self, monitor: Monitor, trials: Iterable[_Trial], alarm_at: float) -> None:
        known = [trial for trial in trials if trial.group is not None]
        if not known:
            return
        path = self.detectors[monitor].run(
            [trial.group or "" for trial in known],
            [trial.is_hit for trial in known],
            np.array([trial.p for trial in known]),
        )
        if path.max() >= alarm_at:
            first = known[int(np.argmax(path >= alarm_at))]
            self.alarms.setdefault(monitor, first.call.seq)

    def _length_of(self, call: Watched) -> str | None:
        return None if call.seconds is None else self._lengths.class_of(call.seconds)

    def _follows(self, call: Watched) -> str:
        """Whether the call before this one was recorded."""
        group = "after" if self._was_recorded else "other"
        self._was_recorded = call.is_as_drawn
        return group

    def to_dict(self) -> dict[str, Any]:
        return {
            "detectors": {m.value: d.to_dict() for m, d in self.detectors.items()},
            "alarms": {m.value: seq for m, seq in self.alarms.items()},
            "month": self.month,
            "lengths": self._lengths.to_dict(),
            "was_recorded": self._was_recorded,
        }

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Self:
        settled = cls()
        settled.detectors = {
            monitor: Detector.from_dict(kept["detectors"][monitor.value], own)
            for monitor, own in _ALTERNATIVES.items()
        }
        settled.alarms = {Monitor(name): seq for name, seq in kept["alarms"].items()}
        settled.month = kept["month"]
        settled._lengths = Lengths.from_dict(kept["lengths"])
        settled._was_recorded = kept["was_recorded"]
        return settled


def _kind_of(item: Item) -> object:
    """Calls of one month are taken in together."""
    return month_of(item) if isinstance(item, Watched) else item
