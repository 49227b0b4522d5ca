"""Caps on agents in many replications at once, by the rules of `sampling.caps`.

How many calls an agent has had is the same in each of them; what was drawn is not.
"""

from dataclasses import dataclass

import numpy as np

from sampling.budget import MICRO
from sampling.caps import (
    COUNTED_DAYS,
    FULL,
    MOST_DRAWN,
    MOST_EXPECTED,
    TOKEN,
    WEEK_DAYS,
    WEEK_FREE,
    WEEK_SHARE,
    WINDOW_DAYS,
)
from sampling.simulation.thresholds import Numbers
from sampling.simulation.traffic import Calls, Flags, Integers

_LONG_AGO = -2 * COUNTED_DAYS


@dataclass(frozen=True, slots=True)
class Past:
    """What each call's agent had before it, one place in each array a call.

    `monthly`: calls of 30 days, as `calls_a_month` says. `week_most`: a week's share
    ends with so many drawn. Both are 0 where a call counts for nobody.
    """

    monthly: Integers
    week_most: Integers


def past_of(calls: Calls, counts: Flags) -> Past:
    """`counts`: which calls have an open gate."""
    monthly, week_most = np.zeros((2, len(counts)), dtype=np.int64)
    place = np.flatnonzero(counts)
    place = place[np.argsort(calls.agent[place], kind="stable")]
    if len(place):
        agent, day = calls.agent[place], calls.day[place]
        known = np.minimum(day - _first_days(agent, day) + 1, WINDOW_DAYS)
        monthly[place] = -(-_earlier(agent, day, COUNTED_DAYS) * WINDOW_DAYS // known)
        share = _earlier(agent, day, WEEK_DAYS) // WEEK_SHARE
        week_most[place] = np.maximum(WEEK_FREE, share)
    return Past(monthly, week_most)


def _first_days(agent: Integers, day: Integers) -> Integers:
    """Since when each call's agent is known: after an idle month, anew."""
    is_first = np.ones(len(agent), dtype=np.bool_)
    idle = np.diff(day) >= COUNTED_DAYS
    is_first[1:] = idle | (agent[1:] != agent[:-1])
    first: Integers = day[np.maximum.accumulate(np.where(is_first, _places(day), 0))]
    return first


def _earlier(agent: Integers, day: Integers, days: int) -> Integers:
    """Earlier calls of the agent on these last days, the call's own included."""
    span = int(day.max()) + days  # so that no day before the first is another agent's
    moments = agent * span + day
    earlier: Integers = _places(day) - np.searchsorted(moments, moments - days + 1)
    return earlier


def _places(each: Integers) -> Integers:
    return np.arange(len(each))


class DrawnDays:
    """The days of each agent's last drawn calls, the newest last, by replication."""

    def __init__(self, replications: int, agents: int) -> None:
        shape = replications, agents, MOST_DRAWN
        self._days = np.full(shape, _LONG_AGO, dtype=np.int16)

    def note(self, rows: Integers, agent: Integers, day: Integers) -> None:
        """A call of each of these replications is drawn."""
        self._days[rows, agent, :-1] = self._days[rows, agent, 1:]
        self._days[rows, agent, -1] = day

    def lowered(
        self, limits: Numbers, ppm: Numbers, agent: Integers, day: Integers, past: Past
    ) -> Numbers:
        """T of one call of every replication, with the cap on its agent.

        `past`: of these calls.
        """
        drawn = self._days[_places(agent), agent].astype(np.int64)
        is_spent = ~_have_tokens(drawn, day) | _had_share(drawn, day, past.week_most)
        halved = limits >> _halvings(ppm.view(np.int64), past.monthly)
        return np.where(is_spent, np.uint64(0), halved)


def _halvings(ppm: Integers, calls: Integers) -> Numbers:
    times_too_many = -(-ppm * calls // (MOST_EXPECTED * MICRO))
    _, bits = np.frexp(np.maximum(times_too_many - 1, 0))  # exact below 2^53
    halvings: Numbers = bits.astype(np.uint64)
    return halvings


def _have_tokens(drawn: Integers, day: Integers) -> Flags:
    """A bucket holds no more than one that was full just before any of its draws."""
    ago = day[:, np.newaxis] - drawn
    left = FULL + ago - TOKEN * np.arange(MOST_DRAWN, 0, -1)
    have_tokens: Flags = np.all((left >= TOKEN) | (ago > WINDOW_DAYS), axis=1)
    return have_tokens


def _had_share(drawn: Integers, day: Integers, most: Integers) -> Flags:
    this_week = np.count_nonzero(drawn >= day[:, np.newaxis] - WEEK_DAYS, axis=1)
    had_share: Flags = this_week >= most
    return had_share
