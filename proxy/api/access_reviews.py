"""The monthly reviews of the trace: what is to be looked at, and the signature."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from proxy.access.permissions import Permission
from proxy.access.reviews.drafts import (
    Judgement,
    OwnSampleError,
    ReviewIncompleteError,
    ReviewStepError,
    Signed,
)
from proxy.api.access_alerts import ShownAlert
from proxy.api.access_trace import TraceEntry
from proxy.api.route import Asked, Model, Nothing, Route

_Place = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,15}$")]


class SignedReview(Model):
    """A month that was signed; the same is a leaf of the ledger, without the code."""

    month: date
    signed_at: datetime
    signed_by: str
    size: int
    root: str
    found: Mapping[str, Any]

    @classmethod
    def of(cls, signed: Signed) -> "SignedReview":
        return cls(
            month=signed.month,
            signed_at=signed.signed_at,
            signed_by=signed.signed_by,
            size=signed.size,
            root=signed.root.hex(),
            found=signed.found,
        )


class SignedReviews(Model):
    """All that were signed, and the months that should have been."""

    items: Sequence[SignedReview]
    overdue: Sequence[date]


class MonthsDraft(Model):
    """A month to be signed: its numbers, its alerts, and the lines to be judged."""

    month: date
    size: int
    root: str
    acts: Mapping[str, int]
    alerts: Sequence[ShownAlert]
    sample: Sequence[TraceEntry]


class MonthsSignature(Model):
    """By the place of each line of the sample, what you think of it."""

    judged: Annotated[Mapping[_Place, Judgement], Field(max_length=200)]


async def list_reviews(asked: Asked[Nothing]) -> SignedReviews:
    reviews = asked.site.access.reviews
    return SignedReviews(
        items=[SignedReview.of(each) for each in await reviews.list()],
        overdue=await reviews.overdue(asked.site.clock()),
    )


async def draft(asked: Asked[Nothing]) -> MonthsDraft:
    found = await asked.site.access.reviews.draft(asked.actor, _month_of(asked))
    return MonthsDraft(
        month=found.month,
        size=found.size,
        root=found.root.hex(),
        acts=found.acts,
        alerts=[
            ShownAlert.model_validate(each, from_attributes=True)
            for each in found.alerts
        ],
        sample=[TraceEntry.of(noted) for noted in found.sample],
    )


async def sign(asked: Asked[MonthsSignature]) -> SignedReview:
    judged = {int(place): each for place, each in asked.question.judged.items()}
    signed = await asked.site.access.reviews.sign(asked.actor, _month_of(asked), judged)
    return SignedReview.of(signed)


def _month_of(asked: Asked[Any]) -> date:
    return datetime.strptime(asked.place["month"], "%Y-%m").replace(tzinfo=UTC).date()


_ONE = "/sites/{site}/access/reviews/{month}"

ROUTES: tuple[Route[Any], ...] = (
    Route(
        "GET",
        "/sites/{site}/access/reviews",
        Permission.REVIEWS_SIGN,
        list_reviews,
        summary="Which months of the trace were signed, and which should have been.",
        asks=Nothing,
        answers=SignedReviews,
    ),
    Route(
        "GET",
        _ONE,
        Permission.REVIEWS_SIGN,
        draft,
        summary="A month to be signed: numbers, alerts, lines the tree has drawn.",
        asks=Nothing,
        answers=MonthsDraft,
        refusals=(ReviewStepError,),
    ),
    Route(
        "POST",
        _ONE,
        Permission.REVIEWS_SIGN,
        sign,
        summary="Sign a month; it is noted in the ledger.",
        asks=MonthsSignature,
        answers=SignedReview,
        refusals=(ReviewStepError, ReviewIncompleteError, OwnSampleError),
        example={"judged": {"12": "in-order"}},
    ),
)
