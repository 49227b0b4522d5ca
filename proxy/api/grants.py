"""Grants: which recordings somebody may reach, given by another, until a day."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AwareDatetime, StringConstraints

from proxy.access.grants.giving import OLDEST, GrantOverError, UnknownGrantError
from proxy.access.grants.records import GivenGrant
from proxy.access.grants.rules import GrantRefusedError, OwnGrantError
from proxy.access.permissions import Permission
from proxy.api.paging import TimedQuestion, page_of, timed_place
from proxy.api.route import Asked, Handler, Model, Nothing, Route
from proxy.errors import PonctuelError

_Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]


class NewGrant(Model):
    """For whom, over what, until when. What is left out is not looked at."""

    code: _Name
    practice: _Name | None = None
    campaign: _Name | None = None
    until: AwareDatetime


class ShownGrant(Model):
    """One grant; `holds` says whether it does now."""

    grant_id: UUID
    code: str
    practice: str | None
    campaign: str | None
    until: datetime
    given_by: str
    given_at: datetime
    ended_at: datetime | None
    ended_by: str | None
    reviewed_at: datetime | None
    reviewed_by: str | None
    holds: bool


class ShownGrants(Model):
    """A page of all that were ever given and are still on record."""

    items: Sequence[ShownGrant]
    next: str | None


async def list_grants(asked: Asked[TimedQuestion]) -> ShownGrants:
    question = asked.question
    behind = question.behind or OLDEST
    found = await asked.site.access.grants.list(behind, question.reach)
    page = page_of(found, question, _place_of)
    return ShownGrants(items=[_shown(asked, g) for g in page.items], next=page.next)


async def give(asked: Asked[NewGrant]) -> ShownGrant:
    new = asked.question
    given = await asked.site.access.grants.give(
        asked.actor, new.code, new.practice, new.campaign, new.until
    )
    return _shown(asked, await asked.site.access.grants.find(given))


async def end(asked: Asked[Nothing]) -> ShownGrant:
    grants = asked.site.access.grants
    return _shown(asked, await grants.end(asked.actor, asked.place["grant"]))


async def review(asked: Asked[Nothing]) -> ShownGrant:
    grants = asked.site.access.grants
    return _shown(asked, await grants.review(asked.actor, asked.place["grant"]))


def _shown(asked: Asked[Any], grant: GivenGrant) -> ShownGrant:
    return ShownGrant(**asdict(grant), holds=grant.holds_at(asked.site.clock()))


def _place_of(grant: GivenGrant) -> str:
    return timed_place(grant.given_at, grant.grant_id)


def _step(
    word: str,
    handler: Handler[Nothing],
    summary: str,
    *refusals: type[PonctuelError],
) -> Route[Nothing]:
    return Route(
        "POST",
        f"/sites/{{site}}/grants/{{grant}}/{word}",
        Permission.GRANTS_WRITE,
        handler,
        summary=summary,
        asks=Nothing,
        answers=ShownGrant,
        refusals=(UnknownGrantError, *refusals),
    )


ROUTES: tuple[Route[Any], ...] = (
    Route(
        "GET",
        "/sites/{site}/grants",
        Permission.GRANTS_READ,
        list_grants,
        summary="Who may, or could, reach what; a page at a time, the oldest first.",
        asks=TimedQuestion,
        answers=ShownGrants,
    ),
    Route(
        "POST",
        "/sites/{site}/grants",
        Permission.GRANTS_WRITE,
        give,
        summary="Let somebody reach a practice's or a campaign's recordings.",
        asks=NewGrant,
        answers=ShownGrant,
        status=201,
        refusals=(GrantRefusedError, OwnGrantError),
        example={
            "code": "trainer-1",
            "practice": "cardio",
            "until": "2026-12-31T00:00:00Z",
        },
    ),
    _step("end", end, "End it now."),
    _step(
        "review",
        review,
        "Say that it is still needed; it ends when it would have.",
        GrantOverError,
        OwnGrantError,
    ),
)
