"""Signs of abuse, and what somebody decides on each."""

from pydantic import ValidationError

from proxy.access.permissions import Permission
from proxy.access.watch.alerts import (
    Alert,
    AlertStepError,
    Decision,
    GrownAlertError,
)
from proxy.access.watch.rules import Rule
from proxy.api.faults import UnknownPlaceError
from proxy.api.paging import TimedQuestion, page_of, timed_place
from proxy.console.failing import again
from proxy.console.visit import GET, POST, Answer, Goto, Page, Visit
from proxy.errors import PonctuelError

_PLACE = "/alerts"
_ONE = "/alerts/{alert}"


async def show(visit: Visit) -> Answer:
    """The newest first, a page at a time."""
    are_open = "all" not in visit.request.query
    try:
        question = TimedQuestion(after=visit.request.query.get("after", ""))
    except ValidationError:
        raise UnknownPlaceError from None
    read = await visit.site.access.oversight.alerts.newest(
        question.behind, question.reach, are_open=are_open
    )
    page = page_of(read, question, _place_of)
    values = {"alerts": page.items, "next": page.next, "are_open": are_open}
    return Page("alerts.html", values)


def _place_of(alert: Alert) -> str:
    return timed_place(alert.opened_at, alert.alert_id)


async def show_one(visit: Visit) -> Answer:
    return await _one(visit)


async def decide(visit: Visit) -> Answer:
    try:
        await visit.site.access.oversight.alerts.decide(
            visit.session.actor,
            visit.place("alert"),
            _decision(visit),
            visit.field("note"),
            last_seq=_shown(visit),
        )
    except PonctuelError as error:
        return again(visit, await _one(visit), error)
    return Goto(_PLACE)


def _decision(visit: Visit) -> Decision:
    try:
        return Decision(visit.field("decision"))
    except ValueError:
        raise AlertStepError(field="decision") from None


def _shown(visit: Visit) -> int:
    """Up to which line of the trace the page told of it."""
    try:
        return int(visit.field("last_seq"))
    except ValueError:
        raise GrownAlertError(field="last_seq") from None


async def _one(visit: Visit) -> Page:
    alerts = visit.site.access.oversight.alerts
    alert = await alerts.find(visit.place("alert"))
    values = {
        "alert": alert,
        "decisions": [
            ("", visit.words("alerts.choose")),
            *((each.value, visit.words(f"decisions.{each}")) for each in Decision),
        ],
        "is_mine_to_decide": _is_to_decide(alert, visit.session.actor.code),
        "filled": visit.form,
    }
    return Page("alert.html", values)


def _is_to_decide(alert: Alert, code: str) -> bool:
    """A use of emergency access is reviewed, and nobody decides on themselves."""
    is_open = alert.decided_at is None
    return is_open and alert.actor != code and alert.rule is not Rule.BREAK_GLASS


ROUTES = (
    GET(_PLACE, Permission.ALERTS_DECIDE, show),
    GET(_ONE, Permission.ALERTS_DECIDE, show_one),
    POST(_ONE, Permission.ALERTS_DECIDE, decide),
)
