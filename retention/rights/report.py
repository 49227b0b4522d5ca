"""Statistics of a year's requests, in which nobody can be recognised.

Requests are counted in cells: which right, how it was answered, and whether in time. A
cell that stands for one to four persons is told as "<5", and whatever adds cells up is
told as what those allow it to be ("12-18"). The exact sum would give a hidden cell away
by a subtraction, from this table or from another.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Self

from retention.rights.deadlines import Kind
from retention.rights.request import Outcome, Standing

SMALLEST_TOLD = 5
SMALL = f"<{SMALLEST_TOLD}"


class Promptness(StrEnum):
    """When a request was answered, against the date that held for it."""

    IN_TIME = "in-time"
    IN_TIME_EXTENDED = "in-time-extended"
    LATE = "late"


@dataclass(frozen=True, slots=True)
class Answered:
    """What is left of a request in the statistics: no date, no reference."""

    kind: Kind
    outcome: Outcome
    promptness: Promptness

    @classmethod
    def of(cls, standing: Standing) -> Self:
        """Raises ValueError for a request that is not answered yet."""
        if standing.outcome is None or standing.answered_at is None:
            raise ValueError("it is not answered")
        prompt = _promptness(standing, standing.answered_at)
        return cls(standing.kind, standing.outcome, prompt)


@dataclass(frozen=True, slots=True)
class Report:
    """One year's requests. Every figure is text, told as the module says."""

    year: int
    total: str
    kinds: Mapping[Kind, str]
    outcomes: Mapping[Kind, Mapping[Outcome, str]]
    promptness: Mapping[Promptness, str]


def report(year: int, answered: Iterable[Answered]) -> Report:
    """The statistics of the requests that were answered in a year."""
    cells = Counter(answered)
    return Report(
        year=year,
        total=_told(cells.values()),
        kinds={
            kind: _told(cells[cell] for cell in cells if cell.kind is kind)
            for kind in Kind
        },
        outcomes={
            kind: {outcome: _of(cells, kind, outcome) for outcome in Outcome}
            for kind in Kind
        },
        promptness={
            each: _told(cells[cell] for cell in cells if cell.promptness is each)
            for each in Promptness
        },
    )


def _of(cells: Mapping[Answered, int], kind: Kind, outcome: Outcome) -> str:
    return _told(
        count
        for cell, count in cells.items()
        if (cell.kind, cell.outcome) == (kind, outcome)
    )


def _told(counts: Iterable[int]) -> str:
    """Cells added up, by somebody who sees of each only what is told of it."""
    cells = list(counts)
    small = sum(count < SMALLEST_TOLD for count in cells)
    told = sum(count for count in cells if count >= SMALLEST_TOLD)
    if not small:
        return str(told)
    if small == 1 and not told:
        return SMALL
    return f"{told + small}-{told + small * (SMALLEST_TOLD - 1)}"


def _promptness(standing: Standing, answered_at: datetime) -> Promptness:
    if standing.is_overdue(answered_at):
        return Promptness.LATE
    if standing.extended_at is not None:
        return Promptness.IN_TIME_EXTENDED
    return Promptness.IN_TIME
