"""The service goes on publishing, says who did not cosign, and stores nothing false."""

import asyncio
from datetime import UTC, datetime

import pytest
import structlog
from aiohttp import web

from proxy.database.pool import open_pool
from proxy.evidence.bundle import NoQuorumError, make_bundle
from proxy.ledger import cosigning as cosigning_module
from proxy.ledger.cosignatures import Cosignatures
from proxy.ledger.cosigning import Cosigning
from proxy.ledger.entry import Kind
from proxy.ledger.note import Cosigner, Signer, Verified
from proxy.ledger.publisher import Publisher
from proxy.ledger.transaction import Ledger, LedgerWentBackError
from proxy.ledger.witness_client import LARGEST_ANSWER, WitnessClient
from proxy.ledger.witnessing import Witness
from tests.fakes.lying_witness import LyingWitness

LOG = Signer("ponctuel.example/clinic", bytes(range(32)))
DPO = Cosigner("dpo.example/witness", b"d" * 32)
CSE = Cosigner("cse.example/witness", b"c" * 32)


class House:
    """A ledger, its publisher, and two witnesses: `lying` does what a test says."""

    def __init__(self, database, clock):
        self.clock = clock
        self.ledger = Ledger(database)
        self.publisher = Publisher(self.ledger, LOG, clock)
        self.lying = LyingWitness(DPO, clock)
        self.honest = LyingWitness(CSE, clock)
        self.client = WitnessClient()

    async def open(self, aiohttp_server):
        await self.ledger.create()
        await self.ledger.begin(LOG.key.name, LOG.key.encode())
        self.witnesses = [
            Witness(
                one.cosigner.key,
                str((await aiohttp_server(one.application())).make_url("")).rstrip("/"),
                role,
            )
            for one, role in ((self.lying, "dpo"), (self.honest, "cse"))
        ]
        self.cosigning = self.with_quorum(2)

    def with_quorum(self, quorum):
        keys = [one.key for one in self.witnesses]
        kept = Cosignatures(self.ledger, keys, quorum)
        return Cosigning(self.publisher, kept, self.witnesses, self.client, self.clock)

    async def grow(self, number=1):
        async with self.ledger.transaction() as change:
            for place in range(number):
                change.append(Kind.DAY_KEY_MADE, {"day": f"{change.size}-{place}"})

    async def minute(self):
        """Grow, publish, ask; return what was logged."""
        await self.grow()
        self.clock.advance(minutes=1)
        head = await self.publisher.publish()
        with structlog.testing.capture_logs() as lines:
            await self.cosigning.ask()
        self.size = head.size
        return [line["why"] for line in lines if line["event"] == "not cosigned"]

    async def stored(self):
        async with self.ledger.database.connection() as connection:
            rows = await connection.fetch(
                "SELECT size, witness_key, cosigned_at, line FROM cosignatures"
                " ORDER BY size, cosigned_at"
            )
        names = {one.key.public_key: one.key.name for one in self.witnesses}
        return [(row["size"], names[row["witness_key"]]) for row in rows]


@pytest.fixture
async def house(dsn, clock, aiohttp_server):
    database = await open_pool(dsn, "clinic", 6)
    house = House(database, clock)
    await house.open(aiohttp_server)
    yield house
    house.lying.patience.set()
    await house.client.close()
    await database.close()


async def test_two_honest_witnesses_make_the_quorum_of_every_head(house):
    for _ in range(3):
        assert await house.minute() == []

    assert len(await house.stored()) == 6
    assert await house.cosigning.kept.newest_witnessed() == house.size
    assert all(len(one.asked) == 3 for one in (house.lying, house.honest))


async def test_nobody_is_asked_again_for_what_it_has_cosigned(house):
    await house.minute()

    await house.cosigning.ask()

    assert len(house.lying.asked) == len(house.honest.asked) == 1


def says(**answer):
    async def respond(_):
        return web.Response(**answer)

    return respond


