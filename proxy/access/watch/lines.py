"""Lines of the trace, and stretches of them that are found without copying any.

Whoever asks for thousands must hold up neither calls nor their own alert: each line is
looked at a few times, however many others are as new.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from proxy.access.hours import Hours
from proxy.access.trace.acts import Act

SOUGHT = "find-by-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A line of the trace, and what is known of the recording it is about."""

    place: int
    at: datetime
    act: Act
    actor: str
    role: str
    item: UUID | None = None
    campaign: str | None = None
    """Empty: none is known of it. None: nobody knows any more, it is gone."""
    practice: str | None = None
    agent: bytes | None = None
    purpose: str = ""
    about: str = ""

    @property
    def is_search(self) -> bool:
        return self.act is Act.VIEWED and self.about.startswith(SOUGHT)


Lines = Sequence[Seen]


class Stretch(NamedTuple):
    """Some of these lines: from one to another, by their numbers, both among them."""

    lines: Lines
    first: int
    last: int


def each_alone(lines: Lines) -> Iterator[Stretch]:
    return (Stretch(lines, n, n) for n in range(len(lines)))


def crowded(lines: Lines, most: int, within: timedelta) -> Iterator[Stretch]:
    """Every stretch of `most` lines that are no further apart than that."""
    for last in range(most - 1, len(lines)):
        first = last - most + 1
        if lines[last].at - lines[first].at <= within:
            yield Stretch(lines, first, last)


def spans(lines: Lines, within: timedelta) -> Iterator[tuple[Stretch, Lines]]:
    """For each line, itself and those before it that are no older than that.

    With each the lines that were in the one before, and are too old for this one.
    """
    first = 0
    for last, line in enumerate(lines):
        before = first
        while line.at - lines[first].at > within:
            first += 1
        yield Stretch(lines, first, last), lines[before:first]


def places_by_day(found: Iterable[Stretch], hours: Hours) -> Mapping[date, set[int]]:
    """Whatever is in a stretch that ends on a day: the places of its lines.

    Of the same lines no stretch begins or ends before one that came earlier; so each
    line is taken once for a day.
    """
    places: dict[date, set[int]] = defaultdict(set)
    taken: dict[tuple[date, int], tuple[Lines, int]] = {}
    for stretch in found:
        lines, first, last = stretch
        day = hours.day_of(lines[last].at)
        _, until = taken.get((day, id(lines)), (lines, 0))
        places[day].update(lines[n].place for n in range(max(first, until), last + 1))
        # The lines are held with it, or their id might become another list's.
        taken[day, id(lines)] = lines, last + 1
    return places
