"""One walk along the ledger: from the first call that is not judged yet to its end.

What is settled, up to the first call that is not, is judged for good. From there on
only a copy of what looks upwards goes ahead, and is made anew with every walk.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from proxy.monitoring.keeping import Keeping, Kept
from proxy.monitoring.reading import (
    QUERIES,
    Reading,
    read,
    read_decisions,
    read_strays,
)
from sampling.monitoring.live import Live
from sampling.monitoring.observations import Item, Watched

# Small enough to hold up nobody's call for more than some milliseconds.
_AT_ONCE = 500
MOST_IN_A_WALK = 30_000
# More calls in hand than this, and the older half is judged by what is known, and only
# by what looks upwards.
MOST_AHEAD = 20_000


@dataclass(slots=True)
class Walk:
    """A walk under way, and what came of it.

    `ahead` is the copy that went ahead, `end` the leaf after the last one read,
    `length` how many were read, `flags` the sightings counted for good. `overdue` is
    the leaf before which calls no longer wait to be settled.
    """

    keeping: Keeping
    kept: Kept
    overdue: int = 0
    end: int = 0
    flags: list[bytes] = field(default_factory=list)
    is_changed: bool = False
    length: int = 0
    _ahead: Live | None = None
    _seen_ahead: list[int] = field(default_factory=list)
    _beside: list[Reading] = field(default_factory=list)

    @property
    def ahead(self) -> Live:
        if self._ahead is None:
            self._ahead = self.kept.monitors.ahead()
        return self._ahead

    async def go(self) -> None:
        self.end = self.kept.position
        await self._meet_decisions()
        for _ in range(MOST_IN_A_WALK // _AT_ONCE):
            readings = await read(
                self.keeping.connection,
                self.keeping.site,
                self.end,
                _AT_ONCE,
                self.keeping.now,
            )
            self._pass(readings)
            if len(readings) < _AT_ONCE or len(self._seen_ahead) > MOST_AHEAD:
                break
        self.ahead.feed(_items(self._beside))
        if len(self._seen_ahead) > MOST_AHEAD:
            self.overdue = self._seen_ahead[MOST_AHEAD // 2]

    async def _meet_decisions(self) -> None:
        """What people decided holds from here on; what is beside the ledger waits."""
        connection, site = self.keeping.connection, self.keeping.site
        await connection.execute(QUERIES["place_decisions"], site, self.end)
        decisions = await read_decisions(connection, site, self.end)
        here = [decided for decided in decisions if decided.seq == self.end]
        self.kept.monitors.feed(_items(here))
        self.is_changed = self.kept.is_new or bool(here)
        strays = await read_strays(
            connection, site, self.kept.monitors.live.rules.epoch
        )
        later = [decided for decided in decisions if decided.seq > self.end]
        self._beside = sorted([*later, *strays], key=lambda reading: reading.seq)

    def _pass(self, readings: list[Reading]) -> None:
        if not readings:
            return
        settled = [] if self._ahead else list(self._settled(readings))
        if settled:
            self._judge(settled)
        rest = readings[len(settled) :]
        if rest:
            self.ahead.feed(_items(self._with_beside(rest)))
            self._seen_ahead += [reading.seq for reading in rest]
        self.end = readings[-1].seq + 1
        self.length += len(readings)

    def _settled(self, readings: Iterable[Reading]) -> Iterator[Reading]:
        for reading in readings:
            if reading.is_settled:
                yield reading
            elif reading.seq < self.overdue and isinstance(reading.item, Watched):
                yield replace(reading, item=replace(reading.item, is_judged=False))
            else:
                return

    def _judge(self, settled: list[Reading]) -> None:
        together = list(self._with_beside(settled))
        self.kept.monitors.feed(_items(together))
        self.kept.position = settled[-1].seq + 1
        self.flags += [reading.flag for reading in together if reading.flag]
        self.is_changed = True

    def _with_beside(self, readings: list[Reading]) -> Iterator[Reading]:
        """Leaves, and what is not in the ledger, where it belongs."""
        for reading in readings:
            while self._beside and self._beside[0].seq <= reading.seq:
                yield self._beside.pop(0)
            yield reading


def _items(readings: Iterable[Reading]) -> list[Item]:
    return [reading.item for reading in readings if reading.item is not None]
