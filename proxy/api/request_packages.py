"""A person's copy: what is silent in it, how far it has come, the link to it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from proxy.access.permissions import Permission
from proxy.api.requests import ONE, Handling
from proxy.api.route import Asked, Model, Nothing, Route
from proxy.errors import ObjectMissingError
from proxy.rights.faults import (
    MoveRefusedError,
    OwnRequestError,
    TooManyCodesError,
    UnknownRequestError,
)
from proxy.rights.packages.faults import (
    LinkOverError,
    NoPackageError,
    NotFaultyError,
    NothingToPackError,
    PackageNotReadyError,
    SamePersonError,
)
from proxy.rights.packages.muting import MOST_CUTS, BadCutError, Cut, Why
from proxy.rights.packages.packages import Packages
from proxy.rights.packages.store import Ended

_A_DAY = 24 * 60 * 60 * 1000  # milliseconds
Moment = Annotated[int, Field(ge=0, le=_A_DAY)]


class AskedCut(Model):
    """Milliseconds from its beginning, and the closed reason."""

    start: Moment
    stop: Moment
    why: Why


class MutedParts(Model):
    """All that is silent in the copy of one recording; what was before is replaced."""

    recording: UUID
    cuts: Annotated[tuple[AskedCut, ...], Field(max_length=MOST_CUTS)]

    @property
    def wanted(self) -> list[Cut]:
        return [Cut(each.start, each.stop, each.why) for each in self.cuts]


class MutedQuestion(Model):
    """Of which recording."""

    recording: UUID


class CutList(Model):
    """What is silent in the copy of one recording."""

    items: Sequence[Cut]


class NewPackage(Model):
    """`without` leaves out recordings that kept a former one from being made."""

    without: Annotated[tuple[UUID, ...], Field(max_length=1000)] = ()


class PackageState(Model):
    """How far a package has come: `assembled` of `recordings`, then a link is given.

    `is_link_void`: too many wrong codes were tried; issue a new one.
    """

    package_id: UUID
    made_at: datetime
    made_by: str
    recordings: int
    assembled: int
    is_assembled: bool
    size: int | None
    fault: str | None
    fault_item: UUID | None
    left_out: Sequence[UUID]
    link_until: datetime | None
    is_link_void: bool
    fetched_at: datetime | None
    ended_at: datetime | None
    ended_because: Ended | None


class PackageLink(Model):
    """Shown this once. It goes to the person; the code goes another way."""

    address: str
    until: datetime


class HandedCode(Model):
    """For a person without a number, or whose number no message reaches."""

    code: str


def _packages(asked: Asked[Any]) -> Packages:
    return asked.site.rights.packages


async def make(asked: Asked[NewPackage]) -> object:
    packages, request_id = _packages(asked), asked.place["request"]
    return await packages.make(asked.actor, request_id, asked.question.without)


async def read(asked: Asked[Nothing]) -> object:
    return await _packages(asked).show(asked.actor, asked.place["request"])


async def mute(asked: Asked[MutedParts]) -> CutList:
    said, request_id = asked.question, asked.place["request"]
    cuts = await _packages(asked).mute(
        asked.actor, request_id, said.recording, said.wanted
    )
    return CutList(items=cuts)


async def muted(asked: Asked[MutedQuestion]) -> CutList:
    cuts = await _packages(asked).muted(
        asked.actor, asked.place["request"], asked.question.recording
    )
    return CutList(items=cuts)


async def issue_link(asked: Asked[Nothing]) -> object:
    packages, request_id = _packages(asked), asked.place["request"]
    return await packages.issue(asked.actor, request_id)


async def hand_over_code(asked: Asked[Nothing]) -> HandedCode:
    packages, request_id = _packages(asked), asked.place["request"]
    return HandedCode(code=await packages.hand_over_code(asked.actor, request_id))


_ANY = (UnknownRequestError, OwnRequestError, MoveRefusedError)
_NOT_YET = (NoPackageError, PackageNotReadyError)
_EXAMPLES: Mapping[str, Mapping[str, object]] = {
    f"{ONE}/package": {},
    f"{ONE}/muted": {
        "recording": "3f0c6f0e-7a53-4f2a-9d0b-0a7f9c1d2e3f",
        "cuts": [{"start": 12000, "stop": 15500, "why": "third-party"}],
    },
}


_step = Handling(answers=PackageState, refusals=_ANY, examples=_EXAMPLES)

ROUTES: tuple[Route[Any], ...] = (
    _step(
        f"{ONE}/muted",
        mute,
        MutedParts,
        CutList,
        (*_ANY, BadCutError, ObjectMissingError),
        summary="Say which parts of a copy are silent, and why; the original is not.",
    ),
    Route(
        "GET",
        f"{ONE}/muted",
        Permission.REQUESTS_READ,
        muted,
        summary="What is silent in the copy of one recording.",
        asks=MutedQuestion,
        answers=CutList,
        refusals=(UnknownRequestError, OwnRequestError),
    ),
    _step(
        f"{ONE}/package",
        make,
        NewPackage,
        PackageState,
        (
            *_ANY,
            NothingToPackError,
            NotFaultyError,
            NoPackageError,
            PackageNotReadyError,
        ),
        summary="Begin the person's copy; it is put together in the background.",
    ),
    Route(
        "GET",
        f"{ONE}/package",
        Permission.REQUESTS_READ,
        read,
        summary="How far the person's copy has come.",
        asks=Nothing,
        answers=PackageState,
        refusals=(NoPackageError, UnknownRequestError, OwnRequestError),
    ),
    _step(
        f"{ONE}/package/link",
        issue_link,
        Nothing,
        PackageLink,
        (*_ANY, *_NOT_YET),
        summary="A link to the finished copy, shown this once; a former one is void.",
    ),
    Route(
        "POST",
        f"{ONE}/package/code",
        Permission.REQUESTS_HAND_OVER,
        hand_over_code,
        summary="A code for that link, from another officer, where none can be sent.",
        asks=Nothing,
        answers=HandedCode,
        refusals=(
            *_ANY,
            NoPackageError,
            LinkOverError,
            TooManyCodesError,
            SamePersonError,
        ),
    ),
)
