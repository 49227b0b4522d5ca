"""What the register holds of an incident: facts of the service, words of people."""

from bisect import bisect_right
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import TypedDict
from uuid import UUID

import asyncpg

from proxy.incidents import deadline


class People(StrEnum):
    """Whose data it is about."""

    CALLERS = "callers"
    AGENTS = "agents"
    PRACTICES = "practices"


class Records(StrEnum):
    """What kinds of data it is about."""

    VOICE = "voice"
    HEALTH = "health"
    CONTACT = "contact"
    TECHNICAL = "technical"


class About(StrEnum):
    """An approximate number. Exact ones are not needed, and could single people out."""

    UNKNOWN = "unknown"
    NONE = "none"
    BELOW_10 = "1-9"
    BELOW_100 = "10-99"
    BELOW_1000 = "100-999"
    MORE = "1000-or-more"


class Risk(StrEnum):
    """Of the rights and freedoms of people (GDPR Art. 33(1), 34(1))."""

    UNKNOWN = "unknown"
    UNLIKELY = "unlikely"
    LIKELY = "likely"
    HIGH = "high"


class Decision(StrEnum):
    """Whether the authority is notified."""

    NOTIFY = "notify"
    NOT_NOTIFY = "not_notify"


def about(number: int) -> About:
    """The size to write down instead of a number of people or records."""
    sizes = (About.NONE, About.BELOW_10, About.BELOW_100, About.BELOW_1000, About.MORE)
    return sizes[bisect_right((1, 10, 100, 1000), number)]


class Changes(TypedDict, total=False):
    """What somebody adds to or corrects in a description."""

    nature: str
    people: tuple[People, ...]
    people_about: About
    records: tuple[Records, ...]
    records_about: About
    risk: Risk
    consequences: str
    measures: str
    delay_reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What Art. 33(3) asks for, in phases if need be (33(4))."""

    nature: str = ""
    people: tuple[People, ...] = ()
    people_about: About = About.UNKNOWN
    records: tuple[Records, ...] = ()
    records_about: About = About.UNKNOWN
    risk: Risk = Risk.UNKNOWN
    consequences: str = ""
    measures: str = ""
    delay_reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One incident. `closed_by` is None for one that ended by itself."""

    incident_id: UUID
    kind: str
    reference: str
    opened_at: datetime
    opened_by: str
    aware_at: datetime
    description: Description
    decision: Decision | None
    decision_reason: str
    decided_at: datetime | None
    notified_at: datetime | None
    closed_at: datetime | None
    closed_by: str | None
    outcome: str

    @property
    def is_clock_running(self) -> bool:
        is_settled = self.closed_at is not None or self.notified_at is not None
        return not is_settled and self.decision is not Decision.NOT_NOTIFY

    def hours_left(self, now: datetime) -> float:
        """Of the 72; infinite when nothing is to be notified any more."""
        since = self.aware_at if self.is_clock_running else None
        return deadline.least_hours_left(since, now)

    def alerts_due(self, now: datetime) -> tuple[int, ...]:
        return deadline.alerts_due(self.aware_at, now) * self.is_clock_running

    def is_late(self, now: datetime) -> bool:
        """Whether a notification then, or the one made, has to give a reason."""
        return deadline.hours_left(self.aware_at, self.notified_at or now) < 0


_DESCRIBED = {field.name for field in fields(Description)}
_KEPT_AS_IT_IS = {field.name for field in fields(Case)} - {"description", "decision"}


def read_case(row: asyncpg.Record) -> Case:
    described = {name: row[name] for name in _DESCRIBED} | {
        "people": tuple(People(code) for code in row["people"]),
        "people_about": About(row["people_about"]),
        "records": tuple(Records(code) for code in row["records"]),
        "records_about": About(row["records_about"]),
        "risk": Risk(row["risk"]),
    }
    decision = row["decision"]
    return Case(
        description=Description(**described),
        decision=Decision(decision) if decision else None,
        **{name: row[name] for name in _KEPT_AS_IT_IS},
    )


@dataclass(frozen=True, slots=True)
class Note:
    """Who did or saw what. Never changed, never taken back."""

    number: int
    at: datetime
    actor: str
    note: str
