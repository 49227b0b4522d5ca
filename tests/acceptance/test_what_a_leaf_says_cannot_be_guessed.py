"""A bundle holds hashes of leaves it does not disclose: they must not tell anything."""

import re

import pytest

from proxy.ledger.entry import Kind, decode, encode, salted
from tests.fakes.call_centre import wav

KINDS = ("OUT", "DEL")


@pytest.fixture
async def eventful(house):
    """A service with an outcome of every kind, and a deletion."""
    kept = await house.drawn_call(is_announced=True)
    assert (await house.upload(kept.decision_id, wav(0.1))).status == 201
    await house.tell("call.opt_out", kept)
    objected, failed = [await house.drawn_call() for _ in range(2)]
    await house.tell("call.opt_out", objected)
    await house.tell("call.ended", failed)
    return house


async def test_every_outcome_and_deletion_is_salted_anew(eventful):
    leaves = [leaf for kind in KINDS for leaf in await eventful.leaves(kind)]

    salts = [leaf["n"] for leaf in leaves]
    assert {"rec", "fail", "objected"} <= {name for leaf in leaves for name in leaf}
    assert len(salts) == len(set(salts)) == 4
    assert all(re.fullmatch("[0-9a-f]{16}", salt) for salt in salts)


async def test_no_leaf_is_one_that_somebody_without_the_salt_would_write(eventful):
    rows = await eventful.rows("SELECT body FROM ledger_entries")
    bodies = {row["body"] for row in rows}
    told = [decode(body) for body in bodies]

    for leaf in (leaf for leaf in told if leaf["leaf"] in KINDS):
        guess = {name: leaf[name] for name in leaf.keys() - {"leaf", "n"}}
        assert encode(Kind(leaf["leaf"]), guess) not in bodies


def test_a_salt_changes_nothing_that_a_leaf_says():
    fields = {"draw": 7, "fail": "hangup"}

    assert {**salted(fields), "n": ""} == {**fields, "n": ""}
    assert fields == {"draw": 7, "fail": "hangup"}
