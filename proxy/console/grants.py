"""Who may hear what, until when: the data protection officer's register."""

from datetime import UTC, datetime, time

from pydantic import ValidationError

from proxy.access.grants.rules import LONGEST, GrantRefusedError
from proxy.access.permissions import Permission
from proxy.console.failing import again
from proxy.console.visit import DAY, GET, POST, Answer, Goto, Page, Visit
from proxy.errors import PonctuelError

_PLACE = "/grants"


async def show(visit: Visit) -> Answer:
    return await _register(visit)


async def give(visit: Visit) -> Answer:
    try:
        await visit.site.access.grants.give(
            visit.session.actor,
            visit.field("code"),
            visit.field("practice") or None,
            visit.field("campaign") or None,
            _end_of(visit.field("until")),
        )
    except PonctuelError as error:
        return again(visit, await _register(visit), error)
    return Goto(_PLACE)


async def end(visit: Visit) -> Answer:
    grants = visit.site.access.grants
    await grants.end(visit.session.actor, visit.place("grant"))
    return Goto(_PLACE)


async def review(visit: Visit) -> Answer:
    grants = visit.site.access.grants
    await grants.review(visit.session.actor, visit.place("grant"))
    return Goto(_PLACE)


async def _register(visit: Visit) -> Page:
    access, now = visit.site.access, visit.site.clock()
    given = await access.grants.list()
    values = {
        "grants": [(grant, grant.holds_at(now)) for grant in reversed(given)],
        "practices": [("", visit.words("grants.every"))]
        + [(name, name) for name in sorted(access.config.practices)],
        "today": now.date().isoformat(),
        "latest": (now + LONGEST).date().isoformat(),
        "filled": visit.form,
    }
    return Page("grants.html", values)


def _end_of(day: str) -> datetime:
    """A grant ends when its last day begins, so that ninety days are not more."""
    try:
        return datetime.combine(DAY.validate_strings(day), time(), UTC)
    except ValidationError:
        raise GrantRefusedError("this is no day", field="until") from None


ROUTES = (
    GET("/grants", Permission.GRANTS_READ, show),
    POST("/grants", Permission.GRANTS_WRITE, give),
    POST("/grants/{grant}/end", Permission.GRANTS_WRITE, end),
    POST("/grants/{grant}/review", Permission.GRANTS_WRITE, review),
)
