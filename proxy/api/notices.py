"""What callers are told: the texts in force, and every one there was before."""

from collections.abc import Sequence
from datetime import datetime
from itertools import product
from typing import Any

from proxy.access.permissions import Permission
from proxy.api.route import Asked, Model, Nothing, Route
from proxy.letters.checking import LetterFactError
from proxy.letters.notices import NoticeKind
from proxy.letters.speech import LANGUAGES


class NoticeText(Model):
    """One text; its version changes with it."""

    kind: NoticeKind
    language: str
    version: str
    text: str


class NoticeTexts(Model):
    """What is in force, made anew from the settings and the policy."""

    items: Sequence[NoticeText]


class PastNotice(NoticeText):
    """A text that was in force; one that is has no end."""

    began_at: datetime
    ended_at: datetime | None


class PastNotices(Model):
    """Every text, the newest first."""

    items: Sequence[PastNotice]


async def read(asked: Asked[Nothing]) -> NoticeTexts:
    notices = asked.site.notices
    texts = [notices.current(*each) for each in product(NoticeKind, LANGUAGES)]
    return NoticeTexts(
        items=[NoticeText.model_validate(each, from_attributes=True) for each in texts]
    )


async def history(asked: Asked[Nothing]) -> PastNotices:
    kept = await asked.site.notices.history()
    return PastNotices(
        items=[
            PastNotice(
                kind=each.notice.kind,
                language=each.notice.language,
                version=each.notice.version,
                text=each.notice.text,
                began_at=each.began_at,
                ended_at=each.ended_at,
            )
            for each in kept
        ]
    )


ROUTES: tuple[Route[Any], ...] = (
    Route(
        "GET",
        "/sites/{site}/notices",
        Permission.POLICY_READ,
        read,
        summary="What callers are told, in both languages, from what is in force.",
        asks=Nothing,
        answers=NoticeTexts,
        refusals=(LetterFactError,),
    ),
    Route(
        "GET",
        "/sites/{site}/notice-history",
        Permission.POLICY_READ,
        history,
        summary="Every announcement and notice there was, and from when to when.",
        asks=Nothing,
        answers=PastNotices,
    ),
)
