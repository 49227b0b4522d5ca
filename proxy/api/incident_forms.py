"""What is written into the register of incidents over the API, and what is read."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Annotated, Self, cast
from uuid import UUID

from pydantic import AwareDatetime, ConfigDict, Field, StringConstraints
from typing_extensions import override

from proxy.api.paging import PageQuestion
from proxy.api.route import Model
from proxy.incidents.cases import (
    About,
    Case,
    Changes,
    Decision,
    Description,
    Note,
    People,
    Records,
    Risk,
)
from proxy.incidents.register import BEFORE_ALL, Place, State
from proxy.incidents.words import LONGEST_NOTE, LONGEST_TEXT, WARNING

_FIRST_DAY = datetime(2000, 1, 1, tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

Moment = Annotated[AwareDatetime, Field(ge=_FIRST_DAY)]
Said = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_TEXT)]
Noted = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_NOTE)]


class IncidentFacts(Model):
    """What Art. 33(3) asks for; what is left out stays as it is."""

    model_config = ConfigDict(json_schema_extra={"description": WARNING})

    nature: Said | None = None
    people: Annotated[tuple[People, ...], Field(max_length=len(People))] | None = None
    people_about: About | None = None
    records: Annotated[tuple[Records, ...], Field(max_length=len(Records))] | None = (
        None
    )
    records_about: About | None = None
    risk: Risk | None = None
    consequences: Said | None = None
    measures: Said | None = None
    delay_reason: Said | None = None

    def changes(self) -> Changes:
        return cast("Changes", self.model_dump(exclude_none=True))


class NewIncident(IncidentFacts):
    """What somebody noticed; the 72 hours begin at `aware_at`, or now."""

    nature: Said
    aware_at: Moment | None = None

    @override
    def changes(self) -> Changes:
        given = self.model_dump(exclude_none=True, exclude={"aware_at"})
        return cast("Changes", given)


class NewNote(Model):
    """A note for the register; it stays for ever."""

    note: Noted


class NewDecision(Model):
    """Whether the authority is notified, and why."""

    decision: Decision
    reason: Said


class Notified(Model):
    """When the authority was told; now, if left out."""

    at: Moment | None = None


class Outcome(Model):
    """How it ended."""

    outcome: Said


class IncidentsQuestion(PageQuestion):
    """Which incidents to list; `after` is the `next` of the page before."""

    # Microseconds since 1970, when it was known, and the incident: all of them exist.
    after: Annotated[
        str, StringConstraints(pattern=r"^(-?[0-9]{1,16}_[0-9a-f]{32})?$")
    ] = ""
    state: State = State.OPEN

    @property
    def behind(self) -> Place:
        if not self.after:
            return BEFORE_ALL
        passed, _, incident = self.after.partition("_")
        return Place(_EPOCH + int(passed) * _MICROSECOND, UUID(incident))


def place_of(case: Case) -> str:
    """What the page behind an incident is asked by."""
    return f"{(case.aware_at - _EPOCH) // _MICROSECOND}_{case.incident_id.hex}"


class Incident(Model):
    """One incident; `hours_left` of the 72, null when nothing is to be notified."""

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
    hours_left: float | None

    @classmethod
    def of(cls, case: Case, now: datetime) -> Self:
        known = {field.name: getattr(case, field.name) for field in fields(case)}
        hours = case.hours_left(now) if case.is_clock_running else None
        return cls.model_validate(known | {"hours_left": hours})


class Incidents(Model):
    """A page of the register, the one known longest first."""

    items: list[Incident]
    next: str | None


class IncidentWithNotes(Model):
    """One incident, and who did or saw what."""

    incident: Incident
    notes: Sequence[Note]


class Notification(Model):
    """A draft for the authority: the fields of Art. 33(3), also as French text."""

    regulation: str
    site: str
    incident: str
    kind: str
    opened_at: str
    aware_at: str
    deadline: str
    hours_left: float | None
    nature: str
    people: list[str]
    people_about: str
    records: list[str]
    records_about: str
    dpo_contact: str
    consequences: str
    measures: str
    risk: str
    are_people_to_be_told: bool
    is_late: bool
    delay_reason: str
    decision: str | None
    decision_reason: str
    notified_at: str | None
    missing: list[str]
    text: str
