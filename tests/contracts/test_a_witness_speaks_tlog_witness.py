"""`audit/witness.py`, as a process of its own, against our client and others' tools."""

import asyncio
import json
import ssl
import subprocess
import threading
from datetime import UTC, datetime
from hashlib import sha256

import aiohttp
import pytest

from audit import witness as witness_program
from proxy.ledger.checkpoint import Checkpoint
from proxy.ledger.note import Signer, VerifierKey
from proxy.ledger.tree import consistency_proof, leaf_hash, reading, root_of
from proxy.ledger.witness_client import WitnessClient
from proxy.ledger.witnessing import (
    SignedHead,
    Witness,
    add_checkpoint,
    cosignature_in,
    told_size,
)
from tests.fakes.certificates import self_signed
from tests.fakes.witnesses import command, witnesses

ORIGIN = "ponctuel.example/nord"
LOG = Signer(ORIGIN, b"l" * 32)
LEAVES = [leaf_hash(b"leaf %d" % number) for number in range(700)]
FORKED = [*LEAVES[:300], *(leaf_hash(b"lie %d" % number) for number in range(400))]
KILLED = -9


def head(size: int, leaves=LEAVES, signed_at=None) -> SignedHead:
    checkpoint = Checkpoint(ORIGIN, size, root_of(leaves[:size]))
    note = checkpoint.signed_by(LOG).encode()
    return SignedHead(size, note, signed_at or datetime(2026, 11, 18, 10, tzinfo=UTC))


def proof(old: int, size: int, leaves=LEAVES) -> list[bytes]:
    return consistency_proof(reading(leaves), old, size)


@pytest.fixture
def running(tmp_path, clock):
    with witnesses(tmp_path, clock, "dpo.example/witness") as (one,):
        one.vkey = one.make(LOG.key.encode())
        one.start()
        yield one
        one.stop()
        assert not [line for line in one.told if "Traceback" in line]


@pytest.fixture
async def http():
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def ask(running):
    client = WitnessClient()

    async def ask(old: int, size: int, leaves=LEAVES):
        known = Witness(VerifierKey.parse(running.vkey), running.address, "dpo")
        return await client.submit(
            known, old, proof(old, size, leaves), head(size, leaves)
        )

    yield ask
    await client.close()


async def test_our_service_gets_a_cosignature_it_believes(ask, running, clock):
    status, answer = await ask(0, 256)

    key = VerifierKey.parse(running.vkey)
    cosignature = cosignature_in(answer, head(256), key, clock())
    assert status == 200
    assert cosignature.time == clock().timestamp()


async def test_another_size_is_told_with_the_type_the_specification_wants(
    ask, running, http
):
    await ask(0, 256)

    async with http.post(
        f"{running.address}/add-checkpoint",
        data=add_checkpoint(0, [], head(700).note),
    ) as response:
        told = response.status, response.content_type, await response.read()

    assert told == (409, "text/x.tlog.size", b"256\n")
    status, answer = await ask(0, 700)
    assert (status, told_size(answer)) == (409, 256)
    assert (await ask(256, 700))[0] == 200


async def test_tlog_scales_believes_our_witness(ask, running):
    signing = pytest.importorskip("tlog_scales.signing")
    tlog = pytest.importorskip("tlog_scales.tlog")

    _, answer = await ask(0, 256)

    checkpoint = tlog.Checkpoint.from_text((head(256).note + answer).decode())
    vkey = signing.Vkey.from_string(running.vkey)
    checkpoint.verify(vkey)
    assert vkey.serialize() == running.vkey


async def test_a_log_that_is_not_ours_is_witnessed_just_as_well(tmp_path, clock, http):
    """The log is tlog-scales': its leaves, its tree, its proofs, its signatures."""
    scales = pytest.importorskip("tlog_scales.writer")
    reader_of = pytest.importorskip("tlog_scales.reader").TilesReader
    backend = pytest.importorskip("tlog_scales.backend").LocalBackend
    signing = pytest.importorskip("tlog_scales.signing")
    signer = signing.PlainEd25519Signer("log.example/theirs", b"t" * 32)
    writer = scales.TilesWriter.create(tmp_path / "log", "log.example/theirs")
    grown = {}
    for old, size in ((0, 300), (300, 700)):
        for number in range(old, size):
            writer.add_leaf(b"theirs %d" % number)
        writer.commit([signer], gc=False)
        reader = reader_of(backend(tmp_path / "log"))
        reader.set_size(size)
        nodes = reader.get_consistency_proof(old, size).node_hashes if old else []
        grown[old] = add_checkpoint(
            old, nodes, (tmp_path / "log" / "checkpoint").read_bytes()
        )

    with witnesses(tmp_path, clock, "cse.example/witness") as (one,):
        one.make(signer.vkey.serialize())
        address = one.start()
        for body in grown.values():
            async with http.post(f"{address}/add-checkpoint", data=body) as response:
                assert response.status == 200, await response.text()


