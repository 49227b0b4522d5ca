"""Signs of abuse of the right to listen, and what is decided on each."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from proxy.access.permissions import Permission
from proxy.access.watch.alerts import (
    Alert,
    AlertStepError,
    Decision,
    GrownAlertError,
    OwnAlertError,
    UnknownAlertError,
)
from proxy.access.watch.rules import Rule
from proxy.access.words import LONGEST, WordsError
from proxy.api.paging import TimedQuestion, page_of, timed_place
from proxy.api.route import Asked, Model, Route


class AlertsQuestion(TimedQuestion):
    """Those nobody has decided on, or all; the oldest first."""

    are_open: bool = False


class ShownAlert(Model):
    """That somebody met a rule on a day, and what was decided."""

    alert_id: UUID
    rule: Rule
    actor: str
    day: date
    is_severe: bool
    opened_at: datetime
    seen: int
    first_seq: int
    last_seq: int
    decided_at: datetime | None
    decided_by: str | None
    decision: Decision | None
    note: str


class ShownAlerts(Model):
    """A page of alerts."""

    items: Sequence[ShownAlert]
    next: str | None


class AlertDecision(Model):
    """What was found and done, on what was read: the `last_seq` the alert had then.

    The note stays in this register.
    """

    decision: Decision
    last_seq: Annotated[int, Field(ge=0)]
    note: Annotated[str, Field(max_length=LONGEST)] = ""


async def list_alerts(asked: Asked[AlertsQuestion]) -> ShownAlerts:
    question = asked.question
    found = await asked.site.access.oversight.alerts.list(
        question.behind, question.reach, are_open=question.are_open
    )
    page = page_of(found, question, _place_of)
    return ShownAlerts.model_validate(page, from_attributes=True)


async def decide(asked: Asked[AlertDecision]) -> Alert:
    said = asked.question
    return await asked.site.access.oversight.alerts.decide(
        asked.actor,
        asked.place["alert"],
        said.decision,
        said.note,
        last_seq=said.last_seq,
    )


def _place_of(alert: Alert) -> str:
    return timed_place(alert.opened_at, alert.alert_id)


ROUTES: tuple[Route[Any], ...] = (
    Route(
        "GET",
        "/sites/{site}/access/alerts",
        Permission.ALERTS_DECIDE,
        list_alerts,
        summary="Signs of abuse, a page at a time, the oldest first.",
        asks=AlertsQuestion,
        answers=ShownAlerts,
    ),
    Route(
        "POST",
        "/sites/{site}/access/alerts/{alert}/decision",
        Permission.ALERTS_DECIDE,
        decide,
        summary="Decide on somebody else's alert, once.",
        asks=AlertDecision,
        answers=ShownAlert,
        refusals=(
            UnknownAlertError,
            AlertStepError,
            GrownAlertError,
            OwnAlertError,
            WordsError,
        ),
        example={
            "decision": "reminded",
            "last_seq": 112,
            "note": "The rota was changed that day.",
        },
    ),
)
