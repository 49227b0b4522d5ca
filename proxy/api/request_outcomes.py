"""Doing what a person asked: erasing, restricting, rectifying, telling recipients."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import StringConstraints

from proxy.access.permissions import Permission
from proxy.access.words import WordsError
from proxy.api.request_forms import Day, Letter, Text
from proxy.api.requests import ONE, Handling
from proxy.api.route import Asked, Model, Nothing, Route
from proxy.errors import ObjectMissingError, StorageError
from proxy.letters.checking import LetterFactError
from proxy.rights.faults import (
    MoveRefusedError,
    NoLetterheadError,
    OwnRequestError,
    UnknownRequestError,
)
from proxy.rights.outcomes.assembling import Outcomes
from proxy.rights.outcomes.recipients import (
    Handover,
    HandoverError,
    HandoverPurpose,
    Notice,
    NoticeError,
    Told,
)
from proxy.rights.outcomes.restricting import NotToldError
from proxy.rights.outcomes.wants import Fate, Wanted, What
from proxy.vault.statements import LONGEST, StatementError

_HANDOVERS = "/sites/{site}/handovers"
Code = Annotated[str, StringConstraints(min_length=1, max_length=32)]


class RecordingFate(Model):
    """How it stands with one recording; `until` another right keeps it."""

    recording_id: UUID
    what: What
    fate: Fate
    receipt_seq: int | None
    done_at: datetime | None
    until: datetime | None


class Fates(Model):
    """What was done with each recording."""

    items: list[RecordingFate]


class NewStatement(Model):
    """The person's words, beside a recording that stays as it is."""

    recording: UUID
    text: Annotated[str, StringConstraints(min_length=1, max_length=LONGEST)]


class NewHandover(Model):
    """A recording that was given to somebody: a code, such as an authority's."""

    recording: UUID
    recipient: Code
    purpose: HandoverPurpose
    on: Day


class HandoversQuestion(Model):
    """Of which recording."""

    recording: UUID


class HandoverList(Model):
    """Whom a recording was given to."""

    items: Sequence[Handover]


class NoticeQuestion(Model):
    """To which recipient."""

    recipient: Code


class NewNotice(Model):
    """A recipient was told what became of it, or why that would be disproportionate."""

    handover: UUID
    outcome: Told
    reason: Text = ""


class NoticeList(Model):
    """Who is to be told of what a request changed, and who was."""

    items: Sequence[Notice]


def _outcomes(asked: Asked[Any]) -> Outcomes:
    return asked.site.rights.outcomes


def fates(wanted: Sequence[Wanted]) -> Fates:
    return Fates(items=[RecordingFate.model_validate(_fields(each)) for each in wanted])


def _fields(wanted: Wanted) -> dict[str, object]:
    return {name: getattr(wanted, name) for name in RecordingFate.model_fields}


async def all_of(outcomes: Outcomes, request_id: UUID) -> list[Wanted]:
    """Whatever was asked with a request, of every kind."""
    return [
        *await outcomes.erasing.of(request_id),
        *await outcomes.restricting.of(request_id),
        *await outcomes.rectifying.of(request_id),
    ]


async def read(asked: Asked[Nothing]) -> Fates:
    return fates(await all_of(_outcomes(asked), asked.place["request"]))


async def erase(asked: Asked[Nothing]) -> Fates:
    request_id = asked.place["request"]
    return fates(await _outcomes(asked).erasing.erase(asked.actor, request_id))


async def restrict(asked: Asked[Nothing]) -> Fates:
    request_id = asked.place["request"]
    return fates(await _outcomes(asked).restricting.restrict(asked.actor, request_id))


async def lifting_told(asked: Asked[Nothing]) -> Letter:
    restricting, request_id = _outcomes(asked).restricting, asked.place["request"]
    return Letter(letter=await restricting.tell_lifting(asked.actor, request_id))


async def lift(asked: Asked[Nothing]) -> Fates:
    request_id = asked.place["request"]
    return fates(await _outcomes(asked).restricting.lift(asked.actor, request_id))


async def attach(asked: Asked[NewStatement]) -> Fates:
    rectifying, request_id = _outcomes(asked).rectifying, asked.place["request"]
    said = asked.question
    await rectifying.attach(asked.actor, request_id, said.recording, said.text)
    return fates(await rectifying.of(request_id))


async def notices(asked: Asked[Nothing]) -> NoticeList:
    recipients = _outcomes(asked).recipients
    return NoticeList(items=await recipients.notices(asked.place["request"]))


