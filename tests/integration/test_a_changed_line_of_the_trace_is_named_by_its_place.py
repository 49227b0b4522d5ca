"""Whoever owns the database and rewrites the trace is found out, line by line."""

import pytest

from proxy.database.pool import open_pool
from proxy.ledger.entry import LARGEST_INTEGER
from proxy.ledger.tree import Frontier, leaf_hash
from retention.schedule_people import TRACE_KEPT
from tests.fakes.tracing import Traced, owner_of, played

GONE = "it is missing, and so is its hash"
CHANGED = "it is not what was written"
OTHER_TREE = "from here on the tree is another"


@pytest.fixture
async def traced(database, clock) -> Traced:
    traced = Traced(database, clock)
    await traced.ledger.create()
    return traced


async def test_what_nobody_touched_has_no_fault(traced: Traced) -> None:
    assert await traced.faults() == []

    await traced.play(20)

    assert await traced.faults() == []
    assert await traced.verifying.faults() == 0


@pytest.mark.parametrize(
    ("sql", "faults"),
    [
        (
            (
                "UPDATE access_entries SET body = replace(body, 't-1', 't-2')"
                " WHERE seq = 7"
            ),
            [(7, CHANGED)],
        ),
        (
            "UPDATE access_leaves SET leaf_hash = sha256('x') WHERE seq = 7",
            [(7, CHANGED)],
        ),
        (
            "UPDATE access_leaves SET at = at - interval '1 day' WHERE seq = 7",
            [(7, "its time is not what was written")],
        ),
        (
            "UPDATE access_leaves SET root = sha256('x') WHERE seq = 7",
            [(7, OTHER_TREE)],
        ),
        (
            "DELETE FROM access_entries WHERE seq = 7",
            [(7, "it is missing before its end")],
        ),
        (
            (
                "DELETE FROM access_entries WHERE seq = 7;"
                "UPDATE access_leaves SET at = at - interval '2 years' WHERE seq = 7"
            ),
            [(7, "it is missing before its end")],
        ),
        (
            (
                "DELETE FROM access_entries WHERE seq = 7;"
                "DELETE FROM access_leaves WHERE seq = 7"
            ),
            [(7, GONE)],
        ),
        (
            (
                "DELETE FROM access_entries WHERE seq = 11;"
                "DELETE FROM access_leaves WHERE seq = 11"
            ),
            [(11, GONE)],
        ),
        (
            (
                "UPDATE access_entries SET seq = seq + 100 WHERE seq IN (3, 9);"
                "UPDATE access_entries SET seq = 112 - seq WHERE seq > 100"
            ),
            [(3, CHANGED), (9, CHANGED)],
        ),
        (
            "UPDATE access_heads SET frontier = set_byte(frontier, 20, 0)",
            [(11, "the head has another root")],
        ),
    ],
)
async def test_one_line_that_is_not_what_was_written_is_named(
    traced: Traced, dsn: str, sql: str, faults: list[tuple[int, str]]
) -> None:
    await traced.play(12)

    async with owner_of(dsn) as owner:
        await owner.execute(sql)

    assert await traced.faults() == faults
    assert await traced.verifying.faults() == len(faults)


async def test_a_line_and_its_hash_changed_together_are_named(
    traced: Traced, dsn: str
) -> None:
    await traced.play(12)

    async with owner_of(dsn) as owner:
        body = await owner.fetchval(
            "UPDATE access_entries SET body = replace(body, 't-1', 't-2')"
            " WHERE seq = 7 RETURNING body"
        )
        await owner.execute(
            "UPDATE access_leaves SET leaf_hash = $1 WHERE seq = 7",
            leaf_hash(body.encode()),
        )

    assert await traced.faults() == [(7, OTHER_TREE)]


async def test_a_whole_new_trace_is_not_the_one_the_ledger_knows(
    traced: Traced, dsn: str, clock
) -> None:
    await traced.play(12)
    await traced.anchoring.anchor_if_due()
    await traced.play(3)

    async with owner_of(dsn) as owner:
        await forge(owner, len_=15, clock=clock)

    assert await traced.faults() == [
        (11, "up to here it is not what the ledger says it was")
    ]


async def test_a_trace_cut_short_is_not_the_one_the_ledger_knows(
    traced: Traced, dsn: str, clock
) -> None:
    await traced.play(12)
    await traced.anchoring.anchor_if_due()

    async with owner_of(dsn) as owner:
        await forge(owner, len_=10, clock=clock)

    assert await traced.faults() == [(10, GONE), (11, GONE)]


