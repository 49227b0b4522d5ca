"""What is judged at once: the ceiling, the breaker table, the shares recorded.

These only look upwards, so a call may be taken in as "not recorded" the moment it is
drawn, and again, from the same state, when a recording of it is seen: a statistic made
too early is too low, never too high, and no false alarm comes of it. That is why the
breaker need not wait for calls to end.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, Self

import numpy as np

from sampling.binomial import ClosedWindows, RollingTable
from sampling.monitoring.engine import UPWARD, Detector, Floats
from sampling.monitoring.observations import (
    Adopted,
    BreakerClosed,
    Decided,
    Item,
    Monitor,
    Watched,
)
from sampling.monitoring.rules import Rules
from sampling.monitoring.threshold import Traffic
from sampling.monitoring.windows import Shares

SR, BINOMIAL = "sr", "binomial"  # what the breaker may open for
_SITE = "all"


class Live:
    """Monitors that look upwards, as of one place in the ledger.

    `tripped` names what the breaker must open for, and the call it showed at;
    `impossible` is the first call that was recorded though its probability was 0.
    """

    def __init__(self) -> None:
        self.rules = Rules()
        self.traffic = Traffic()
        self.tripped: dict[str, int] = {}
        self.impossible: int | None = None
        self.forgiven_before = 0
        self.month = 0
        self.calls = self.recorded = 0
        self.shares = Shares()
        self.alerts = ClosedWindows()
        self.table = RollingTable()
        # Each call counts for the site and for its stratum: the mean of the two.
        self.site, self.strata = Detector(UPWARD), Detector(UPWARD)

    @property
    def statistic(self) -> float:
        return (self.site.statistic + self.strata.statistic) / 2

    @property
    def log10_e(self) -> float:
        return _log10_mean(self.site.log10_e, self.strata.log10_e)

    @property
    def log10_e_before(self) -> float:
        return _log10_mean(self.site.log10_e_before, self.strata.log10_e_before)

    def feed(self, items: Iterable[Item]) -> None:
        """Take in what comes next in the ledger."""
        for (kind, *_), group in groupby(items, self._kind_of):
            if kind is Watched:
                self._take([item for item in group if isinstance(item, Watched)])
            else:
                for item in group:
                    self._turn(item)

    def _kind_of(self, item: Item) -> tuple[object, ...]:
        """Calls in one month under one policy are taken in together."""
        if isinstance(item, Watched):
            at = self.rules.at(item.epoch)
            return Watched, at and at.version, month_of(item)
        return (type(item), item.seq)

    def _turn(self, item: Item) -> None:
        match item:
            case Adopted():
                self.rules.add(item)
            case BreakerClosed():
                self.tripped = {}
                self.table = RollingTable()
                self.site.restart()
                self.strata.restart()
            case Decided(seq, Monitor.DIRECTION):
                self.impossible = None
                self.forgiven_before = seq
            case _:
                pass

    def _take(self, calls: Sequence[Watched]) -> None:
        self._turn_month(month_of(calls[0]))
        self._enter(calls[0].epoch)
        seen = [call.is_seen for call in calls]
        self.calls += len(calls)
        self.recorded += sum(seen)
        self.shares.add(seen)
        self.traffic.add(calls[-1].at.date(), len(calls))
        possible = [call for call in calls if call.is_possible]
        self.alerts.add(
            [call.is_seen for call in possible], [call.probability for call in possible]
        )
        telling = [call for call in calls if call.is_possible or call.is_seen]
        if telling:
            self._judge(telling)

    def _turn_month(self, month: int) -> None:
        if month > self.month:
            self.month = month
            self.site.turn_month()
            self.strata.turn_month()

    def _enter(self, epoch: int) -> None:
        """Begin again what is counted per policy or per campaign."""
        has_new_policy, has_new_campaign = self.rules.enter(epoch)
        if has_new_policy:
            self.shares.restart()
        if has_new_campaign:
            self.calls = self.recorded = 0

    def _judge(self, calls: Sequence[Watched]) -> None:
        if self.impossible is None:
            impossible = (call.seq for call in calls if self._is_impossible(call))
            self.impossible = next(impossible, None)
        place = self.table.add([call.is_seen for call in calls])
        if place is not None:
            self.tripped.setdefault(BINOMIAL, calls[place].seq)
        self._judge_ceiling(calls)

    def _is_impossible(self, call: Watched) -> bool:
        is_news = call.seq >= self.forgiven_before
        return call.is_seen and not call.is_possible and call.is_bound and is_news

    def _judge_ceiling(self, calls: Sequence[Watched]) -> None:
        rules = self.rules.at(calls[0].epoch)
        if rules is None or not rules.ceiling:  # nothing to compare with
            return
        p = np.array([call.probability for call in calls])
        own = np.array([rules.of(call.stratum) for call in calls])
        hits = [call.is_seen for call in calls]
        strata = [call.stratum for call in calls]
        # A call may have had more than the ceiling: minimum coverage, or its stratum.
        path: Floats = (
            self.site.run([_SITE] * len(calls), hits, np.maximum(p, rules.ceiling))
            + self.strata.run(strata, hits, np.maximum(p, own))
        ) / 2
        if path.max() >= self.traffic.alarm_at:
            first = calls[int(np.argmax(path >= self.traffic.alarm_at))]
            self.tripped.setdefault(SR, first.seq)

    def to_dict(self) -> dict[str, Any]:
        return {
            "rules": self.rules.to_dict(),
            "traffic": self.traffic.to_dict(),
            "tripped": self.tripped,
            "impossible": self.impossible,
            "forgiven_before": self.forgiven_before,
            "month": self.month,
            "calls": self.calls,
            "recorded": self.recorded,
            "shares": self.shares.to_dict(),
            "alerts": self.alerts.to_dict(),
            "table": self.table.to_dict(),
            "site": self.site.to_dict(),
            "strata": self.strata.to_dict(),
        }

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Self:
        live = cls()
        live.rules = Rules.from_dict(kept["rules"])
        live.traffic = Traffic.from_dict(kept["traffic"])
        live.tripped = dict(kept["tripped"])
        live.impossible = kept["impossible"]
        live.forgiven_before = kept["forgiven_before"]
        live.month = kept["month"]
        live.calls, live.recorded = kept["calls"], kept["recorded"]
        live.shares = Shares.from_dict(kept["shares"])
        live.alerts = ClosedWindows.from_dict(kept["alerts"])
        live.table = RollingTable.from_dict(kept["table"])
        live.site = Detector.from_dict(kept["site"], UPWARD)
        live.strata = Detector.from_dict(kept["strata"], UPWARD)
        return live


def month_of(call: Watched) -> int:
    """Calendar months, numbered."""
    return call.at.year * 12 + call.at.month


def _log10_mean(one: float, other: float) -> float:
    high, low = max(one, other), min(one, other)
    return high + math.log10((1 + 10 ** (low - high)) / 2)
