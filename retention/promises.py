"""What one row of the schedule is: a kind of data, its end, why, and who ends it."""

from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

# Never less than five calendar years: civil claims lapse then (Code civil art. 2224).
ACCOUNTABLE_FOR = timedelta(days=5 * 365 + 2)

SWEEP = "the sweep"
MINUTE = "the service, every minute"
NOBODY = "nobody: it goes with the site"
WHILE_THE_SITE_EXISTS = "while the site exists"


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """How long one kind of data is kept: for an age, or by a rule in words.

    `swept_as` names what the sweep does for it: a query, or a part of the service.
    """

    kind: str
    kept: timedelta | str
    since: str = ""
    why: str
    ended_by: str = SWEEP
    tables: tuple[str, ...] = ()
    swept_as: str = ""

    @property
    def kept_in_words(self) -> str:
        return self.kept if isinstance(self.kept, str) else _in_words(self.kept)

    @property
    def row(self) -> "Row":
        """What people are shown."""
        return Row(
            self.kind, self.kept_in_words, self.since or "-", self.why, self.ended_by
        )


class Row(NamedTuple):
    """One line of the table."""

    kind: str
    kept: str
    since: str
    why: str
    ended_by: str


_IN_HOURS = 72


def _in_words(age: timedelta) -> str:
    hours = int(age / timedelta(hours=1))
    if hours <= _IN_HOURS:
        return "1 hour" if hours == 1 else f"{hours} hours"
    years = age.days // 365
    if not years:
        return f"{age.days} days"
    return "1 year" if years == 1 else f"{years} years"
