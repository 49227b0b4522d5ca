"""The line "not cosigned" tells an operator what to do, for each kind of refusal."""

import re
from datetime import UTC, datetime

import pytest
from aiohttp import web

from proxy.ledger.checkpoint import Checkpoint
from proxy.ledger.note import Cosigner, Signer
from proxy.ledger.witness_client import WitnessClient
from proxy.ledger.witnessing import SignedHead, Witness, WitnessError
from tests.fakes.certificates import self_signed

LOG = Signer("ponctuel.example/clinic", bytes(range(32)))
DPO = Cosigner("dpo.example/witness", b"d" * 32)
NOTE = Checkpoint(LOG.key.name, 1, bytes(32)).signed_by(LOG).encode()
HEAD = SignedHead(1, NOTE, datetime(2026, 11, 16, tzinfo=UTC))


@pytest.fixture
async def why():
    """What is said of a witness at an address."""
    clients = []

    async def ask(address):
        clients.append(WitnessClient())
        with pytest.raises(WitnessError) as refused:
            await clients[-1].submit(Witness(DPO.key, address, "dpo"), 0, [], HEAD)
        assert "\n" not in str(refused.value)
        return refused.value.detail

    yield ask
    for client in clients:
        await client.close()


def answering(status):
    async def answer(_):
        return web.Response(status=status, text=f"{status}\n")

    application = web.Application()
    application.router.add_post("/add-checkpoint", answer)
    return application


def address_of(server):
    return str(server.make_url("")).rstrip("/")


@pytest.mark.parametrize(
    ("status", "remedy"),
    [
        (403, "the log's key is not the one it was given.*ponctuel doctor"),
        (404, "witness.py add.*starts its serve again"),
        (422, "another history of this ledger"),
        (503, "its clock and its disk"),
    ],
)
async def test_each_refusal_comes_with_what_mends_it(
    aiohttp_server, why, status, remedy
):
    server = await aiohttp_server(answering(status))

    said = await why(address_of(server))

    assert said.startswith(f"it answered {status}: ")
    assert re.search(remedy, said)


async def test_any_other_answer_is_named_alone(aiohttp_server, why):
    server = await aiohttp_server(answering(502))

    assert await why(address_of(server)) == "it answered 502"


async def test_a_conflict_is_an_answer_and_no_refusal(aiohttp_server):
    server = await aiohttp_server(answering(409))
    client = WitnessClient()

    told = await client.submit(Witness(DPO.key, address_of(server), "dpo"), 0, [], HEAD)

    assert told == (409, b"409\n")
    await client.close()


async def test_a_certificate_nobody_trusts_is_said_to_be_that(
    aiohttp_server, why, tmp_path
):
    server = await aiohttp_server(answering(200), ssl=self_signed(tmp_path / "c.pem"))

    said = await why(f"https://127.0.0.1:{server.port}")

    assert said.startswith("its certificate is not trusted (self-signed certificate)")
    assert "SSL_CERT_FILE" in said


async def test_a_witness_that_speaks_no_tls_is_said_to(aiohttp_server, why):
    server = await aiohttp_server(answering(200))

    said = await why(f"https://127.0.0.1:{server.port}")

    assert said.startswith("no answer over TLS")
    assert "https" in said


async def test_nobody_there_is_still_no_answer(why):
    assert await why("http://127.0.0.1:9") == "no answer (ClientConnectorError)"
