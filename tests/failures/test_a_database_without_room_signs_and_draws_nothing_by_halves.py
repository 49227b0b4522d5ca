"""A database whose disk is full changes nothing by halves; with room again it goes on.

It is full for one kind of row: the server itself says so, inside the very transaction
or as it commits.
"""

from contextlib import asynccontextmanager

import pytest

from proxy.errors import DatabaseUnavailableError
from proxy.evidence.auditor import auditor_text
from proxy.evidence.bundle import make_bundle
from tests.fakes.auditing import verdict

REFUSE = """
CREATE FUNCTION be_full() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'could not extend file: No space left on device'
  USING ERRCODE = 'disk_full';
END
$$;
"""
AT_ONCE = "CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON {table}"
AT_COMMIT = (
    "CREATE CONSTRAINT TRIGGER full_disk AFTER INSERT OR UPDATE ON {table}"
    " DEFERRABLE INITIALLY DEFERRED"
)
pytestmark = pytest.mark.usefixtures("unhurried", "quiet")

# What a draw moves; what the stock was promised is looked at every minute.
HEAD = "SELECT size, tokens, last_epoch FROM ledger_heads"


@asynccontextmanager
async def full(house, table, when):
    """No more room for rows of this table."""
    await house.rows(REFUSE)
    await house.rows(
        f"{when.format(table=table)} FOR EACH ROW EXECUTE FUNCTION be_full()"
    )
    yield
    await house.rows("DROP FUNCTION be_full CASCADE")


async def signed(house):
    """Every head and tile there is."""
    heads = await house.rows("SELECT size, note FROM checkpoints ORDER BY size")
    tiles = await house.rows("SELECT * FROM ledger_tiles ORDER BY level, idx")
    return heads, tiles


async def findings(house):
    site = house.site
    bundle = await make_bundle(site.ledger, site.publisher, site.signer, site.cosigning)
    found = verdict(house.folder, bundle, auditor_text(site.signer.key), house.clock())
    assert found["size"] == await house.value("SELECT size FROM ledger_heads")
    return found["findings"]


@pytest.mark.parametrize(
    ("table", "when"),
    [
        pytest.param("ledger_tiles", AT_ONCE, id="the-tiles"),
        pytest.param("checkpoints", AT_ONCE, id="the-head"),
        pytest.param("checkpoints", AT_COMMIT, id="the-commit"),
    ],
)
async def test_a_head_there_is_no_room_for_is_not_signed_and_the_next_one_is(
    house, clock, table, when
):
    await house.start_call()
    await house.site.publisher.publish()
    await house.start_call()
    before = await signed(house)

    async with full(house, table, when):
        clock.advance(hours=2)
        for _ in range(2):
            with pytest.raises(DatabaseUnavailableError):
                await house.site.publisher.publish()
            with pytest.raises(DatabaseUnavailableError):
                await house.site.tend()
        calls = [await house.start_call() for _ in range(300)]
        assert await signed(house) == before

    assert all(call.decision_id for call in calls)
    size = await house.value("SELECT size FROM ledger_heads")
    assert (await house.site.publisher.publish()).size == size
    assert await findings(house) == []


@pytest.mark.parametrize("table", ["ledger_entries", "calls", "counts"])
@pytest.mark.parametrize("when", [AT_ONCE, AT_COMMIT], ids=["at-once", "commit"])
async def test_a_draw_there_is_no_room_for_did_not_happen(house, table, when):
    await house.start_call("call-before")
    before = await house.rows(HEAD)

    async with full(house, table, when):
        refused = [await house.start_call(f"call-{n}") for n in range(15)]
        known = await house.start_call("call-before")
    after = await house.rows(HEAD)
    drawn = [await house.start_call(f"call-{n}") for n in range(10)]

    assert {(call.decision, call.decision_id) for call in refused} == {("skip", None)}
    assert known.decision_id
    assert after == before
    assert len({call.decision_id for call in drawn} - {None}) == 10
    assert len(await house.leaves("DRAW")) == 11
    await house.service.publish()
    assert (await house.counts())["void", "store"] == 5, "those that did not ask again"
    assert await findings(house) == []
