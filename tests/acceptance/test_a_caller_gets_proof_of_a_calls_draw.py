"""Whoever has a call's id gets, from the next hour on, proof of that call's draw."""

import base64
import json
import stat
from datetime import timedelta
from importlib import import_module

import asyncpg
import pytest

from proxy.errors import UnknownCallError
from proxy.evidence.receipts import LegError, call_receipt
from proxy.ledger.draw_proofs import DrawNotPublicError, public_from
from proxy.ledger.note import Cosigner, Verified
from proxy.ledger.publisher import CorruptTreeError
from proxy.ledger.receipt import Receipt
from proxy.ledger.tree import leaf_hash
from sampling.draw import call_tag
from sampling.seed import week_at
from tests.fakes.call_centre import SITE
from tests.fakes.command_line import ponctuel

COUNCIL = Cosigner("council.example/witness", b"c" * 32)


async def hour_passes(house, clock):
    """The hour ends, and its seed is made public."""
    clock.advance(minutes=65)
    await house.site.tend()
    await house.site.keep_up()


@pytest.fixture
async def called(house, clock):
    """A service an hour after some calls, one of which has a leg."""
    await house.stop_worker()
    for number in range(5):
        await house.start_call(f"root-{number}")
    await house.start_call("leg-1", root_call_id="root-1")
    await hour_passes(house, clock)
    return house


@pytest.fixture
def scales():
    pytest.importorskip("tlog_scales", reason="pip install tlog-scales")
    for name in ("signing", "tlog"):
        import_module(f"tlog_scales.{name}")
    return import_module("tlog_scales")


async def test_the_receipt_is_of_the_calls_own_draw(called, clock):
    week_key = (await called.site.tag_keys.living())[week_at(clock())]
    leaves = await called.all_leaves()

    for number in range(5):
        found = await call_receipt(called.site, "pbx", f"root-{number}")

        tag = call_tag(week_key, "pbx", f"root-{number}").hex()
        assert found.leaf["c"] == tag
        assert leaves[found.receipt.index] == found.leaf


async def test_it_holds_alone_and_offline_and_for_no_other_leaf(called):
    raw = (await call_receipt(called.site, "pbx", "root-2")).receipt.encode()
    key = called.site.signer.key

    receipt = Receipt.parse(raw)
    opened = receipt.verify(receipt.extra, key)

    assert opened.checkpoint.origin == key.name
    with pytest.raises(Exception, match="not shown"):
        receipt.verify(receipt.extra.replace(b'"d":', b'"d": '), key)


async def test_a_tool_we_did_not_write_finds_it_true(called, scales):
    found = await call_receipt(called.site, "pbx", "root-3")

    head, _, note = found.receipt.encode().decode().partition("\n\n")
    _, extra, index, *hashes = head.split("\n")
    checkpoint = scales.tlog.Checkpoint.from_text(note)
    vkey = scales.signing.Vkey.from_string(called.site.signer.key.encode())
    leaf = base64.b64decode(extra.removeprefix("extra "))

    checkpoint.verify(vkey)
    scales.tlog.InclusionProof(
        int(index.removeprefix("index ")),
        checkpoint.size,
        [base64.b64decode(one) for one in hashes],
    ).check(leaf_hash(leaf), checkpoint.root_hash)
    assert json.loads(leaf) == found.leaf


async def test_before_the_hour_is_over_nothing_is_told_but_when_to_come_back(
    house, clock
):
    await house.start_call("root-1")

    with pytest.raises(DrawNotPublicError, match=r"come back .* 11:04 UTC") as refused:
        await call_receipt(house.site, "pbx", "root-1")
    assert '"d"' not in str(refused.value.problem())

    [leaf] = await house.leaves("DRAW")
    clock.now = public_from(leaf["e"], 3600) - timedelta(seconds=1)
    await house.site.tend()
    with pytest.raises(DrawNotPublicError):
        await call_receipt(house.site, "pbx", "root-1")

    clock.advance(seconds=1)
    await house.site.tend()
    found = await call_receipt(house.site, "pbx", "root-1")
    assert found.leaf == leaf


@pytest.mark.parametrize(
    ("connection", "call_id"), [("pbx", "root-9"), ("other-pbx", "root-1"), ("", "")]
)
async def test_a_call_the_ledger_does_not_know_is_said_to_be_unknown(
    called, connection, call_id
):
    with pytest.raises(UnknownCallError, match="call list"):
        await call_receipt(called.site, connection, call_id)


async def test_a_leg_is_told_to_ask_for_its_root_call(called):
    with pytest.raises(LegError, match="root call"):
        await call_receipt(called.site, "pbx", "leg-1")