def cosigns(**lie):
    """It signs, but not what it was asked, or not as it should."""

    def of(witness):
        async def respond(asked):
            witness.size = asked.size
            text = lie.get("text", lambda text: text)(asked.text)
            line = witness.line(text, lie.get("by"), lie.get("late", 0))
            return web.Response(text=lie.get("shape", str)(line))

        return respond

    return of


STRANGER = Cosigner(DPO.key.name, b"x" * 32)
LIES = {
    "500": lambda _: says(status=500),
    "404": lambda _: says(status=404),
    "a redirect": lambda _: says(status=302, headers={"Location": "http://x.example"}),
    "nothing": lambda _: says(text=""),
    "a page": lambda _: says(text="<html>"),
    "bytes": lambda _: says(body=bytes(range(256))),
    "too much": lambda _: says(body=b"x" * (LARGEST_ANSWER + 1)),
    "a size that is none": lambda _: says(status=409, text="many\n"),
    "no size": lambda _: says(status=409),
    "a split view": lambda _: says(status=409, text="0\n"),
    "a longer ledger": lambda _: says(status=409, text="999\n"),
    "another key": cosigns(by=STRANGER),
    "somebody else's": cosigns(by=CSE),
    "another text": cosigns(text=lambda text: text.replace("clinic", "other")),
    "more text": cosigns(text=lambda t: f"{t}\nmore\n", shape=lambda x: f"more\n\n{x}"),
    "an old time": cosigns(late=3600),
    "a time to come": cosigns(late=-3600),
    "its line twice": cosigns(shape=lambda line: line * 2),
    "a cut line": cosigns(shape=lambda line: line[:-2]),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
async def test_whatever_one_witness_answers_nothing_false_is_stored(house, lie):
    house.cosigning = house.with_quorum(1)
    house.lying.answer = lie(house.lying)

    for _ in range(2):
        said = await house.minute()

        assert len(said) == 1, "one line for the one that lied"
    assert {name for _, name in await house.stored()} == {CSE.key.name}
    assert house.honest.size == house.size, "the other is asked all the same"


@pytest.mark.parametrize("lie", ["a split view", "a longer ledger"])
async def test_without_a_quorum_that_knows_this_ledger_nothing_more_is_signed(
    house, lie
):
    house.lying.answer = LIES[lie](house.lying)

    await house.minute()

    with pytest.raises(LedgerWentBackError):
        await house.minute()
    assert await house.cosigning.kept.newest_witnessed() is None


async def test_a_huge_answer_is_not_read_to_its_end(house):
    house.lying.answer = says(body=b"x" * (10 << 20))

    (why,) = await house.minute()

    assert "more than 16384 bytes" in why


async def test_a_witness_that_is_away_is_named_and_waited_for_no_longer(house):
    house.witnesses[0] = Witness(DPO.key, "http://127.0.0.1:9", "dpo")

    (why,) = await house.minute()

    assert why.startswith("no answer")
    assert await house.stored() == [(house.size, CSE.key.name)]


async def test_a_slow_witness_delays_nobody_beyond_its_time(house, monkeypatch):
    seconds = 3  # in which the honest one answers, however busy the machine is
    monkeypatch.setattr(cosigning_module, "ANSWER_SECONDS", seconds)

    async def slowly(asked):
        await house.lying.patience.wait()
        return await house.lying.honestly(asked)

    house.lying.answer = slowly
    async with asyncio.timeout(5 * seconds):
        (why,) = await house.minute()

    assert why == f"no answer within {seconds} s"
    assert await house.stored() == [(house.size, CSE.key.name)]


async def test_a_witness_that_tells_another_size_each_time_is_asked_only_twice(house):
    for _ in range(4):
        await house.minute()
    sizes = iter(range(1, 100))

    async def wander(_):
        return web.Response(status=409, text=f"{next(sizes)}\n")

    house.lying.answer = wander
    house.lying.asked.clear()

    assert await house.minute() == ["it tells another size each time"]
    assert len(house.lying.asked) == 2


async def test_what_it_cosigned_though_its_answer_was_lost_is_asked_for_again(house):
    async def lose(asked):
        await house.lying.honestly(asked)  # it has kept the head
        return web.Response(status=502)

    house.lying.answer = lose
    assert await house.minute() == ["it answered 502"]
    house.lying.answer = house.lying.honestly

    await house.cosigning.ask()  # the same head, from where the witness stands
    assert await house.stored() == [
        (house.size, CSE.key.name),
        (house.size, DPO.key.name),
    ]

    house.lying.answer = lose
    await house.minute()
    house.lying.answer = house.lying.honestly
    assert await house.minute() == [], "and a later head, from where it stands"
    assert (house.size, DPO.key.name) in await house.stored()


async def test_a_witness_that_joins_late_is_given_proof_from_where_it_stands(house):
    house.lying.answer = says(status=503)
    for _ in range(3):
        await house.minute()
    await house.grow(600)
    house.lying.answer = house.lying.honestly

    assert await house.minute() == []

    assert house.lying.asked[-1].old_size == 0


# --- What the quorum dates ----------------------------------------------------------


async def epoch(house, number):
    async with house.ledger.transaction() as change:
        seq = change.append(Kind.OPEN, {"e": number, "commit": "00" * 32})
        await change.connection.execute(
            "INSERT INTO epochs (site_id, epoch, wrapped_seed, commitment, opened_seq)"
            " VALUES ('clinic', $1, '', '', $2)",
            number,
            seq,
        )


async def dated(house):
    async with house.ledger.database.connection() as connection:
        rows = await connection.fetch("SELECT epoch, witnessed_at FROM epochs")
    return {row["epoch"]: row["witnessed_at"] for row in rows}


async def test_an_epoch_is_dated_by_the_first_head_that_has_its_quorum(house):
    await epoch(house, 1)
    house.lying.answer = says(status=503)
    await house.minute()
    assert await dated(house) == {1: None}, "one of two is no quorum"

    house.lying.answer = cosigns(late=30)(house.lying)
    await house.cosigning.ask()
    first = house.clock()
    assert await dated(house) == {1: first}, "by then both had seen it"

    await epoch(house, 2)
    await house.minute()
    assert await dated(house) == {1: first, 2: first.replace(minute=2)}


async def test_without_a_quorum_nothing_is_dated(house):
    house.cosigning = house.with_quorum(0)
    await epoch(house, 1)

    await house.minute()

    assert await dated(house) == {1: None}


async def test_two_replicas_that_keep_one_witness_each_date_the_epoch(house):
    await epoch(house, 1)
    await house.publisher.publish()
    head = await house.cosigning.kept.newest_head()
    time = int(house.clock().timestamp())
    kept = [Verified(one.key, one.cosign(head.text, time), time) for one in (DPO, CSE)]

    await asyncio.gather(*(house.cosigning.kept.keep(head.size, [one]) for one in kept))

    assert await dated(house) == {1: datetime.fromtimestamp(time, UTC)}


# --- What evidence is made of -------------------------------------------------------


async def test_evidence_needs_a_head_with_its_quorum_and_says_what_to_do(house):
    house.lying.answer = says(status=503)
    await house.minute()

    with pytest.raises(NoQuorumError, match=r"not cosigned.*export again"):
        await make_bundle(house.ledger, house.publisher, LOG, house.cosigning)


async def test_evidence_asks_the_witnesses_itself(house):
    await house.grow()

    bundle = await make_bundle(house.ledger, house.publisher, LOG, house.cosigning)

    assert bundle == await make_bundle(
        house.ledger, house.publisher, LOG, house.cosigning
    )
    assert (len(house.lying.asked), len(house.honest.asked)) == (1, 1)