@pytest.mark.parametrize("size", [2**60, 2**64 - 2**60])
async def test_a_head_that_claims_what_never_was_does_not_hold_the_check_up(
    traced: Traced, dsn: str, size: int
) -> None:
    await traced.play(3)
    claimed = Frontier(size, (bytes(32),) * size.bit_count())

    async with owner_of(dsn) as owner:
        await owner.execute("UPDATE access_heads SET frontier = $1", claimed.encode())

    faults = await traced.faults()
    assert faults == [(place, GONE) for place in range(3, 103)]
    assert await traced.verifying.faults() == min(size - 3, LARGEST_INTEGER)


@pytest.mark.parametrize("place", [2**60, 2**63 - 1])
async def test_a_line_at_a_place_far_beyond_does_not_hold_the_check_up(
    traced: Traced, dsn: str, place: int
) -> None:
    await traced.play(3)

    async with owner_of(dsn) as owner:
        await owner.execute(
            "INSERT INTO access_leaves SELECT site_id, $1::bigint, leaf_hash, root, at"
            " FROM access_leaves WHERE seq = 2",
            place,
        )

    assert (await traced.faults())[:1] == [(3, GONE)]
    assert await traced.verifying.faults() == LARGEST_INTEGER


async def forge(owner, len_: int, clock) -> None:
    """Write it all anew, hashes, roots and head, so that it agrees with itself."""
    await owner.execute("DELETE FROM access_entries; DELETE FROM access_leaves")
    tree = Frontier()
    for place in range(len_):
        body = played("t-9").body(clock())
        tree = tree.extended([leaf_hash(body)])
        await owner.execute(
            "INSERT INTO access_leaves VALUES ('clinic', $1, $2, $3, $4)",
            place,
            leaf_hash(body),
            tree.root,
            clock(),
        )
        await owner.execute(
            "INSERT INTO access_entries (site_id, seq, body) VALUES ('clinic', $1, $2)",
            place,
            body.decode(),
        )
    await owner.execute(
        "UPDATE access_heads SET size = $1, frontier = $2", tree.size, tree.encode()
    )


# --- Anchors --------------------------------------------------------------------------


async def test_the_ledger_says_once_a_day_how_far_the_trace_had_come(
    traced: Traced, clock
) -> None:
    await traced.anchoring.anchor_if_due()
    assert await traced.notes() == []

    await traced.play(3)
    await traced.anchoring.anchor_if_due()
    await traced.anchoring.anchor_if_due()
    await traced.play()
    await traced.anchoring.anchor_if_due()
    assert len(await traced.notes()) == 1

    clock.advance(hours=24)
    await traced.anchoring.anchor_if_due()
    clock.advance(hours=24)
    await traced.anchoring.anchor_if_due()

    said = await traced.notes()
    assert [text.partition(", ")[0] for text in said] == [
        "access log: 3 entries",
        "access log: 4 entries",
    ]
    assert await traced.faults() == []


async def test_replicas_anchor_once(traced: Traced, dsn: str, clock) -> None:
    await traced.play()
    other = await open_pool(dsn, "clinic", 2)

    await traced.anchoring.anchor_if_due()
    await Traced(other, clock).anchoring.anchor_if_due()

    assert len(await traced.notes()) == 1
    await other.close()


async def test_the_check_is_made_once_a_day(traced: Traced, clock) -> None:
    assert await traced.verifying.verify_if_due() is not None
    assert await traced.verifying.verify_if_due() is None
    clock.advance(hours=24)
    assert await traced.verifying.verify_if_due() is not None


# --- Ends -----------------------------------------------------------------------------


async def test_what_had_its_year_is_no_fault_and_what_had_not_is(
    traced: Traced, dsn: str, clock
) -> None:
    await traced.play(3)
    clock.advance(seconds=TRACE_KEPT.total_seconds() + 1)
    await traced.play(2)
    await traced.anchoring.anchor_if_due()
    async with owner_of(dsn) as owner:
        await owner.execute("DELETE FROM access_entries WHERE seq < 3")
    assert await traced.faults() == []

    async with owner_of(dsn) as owner:
        await owner.execute("DELETE FROM access_entries WHERE seq = 3")

    assert await traced.faults() == [(3, "it is missing before its end")]
