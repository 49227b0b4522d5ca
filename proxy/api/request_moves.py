"""What is done with one request of a person, from proof of identity to the answer."""

from collections.abc import Mapping
from typing import Any

from proxy.access.permissions import Permission
from proxy.api.request_forms import (
    CheckedDocument,
    CodeTo,
    Doubt,
    DroppedItem,
    Escalation,
    Extension,
    IdentifiedBy,
    Instruction,
    Letter,
    Letters,
    NewAnswer,
    RequestStanding,
    SentCode,
    ShownCode,
    ShownDetails,
)
from proxy.api.requests import ONE, Handling
from proxy.api.route import Asked, Nothing, Route
from proxy.rights.desk import Desk, Passed
from proxy.rights.faults import (
    BadRequestError,
    DocumentLeftError,
    MoveRefusedError,
    NoLetterheadError,
    NoSenderError,
    NotDoneError,
    NotSentError,
    OwnRequestError,
    ProofRefusedError,
    SomebodyElsesNumberError,
    StillFrozenError,
    TooManyCodesError,
    UnknownRequestError,
)
from proxy.rights.records import Request


def _desk(asked: Asked[Any]) -> Desk:
    return asked.site.rights.desk


def _stands(asked: Asked[Any], request: Request) -> RequestStanding:
    return RequestStanding.of(request, asked.site.clock())


async def acknowledge(asked: Asked[Nothing]) -> Letter:
    text = await _desk(asked).acknowledge(asked.actor, asked.place["request"])
    return Letter(letter=text)


async def send_code(asked: Asked[CodeTo]) -> SentCode:
    until = await _desk(asked).send_code(
        asked.actor, asked.place["request"], asked.question.number
    )
    return SentCode(good_until=until)


async def confirm_code(asked: Asked[ShownCode]) -> RequestStanding:
    request = await _desk(asked).confirm_code(
        asked.actor, asked.place["request"], asked.question.code
    )
    return _stands(asked, request)


async def confirm_details(asked: Asked[ShownDetails]) -> RequestStanding:
    said = asked.question
    request = await _desk(asked).confirm_details(
        asked.actor, asked.place["request"], said.day, said.hour, said.line
    )
    return _stands(asked, request)


async def mark_shared(asked: Asked[Nothing]) -> RequestStanding:
    request = await _desk(asked).mark_shared(asked.actor, asked.place["request"])
    return _stands(asked, request)


async def doubt(asked: Asked[Doubt]) -> Letter:
    text = await _desk(asked).doubt(
        asked.actor, asked.place["request"], asked.question.why
    )
    return Letter(letter=text)


async def document_checked(asked: Asked[CheckedDocument]) -> RequestStanding:
    request = await _desk(asked).document_checked(
        asked.actor,
        asked.place["request"],
        proves=asked.question.proves,
        is_destroyed=asked.question.is_destroyed,
    )
    return _stands(asked, request)


async def document_destroyed(asked: Asked[Nothing]) -> RequestStanding:
    request = await _desk(asked).document_destroyed(asked.actor, asked.place["request"])
    return _stands(asked, request)


async def identified(asked: Asked[IdentifiedBy]) -> RequestStanding:
    request = await _desk(asked).identified_otherwise(
        asked.actor, asked.place["request"], asked.question.how
    )
    return _stands(asked, request)


async def escalate(asked: Asked[Escalation]) -> Passed:
    return await _desk(asked).escalate(
        asked.actor, asked.place["request"], asked.question.practice
    )


async def instructed(asked: Asked[Instruction]) -> RequestStanding:
    request = await _desk(asked).controller_answered(
        asked.actor, asked.place["request"], asked.question.instruction
    )
    return _stands(asked, request)


async def extend(asked: Asked[Extension]) -> Letter:
    text = await _desk(asked).extend(
        asked.actor, asked.place["request"], asked.question.reason
    )
    return Letter(letter=text)


async def drop(asked: Asked[DroppedItem]) -> RequestStanding:
    request = await _desk(asked).drop_item(
        asked.actor,
        asked.place["request"],
        asked.question.recording,
        asked.question.why,
    )
    return _stands(asked, request)


async def answer(asked: Asked[NewAnswer]) -> Letter:
    said = asked.question
    text = await _desk(asked).answer(
        asked.actor, asked.place["request"], said.outcome, said.grounds, said.articles
    )
    return Letter(letter=text)


async def read_letter(asked: Asked[Nothing]) -> Letter:
    text = await _desk(asked).letter(asked.actor, asked.place["request"])
    return Letter(letter=text)


async def close(asked: Asked[Nothing]) -> RequestStanding:
    request = await _desk(asked).close(asked.actor, asked.place["request"])
    return _stands(asked, request)


