"""All monitors of a site as plain data: what is kept, and the figures made of it."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from sampling.monitoring.bands import rate_band
from sampling.monitoring.engine import log10_shown
from sampling.monitoring.live import SR, Live
from sampling.monitoring.observations import Item, Monitor
from sampling.monitoring.settled import Settled

STATE_VERSION = 1
Figures = dict[tuple[str, ...], float]


@dataclass(slots=True)
class Monitors:
    """Everything up to the first call that has not ended yet."""

    live: Live = field(default_factory=Live)
    settled: Settled = field(default_factory=Settled)

    def feed(self, items: Iterable[Item]) -> None:
        """Take in what comes next in the ledger, all of it settled."""
        taken = list(items)
        self.live.feed(taken)
        self.settled.feed(taken, self.live.traffic.alarm_at)

    def ahead(self) -> Live:
        """A copy of what looks upwards, to take in calls that have not ended yet."""
        return Live.from_dict(self.live.to_dict())

    def alarms(self, ahead: Live) -> dict[Monitor, int]:
        """Which monitors wait for a decision, and the call they alarmed at.

        A recording of a call that could not be drawn has no likelihood ratio. It shows
        where every call has a group: in `direction`.
        """
        found = dict(self.settled.alarms)
        if ahead.impossible is not None:
            found.setdefault(Monitor.DIRECTION, ahead.impossible)
        return found

    def to_dict(self) -> dict[str, Any]:
        """Everything, as JSON can hold it, for a program of the same STATE_VERSION."""
        return {"live": self.live.to_dict(), "settled": self.settled.to_dict()}

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Self:
        return cls(Live.from_dict(kept["live"]), Settled.from_dict(kept["settled"]))

    def figures(self, ahead: Live) -> Figures:
        """What may be published, by metric and label values: sums, nobody's own."""
        lower, upper = rate_band(ahead.recorded, ahead.calls)
        figures: Figures = {
            ("rate_lower",): lower,
            ("rate_upper",): upper,
            ("sr_alarm_log10",): math.log10(ahead.traffic.alarm_at),
        }
        return (
            figures
            | _by_window("recorded_ratio_window", ahead.shares.now())
            | _by_window("window_max_ratio", ahead.shares.most())
            | _by_window("binomial_excess", ahead.table.excess(), "breaker")
            | _by_window("binomial_excess", ahead.alerts.excess(), "alert")
            | self._statistics(ahead)
            | self._evidence(ahead)
        )

    def _statistics(self, ahead: Live) -> Figures:
        """An alarm nobody has decided about shows, even if the drift has ended."""
        values = {m: own.statistic for m, own in self.settled.detectors.items()}
        values[Monitor.CEILING] = ahead.statistic
        undecided = set(self.alarms(ahead))
        if SR in ahead.tripped:
            undecided.add(Monitor.CEILING)
        for monitor in undecided:
            values[monitor] = max(values[monitor], ahead.traffic.alarm_at)
        return {("sr_log10", m.value): log10_shown(r) for m, r in values.items()}

    def _evidence(self, ahead: Live) -> Figures:
        own = self.settled.detectors
        current = {m: detector.log10_e for m, detector in own.items()}
        previous = {m: detector.log10_e_before for m, detector in own.items()}
        current[Monitor.CEILING] = ahead.log10_e
        previous[Monitor.CEILING] = ahead.log10_e_before
        return {
            ("eprocess_log10", monitor.value, period): log10_e
            for period, each in (("current", current), ("previous", previous))
            for monitor, log10_e in each.items()
        }


def _by_window(metric: str, by_calls: Mapping[int, float], *labels: str) -> Figures:
    return {(metric, *labels, str(n)): value for n, value in by_calls.items()}
