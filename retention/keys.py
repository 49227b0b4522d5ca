"""Which key must die when: one a day for each class of what dies on that day.

Perlman, The Ephemerizer (2005): data that must die together hang under one key, and
that key is destroyed on time. Keys are random. When one recording of a day dies early,
the others move to the day's next generation and the old key is destroyed: then older
copies of the early one's wrapped key open nothing either.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Self

from retention.periods import GRACE


class KeyClass(StrEnum):
    """What hangs under a key; each class has days, and a clock, of its own."""

    AUDIO = "audio"
    ANALYSIS = "analysis"
    HOLD = "hold"


_NAME = re.compile(
    rf"(?P<kind>{'|'.join(KeyClass)})-(?P<day>\d{{4}}-\d{{2}}-\d{{2}})"
    r"(?:-(?P<generation>[2-9]|[1-9]\d{1,3}))?"
)


@dataclass(frozen=True, slots=True, order=True)
class DayKey:
    """One wrapping key. `day` is the UTC day it must not outlive."""

    day: date
    kind: KeyClass = KeyClass.AUDIO
    generation: int = 1

    @property
    def name(self) -> str:
        """Its name in the key store."""
        later = "" if self.generation == 1 else f"-{self.generation}"
        return f"{self.kind}-{self.day.isoformat()}{later}"

    @classmethod
    def named(cls, name: str) -> Self | None:
        """The day key of that name; None if it is another kind of key."""
        found = _NAME.fullmatch(name)
        if found is None:
            return None
        try:
            day = date.fromisoformat(found["day"])
        except ValueError:
            return None
        return cls(day, KeyClass(found["kind"]), int(found["generation"] or 1))

    @property
    def next(self) -> Self:
        return replace(self, generation=self.generation + 1)

    def is_or_follows(self, other: "DayKey") -> bool:
        """Whether it is `other`, or a later generation of the same day and class."""
        return self.is_of_the_day_of(other) and self.generation >= other.generation

    def is_of_the_day_of(self, other: "DayKey") -> bool:
        """Whether both are generations of one day and class."""
        return (self.day, self.kind) == (other.day, other.kind)

    def is_over(self, now: datetime) -> bool:
        """Whether everything that had to die on its day is past its expiry."""
        return now.astimezone(UTC).date() > self.day

    def may_wait(self, now: datetime) -> bool:
        """Whether what lives on under it may still keep it: a week after its day.

        An auditor counts a day whose key is there longer as one that did not die.
        """
        return now.astimezone(UTC).date() < self.day + GRACE


_NOON = 12  # a policy that changes in the morning makes no key in vain


def is_time_to_look_ahead(now: datetime) -> bool:
    """Whether the keys of tomorrow are made by now: from noon (UTC) on."""
    return now.astimezone(UTC).hour >= _NOON


def days_ahead(now: datetime, kept_days: Iterable[int]) -> list[date]:
    """The days on which what is captured tomorrow will die."""
    tomorrow = now.astimezone(UTC).date() + timedelta(days=1)
    return sorted({tomorrow + timedelta(days=days) for days in kept_days})


def needs_renewal(stale_since: datetime | None, now: datetime) -> bool:
    """In the night (UTC) after something under the key died early."""
    if stale_since is None:
        return False
    return now.astimezone(UTC).date() > stale_since.astimezone(UTC).date()
