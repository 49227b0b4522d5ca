"""How old its signed head is, and who has cosigned it, as figures."""

import math
from datetime import UTC, datetime, timedelta

import pytest

from proxy.database.pool import open_pool
from proxy.ledger.entry import Kind
from proxy.ledger.note import KeyKind, Signer, VerifierKey
from proxy.ledger.publisher import Publisher
from proxy.ledger.standing import Standing
from proxy.ledger.transaction import Ledger
from proxy.ledger.witnessing import Witness

SIGNER = Signer("ponctuel.example/clinic", bytes(range(32)))
COSIGNED = "witness_cosign_timestamp_seconds"


def witness(number, role):
    key = VerifierKey(f"w{number}", KeyKind.WITNESS, bytes([number]) * 32)
    return Witness(key, "https://example.org", role)


DPO, CSE, ONE, OTHER = (
    *(witness(1, "dpo"), witness(2, "cse")),
    *(witness(3, "public"), witness(4, "public")),
)


@pytest.fixture
async def ledger(dsn):
    database = await open_pool(dsn, "clinic", 2)
    ledger = Ledger(database)
    await ledger.create()
    await ledger.begin(SIGNER.key.name, SIGNER.key.encode())
    yield ledger
    await database.close()


@pytest.fixture
def publisher(ledger, clock):
    return Publisher(ledger, SIGNER, clock)


async def grow(ledger):
    async with ledger.transaction() as change:
        change.append(Kind.DAY_KEY_MADE, {"day": f"{change.size}"})


async def cosign(ledger, size, at, *witnesses):
    async with ledger.database.connection() as connection:
        for each in witnesses:
            await connection.execute(
                "INSERT INTO cosignatures VALUES ($1, $2, $3, $4, 'line')",
                *(ledger.site, size, each.key.public_key, at),
            )


async def age(ledger, clock):
    told = await Standing(ledger, (), 0).figures(clock())
    return told["checkpoint_age_seconds",]


async def test_a_ledger_that_was_never_signed_is_infinitely_late(ledger, clock):
    assert await age(ledger, clock) == math.inf


async def test_a_quiet_night_is_no_fault(ledger, publisher, clock):
    await publisher.publish()
    clock.advance(hours=8)

    assert await age(ledger, clock) == 0


async def test_entries_that_wait_for_a_signature_are_as_late_as_the_last_one(
    ledger, publisher, clock
):
    await publisher.publish()
    clock.advance(seconds=400)
    await grow(ledger)

    waiting = await age(ledger, clock)
    await publisher.publish()

    assert (waiting, await age(ledger, clock)) == (400, 0)


async def test_a_clock_set_back_makes_no_head_younger_than_new(
    ledger, publisher, clock
):
    await publisher.publish()
    await grow(ledger)
    clock.advance(hours=-1)

    assert await age(ledger, clock) == 0


@pytest.mark.parametrize(
    ("quorum", "signers", "is_ok"),
    [(2, [DPO], 0), (2, [DPO, CSE], 1), (1, [CSE], 1), (0, [DPO, CSE], 0)],
)
async def test_a_quorum_is_that_of_the_newest_head(
    ledger, publisher, clock, quorum, signers, is_ok
):
    head = await publisher.publish()
    await cosign(ledger, head.size, clock(), *signers, ONE)
    standing = Standing(ledger, (DPO, CSE), quorum)

    told = await standing.figures(clock())
    await grow(ledger)
    await publisher.publish()
    newer = await standing.figures(clock())

    assert told["quorum_ok",] == is_ok
    assert newer["quorum_ok",] == 0


async def test_each_role_shows_whoever_of_it_has_been_silent_longest(
    ledger, publisher, clock
):
    early, late = clock() - timedelta(hours=2), clock()
    first = await publisher.publish()
    await cosign(ledger, first.size, early, DPO, ONE, OTHER)
    await grow(ledger)
    second = await publisher.publish()
    await cosign(ledger, second.size, late, DPO, ONE)

    told = await Standing(ledger, (DPO, CSE, ONE, OTHER), 2).figures(clock())

    assert told[COSIGNED, "dpo"] == late.timestamp()
    assert told[COSIGNED, "cse"] == 0
    assert told[COSIGNED, "public"] == early.timestamp()


async def test_a_site_that_was_never_made_has_no_figures(dsn):
    database = await open_pool(dsn, "elsewhere", 1)

    told = await Standing(Ledger(database), (), 0).figures(datetime.now(UTC))

    await database.close()
    assert told == {}
