"""Who may what as a whole, and the quarterly signature under it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

from pydantic import StringConstraints

from proxy.access.habilitations.reviewing import StaleReviewError
from proxy.access.permissions import Permission
from proxy.api.route import Asked, Model, Nothing, Route


class Signed(Model):
    """A review; its salted digest is in the ledger, in the leaf `seq`."""

    seq: int
    signed_at: datetime
    signed_by: str
    digest: str


class Habilitations(Model):
    """What holds now; `digest` is what a signature names."""

    document: Mapping[str, Sequence[Mapping[str, Any]]]
    digest: str
    is_overdue: bool
    last: Signed | None


class Signature(Model):
    """What was read: the `digest` of the document."""

    digest: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


async def read(asked: Asked[Nothing]) -> Habilitations:
    habilitations = asked.site.access.habilitations
    found, signed = await habilitations.look(), await habilitations.list(limit=1)
    return Habilitations.model_validate(
        {
            "document": found.document,
            "digest": found.digest,
            "is_overdue": bool(await habilitations.overdue()),
            "last": signed[0] if signed else None,
        },
        from_attributes=True,
    )


async def sign(asked: Asked[Signature]) -> object:
    habilitations = asked.site.access.habilitations
    return await habilitations.sign(asked.actor, asked.question.digest)


ROUTES: tuple[Route[Any], ...] = (
    Route(
        "GET",
        "/sites/{site}/habilitations",
        Permission.GRANTS_READ,
        read,
        summary="Everybody who may something now, by codes, and the last review.",
        asks=Nothing,
        answers=Habilitations,
    ),
    Route(
        "POST",
        "/sites/{site}/habilitations/review",
        Permission.REVIEWS_SIGN,
        sign,
        summary="Sign that you have read who may what; it is noted in the ledger.",
        asks=Signature,
        answers=Signed,
        refusals=(StaleReviewError,),
        example={"digest": "0" * 64},
    ),
)
