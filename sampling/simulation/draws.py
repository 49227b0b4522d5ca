"""The draws of many replications of one course at once, by the rules of `decide`.

Calls of a replication must be drawn one after the other, for each draw depends on those
before it. But only few calls can be drawn at all: a number at or above the highest T
its call can have is never drawn, whatever the buckets hold. Only the others, the
candidates, are looked at: the first of every replication in one step, then all second
ones. Between two of them a bucket only fills, so it is caught up with in one step too.

Integers throughout, so the calls recorded are exactly those of `decide`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sampling.budget import MICRO
from sampling.simulation.caps import DrawnDays, Past
from sampling.simulation.course import Course, earlier_in_group
from sampling.simulation.thresholds import Numbers, thresholds
from sampling.simulation.traffic import Flags, Integers

_NEVER = np.uint64(2**64 - 1)  # not below any T


@dataclass(frozen=True, slots=True)
class Recordings:
    """Which calls were recorded, one place in each array a recording.

    `call` is its place in the course. `site_empty`, `own_empty`: so many of the next
    calls of the site, of its stratum, find that bucket without a token.
    """

    replication: Integers
    call: Integers
    site_empty: Integers
    own_empty: Integers


class Draws:
    """Replications of one course, drawn so far up to some call."""

    def __init__(self, course: Course, replications: int) -> None:
        self._course = course
        strata = len(course.own.full)
        self._site = np.full(replications, course.site.full[0])
        self._site_calls = np.zeros(replications, dtype=np.int64)
        self._own = np.tile(course.own.full, (replications, 1))
        self._own_calls = np.zeros((replications, strata), dtype=np.int64)
        # The last place is NOBODY's.
        self._drawn = np.zeros((replications, course.listeners + 1), dtype=np.int64)
        self._days = DrawnDays(replications, course.agents)
        self._found: list[Recordings] = []

    def draw(self, first: int, numbers: Numbers) -> None:
        """Draw the next calls, the first of which is call `first` of the course.

        `numbers`: the draws' numbers u, uniform on 0 … 2^64-1; one row a replication,
        one column a call.
        """
        bounds = self._course.bound[first : first + numbers.shape[1]]
        for places, found in _candidates(numbers, bounds):
            self._step(first + places, found)

    def recordings(self) -> Recordings:
        """All of them, by replication and then by call."""
        parts = [
            np.concatenate([getattr(each, name) for each in self._found] or [[]])
            for name in Recordings.__slots__
        ]
        whole = [part.astype(np.int64) for part in parts]
        order = np.lexsort((whole[1], whole[0]))
        return Recordings(*(part[order] for part in whole))

    def _step(self, call: Integers, numbers: Numbers) -> None:
        """One candidate of each replication, at place `call` of the course."""
        course, rows = self._course, np.arange(len(call))
        stratum, place = course.calls.stratum[call], course.place[call]
        site = _filled(
            self._site,
            course.site.refill[0] * (call + 1 - self._site_calls),
            course.site.full[0],
        )
        own = _filled(
            self._own[rows, stratum],
            course.own.refill[stratum] * (place + 1 - self._own_calls[rows, stratum]),
            course.own.full[stratum],
        )
        limit = self._limits(call, site, own)
        self._record(call, numbers < limit, site, own)

    def _limits(self, call: Integers, site: Integers, own: Integers) -> Numbers:
        """T of each replication's candidate, with these micro-tokens."""
        course = self._course
        drawn = self._drawn[np.arange(len(call)), course.listener[call]]
        step = np.minimum(drawn, course.most_drawn[call])
        ppm = course.ppm[course.rate_at[call] + step]
        allowed = np.minimum(
            thresholds(ppm, _unsigned(site), course.site.smooth),
            thresholds(
                ppm, _unsigned(own), course.own.smooth[course.calls.stratum[call]]
            ),
        )
        past = Past(course.past.monthly[call], course.past.week_most[call])
        agent, day = course.calls.agent[call], course.calls.day[call]
        return self._days.lowered(allowed, ppm, agent, day, past)

    def _record(
        self, call: Integers, is_drawn: Flags, site: Integers, own: Integers
    ) -> None:
        """Take the tokens, and remember."""
        course, rows = self._course, np.flatnonzero(is_drawn)
        call, site, own = call[rows], site[rows] - MICRO, own[rows] - MICRO
        stratum, place = course.calls.stratum[call], course.place[call]
        self._site[rows], self._site_calls[rows] = site, call + 1
        self._own[rows, stratum], self._own_calls[rows, stratum] = own, place + 1
        self._drawn[rows, course.listener[call]] += 1
        self._days.note(rows, course.calls.agent[call], course.calls.day[call])
        self._found.append(
            Recordings(
                replication=rows,
                call=call,
                site_empty=_calls_until_a_token(site, course.site.refill[0]),
                own_empty=_calls_until_a_token(own, course.own.refill[stratum]),
            )
        )


def _candidates(
    numbers: Numbers, bounds: Numbers
) -> Iterator[tuple[Integers, Numbers]]:
    """Places below their bounds: the first of each replication, then the second, ...

    A replication that has no more of them gets the last place and a number that is
    never drawn.
    """
    row, place = np.nonzero(numbers < bounds)
    nth = earlier_in_group(row)
    shape = int(nth.max(initial=-1)) + 1, len(numbers)
    places = np.full(shape, len(bounds) - 1)
    found = np.full(shape, _NEVER)
    places[nth, row], found[nth, row] = place, numbers[row, place]
    return zip(places, found, strict=True)


def _filled(tokens: Integers, added: Integers, full: Integers) -> Integers:
    """Adding and capping call by call comes to the same, since it only ever adds."""
    filled: Integers = np.minimum(tokens + added, full)
    return filled


def _calls_until_a_token(tokens: Integers, refill: Integers) -> Integers:
    """How many of a bucket's next calls find less than one token in it."""
    missing = MICRO - tokens
    calls: Integers = (missing - 1) // np.maximum(refill, 1)
    return np.maximum(calls, 0)


def _unsigned(tokens: Integers) -> Numbers:
    return tokens.view(np.uint64)
