"""The rates a call may have, by what was heard of its agent, as a table to look up."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from sampling.coverage import AgentCalls, rate_for
from sampling.policy import Conditions
from sampling.simulation.traffic import Integers


@dataclass(frozen=True, slots=True)
class RateTables:
    """`rate_for` of several conditions, one after the other in `ppm`.

    Conditions s begin at `start[s]`, with a row for each number of calls seen, up to
    `most_seen[s]`, of one rate for each number drawn, up to `most_drawn[s]`. More seen
    or drawn than that changes nothing.
    """

    ppm: Integers
    start: Integers
    most_seen: Integers
    most_drawn: Integers
    highest: Integers


def rate_tables(conditions: Sequence[Conditions], most_calls: int) -> RateTables:
    """Tables for agents with at most `most_calls` calls."""
    tables = [_table(each, most_calls) for each in conditions]
    sizes = [table.size for table in tables]
    return RateTables(
        ppm=np.concatenate([table.ravel() for table in tables]),
        start=np.array([0, *accumulate(sizes[:-1])], dtype=np.int64),
        most_seen=np.array([len(table) - 1 for table in tables]),
        most_drawn=np.array([table.shape[1] - 1 for table in tables]),
        highest=np.array([table.max() for table in tables]),
    )


def _table(conditions: Conditions, most_calls: int) -> Integers:
    """Rates by calls seen and drawn; one rate where no agent is preferred."""
    coverage = conditions.coverage
    if coverage is None:
        return np.array([[conditions.rate_ppm]])
    rows = 1 + min(coverage.expected_calls, most_calls)
    table = np.empty((rows, coverage.at_least + 1), dtype=np.int64)
    for drawn in range(coverage.at_least + 1):
        table[:, drawn] = _column(conditions, rows, drawn)
    return table


def _column(conditions: Conditions, rows: int, drawn: int) -> Integers:
    """A rate never falls as fewer calls are left, so only its steps are asked for."""

    def rate(seen: int) -> int:
        return rate_for(conditions, AgentCalls(seen, drawn))

    column = np.empty(rows, dtype=np.int64)
    start = 0
    while start < rows:
        step = rate(start)
        end = bisect_left(range(rows), step + 1, lo=start, key=rate)
        column[start:end] = step
        start = end
    return column