async def notice(asked: Asked[NoticeQuestion]) -> Letter:
    telling, request_id = _outcomes(asked).telling, asked.place["request"]
    recipient = asked.question.recipient
    return Letter(letter=await telling.letter(asked.actor, request_id, recipient))


async def note(asked: Asked[NewNotice]) -> NoticeList:
    said = asked.question
    known = await _outcomes(asked).recipients.note(
        asked.actor, asked.place["request"], said.handover, said.outcome, said.reason
    )
    return NoticeList(items=known)


async def hand_over(asked: Asked[NewHandover]) -> HandoverList:
    said = asked.question
    known = await _outcomes(asked).recipients.hand_over(
        asked.actor, said.recording, said.recipient, said.purpose, said.on
    )
    return HandoverList(items=known)


async def handovers(asked: Asked[HandoversQuestion]) -> HandoverList:
    known = await _outcomes(asked).recipients.of(asked.question.recording)
    return HandoverList(items=known)


_DOING = (UnknownRequestError, OwnRequestError, MoveRefusedError, StorageError)
_EXAMPLES: Mapping[str, Mapping[str, object]] = {
    f"{ONE}/statement": {
        "recording": "3f0c6f0e-7a53-4f2a-9d0b-0a7f9c1d2e3f",
        "text": "The appointment was on the 4th, not on the 14th.",
    },
    f"{ONE}/recipients": {
        "handover": "3f0c6f0e-7a53-4f2a-9d0b-0a7f9c1d2e3f",
        "outcome": "told",
    },
    _HANDOVERS: {
        "recording": "3f0c6f0e-7a53-4f2a-9d0b-0a7f9c1d2e3f",
        "recipient": "court-lyon",
        "purpose": "requisition",
        "on": "2026-11-17",
    },
}


_doing = Handling(answers=Fates, refusals=_DOING, examples=_EXAMPLES)

ROUTES: tuple[Route[Any], ...] = (
    _doing(
        f"{ONE}/erasure",
        erase,
        Nothing,
        summary="Destroy the recordings of a request of erasure or objection, now.",
    ),
    _doing(
        f"{ONE}/restriction",
        restrict,
        Nothing,
        summary="Restrict the recordings of a request: kept, and heard by nobody.",
    ),
    _doing(
        f"{ONE}/restriction/lifting-told",
        lifting_told,
        Nothing,
        Letter,
        (*_DOING, NoLetterheadError, LetterFactError),
        summary="The letter that tells the person that it will be lifted (Art. 18(3)); "
        "then it may be.",
    ),
    _doing(
        f"{ONE}/restriction/lift",
        lift,
        Nothing,
        refusals=(*_DOING, NotToldError),
        summary="Give the recordings back to their own life, and their own end.",
    ),
    _doing(
        f"{ONE}/statement",
        attach,
        NewStatement,
        refusals=(*_DOING, StatementError, ObjectMissingError),
        summary="Attach the person's words to a recording, which stays as it is.",
    ),
    Route(
        "GET",
        f"{ONE}/outcomes",
        Permission.REQUESTS_READ,
        read,
        summary="What was done with each recording of a request.",
        asks=Nothing,
        answers=Fates,
    ),
    Route(
        "GET",
        f"{ONE}/recipients",
        Permission.REQUESTS_READ,
        notices,
        summary="Who was given a recording and is to be told (Art. 19), and who was.",
        asks=Nothing,
        answers=NoticeList,
    ),
    Route(
        "GET",
        f"{ONE}/recipients/notice",
        Permission.REQUESTS_HANDLE,
        notice,
        summary="The letter to one of them; it says nothing of who the person is.",
        asks=NoticeQuestion,
        answers=Letter,
        refusals=(
            *(UnknownRequestError, OwnRequestError, NoticeError, StorageError),
            *(NoLetterheadError, LetterFactError),
        ),
    ),
    _doing(
        f"{ONE}/recipients",
        note,
        NewNotice,
        NoticeList,
        (*_DOING, NoticeError, WordsError),
        summary="Say that a recipient was told, or why that is disproportionate.",
    ),
    Route(
        "GET",
        _HANDOVERS,
        Permission.REQUESTS_READ,
        handovers,
        summary="Whom a recording was given to.",
        asks=HandoversQuestion,
        answers=HandoverList,
    ),
    _doing(
        _HANDOVERS,
        hand_over,
        NewHandover,
        HandoverList,
        (HandoverError, ObjectMissingError),
        summary="Note that a recording was given to somebody.",
    ),
)
