"""Whom somebody has listened to lately: figures that follow a window as it slides."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from uuid import UUID

from proxy.access.watch.lines import Lines, Seen, Stretch


class Listening:
    """What was heard within the window, by whom it is about.

    `recorded` is how many recordings there are, by practice and agent.
    """

    def __init__(self, recorded: Mapping[str, Mapping[bytes, int]]) -> None:
        self._recorded = recorded
        self._practices: Counter[str | None] = Counter()
        self.there: Counter[bytes] = Counter()
        """By agent, what there was to choose from in the practices that were heard."""
        self._plays: Counter[tuple[bytes, UUID | None]] = Counter()
        self._of_agent: dict[bytes, list[Seen]] = defaultdict(list)
        self._begins: Counter[bytes] = Counter()
        self._ranks = _Ranks()

    @property
    def items(self) -> int:
        """How many recordings were heard, each counted once."""
        return len(self._plays)

    @property
    def most(self) -> tuple[bytes | None, int]:
        """The agent of most of them, and of how many; of several, one."""
        return self._ranks.first()

    def of(self, agent: bytes) -> Stretch:
        """The lines that are about them."""
        lines = self._of_agent[agent]
        return Stretch(lines, self._begins[agent], len(lines) - 1)

    def slide(self, came: Seen, gone: Lines) -> None:
        """Another line, which others are too old for."""
        self._take(came)
        for line in gone:
            self._drop(line)

    def _take(self, line: Seen) -> None:
        if not self._practices[line.practice]:
            self.there.update(self._there_in(line))
        self._practices[line.practice] += 1
        if line.agent:
            self._of_agent[line.agent].append(line)
            if not self._plays[line.agent, line.item]:
                self._ranks.up(line.agent)
            self._plays[line.agent, line.item] += 1

    def _drop(self, line: Seen) -> None:
        self._practices[line.practice] -= 1
        if not self._practices[line.practice]:
            self.there -= Counter(self._there_in(line))
        if line.agent:
            self._begins[line.agent] += 1
            self._plays[line.agent, line.item] -= 1
            if not self._plays[line.agent, line.item]:
                del self._plays[line.agent, line.item]
                self._ranks.down(line.agent)

    def _there_in(self, line: Seen) -> Mapping[bytes, int]:
        return self._recorded.get(line.practice or "", {})


class _Ranks:
    """How many recordings of each agent, and whose are most, whoever comes and goes."""

    def __init__(self) -> None:
        self._number: Counter[bytes] = Counter()
        self._with: dict[int, set[bytes]] = defaultdict(set)
        self._highest = 0

    def first(self) -> tuple[bytes | None, int]:
        return next(iter(self._with[self._highest]), None), self._highest

    def up(self, agent: bytes) -> None:
        number = self._move(agent, 1)
        self._highest = max(self._highest, number)

    def down(self, agent: bytes) -> None:
        self._move(agent, -1)
        if not self._with[self._highest]:
            self._highest -= 1

    def _move(self, agent: bytes, by: int) -> int:
        number = self._number[agent]
        self._with[number].discard(agent)
        self._number[agent] = number = number + by
        self._with[number].add(agent)
        return number
