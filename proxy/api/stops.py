"""Stopping all draws at once, and letting them go on."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from pydantic import StringConstraints

from proxy.access.permissions import Permission
from proxy.api.route import Asked, Model, Nothing, Route
from proxy.errors import ForbiddenRoleError, UnlawfulPolicyError, WrongStateError

_REFUSALS = (ForbiddenRoleError, UnlawfulPolicyError, WrongStateError)


class StopOrder(Model):
    """Why nothing may be drawn any more."""

    reason: Annotated[str, StringConstraints(min_length=1, max_length=500)]


class Stop(Model):
    """One party's stop; `resumes_from_epoch` once it is to go on."""

    party: str
    actor: str | None
    reason: str
    since: datetime | None
    resumes_from_epoch: int | None


class Stops(Model):
    """What keeps the site from drawing; nothing, if empty."""

    stops: Sequence[Stop]


async def list_stops(asked: Asked[Nothing]) -> object:
    return {"stops": await asked.site.governance.stops()}


async def stop(asked: Asked[StopOrder]) -> object:
    reason = asked.question.reason
    return {"stops": await asked.site.governance.stop(asked.actor, reason)}


async def resume(asked: Asked[Nothing]) -> object:
    return {"stops": await asked.site.governance.resume(asked.actor)}


ROUTES: tuple[Route[Any], ...] = (
    Route(
        "GET",
        "/sites/{site}/stops",
        Permission.POLICY_READ,
        list_stops,
        summary="What keeps draws stopped.",
        asks=Nothing,
        answers=Stops,
    ),
    Route(
        "POST",
        "/sites/{site}/stop",
        Permission.POLICY_STOP,
        stop,
        summary="Stop all draws, at once.",
        asks=StopOrder,
        answers=Stops,
        refusals=_REFUSALS,
        example={"reason": "The announcement is not played."},
    ),
    Route(
        "POST",
        "/sites/{site}/resume",
        Permission.POLICY_RESUME,
        resume,
        summary="Let draws go on from a coming epoch.",
        asks=Nothing,
        answers=Stops,
        refusals=_REFUSALS,
    ),
)
