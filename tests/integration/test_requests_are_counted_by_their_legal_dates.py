"""What the figures page and the yearly report say of requests, from a real database."""

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from proxy.database.pool import open_pool
from proxy.ledger.transaction import Ledger, add_counts
from proxy.metrics_contract import CONTRACT, SiteLabels
from proxy.rights.figures import RequestFigures, counted
from proxy.rights.particulars import Particulars
from proxy.rights.records import Request
from proxy.rights.requests import Requests, new_reference
from proxy.rights.statistics import statistics
from proxy.vault.key_directory import KeyDirectory
from proxy.vault.keys import KeyRing
from retention.rights.deadlines import Kind
from retention.rights.request import (
    Event,
    Identity,
    Outcome,
    Standing,
    State,
    Told,
    move,
)

SITE = "clinic"
RIGHTS = {"requests_open", "requests_overdue", "requests_days_left", "request_days"}


class Book:
    """One site's requests, written down as the desk does."""

    def __init__(self, database, seal, clock):
        self.ledger = Ledger(database)
        self.requests = Requests(database, seal, clock, "Europe/Paris")
        self.figures = RequestFigures(self.requests, self.ledger).figures
        self.database = database

    async def add(self, kind, received_at, answered_at=None, **standing):
        at = self.requests.local(received_at)
        stands = Standing(
            kind, at, state=State.IDENTIFIED, identity=Identity.CODE, **standing
        )
        request = Request(
            request_id=uuid4(),
            reference=new_reference(),
            standing=stands,
            is_agents=False,
            language="fr",
            received_by="rita",
            due_on=stands.deadlines(at).due,
            particulars=Particulars(number="+33187000001"),
        )
        async with self.database.transaction() as connection:
            await self.requests.insert(connection, request)
            if answered_at is not None:
                told = Told(outcome=Outcome.GRANTED, is_fulfilled=True)
                stands = move(stands, Event.ANSWER, answered_at, told)
                await add_counts(connection, SITE, counted(stands))
            await self.requests.save(connection, replace(request, standing=stands))


@pytest.fixture
async def book(dsn, tmp_path, clock):
    database = await open_pool(dsn, SITE, 4)
    ring = KeyRing(KeyDirectory(tmp_path / "keys", SITE))
    await ring.open()
    found = Book(database, ring, clock)
    await found.ledger.create()
    yield found
    await ring.close()
    await database.close()


def ago(clock, days):
    return clock() - timedelta(days=days)


async def test_without_a_request_no_date_runs(book, clock):
    told = await book.figures(clock())

    assert told.pop(("requests_days_left",)) == math.inf
    assert set(told.values()) == {0}


async def test_every_series_of_the_contract_about_requests_is_told(book, clock):
    told = await book.figures(clock())

    assert set(told) == {
        key
        for metric in CONTRACT
        if metric.name in RIGHTS
        for key in metric.keys(SiteLabels())
    }


@pytest.mark.parametrize(
    ("kind", "type_"),
    [
        (Kind.ACCESS, "access"),
        (Kind.MEDICAL_FILE, "medical_file"),
        (Kind.OBJECTION, "object"),
        (Kind.ERASURE, "erase"),
        (Kind.RESTRICTION, "restrict"),
        (Kind.RECTIFICATION, "rectify"),
    ],
)
async def test_a_request_is_open_and_late_under_its_own_word(book, clock, kind, type_):
    await book.add(kind, ago(clock, 40))

    told = await book.figures(clock())

    assert told["requests_open", type_] == told["requests_overdue", type_] == 1
    assert sum(n for key, n in told.items() if key[0] == "requests_open") == 1


async def test_the_days_left_are_those_of_whichever_is_due_first(book, clock):
    await book.add(Kind.ERASURE, ago(clock, 1))
    assert (await book.figures(clock()))["requests_days_left",] == 29

    await book.add(Kind.MEDICAL_FILE, ago(clock, 2))
    assert (await book.figures(clock()))["requests_days_left",] == 6

    clock.advance(days=7)
    told = await book.figures(clock())
    assert told["requests_days_left",] == -1
    assert told["requests_overdue", "medical_file"] == 1
    assert told["requests_overdue", "erase"] == 0


async def test_an_extension_and_a_doubt_put_the_date_off(book, clock):
    await book.add(Kind.ACCESS, ago(clock, 40), extended_at=ago(clock, 20))
    await book.add(
        Kind.OBJECTION, ago(clock, 33), suspended_for=timedelta(days=5, hours=23)
    )

    told = await book.figures(clock())

    assert told["requests_overdue", "access"] == 0
    assert told["requests_overdue", "object"] == 0
    assert told["requests_days_left",] == 3


async def test_what_is_answered_runs_no_clock_and_leaves_its_days(book, clock):
    await book.add(Kind.ACCESS, ago(clock, 90), ago(clock, 83))
    await book.add(Kind.ACCESS, ago(clock, 90), ago(clock, 60))
    await book.add(Kind.ACCESS, ago(clock, 200), ago(clock, 50))

    told = await book.figures(clock())

    assert told["requests_open", "access"] == 0
    assert told["requests_days_left",] == math.inf
    buckets = {key[1]: n for key, n in told.items() if key[0] == "request_days_bucket"}
    assert buckets == {
        "2.0": 0,
        "8.0": 1,
        "15.0": 1,
        "30.0": 2,
        "60.0": 2,
        "90.0": 2,
        "+Inf": 3,
    }
    assert told["request_days_sum",] == 7 + 30 + 150


async def test_more_requests_than_a_page_are_all_counted(book, clock, monkeypatch):
    monkeypatch.setattr("proxy.rights.figures._PAGE", 2)
    monkeypatch.setattr("proxy.rights.statistics._PAGE", 2)
    for days in range(5):
        await book.add(Kind.ACCESS, ago(clock, days))
        await book.add(Kind.ERASURE, ago(clock, days), clock())

    told = await book.figures(clock())

    assert told["requests_open", "access"] == 5
    assert (await statistics(book.requests, 2026)).total == "5"


def test_days_are_counted_from_day_to_day_by_the_clock_on_the_wall():
    received = datetime(2026, 3, 9, 23, 30, tzinfo=UTC)  # the 10th in Paris
    answered = datetime(2026, 3, 12, 22, 59, tzinfo=UTC)  # the 12th

    there = received.astimezone(ZoneInfo("Europe/Paris"))
    stands = Standing(Kind.ACCESS, there, answered_at=answered)

    assert counted(stands) == {("request_days", "2.0"): 1, ("request_days", "sum"): 2}


def test_what_waits_is_not_counted_as_answered(clock):
    with pytest.raises(ValueError, match="not answered"):
        counted(Standing(Kind.ACCESS, clock()))


async def test_a_years_report_is_of_those_answered_in_that_year(book, clock):
    clock.now = datetime(2027, 1, 20, tzinfo=UTC)
    new_year = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)  # 2027 in Paris
    for _ in range(6):
        await book.add(Kind.ACCESS, ago(clock, 30), new_year)
    for _ in range(7):
        await book.add(Kind.ERASURE, ago(clock, 100), new_year - timedelta(hours=1))

    this, last = [await statistics(book.requests, year) for year in (2027, 2026)]

    assert (this.total, last.total) == ("6", "7")
    assert this.outcomes[Kind.ACCESS][Outcome.GRANTED] == "6"
    assert last.promptness == {"in-time": "0", "in-time-extended": "0", "late": "7"}
