"""The references that must exist, and still hold, before a line group may be sampled.

Software can force these answers to exist and to be renewed; only people can give them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property
from typing import NamedTuple

LEGITIMATE_INTEREST = "6-1-f"
NOT_APPLICABLE = "not_applicable"
REVIEWED_EVERY = timedelta(days=365)  # a DPIA, unless it names a day of its own


@dataclass(frozen=True, slots=True)
class Reference:
    """Where an answer is written down, since when, by whom, and until when it holds.

    `valid_until` is the first day on which it holds no more. `kind` is which of the
    answers the law admits was given, such as "9-2-a" or "self_hosted".
    """

    text: str
    dated_on: date
    author: str
    valid_until: date | None = None
    kind: str = ""

    def holds_on(self, day: date) -> bool:
        """A reference dated in the future does not hold yet."""
        return self.dated_on <= day and not self.has_ended(day)

    def has_ended(self, day: date) -> bool:
        return self.valid_until is not None and self.valid_until <= day


class Condition(NamedTuple):
    """One thing the law asks for: its exclusion code while there is no reference."""

    name: str
    code: str
    reference: Reference | None

    def holds_on(self, day: date) -> bool:
        return self.reference is not None and self.reference.holds_on(day)


class Expiry(NamedTuple):
    """The first day on which an open gate closes by itself, and its code then."""

    day: date
    code: str


@dataclass(frozen=True, kw_only=True)
class LegalBasis:
    """What a line group can refer to; None is missing."""

    article_6: Reference | None = None
    article_9: Reference | None = None
    balancing_test: Reference | None = None
    practice_authorisation: Reference | None = None
    dpia: Reference | None = None
    dpo_opinion: Reference | None = None
    staff_information: Reference | None = None
    hosting: Reference | None = None

    @cached_property
    def conditions(self) -> tuple[Condition, ...]:
        """What is needed, in the order in which it is asked for."""
        return tuple(self._conditions())

    def _conditions(self) -> Iterator[Condition]:
        yield Condition("article_6", "no_basis", self.article_6)
        if self.article_6 and self.article_6.kind == LEGITIMATE_INTEREST:
            yield Condition("balancing_test", "no_basis", self.balancing_test)
        yield Condition("article_9", "no_basis", self.article_9)
        yield Condition("authorisation", "no_basis", self.practice_authorisation)
        yield Condition("dpia", "no_dpia", _reviewed_yearly(self.dpia))
        yield Condition("dpo_opinion", "no_dpia", self.dpo_opinion)
        yield Condition("staff_information", "no_cse", self.staff_information)
        yield Condition("hosting", "no_hds", self.hosting)

    def missing_code(self, today: date) -> str | None:
        """The first that is missing or does not hold, as an exclusion code."""
        for condition in self.conditions:
            if not condition.holds_on(today):
                return condition.code
        return None

    @cached_property
    def expiry(self) -> Expiry | None:
        """When the first of the references ends; None if none of them ever does."""
        ends = [
            Expiry(condition.reference.valid_until, condition.code)
            for condition in self.conditions
            if condition.reference and condition.reference.valid_until
        ]
        return min(ends, default=None)


def _reviewed_yearly(dpia: Reference | None) -> Reference | None:
    if dpia is None or dpia.valid_until is not None:
        return dpia
    return replace(dpia, valid_until=dpia.dated_on + REVIEWED_EVERY)