async def test_killed_before_its_answer_it_still_never_signs_another_tree(
    tmp_path, clock
):
    client = WitnessClient()
    with witnesses(tmp_path, clock, "dpo.example/witness") as (one,):
        vkey = VerifierKey.parse(one.make(LOG.key.encode()))
        doomed = Witness(vkey, one.start("dies"), "dpo")
        with pytest.raises(Exception, match="no answer"):
            await client.submit(doomed, 0, [], head(400))
        assert one.process.wait() == KILLED

        again = Witness(vkey, one.start(), "dpo")
        other = await client.submit(again, 0, [], head(400, FORKED))
        same = await client.submit(again, 0, [], head(400))
        repeated = await client.submit(again, 400, [], head(400))

    assert other == same == (409, b"400\n")
    assert repeated[0] == 200
    await client.close()


async def test_two_trees_of_one_size_are_shown_to_whoever_runs_it(ask, running):
    await ask(0, 400)
    await ask(0, 400, FORKED)

    shown = command("show", str(running.home))

    assert shown.returncode == 1
    assert head(400).note.decode() in shown.stdout
    assert head(400, FORKED).note.decode() in shown.stdout


# --- Whatever else arrives --------------------------------------------------------

QUESTIONS = {
    "POST /": ("POST", "/", 404),
    "a prefix": ("POST", "/x/add-checkpoint", 404),
    "GET add-checkpoint": ("GET", "/add-checkpoint", 404),
    "another method": ("DELETE", "/add-checkpoint", 501),
    "no origin": ("GET", "/nonce?epoch=1", 404),
    "an unknown origin": ("GET", "/nonce?origin=x&epoch=1", 404),
    "no epoch": ("GET", f"/nonce?origin={ORIGIN}", 400),
    "an epoch that is none": ("GET", f"/nonce?origin={ORIGIN}&epoch=-1", 400),
    "an epoch's length": (
        "GET",
        f"/nonce?origin={ORIGIN}&epoch=1&epoch_seconds=1",
        400,
    ),
    "a parameter twice": ("GET", f"/nonce?origin={ORIGIN}&epoch=1&epoch=2", 400),
    "too many": (
        "GET",
        f"/nonce-commitments?origin={ORIGIN}&first=1&count=101",
        400,
    ),
    "none": ("GET", f"/nonce-commitments?origin={ORIGIN}&first=1&count=0", 400),
    "an epoch beyond all": (
        "GET",
        f"/nonce-commitments?origin={ORIGIN}&first={2**63 - 1}&count=1",
        400,
    ),
    "a word": ("GET", "/nonce?origin", 400),
}


@pytest.mark.parametrize(
    ("method", "path", "status"), QUESTIONS.values(), ids=QUESTIONS
)
async def test_every_other_question_is_answered_with_its_status(
    running, method, path, status
):
    assert (await raw(running, f"{method} {path}")).split()[1] == str(status)


async def raw(running, request: str, *headers: str, body: bytes = b"") -> str:
    """What comes back on a raw connection."""
    host, port = running.address.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, port)
    lines = [f"{request} HTTP/1.1", "Host: w", *headers, "Connection: close"]
    if not headers:
        lines.append(f"Content-Length: {len(body)}")
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
    answer = (await reader.read()).decode()
    writer.close()
    await writer.wait_closed()
    return answer


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (["Transfer-Encoding: chunked"], 411),
        (["Content-Length: -1"], 411),
        (["Content-Length: 65537"], 413),
        (["Content-Length: 99999999999999999999"], 411),
    ],
)
async def test_a_body_of_no_length_or_too_great_a_one_is_not_read(
    running, headers, status
):
    answer = await raw(running, "POST /add-checkpoint", *headers)

    assert answer.split()[1] == str(status)