_ANY = (UnknownRequestError, OwnRequestError, MoveRefusedError)
_LETTERS = (*_ANY, NoLetterheadError)
_PROOF = (*_ANY, BadRequestError, ProofRefusedError)
_TRUTH = (NotDoneError, DocumentLeftError)
_TO_A_PHONE = (
    *(NoSenderError, NotSentError, TooManyCodesError),
    *(SomebodyElsesNumberError, BadRequestError),
)


_EXAMPLES: Mapping[str, Mapping[str, object]] = {
    f"{ONE}/code": {},
    f"{ONE}/code/confirm": {"code": "204816"},
    f"{ONE}/details": {"day": "2026-11-03", "hour": 9, "line": "cardio"},
    f"{ONE}/doubt": {
        "why": "Another person wrote the day before with the same number."
    },
    f"{ONE}/document": {"proves": True, "is_destroyed": True},
    f"{ONE}/identity": {"how": "practice"},
    f"{ONE}/escalation": {"practice": "cardio"},
    f"{ONE}/instruction": {"instruction": "Grant it."},
    f"{ONE}/extension": {
        "reason": "Two hundred recordings, each with another person's words."
    },
    f"{ONE}/items/drop": {
        "recording": "3f0c6f0e-7a53-4f2a-9d0b-0a7f9c1d2e3f",
        "why": "not-theirs",
    },
    f"{ONE}/answer": {"outcome": "granted"},
}


_move = Handling(answers=RequestStanding, refusals=_ANY, examples=_EXAMPLES)

ROUTES: tuple[Route[Any], ...] = (
    _move(
        f"{ONE}/acknowledgement",
        acknowledge,
        Nothing,
        Letter,
        summary="The letter that says it was received, and until when it is answered.",
        refusals=_LETTERS,
    ),
    _move(
        f"{ONE}/code",
        send_code,
        CodeTo,
        SentCode,
        summary="Send a one-time code to the number that called.",
        refusals=(*_LETTERS, *_TO_A_PHONE),
    ),
    _move(
        f"{ONE}/code/confirm",
        confirm_code,
        ShownCode,
        summary="Take the code that was read out.",
        refusals=_PROOF,
    ),
    _move(
        f"{ONE}/details",
        confirm_details,
        ShownDetails,
        summary="Take when one of their calls was, and on which line.",
        refusals=_PROOF,
    ),
    _move(
        f"{ONE}/shared",
        mark_shared,
        Nothing,
        summary="Say that several people may have this telephone.",
    ),
    _move(
        f"{ONE}/doubt",
        doubt,
        Doubt,
        Letter,
        summary="Record why it is doubted who asks; the letter asks for a document.",
        refusals=_LETTERS,
    ),
    _move(
        f"{ONE}/document",
        document_checked,
        CheckedDocument,
        summary="Say what the document showed, and that it is destroyed.",
        refusals=_PROOF,
    ),
    _move(
        f"{ONE}/document/destroyed",
        document_destroyed,
        Nothing,
        summary="Say that nothing is left of a document, nor of any copy.",
        refusals=(*_ANY, BadRequestError),
    ),
    _move(
        f"{ONE}/identity",
        identified,
        IdentifiedBy,
        summary="Say that an agent's account, or the practice, shows who asks.",
        refusals=_PROOF,
    ),
    _move(
        f"{ONE}/escalation",
        escalate,
        Escalation,
        Letters,
        summary="Pass it to the practice that is controller.",
        refusals=(*_LETTERS, BadRequestError),
    ),
    _move(
        f"{ONE}/instruction",
        instructed,
        Instruction,
        summary="Say what the practice decided.",
    ),
    _move(
        f"{ONE}/extension",
        extend,
        Extension,
        Letter,
        summary="Extend it by two months, inside the first, with the reason.",
        refusals=_LETTERS,
    ),
    _move(
        f"{ONE}/items/drop",
        drop,
        DroppedItem,
        summary="Say that a recording is no part of it; it goes back to its own end.",
        refusals=(*_ANY, BadRequestError),
    ),
    _move(
        f"{ONE}/answer",
        answer,
        NewAnswer,
        Letter,
        summary="Answer it; what is granted must be done first.",
        refusals=(*_LETTERS, *_TRUTH),
    ),
    Route(
        "GET",
        f"{ONE}/letter",
        Permission.REQUESTS_HANDLE,
        read_letter,
        summary="The answer's letter once more; before it, that it was passed on.",
        asks=Nothing,
        answers=Letter,
        refusals=_LETTERS,
    ),
    _move(
        f"{ONE}/close",
        close,
        Nothing,
        summary="End it: everything is given back, and whose it was forgotten.",
        refusals=(*_ANY, *_TRUTH, StillFrozenError),
    ),
)
