"""A signed head commits to every leaf before it, and to nothing else."""

import asyncio

import asyncpg
import pytest

from proxy.database.pool import open_pool
from proxy.evidence.bundle import make_bundle
from proxy.ledger.checkpoint import open_checkpoint
from proxy.ledger.cosignatures import Cosignatures
from proxy.ledger.cosigning import Cosigning
from proxy.ledger.entry import Kind
from proxy.ledger.note import Signer
from proxy.ledger.publisher import CorruptTreeError, Publisher
from proxy.ledger.transaction import ForeignLedgerError, Ledger
from proxy.ledger.tree import leaf_hash, root_of
from proxy.ledger.witness_client import WitnessClient

SIGNER = Signer("ponctuel.example/clinic", bytes(range(32)))


@pytest.fixture
async def ledger(dsn):
    database = await open_pool(dsn, "clinic", 6)
    ledger = Ledger(database)
    await ledger.create()
    await ledger.begin(SIGNER.key.name, SIGNER.key.encode())
    yield ledger
    await database.close()


@pytest.fixture
def publisher(ledger, clock):
    return Publisher(ledger, SIGNER, clock)


def unwitnessed(ledger, publisher, clock):
    kept = Cosignatures(ledger, [], 0)
    return Cosigning(publisher, kept, [], WitnessClient(), clock)


async def grow(ledger, number):
    async with ledger.transaction() as change:
        for day in range(number):
            change.append(Kind.DAY_KEY_MADE, {"day": f"{change.size}-{day}"})


async def true_root(ledger, size):
    bodies = [body async for seq, body in ledger.bodies() if seq < size]
    return root_of(leaf_hash(body) for body in bodies)


async def test_every_checkpoint_has_the_root_of_the_leaves_so_far(ledger, publisher):
    for number in (1, 254, 1, 1, 300, 5, 0):
        if number:
            await grow(ledger, number)
        checkpoint = await publisher.publish()

        assert checkpoint.root == await true_root(ledger, checkpoint.size)

    async with ledger.database.connection() as connection:
        sizes = await connection.fetch("SELECT size, note FROM checkpoints ORDER BY 1")
    assert [row["size"] for row in sizes] == [2, 256, 257, 258, 558, 563]
    for row in sizes:
        opened = open_checkpoint(row["note"], SIGNER.key)
        assert opened.checkpoint.size == row["size"]


async def test_many_pages_of_leaves_are_hashed_as_one_tree(ledger, publisher):
    for _ in range(3):
        await grow(ledger, 9_000)

    checkpoint = await publisher.publish()

    assert checkpoint.size == 27_001
    assert checkpoint.root == await true_root(ledger, 27_001)


async def test_two_replicas_publishing_at_once_sign_one_head(ledger, clock):
    await grow(ledger, 700)
    publishers = [Publisher(ledger, SIGNER, clock) for _ in range(4)]

    signed = await asyncio.gather(*(one.publish() for one in publishers))

    assert {(one.size, one.root) for one in signed} == {
        (701, await true_root(ledger, 701))
    }


@pytest.mark.parametrize(("level", "index"), [(0, 0), (0, 2), (1, 0)])
async def test_nothing_is_signed_over_a_tile_that_was_changed(
    ledger, publisher, clock, dsn, level, index
):
    await grow(ledger, 700)
    await publisher.publish()
    owner = await asyncpg.connect(dsn)
    await owner.execute(
        "UPDATE ledger_tiles SET hashes = set_byte(hashes, 0, get_byte(hashes, 0) # 1)"
        " WHERE level = $1 AND idx = $2",
        level,
        index,
    )
    await owner.close()
    await grow(ledger, 1)

    # Signing reads the root of a full tile only; evidence is signed, then read whole.
    with pytest.raises(CorruptTreeError):
        await make_bundle(
            ledger, publisher, SIGNER, unwitnessed(ledger, publisher, clock)
        )


async def test_nothing_is_signed_over_a_tile_that_is_missing(ledger, publisher, dsn):
    await grow(ledger, 300)
    await publisher.publish()
    owner = await asyncpg.connect(dsn)
    await owner.execute("DELETE FROM ledger_tiles WHERE idx = 1")
    await owner.close()
    await grow(ledger, 1)

    with pytest.raises(CorruptTreeError):
        await publisher.publish()


async def test_publishing_waits_for_its_interval(ledger, publisher, clock):
    await publisher.publish_every(60)
    await grow(ledger, 1)
    clock.advance(seconds=59)
    await publisher.publish_every(60)
    early = await publisher.publish_every(60)
    clock.advance(seconds=1)
    await publisher.publish_every(60)

    async with ledger.database.connection() as connection:
        rows = await connection.fetch("SELECT size FROM checkpoints ORDER BY size")
    assert early is None
    assert [row["size"] for row in rows] == [1, 2]


async def test_a_ledger_is_not_continued_under_another_key(ledger):
    other = Signer("ponctuel.example/clinic", bytes(32))

    await ledger.begin(SIGNER.key.name, SIGNER.key.encode())
    with pytest.raises(ForeignLedgerError, match="key directory"):
        await ledger.begin(other.key.name, other.key.encode())
