"""The quarterly review: read whole, signed, provable later, and asked for when late."""

import json
from datetime import timedelta
from hashlib import sha256

import pytest

from proxy.access.habilitations.reviewing import (
    QUARTER,
    Habilitations,
    StaleReviewError,
)
from proxy.access.habilitations.standing import Standing
from proxy.access.permissions import Actor, Role, ShownBy
from proxy.access.trace.acts import Act, Entry
from proxy.access.trace.trace import Trace
from proxy.database.pool import open_pool
from proxy.errors import DatabaseUnavailableError
from proxy.ledger.entry import canonical
from proxy.ledger.transaction import Ledger

SITE = "nord"
DORA = Actor("dpo-dora", Role.DPO, SITE, ShownBy.SESSION)


@pytest.fixture
async def ledger(dsn):
    database = await open_pool(dsn, SITE, 4)
    made = Ledger(database)
    await made.create()
    await made.begin("ponctuel.example/nord", "key")
    yield made
    await database.close()


@pytest.fixture
def people(clock):
    """Who may what, as a test wants it to be."""
    return {
        "standing": Standing(
            {"accounts": [{"code": "trainer-tina", "role": "trainer"}]}, clock()
        )
    }


def reviews_of(ledger, clock, people, trace=Trace):
    async def look():
        return people["standing"]

    return Habilitations(ledger, clock, trace(ledger.database, clock), look)


@pytest.fixture
def reviews(ledger, clock, people):
    return reviews_of(ledger, clock, people)


async def notes(ledger):
    return [leaf["text"] async for _, leaf in ledger.entries() if "text" in leaf]


async def test_what_was_signed_can_be_shown_and_held_against_the_ledger(
    reviews, ledger, people
):
    signed = await reviews.sign(DORA, people["standing"].digest)

    text = canonical(signed.document)
    assert json.loads(text) == people["standing"].document
    again = sha256(bytes.fromhex(signed.salt) + text).hexdigest()
    assert again == signed.digest
    assert await notes(ledger) == [f"habilitations reviewed: {again}"]
    assert [each async for each in ledger.entries()][signed.seq][1]["leaf"] == "NOTE"


async def test_no_code_of_anybody_is_in_the_ledger(reviews, ledger, people):
    await reviews.sign(DORA, people["standing"].digest)

    whole = b"".join([body async for _, body in ledger.bodies()])
    for code in (b"trainer-tina", b"dpo-dora"):
        assert code not in whole


async def test_who_signed_is_on_the_trace(reviews, ledger, people):
    await reviews.sign(DORA, people["standing"].digest)

    async with ledger.database.connection() as connection:
        body = await connection.fetchval("SELECT body FROM access_entries")
    _, entry = Entry.read(body.encode())
    assert entry == Entry(Act.REVIEW_SIGNED, "dpo-dora", "dpo", about="habilitations")


async def test_what_changed_since_it_was_read_is_not_signed(
    reviews, ledger, people, clock
):
    read = people["standing"].digest
    people["standing"] = Standing({"accounts": []}, clock())

    with pytest.raises(StaleReviewError):
        await reviews.sign(DORA, read)

    assert await reviews.list() == []
    assert await notes(ledger) == []


class NoTrace(Trace):
    """A trace whose disk is full."""

    async def note_in(self, _connection, _entry):
        raise DatabaseUnavailableError("the trace cannot be written")


async def test_what_cannot_be_traced_is_not_signed(ledger, clock, people):
    failing = reviews_of(ledger, clock, people, NoTrace)

    with pytest.raises(DatabaseUnavailableError):
        await failing.sign(DORA, people["standing"].digest)

    assert await failing.list() == []
    assert await notes(ledger) == []


async def test_it_is_overdue_a_quarter_after_somebody_came_in(reviews, clock):
    clock.now += QUARTER
    assert await reviews.overdue() == 0
    clock.advance(seconds=1)
    assert await reviews.overdue() == 1


async def test_it_is_overdue_a_quarter_after_the_last_one(reviews, clock, people):
    clock.now += 2 * QUARTER
    await reviews.sign(DORA, people["standing"].digest)
    assert await reviews.overdue() == 0
    clock.now += QUARTER + timedelta(seconds=1)

    assert await reviews.overdue() == 1


async def test_where_nobody_may_anything_nothing_is_overdue(reviews, clock, people):
    people["standing"] = Standing({"accounts": []}, None)
    clock.now += 10 * QUARTER

    assert await reviews.overdue() == 0


async def test_the_newest_is_listed_first_and_a_page_goes_on_behind_it(
    reviews, clock, people
):
    made = []
    for _ in range(3):
        made.append(await reviews.sign(DORA, people["standing"].digest))
        clock.advance(days=80)

    first, second, third = await reviews.list()

    assert [third, second, first] == made
    assert await reviews.list(first.seq, 1) == [second]