async def test_what_is_not_http_is_answered_in_one_line(running):
    for garbage in (b"\x16\x03\x01\x02\x00\x01\x00", b"GET /\r\n\r\n", b"A" * 70_000):
        host, port = running.address.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(garbage + b"\r\n\r\n")
        writer.write_eof()
        try:
            answer = await reader.read()
        except ConnectionError:
            answer = b""
        writer.close()
        assert b"Traceback" not in answer


async def test_many_that_say_nothing_do_not_keep_it_from_answering(running, ask):
    host, port = running.address.removeprefix("http://").split(":")
    silent = [await asyncio.open_connection(host, port) for _ in range(40)]
    for _, writer in silent:
        writer.write(b"POST /add-checkpoint HTTP/1.1\r\n")

    assert (await ask(0, 256))[0] == 200
    for _, writer in silent:
        writer.close()


# --- Nonces -----------------------------------------------------------------------


async def test_commitments_are_told_beforehand_and_nonces_from_their_epoch_on(
    running, http, clock
):
    first = int(clock().timestamp()) // 3600
    about = f"origin={ORIGIN}&first={first}&count=3"

    async with http.get(f"{running.address}/nonce-commitments?{about}") as response:
        assert response.content_type == "application/json"
        told = await response.json()
    statuses, nonces = [], []
    for epoch in range(first, first + 3):
        async with http.get(
            f"{running.address}/nonce?origin={ORIGIN}&epoch={epoch}"
        ) as response:
            statuses.append(response.status)
            if response.status == 200:
                nonces.append(await response.json())

    assert statuses == [200, 425, 425]
    assert (told["first"], len(told["commitments"])) == (first, 3)
    assert nonces[0]["epoch"] == first
    opened = b"ponctuel/nonce/v1" + first.to_bytes(8, "big")
    nonce = bytes.fromhex(nonces[0]["nonce"])
    assert sha256(opened + nonce).hexdigest() == told["commitments"][0]


async def test_its_holder_can_read_a_past_nonce_and_no_future_one(running, http):
    epoch = 100  # in 1970: by the real clock of the command, long over
    async with http.get(
        f"{running.address}/nonce?origin={ORIGIN}&epoch={epoch}"
    ) as response:
        served = await response.json()

    said = running.command("nonce", "--origin", ORIGIN, "--epoch", str(epoch))

    assert said.split()[-1] == served["nonce"]
    with pytest.raises(subprocess.CalledProcessError) as early:
        running.command("nonce", "--origin", ORIGIN, "--epoch", "100000000")
    assert (early.value.returncode, early.value.stdout) == (1, "")
    assert early.value.stderr.count("\n") == 1


# --- Over TLS ---------------------------------------------------------------------


async def test_it_serves_over_tls_and_silent_clients_delay_nobody(
    tmp_path, clock, http
):
    certificate = tmp_path / "certificate.pem"
    self_signed(certificate)
    with witnesses(tmp_path, clock, "dpo.example/witness") as (one,):
        one.make(LOG.key.encode())
        address = one.serve("--certificate", certificate, "--key", certificate)
        host, port = address.removeprefix("https://").split(":")
        silent = [await asyncio.open_connection(host, port) for _ in range(20)]
        trust = ssl.create_default_context(cafile=certificate)
        trust.check_hostname = False
        async with http.get(
            f"{address}/nonce-commitments?origin={ORIGIN}&first=1&count=1", ssl=trust
        ) as response:
            told = json.loads(await response.read())
        for _, writer in silent:
            writer.close()  # there was no handshake

    assert told["first"] == 1
    assert not [line for line in one.told if "Traceback" in line]


# --- Slow clients -----------------------------------------------------------------


@pytest.mark.parametrize("limit", ["STEP_SECONDS", "CONNECTION_SECONDS"])
async def test_who_sends_a_byte_now_and_then_is_cut_off(
    tmp_path, clock, monkeypatch, limit
):
    monkeypatch.setattr(witness_program, limit, 0)
    witness_program.make_home(tmp_path / "w", "dpo.example/witness")
    witness = witness_program.Witness(tmp_path / "w", lambda: clock().timestamp())
    server = witness_program.Server(witness, ("127.0.0.1", 0), None)
    serving = threading.Thread(target=server.serve_forever, args=[0.01])
    serving.start()
    try:
        reader, writer = await asyncio.open_connection(*server.server_address)
        writer.write(b"POST /add-checkpoint HTTP/1.1\r\n")

        async with asyncio.timeout(5):
            assert await reader.read() == b""
        writer.close()
    finally:
        await asyncio.to_thread(server.shutdown)
        serving.join()
        server.server_close()
        witness.close()
