"""Who heard what: the trace, read by the data protection officer, which it notes."""

from datetime import UTC, datetime, time, timedelta
from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

from pydantic import Field, TypeAdapter

from proxy.access.permissions import Permission
from proxy.access.trace.acts import Act
from proxy.access.trace.reading import Filter
from proxy.api.faults import UnknownPlaceError
from proxy.console.visit import DAY, GET, Answer, Page, Visit
from proxy.policy_document import Code

_PAGE = 100
_SHOWN_AT_FIRST = timedelta(days=7)
_BEFORE_ALL = -1
_A_DAY = timedelta(days=1)
_CODE: TypeAdapter[str] = TypeAdapter(Code)
_PLACE: TypeAdapter[int] = TypeAdapter(Annotated[int, Field(ge=-1, le=2**62)])


async def show(visit: Visit) -> Answer:
    """Without a question: what was played in the last week."""
    asked = dict(visit.request.query) or {
        "act": Act.PLAY.value,
        "since": (visit.site.clock() - _SHOWN_AT_FIRST).date().isoformat(),
    }
    try:
        wanted, after = _filter(asked), _behind(asked.get("after", ""))
    except ValueError:  # pydantic's ValidationError is one
        raise UnknownPlaceError from None
    entries = await visit.site.access.oversight.reading.page(
        visit.session.actor, wanted, after, _PAGE
    )
    is_full = len(entries) == _PAGE
    further = urlencode(asked | {"after": entries[-1].place}) if is_full else ""
    acts = [(act.value, visit.words(f"acts.{act}")) for act in Act]
    values = {
        "entries": entries,
        "asked": asked,
        "acts": [("", visit.words("trace.every_act")), *acts],
        "further": further,
    }
    return Page("trace.html", values)


def _filter(asked: dict[str, str]) -> Filter:
    """Raises ValueError for what cannot be in the trace."""
    item, act, actor = asked.get("item"), asked.get("act"), asked.get("actor")
    until = _beginning(asked.get("until"))
    return Filter(
        item=UUID(item) if item else None,
        actor=_CODE.validate_python(actor) if actor else None,
        act=Act(act) if act else None,
        since=_beginning(asked.get("since")),
        until=until + _A_DAY if until else None,
    )


def _beginning(day: str | None) -> datetime | None:
    return datetime.combine(DAY.validate_strings(day), time(), UTC) if day else None


def _behind(place: str) -> int:
    return _PLACE.validate_strings(place) if place else _BEFORE_ALL


async def show_for_the_person(visit: Visit) -> Answer:
    """What somebody who was recorded is told of it: days and purposes, no codes."""
    item = visit.place("recording")
    heard = await visit.site.access.oversight.reading.of_recording(
        visit.session.actor, item
    )
    return Page("hearings.html", {"item": item, "hearings": heard})


ROUTES = (
    GET("/trace", Permission.TRACE_READ, show),
    GET("/trace/recordings/{recording}", Permission.TRACE_READ, show_for_the_person),
)