async def test_an_id_that_came_again_weeks_later_means_the_later_call(called, clock):
    first = await call_receipt(called.site, "pbx", "root-1")
    clock.advance(weeks=3)
    await called.site.tend()
    await called.start_call("root-1")
    await hour_passes(called, clock)

    second = await call_receipt(called.site, "pbx", "root-1")

    assert second.receipt.index > first.receipt.index
    assert second.leaf["c"] != first.leaf["c"]


async def test_after_the_inspection_window_nobody_can_find_it(called, clock):
    clock.advance(weeks=53)
    await called.site.sweep()

    with pytest.raises(UnknownCallError, match="inspection window"):
        await call_receipt(called.site, "pbx", "root-1")


async def test_asking_leaves_no_trace_in_the_database(called):
    await called.site.publisher.publish()
    before = await called.sizes()

    await call_receipt(called.site, "pbx", "root-1")
    with pytest.raises(UnknownCallError):
        await call_receipt(called.site, "pbx", "root-99")

    assert await called.sizes() == before


async def test_the_words_of_witnesses_come_with_it(centre, clock):
    plan = centre.plan()["sites"][SITE]
    witness = {"url": "http://127.0.0.1:9", "key": COUNCIL.key.encode(), "role": "cse"}
    await centre.open(sites={SITE: plan | {"witnesses": [witness], "quorum": 0}})
    await centre.stop_worker()
    await centre.start_call("root-1")
    await hour_passes(centre, clock)
    site = centre.site
    head = await site.cosignatures.newest_head()
    time = int(clock().timestamp())
    line = COUNCIL.cosign(head.text, time)
    await site.cosignatures.keep(head.size, [Verified(COUNCIL.key, line, time)])
    await centre.start_call()
    await site.publisher.publish()  # newer, and seen by nobody yet

    found = await call_receipt(site, "pbx", "root-1")

    assert found.opened.checkpoint.size == head.size
    assert [one.key for one in found.opened.cosignatures] == [COUNCIL.key]
    assert "1 of our witnesses cosigned" in found.in_words


async def test_no_receipt_is_given_over_a_tree_that_was_changed(called, dsn):
    await called.site.publisher.publish()
    owner = await asyncpg.connect(dsn)
    await owner.execute(
        "UPDATE ledger_tiles SET hashes = set_byte(hashes, 0, get_byte(hashes, 0) # 1)"
    )
    await owner.close()

    with pytest.raises(CorruptTreeError):
        await call_receipt(called.site, "pbx", "root-1")


async def receipt_by_command(centre, *, call_id, said="", more=()):
    return await ponctuel(
        centre,
        *("evidence", "receipt", "--site", SITE, "--connection", "pbx"),
        *("--call-id", call_id, "--out", centre.folder / "mine.tlog-proof", *more),
        said=said,
    )


async def test_the_command_writes_it_for_the_person_alone_and_explains_it(called):
    done = await receipt_by_command(called, call_id="-", said="root-1\n")

    file = called.folder / "mine.tlog-proof"
    assert (done.returncode, done.stderr) == (0, "")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    receipt = Receipt.parse(file.read_bytes())
    receipt.verify(receipt.extra, called.site.signer.key)
    for told in ("What the receipt proves", "does not prove", "How to check", "DPO"):
        assert told in done.stdout
    assert called.site.signer.key.encode() in done.stdout
    assert receipt.extra.decode() in done.stdout


async def test_the_command_speaks_to_machines_too(called):
    done = await receipt_by_command(called, call_id="root-1", more=["--json"])

    said = json.loads(done.stdout)
    assert said["leaf"]["c"]
    assert said["index"] < said["size"]


@pytest.mark.parametrize(
    ("call_id", "said", "status", "told"),
    [
        ("root-9", "", 1, "call list"),
        ("leg-1", "", 1, "root call"),
        ("-", "\n", 2, "--call-id"),
        ("-", "", 2, "--call-id"),
    ],
)
async def test_what_the_command_cannot_do_it_says_in_one_line_and_writes_nothing(
    called, call_id, said, status, told
):
    done = await receipt_by_command(called, call_id=call_id, said=said)

    assert (done.returncode, done.stdout) == (status, "")
    assert told in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (called.folder / "mine.tlog-proof").exists()


async def test_the_command_overwrites_no_receipt_somebody_keeps(called):
    file = called.folder / "mine.tlog-proof"
    file.write_text("an older one")

    done = await receipt_by_command(called, call_id="root-1")

    assert done.returncode == 2
    assert "does not exist yet" in done.stderr
    assert file.read_text() == "an older one"
