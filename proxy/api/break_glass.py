"""Emergency access to one recording, and its reviews."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from proxy.access.accounts.faults import StaleFactorError
from proxy.access.break_glass.faults import (
    GlassOffError,
    GlassOpenError,
    GlassReasonError,
    OwnUseError,
    ReviewedError,
    UnknownUseError,
)
from proxy.access.break_glass.records import Outcome, Use
from proxy.access.permissions import Permission
from proxy.access.words import LONGEST, WordsError
from proxy.api.faults import ForbiddenError
from proxy.api.paging import TimedQuestion, page_of, timed_place
from proxy.api.route import Asked, Model, Nothing, Route


class NewUse(Model):
    """Which recording, and which case asks for it; no name and no number."""

    recording: UUID
    reason: Annotated[str, Field(max_length=LONGEST)]


class ShownUse(Model):
    """A use, without its reason."""

    use_id: UUID
    actor: str
    role: str
    recording_id: UUID
    used_at: datetime
    until: datetime
    reviewed_at: datetime | None
    reviewed_by: str | None
    outcome: Outcome | None


class ReasonedUse(Model):
    """A use and why, as the user wrote it."""

    use: ShownUse
    reason: str


class ShownUses(Model):
    """A page of uses, the oldest first."""

    items: Sequence[ShownUse]
    next: str | None


class UseReview(Model):
    """Whether it was right."""

    outcome: Outcome


async def use(asked: Asked[NewUse]) -> ShownUse:
    if asked.session is None:  # the permission is one of those in person
        raise ForbiddenError(fix="sign in")
    return _shown(
        await asked.site.access.break_glass.use(
            asked.session, asked.question.recording, asked.question.reason
        )
    )


async def list_uses(asked: Asked[TimedQuestion]) -> ShownUses:
    question = asked.question
    found = await asked.site.access.break_glass.list(question.behind, question.reach)
    page = page_of(found, question, lambda use: timed_place(use.used_at, use.use_id))
    return ShownUses(items=[_shown(each) for each in page.items], next=page.next)


async def read(asked: Asked[Nothing]) -> ReasonedUse:
    glass, use_id = asked.site.access.break_glass, asked.place["use"]
    return ReasonedUse(
        use=_shown(await glass.find(use_id)),
        reason=await glass.reason_of(asked.actor, use_id),
    )


async def review(asked: Asked[UseReview]) -> ShownUse:
    glass = asked.site.access.break_glass
    return _shown(
        await glass.review(asked.actor, asked.place["use"], asked.question.outcome)
    )


def _shown(found: Use) -> ShownUse:
    told = asdict(found)
    return ShownUse(**{name: told[name] for name in ShownUse.model_fields})


_ALL = "/sites/{site}/break-glass"
_ONE = "/sites/{site}/break-glass/{use}"

ROUTES: tuple[Route[Any], ...] = (
    Route(
        "POST",
        _ALL,
        Permission.BREAK_GLASS_USE,
        use,
        summary="Open one recording for half an hour; the DPO is told at once.",
        asks=NewUse,
        answers=ShownUse,
        status=201,
        refusals=(
            GlassOffError,
            GlassReasonError,
            WordsError,
            StaleFactorError,
            GlassOpenError,
            UnknownUseError,
        ),
        example={
            "recording": "6f1b3d34-4c0e-4f7e-9d0a-3a9d1f6f2b11",
            "reason": "A complaint of today names this call.",
        },
    ),
    Route(
        "GET",
        _ALL,
        Permission.BREAK_GLASS_REVIEW,
        list_uses,
        summary="Every use of emergency access, a page at a time, the oldest first.",
        asks=TimedQuestion,
        answers=ShownUses,
    ),
    Route(
        "GET",
        _ONE,
        Permission.BREAK_GLASS_REVIEW,
        read,
        summary="One use and why; that you read it is on the trace.",
        asks=Nothing,
        answers=ReasonedUse,
        refusals=(UnknownUseError,),
    ),
    Route(
        "POST",
        f"{_ONE}/review",
        Permission.BREAK_GLASS_REVIEW,
        review,
        summary="Say whether somebody else's use was right; due within 72 hours.",
        asks=UseReview,
        answers=ShownUse,
        refusals=(UnknownUseError, OwnUseError, ReviewedError),
        example={"outcome": "justified"},
    ),
)
