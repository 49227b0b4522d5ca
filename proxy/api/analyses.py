"""Analyses: how agents did, for those who reach them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from pydantic import ConfigDict, StringConstraints

from proxy.access.permissions import Permission
from proxy.api.paging import PageQuestion, page_of
from proxy.api.route import Asked, Model, Nothing, Route
from proxy.errors import ObjectMissingError, RestrictedError
from proxy.vault.analyses import (
    OLDEST,
    FinalAnalysisError,
    NoAnalysisError,
    Place,
)
from proxy.vault.analysis_form import WARNING, AnalysisForm

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class AnalysesQuestion(PageQuestion):
    """Which page to list; `after` is the `next` of the page before."""

    # Microseconds since 1970, when it was made, and the analysis: all of them exist.
    after: Annotated[
        str, StringConstraints(pattern=r"^([0-9]{1,16}_[0-9a-f]{32})?$")
    ] = ""

    @property
    def behind(self) -> Place:
        if not self.after:
            return OLDEST
        passed, _, analysis = self.after.partition("_")
        return _EPOCH + int(passed) * _MICROSECOND, UUID(analysis)


class ListedAnalysis(Model):
    """Who wrote an analysis of what, and until when it is kept."""

    analysis_id: UUID
    recording_id: UUID
    assessor: str
    made_at: datetime
    closed_at: datetime | None
    ends_at: datetime


class ListedAnalyses(Model):
    """A page of those you reach, the oldest first."""

    items: Sequence[ListedAnalysis]
    next: str | None


class CallFacts(Model):
    """What the service knows of the call: never who called."""

    day: str
    seconds: int
    purpose: str
    stratum: str


class Criterion(Model):
    """One thing looked at, and how well it was done."""

    criterion: str
    score: int
    comment: str


class Analysis(ListedAnalysis):
    """An analysis, opened."""

    call: CallFacts
    agent: str
    criteria: Sequence[Criterion]
    conclusion: str


class NewAnalysis(Model):
    """Your analysis of a recording, or its correction."""

    model_config = ConfigDict(json_schema_extra={"description": WARNING})

    recording: UUID
    form: AnalysisForm


class Written(Model):
    """Which analysis was written."""

    analysis_id: UUID


class Closed(Model):
    """It is final; when its recording ends, null if that is gone."""

    analysis_id: UUID
    recording_ends_at: datetime | None


async def list_analyses(asked: Asked[AnalysesQuestion]) -> ListedAnalyses:
    question = asked.question
    found = await asked.site.hearing.assessing.list(
        asked.actor, question.reach, question.behind
    )
    page = page_of([ListedAnalysis(**each) for each in found], question, _place_of)
    return ListedAnalyses(items=page.items, next=page.next)


def _place_of(listed: ListedAnalysis) -> str:
    return f"{(listed.made_at - _EPOCH) // _MICROSECOND}_{listed.analysis_id.hex}"


async def show(asked: Asked[Nothing]) -> Analysis:
    found = await asked.site.hearing.assessing.show(
        asked.actor, asked.place["analysis"]
    )
    return Analysis.model_validate(found)


async def write(asked: Asked[NewAnalysis]) -> Written:
    question = asked.question
    written = await asked.site.hearing.assessing.write(
        asked.actor, question.recording, question.form
    )
    return Written(analysis_id=written)


async def close(asked: Asked[Nothing]) -> Closed:
    analysis = asked.place["analysis"]
    ends_at = await asked.site.hearing.assessing.close(asked.actor, analysis)
    return Closed(analysis_id=analysis, recording_ends_at=ends_at)


_ALL = "/sites/{site}/analyses"
_ONE = "/sites/{site}/analyses/{analysis}"

ROUTES: tuple[Route[Any], ...] = (
    Route(
        "GET",
        _ALL,
        Permission.ANALYSES_READ,
        list_analyses,
        summary="The analyses within your reach, the oldest first.",
        asks=AnalysesQuestion,
        answers=ListedAnalyses,
    ),
    Route(
        "POST",
        _ALL,
        Permission.ANALYSES_WRITE,
        write,
        summary=f"Write your analysis of a recording, or correct it. {WARNING}",
        asks=NewAnalysis,
        answers=Written,
        refusals=(ObjectMissingError, RestrictedError, FinalAnalysisError),
        example={
            "recording": "5f2c1f0e-8f0b-4f57-9a53-0d7b6f0f7a11",
            "form": {
                "agent": "a-104",
                "criteria": [{"criterion": "greeting", "score": 8, "comment": ""}],
                "conclusion": "",
            },
        },
    ),
    Route(
        "GET",
        _ONE,
        Permission.ANALYSES_READ,
        show,
        summary="One analysis.",
        asks=Nothing,
        answers=Analysis,
        refusals=(NoAnalysisError,),
    ),
    Route(
        "POST",
        f"{_ONE}/close",
        Permission.ANALYSES_WRITE,
        close,
        summary="Make your analysis final; its recording then ends soon.",
        asks=Nothing,
        answers=Closed,
        refusals=(NoAnalysisError, FinalAnalysisError),
    ),
)
