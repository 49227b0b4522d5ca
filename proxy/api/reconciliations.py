"""Comparing with what the platform and the store really hold, and what came of it."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from proxy.access.permissions import Permission
from proxy.api.faults import BusyError
from proxy.api.paging import Page, PageQuestion, page_of
from proxy.api.route import Asked, Model, Nothing, Route
from proxy.policy_document import Code, Day
from proxy.reconciliation.connection_day import CannotReconcileError
from proxy.reconciliation.reports import ListSource
from proxy.reconciliation.runs import PastRun

_ALL = "/sites/{site}/reconciliations"


class Run(Model):
    """Which closed day, of which connection; the newest, and all, if left out.

    Where no connection is named, the store is compared too.
    """

    day: Day | None = None
    connection: Code | None = None


class RecordingCounts(Model):
    """What became of the recordings in a platform's list."""

    listed: int
    unsolicited: int
    purged: int
    still_there: int
    taken_over: int


class ComparedConnection(Model):
    """A connection's day, compared; `export_sha256` is in the ledger."""

    connection: str
    source: ListSource
    is_clean: bool
    calls: int
    bound: int
    platform_only: int
    ledger_only: int
    undecided: int
    gap: float
    recordings: RecordingCounts
    export_sha256: str


class UndoneConnection(Model):
    """A connection's day of which nothing is claimed, and why."""

    connection: str
    problem: str
    why: str
    is_clean: bool


class ComparedStore(Model):
    """The store against the recordings."""

    day: date
    objects: int
    strays: Sequence[str]
    missing: Sequence[str]
    listing_sha256: str
    is_clean: bool


class UndoneStore(Model):
    """A store that could not be looked through, and why."""

    problem: str
    why: str
    is_clean: bool


class ReconciliationReport(Model):
    """One run."""

    site: str
    day: date
    is_clean: bool
    connections: Sequence[ComparedConnection | UndoneConnection]
    inventory: ComparedStore | UndoneStore | None


class LastDay(Model):
    """The newest stored result of one connection with one kind of list.

    `is_counted`: what is monitored goes by it. A list given by hand counts only where
    the platform gives none. `actor` asked for it; null: the service did it by itself.
    """

    connection: str
    source: ListSource
    is_counted: bool
    day: date
    actor: str | None
    calls: int
    bound: int
    platform_only: int
    ledger_only: int
    unsolicited: int
    still_there: int
    done_at: datetime


class LastInventory(Model):
    """The newest stored result of the store."""

    day: date
    actor: str | None
    objects: int
    strays: int
    missing: int
    done_at: datetime


class LastResults(Model):
    """The newest stored results; nothing of what was never done."""

    connections: Sequence[LastDay]
    inventory: LastInventory | None


class PastLook(Model):
    """A look at a connection's day, and how many recordings nobody drew it found first.

    `actor` asked for it; null: the service did it by itself.
    """

    place: int
    connection: str
    day: date
    source: ListSource
    actor: str | None
    begun_at: datetime
    unsolicited: int


class Runs(Model):
    """A page of runs, oldest first."""

    items: list[PastLook]
    next: str | None


async def last(asked: Asked[Nothing]) -> object:
    return await asked.site.reconciliation.last()


async def run(asked: Asked[Run]) -> object:
    reconciliation, question = asked.site.reconciliation, asked.question
    report = await reconciliation.run(
        question.day or reconciliation.newest_closed_day(),
        question.connection,
        actor=asked.actor.code,
    )
    return report.as_json()


async def list_runs(asked: Asked[PageQuestion]) -> Page[PastRun]:
    question = asked.question
    runs = await asked.site.reconciliation.runs.page(question.place, question.reach)
    return page_of(runs, question, lambda run: str(run.place))


ROUTES: tuple[Route[Any], ...] = (
    Route(
        "GET",
        _ALL,
        Permission.RECONCILIATION_RUN,
        last,
        summary="The newest result of every connection and of the store.",
        asks=Nothing,
        answers=LastResults,
    ),
    Route(
        "POST",
        _ALL,
        Permission.RECONCILIATION_RUN,
        run,
        summary="Compare a closed day now; the answer comes when that is done.",
        asks=Run,
        answers=ReconciliationReport,
        refusals=(CannotReconcileError, BusyError),
        example={"day": "2026-11-17", "connection": "pbx"},
        is_heavy=True,
    ),
    Route(
        "GET",
        f"{_ALL}/runs",
        Permission.RECONCILIATION_RUN,
        list_runs,
        summary="Who had which day compared with which list, oldest first.",
        asks=PageQuestion,
        answers=Runs,
    ),
)
