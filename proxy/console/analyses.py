"""How agents did: analyses to read, and the form to write one beside the player."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from proxy.access.permissions import Permission
from proxy.api.analyses import AnalysesQuestion, list_analyses
from proxy.api.faults import UnknownPlaceError
from proxy.api.route import Asked
from proxy.console.failing import again
from proxy.console.visit import GET, POST, Answer, Goto, Page, Visit
from proxy.errors import PonctuelError
from proxy.vault.analysis_form import HIGHEST_SCORE, MOST_CRITERIA, AnalysisForm

_EMPTY_LINES = 4


class BadAnalysisError(PonctuelError):
    """Something in the analysis is missing, or is not what it may be."""

    status = 422
    error_id = "bad-analysis"


async def show(visit: Visit) -> Answer:
    try:
        question = AnalysesQuestion(after=visit.request.query.get("after", ""))
    except ValidationError:
        raise UnknownPlaceError from None
    actor = visit.session.actor
    listed = await list_analyses(Asked(actor, visit.site, question, {}))
    return Page("analyses.html", {"analyses": listed.items, "next": listed.next})


async def show_one(visit: Visit) -> Answer:
    assessing, actor = visit.site.hearing.assessing, visit.session.actor
    found = await assessing.show(actor, visit.place("analysis"))
    is_open = found["closed_at"] is None and found["assessor"] == actor.code
    may_write = is_open and visit.may(Permission.ANALYSES_WRITE)
    form = _form(found["recording_id"], found) if may_write else {}
    return Page("analysis.html", {"analysis": found, "is_open": may_write, **form})


async def write(visit: Visit) -> Answer:
    recording = visit.place("recording")
    try:
        written = await visit.site.hearing.assessing.write(
            visit.session.actor, recording, _read(visit.form)
        )
    except PonctuelError as error:
        page = Page("analysis_form.html", _form(recording, _typed(visit.form)))
        return again(visit, page, error)
    return Goto(f"/analyses/{written}")


async def close(visit: Visit) -> Answer:
    analysis = visit.place("analysis")
    await visit.site.hearing.assessing.close(visit.session.actor, analysis)
    return Goto(f"/analyses/{analysis}")


async def analysis_form_of(visit: Visit, recording: UUID) -> dict[str, Any]:
    """The form beside the player, with what the assessor wrote before."""
    if not visit.may(Permission.ANALYSES_WRITE):
        return {}
    assessing = visit.site.hearing.assessing
    mine = await assessing.own(visit.session.actor, recording)
    return _form(recording, mine or {})


def _form(recording: UUID, filled: Mapping[str, Any]) -> dict[str, Any]:
    criteria = list(filled.get("criteria", []))
    room = min(len(criteria) + _EMPTY_LINES, MOST_CRITERIA) - len(criteria)
    return {
        "recording": recording,
        "filled": filled,
        "lines": criteria + [{"criterion": "", "score": "", "comment": ""}] * room,
        "highest": HIGHEST_SCORE,
        "is_final": filled.get("closed_at") is not None,
    }


def _typed(form: Mapping[str, str]) -> dict[str, Any]:
    """What was filled in, lines without a criterion left out."""
    lines = [
        {part: form.get(f"{part}-{at}", "").strip() for part in _PARTS}
        for at in range(1, MOST_CRITERIA + 1)
    ]
    return {
        "agent": form.get("agent", "").strip(),
        "criteria": [line for line in lines if any(line.values())],
        "conclusion": form.get("conclusion", ""),
    }


_PARTS = ("criterion", "score", "comment")


def _read(form: Mapping[str, str]) -> AnalysisForm:
    """Raises BadAnalysisError, naming the first field that is wrong."""
    typed = _typed(form)
    for line in typed["criteria"]:
        line["score"] = _score(line["score"])
    try:
        return AnalysisForm.model_validate(typed)
    except ValidationError as error:
        where = error.errors(include_input=False)[0]["loc"]
        raise BadAnalysisError(field=str(where[0])) from None


def _score(text: str) -> int | None:
    is_score = len(text) <= len(str(HIGHEST_SCORE)) and text.isdecimal()
    return int(text) if is_score else None


ROUTES = (
    GET("/analyses", Permission.ANALYSES_READ, show),
    GET("/analyses/{analysis}", Permission.ANALYSES_READ, show_one),
    POST("/analyses/{analysis}/close", Permission.ANALYSES_WRITE, close),
    POST("/recordings/{recording}/analysis", Permission.ANALYSES_WRITE, write),
)
