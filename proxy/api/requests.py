"""Requests of persons: the worklist, what comes in, one of them, a year in numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from proxy.access.permissions import Permission
from proxy.api.paging import page_of
from proxy.api.request_forms import (
    ReceivedRequest,
    RequestPage,
    RequestsQuestion,
    RequestStanding,
    Statistics,
    StatisticsQuestion,
    WholeRequest,
    place_of,
)
from proxy.api.route import Asked, Handler, Nothing, Question, Route
from proxy.errors import PonctuelError, StorageError
from proxy.rights.faults import BadRequestError, OwnRequestError, UnknownRequestError
from proxy.rights.statistics import statistics
from retention.rights.report import Report

ALL = "/sites/{site}/requests"
ONE = "/sites/{site}/requests/{request}"


@dataclass(frozen=True, kw_only=True)
class Handling:
    """Routes by which a request is handled: what most of them answer and refuse.

    `examples` of what is sent are found by path.
    """

    answers: type[BaseModel]
    refusals: tuple[type[PonctuelError], ...]
    examples: Mapping[str, Mapping[str, object]]

    def __call__(
        self,
        path: str,
        handler: Handler[Question],
        asks: type[Question],
        answers: type[BaseModel] | None = None,
        refusals: tuple[type[PonctuelError], ...] | None = None,
        *,
        summary: str,
    ) -> Route[Question]:
        return Route(
            "POST",
            path,
            Permission.REQUESTS_HANDLE,
            handler,
            summary=summary,
            asks=asks,
            answers=answers or self.answers,
            refusals=self.refusals if refusals is None else refusals,
            example=self.examples.get(path),
        )


async def list_requests(asked: Asked[RequestsQuestion]) -> RequestPage:
    now, question = asked.site.clock(), asked.question
    read = await asked.site.rights.desk.list(
        is_open=not question.closed_too, after=question.behind, limit=question.reach
    )
    page = page_of(read, question, place_of)
    items = [RequestStanding.of(each, now) for each in page.items]
    return RequestPage(items=items, next=page.next)


async def receive(asked: Asked[ReceivedRequest]) -> RequestStanding:
    new = asked.question.new()
    request = await asked.site.rights.desk.receive(asked.actor, new)
    return RequestStanding.of(request, asked.site.clock())


async def read(asked: Asked[Nothing]) -> WholeRequest:
    shown = await asked.site.rights.desk.show(asked.actor, asked.place["request"])
    return WholeRequest.of(shown, asked.site.clock())


async def report(asked: Asked[StatisticsQuestion]) -> Report:
    return await statistics(asked.site.rights.requests, asked.question.year)


ROUTES: tuple[Route[Any], ...] = (
    Route(
        "GET",
        ALL,
        Permission.REQUESTS_READ,
        list_requests,
        summary="Requests of persons, what is due first first; nobody is named.",
        asks=RequestsQuestion,
        answers=RequestPage,
    ),
    Route(
        "POST",
        ALL,
        Permission.REQUESTS_HANDLE,
        receive,
        summary="Take a request in, find what it is about and freeze it.",
        asks=ReceivedRequest,
        answers=RequestStanding,
        status=201,
        refusals=(BadRequestError, OwnRequestError, StorageError),
        example={
            "kind": "access",
            "number": "+33199000001",
            "contact": "by letter",
            "received_on": "2026-11-17",
        },
    ),
    Route(
        "GET",
        ONE,
        Permission.REQUESTS_READ,
        read,
        summary="One request with whose it is, its recordings and its history.",
        asks=Nothing,
        answers=WholeRequest,
        refusals=(UnknownRequestError, OwnRequestError),
    ),
    Route(
        "GET",
        "/sites/{site}/request-statistics",
        Permission.REQUESTS_READ,
        report,
        summary="A year's answers in numbers, in which nobody can be recognised.",
        asks=StatisticsQuestion,
        answers=Statistics,
    ),
)
