"""The register of incidents: what happened, who decided what, what to notify."""

from typing import Any
from uuid import UUID

from proxy.access.permissions import Permission
from proxy.api.incident_forms import (
    Incident,
    IncidentFacts,
    Incidents,
    IncidentsQuestion,
    IncidentWithNotes,
    NewDecision,
    NewIncident,
    NewNote,
    Notification,
    Notified,
    Outcome,
    place_of,
)
from proxy.api.paging import page_of
from proxy.api.route import Asked, Handler, Nothing, Question, Route
from proxy.incidents.register import OwnIncidentError, UnknownIncidentError
from proxy.incidents.rules import IncidentStepError
from proxy.incidents.words import IncidentTextError


async def list_incidents(asked: Asked[IncidentsQuestion]) -> Incidents:
    now, question = asked.site.clock(), asked.question
    cases = await asked.site.incidents.list(
        question.state, question.behind, question.reach
    )
    page = page_of(cases, question, place_of)
    return Incidents(items=[Incident.of(c, now) for c in page.items], next=page.next)


async def open_incident(asked: Asked[NewIncident]) -> Incident:
    incident_id = await asked.site.incidents.open_by_hand(
        asked.actor.code, asked.question.changes(), aware_at=asked.question.aware_at
    )
    return await _found(asked, incident_id)


async def read(asked: Asked[Nothing]) -> IncidentWithNotes:
    incident_id = asked.place["incident"]
    notes = await asked.site.incidents.notes(incident_id)
    return IncidentWithNotes(incident=await _found(asked, incident_id), notes=notes)


async def note(asked: Asked[NewNote]) -> Incident:
    incident_id = asked.place["incident"]
    await asked.site.incidents.note(incident_id, asked.actor.code, asked.question.note)
    return await _found(asked, incident_id)


async def describe(asked: Asked[IncidentFacts]) -> Incident:
    incident_id = asked.place["incident"]
    await asked.site.incidents.describe(
        incident_id, asked.actor.code, asked.question.changes()
    )
    return await _found(asked, incident_id)


async def decide(asked: Asked[NewDecision]) -> Incident:
    incident_id, question = asked.place["incident"], asked.question
    await asked.site.incidents.decide(
        incident_id, asked.actor.code, question.decision, question.reason
    )
    return await _found(asked, incident_id)


async def notified(asked: Asked[Notified]) -> Incident:
    incident_id = asked.place["incident"]
    await asked.site.incidents.notified(
        incident_id, asked.actor.code, asked.question.at
    )
    return await _found(asked, incident_id)


async def close(asked: Asked[Outcome]) -> Incident:
    incident_id = asked.place["incident"]
    await asked.site.incidents.close(
        incident_id, asked.actor.code, asked.question.outcome
    )
    return await _found(asked, incident_id)


async def export(asked: Asked[Nothing]) -> Notification:
    draft = await asked.site.incidents.export(asked.place["incident"])
    return Notification.model_validate(draft.document() | {"text": draft.text()})


async def _found(asked: Asked[Any], incident_id: UUID) -> Incident:
    case = await asked.site.incidents.find(incident_id)
    return Incident.of(case, asked.site.clock())


_ALL = "/sites/{site}/incidents"
_ONE = "/sites/{site}/incidents/{incident}"


def _step(
    path: str,
    handler: Handler[Question],
    asks: type[Question],
    summary: str,
    example: dict[str, str],
) -> Route[Question]:
    """Something done to one incident: the answer is how it stands then."""
    return Route(
        "POST",
        f"{_ONE}/{path}",
        Permission.INCIDENTS_WRITE,
        handler,
        summary=summary,
        asks=asks,
        answers=Incident,
        refusals=(
            UnknownIncidentError,
            OwnIncidentError,
            IncidentStepError,
            IncidentTextError,
        ),
        example=example,
    )


ROUTES: tuple[Route[Any], ...] = (
    Route(
        "GET",
        _ALL,
        Permission.INCIDENTS_READ,
        list_incidents,
        summary="The incidents, a page at a time, the one known longest first.",
        asks=IncidentsQuestion,
        answers=Incidents,
    ),
    Route(
        "POST",
        _ALL,
        Permission.INCIDENTS_WRITE,
        open_incident,
        summary="Write down what somebody noticed.",
        asks=NewIncident,
        answers=Incident,
        status=201,
        refusals=(IncidentTextError, IncidentStepError),
        example={
            "nature": "A backup disk was lost on the way.",
            "aware_at": "2026-11-18T08:30:00Z",
        },
    ),
    Route(
        "GET",
        _ONE,
        Permission.INCIDENTS_READ,
        read,
        summary="One incident with its notes.",
        asks=Nothing,
        answers=IncidentWithNotes,
        refusals=(UnknownIncidentError,),
    ),
    Route(
        "GET",
        f"{_ONE}/notification",
        Permission.INCIDENTS_READ,
        export,
        summary="What the authority would be told, and what is missing.",
        asks=Nothing,
        answers=Notification,
        refusals=(UnknownIncidentError,),
    ),
    _step(
        "notes",
        note,
        NewNote,
        "Add a note; to a closed incident too.",
        {"note": "The courier was asked."},
    ),
    _step(
        "description",
        describe,
        IncidentFacts,
        "Add to what Art. 33(3) asks for.",
        {"risk": "unlikely", "measures": "The disk is encrypted; its key is here."},
    ),
    _step(
        "decision",
        decide,
        NewDecision,
        "Decide whether to notify, and why.",
        {"decision": "not_notify", "reason": "Nobody can read the disk."},
    ),
    _step(
        "notified",
        notified,
        Notified,
        "Say that the authority was told.",
        {"at": "2026-11-19T08:30:00Z"},
    ),
    _step(
        "close",
        close,
        Outcome,
        "End it: decided, and notified if so decided.",
        {"outcome": "The disk was found, unopened."},
    ),
)
