"""Policies on their way into force: the same moves as on the command line.

Who may move what from where to where is decided in `proxy.governance`; the permissions
here only keep out whoever may never.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

from pydantic import StringConstraints

from proxy.access.permissions import Permission
from proxy.api.paging import Page, PageQuestion, page_of
from proxy.api.route import Asked, Handler, Model, Nothing, Question, Route
from proxy.errors import (
    ForbiddenRoleError,
    PolicyRefusedError,
    StaleDocumentError,
    UnknownPolicyError,
    UnlawfulPolicyError,
    WrongStateError,
)
from proxy.governance.versions import PolicyEvent, PolicyVersion
from proxy.policy_document import PolicyPart
from sampling.lifecycle import State

Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=500)]


class Edit(Model):
    """A new text for a draft; `digest` is that of the text it replaces."""

    document: PolicyPart
    digest: Digest


class Proposal(Model):
    """Why this policy, in words; `digest` says which text is meant."""

    digest: Digest
    justification: Reason


class Approval(Model):
    """`digest` says which text was read and is approved."""

    digest: Digest


class Refusal(Model):
    """Why not."""

    reason: Reason


class Policy(Model):
    """A policy and how far it has come; moves are asked for with its `digest`.

    That is the SHA-256 of the salt's bytes and the document, which is written without
    blanks and its names sorted.
    """

    number: int
    state: State
    document: Mapping[str, Any]
    salt: str
    digest: str
    author: str
    proposer: str | None
    approver: str | None
    justification: str
    reason: str
    is_increase: bool
    increases: Sequence[str]
    simulation: Mapping[str, Any] | None
    created_at: datetime
    proposed_at: datetime | None
    approved_at: datetime | None
    effective_from_epoch: int | None
    version: int | None
    from_epoch: int | None


class Policies(Model):
    """A page of policies, oldest first."""

    items: list[Policy]
    next: str | None


class Event(Model):
    """Who did, or tried to do, what."""

    number: int | None
    move: str
    actor: str
    role: str
    at: datetime
    is_refused: bool
    detail: Mapping[str, Any]


class History(Model):
    """A page of what was done, oldest first."""

    items: list[Event]
    next: str | None


async def draft(asked: Asked[PolicyPart]) -> PolicyVersion:
    return await asked.site.governance.draft(asked.actor, asked.question)


async def list_policies(asked: Asked[PageQuestion]) -> Page[PolicyVersion]:
    question = asked.question
    versions = await asked.site.governance.list(question.place, question.reach)
    return page_of(versions, question, lambda version: str(version.number))


async def read(asked: Asked[Nothing]) -> PolicyVersion:
    return await asked.site.governance.find(asked.place["policy"])


async def edit(asked: Asked[Edit]) -> PolicyVersion:
    number, new = asked.place["policy"], asked.question
    return await asked.site.governance.edit(
        asked.actor, number, new.document, new.digest
    )


async def propose(asked: Asked[Proposal]) -> PolicyVersion:
    number, new = asked.place["policy"], asked.question
    return await asked.site.governance.propose(
        asked.actor, number, new.digest, new.justification
    )


async def approve(asked: Asked[Approval]) -> PolicyVersion:
    number, digest = asked.place["policy"], asked.question.digest
    return await asked.site.governance.approve(asked.actor, number, digest)


async def refuse(asked: Asked[Refusal]) -> PolicyVersion:
    number, reason = asked.place["policy"], asked.question.reason
    return await asked.site.governance.refuse(asked.actor, number, reason)


async def withdraw(asked: Asked[Nothing]) -> PolicyVersion:
    return await asked.site.governance.withdraw(asked.actor, asked.place["policy"])


async def history(asked: Asked[PageQuestion]) -> Page[PolicyEvent]:
    number, question = asked.place["policy"], asked.question
    events = await asked.site.governance.history(number, question.place, question.reach)
    return page_of(events, question, _place)


async def attempts(asked: Asked[PageQuestion]) -> Page[PolicyEvent]:
    question = asked.question
    events = await asked.site.governance.attempts(question.place, question.reach)
    return page_of(events, question, _place)


def _place(event: PolicyEvent) -> str:
    return str(event.place)


_ALL = "/sites/{site}/policies"
_ONE = "/sites/{site}/policies/{policy}"
_OF_ONE = (
    PolicyRefusedError,
    ForbiddenRoleError,
    UnknownPolicyError,
    WrongStateError,
    UnlawfulPolicyError,
)
_OF_TEXT = (*_OF_ONE, StaleDocumentError)


def _read(
    path: str,
    handler: Handler[Question],
    asks: type[Question],
    answers: type[Model],
    summary: str,
) -> Route[Question]:
    refusals = (UnknownPolicyError,) if path.startswith(_ONE) else ()
    return Route(
        "GET",
        path,
        Permission.POLICY_READ,
        handler,
        summary=summary,
        asks=asks,
        answers=answers,
        refusals=refusals,
    )


_DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_DOCUMENT = {
    "preset": "large",
    "starts_on": "2027-01-04",
    "strata": {"cardio_out": {"line_groups": ["cardio"], "rate": "0.5%"}},
}

ROUTES: tuple[Route[Any], ...] = (
    Route(
        "POST",
        _ALL,
        Permission.POLICY_DRAFT,
        draft,
        summary="Write a new draft.",
        asks=PolicyPart,
        answers=Policy,
        status=201,
        refusals=(PolicyRefusedError, UnlawfulPolicyError),
        example=_DOCUMENT,
    ),
    _read(_ALL, list_policies, PageQuestion, Policies, "All policies, oldest first."),
    _read(_ONE, read, Nothing, Policy, "One policy."),
    Route(
        "PUT",
        _ONE,
        Permission.POLICY_DRAFT,
        edit,
        summary="Replace the text of a draft.",
        asks=Edit,
        answers=Policy,
        refusals=_OF_TEXT,
        example={"document": _DOCUMENT, "digest": _DIGEST},
    ),
    Route(
        "POST",
        f"{_ONE}/propose",
        Permission.POLICY_PROPOSE,
        propose,
        summary="Ask for approval of the text with this digest.",
        asks=Proposal,
        answers=Policy,
        refusals=_OF_TEXT,
        example={"digest": _DIGEST, "justification": "Two new people to be trained."},
    ),
    Route(
        "POST",
        f"{_ONE}/approve",
        Permission.POLICY_APPROVE,
        approve,
        summary="Approve the text with this digest. Who proposed an increase may not.",
        asks=Approval,
        answers=Policy,
        refusals=_OF_TEXT,
        example={"digest": _DIGEST},
    ),
    Route(
        "POST",
        f"{_ONE}/refuse",
        Permission.POLICY_APPROVE,
        refuse,
        summary="Refuse it.",
        asks=Refusal,
        answers=Policy,
        refusals=_OF_ONE,
        example={"reason": "One person is to be trained; half of it is enough."},
    ),
    Route(
        "POST",
        f"{_ONE}/withdraw",
        Permission.POLICY_APPROVE,
        withdraw,
        summary="Take it back before its leaf is written.",
        asks=Nothing,
        answers=Policy,
        refusals=_OF_ONE,
    ),
    _read(f"{_ONE}/history", history, PageQuestion, History, "Who moved it, or tried."),
    _read(
        "/sites/{site}/refused-attempts",
        attempts,
        PageQuestion,
        History,
        "What was tried and refused.",
    ),
)
