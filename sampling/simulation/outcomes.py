"""What came of each replication, in figures."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from sampling.simulation.course import Course
from sampling.simulation.draws import Recordings
from sampling.simulation.traffic import AnyTraffic, Integers
from sampling.simulation.windows import (
    calls_without_tokens,
    most_recorded,
    windows_of,
)

DAYS_A_WEEK = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """One row in each array a replication, but for `weeks`.

    `per_agent`: recordings, one column an agent. `per_stratum`: recordings, one column
    a stratum. `worst`: the most in any window of calls, one column a length. `empty`:
    calls that met an empty bucket. `never`: calls with no chance whatever happens.
    `weeks`: how many whole weeks of an agent had 0, 1, 2 … recordings.
    """

    per_agent: Integers
    per_stratum: Integers
    worst: Integers
    empty: Integers
    never: Integers
    weeks: Integers

    @classmethod
    def of(
        cls,
        course: Course,
        made: Recordings,
        replications: int,
        traffic: AnyTraffic,
    ) -> Self:
        calls = course.calls
        agent, stratum = calls.agent[made.call], calls.stratum[made.call]
        week = calls.day[made.call] // DAYS_A_WEEK
        whole = week < whole_weeks(traffic.days)
        in_weeks = _counted(
            made.replication[whole] * whole_weeks(traffic.days) + week[whole],
            agent[whole],
            (replications * whole_weeks(traffic.days), traffic.agents),
        )
        never = int((course.bound == 0).sum())
        return cls(
            per_agent=_counted(made.replication, agent, (replications, traffic.agents)),
            per_stratum=_counted(
                made.replication, stratum, (replications, len(traffic.strata))
            ),
            worst=most_recorded(
                made, replications, traffic.calls, windows_of(traffic.calls)
            ),
            empty=calls_without_tokens(made, course, replications),
            never=np.full(replications, never),
            weeks=np.bincount(in_weeks.ravel()),
        )

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        longest = max(len(part.weeks) for part in parts)
        rows = {
            name: np.concatenate([getattr(part, name) for part in parts])
            for name in ("per_agent", "per_stratum", "worst", "empty", "never")
        }
        weeks = [np.pad(part.weeks, (0, longest - len(part.weeks))) for part in parts]
        return cls(**rows, weeks=np.sum(weeks, axis=0))


def whole_weeks(days: int) -> int:
    """A period shorter than a week counts as one."""
    return max(1, days // DAYS_A_WEEK)


def _counted(row: Integers, column: Integers, shape: tuple[int, int]) -> Integers:
    rows, columns = shape
    counts = np.bincount(row * columns + column, minlength=rows * columns)
    return counts.reshape(shape).astype(np.int32)
