"""The most recordings in any run of calls, and the calls that no draw could choose."""

from collections.abc import Sequence

import numpy as np

from sampling.simulation.course import Course
from sampling.simulation.draws import Recordings
from sampling.simulation.traffic import Integers

WINDOWS = (100, 1_000, 10_000)


def windows_of(calls: int) -> tuple[int, ...]:
    """Lengths of runs to look at, in calls: the usual ones that fit, and all calls."""
    return (*(length for length in WINDOWS if length < calls), calls)


def most_recorded(
    recordings: Recordings, replications: int, calls: int, lengths: Sequence[int]
) -> Integers:
    """By replication and length: the most recordings in any so many calls in a row.

    Such a run may as well begin with a recording: moved on to its first one, and back
    again where it would end after the last call, it holds no fewer.
    """
    most = np.zeros((replications, len(lengths)), dtype=np.int64)
    # So far apart that no run reaches into another replication.
    places = recordings.replication * 2 * calls + recordings.call
    for column, length in enumerate(lengths):
        ends = np.searchsorted(places, places + length)
        held = ends - np.arange(len(places))
        np.maximum.at(most[:, column], recordings.replication, held)
    return most


def calls_without_tokens(
    recordings: Recordings, course: Course, replications: int
) -> Integers:
    """By replication: calls that might have been drawn, had a bucket not been empty."""
    empty = np.zeros(replications, dtype=np.int64)
    made = recordings
    site_end = np.minimum(made.call + made.site_empty, len(course.place) - 1)
    for stratum in range(len(course.own.full)):
        is_own = course.calls.stratum == stratum
        places = np.flatnonzero(is_own)
        of = is_own[made.call]
        last = course.place[made.call[of]] + made.own_empty[of]
        own_end = places[np.minimum(last, len(places) - 1)]
        rows = np.concatenate([made.replication, made.replication[of]])
        starts = np.concatenate([made.call, made.call[of]])
        ends = np.concatenate([site_end, own_end])
        order = np.lexsort((starts, rows))
        counted = np.cumsum(is_own & (course.bound > 0))
        covered = _covered(rows[order], starts[order], ends[order], counted)
        np.add.at(empty, rows[order], covered)
    return empty


def _covered(
    rows: Integers, starts: Integers, ends: Integers, counted: Integers
) -> Integers:
    """What each span adds to the spans before it of the same row.

    A span is the calls after its start up to its end; spans are sorted. `counted` is
    how many calls up to each one count.
    """
    base = rows * len(counted)  # every row after the one before it
    reached = np.maximum.accumulate(ends + base)
    before = np.concatenate([[-1], reached[:-1]])
    starts = np.maximum(starts, before - base)
    return counted[np.maximum(ends, starts)] - counted[starts]
