"""SIGTERM: calls under way are answered, and nothing that was taken is lost."""

import asyncio
import json
import os
import signal
import subprocess
import sys

import aiohttp
import pytest
from yarl import URL

from proxy.app import utc_now
from tests.fakes.call_centre import until, wav
from tests.fakes.faulty_wire import FaultyWire


@pytest.fixture
async def wire(dsn):
    async with FaultyWire(dsn) as wire:
        yield wire


@pytest.fixture
async def serving(wire, centre):
    """`ponctuel serve` as a process of its own; its address is where calls go."""
    centre.clock = utc_now  # another process cannot be lent ours
    plan = centre.plan(dsn=wire.dsn)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "proxy.cli", "serve"),
        env={
            "PATH": os.environ["PATH"],
            "PONCTUEL_CONFIG": os.environ["PONCTUEL_CONFIG"],
            "PONCTUEL_DATA_DIR": str(plan["data_dir"]),
            "PONCTUEL_VAULT__KEYS": str(plan["vault"]["keys"]),
            **{
                f"PONCTUEL_{part.upper()}": json.dumps(plan[part], default=str)
                for part in ("database", "http", "metrics", "sites")
            },
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    told = await process.stdout.readline()
    centre.address = told.split()[2].rstrip(b",").decode()
    yield process
    if process.returncode is None:
        process.kill()
        await process.wait()


async def ended(process):
    _, errors = await process.communicate()
    assert process.returncode == 0, errors
    assert b"Traceback" not in errors
    assert b"critical" not in errors


async def is_deaf(centre):
    """Whether nobody listens any more."""
    url = URL(centre.address)
    try:
        _, writer = await asyncio.open_connection(url.host, url.port)
    except ConnectionError:  # refused, or reset: it was in the queue as the door shut
        return True
    writer.close()
    return False


async def _may_draw(centre):
    return (await centre.start_call()).decision_id


@pytest.fixture
async def sent(centre):
    """The bodies of all requests that have left for the service."""
    bodies = set()

    async def note(_session, _context, said):
        bodies.add(said.chunk)

    tracing = aiohttp.TraceConfig()
    tracing.on_request_chunk_sent.append(note)
    async with aiohttp.ClientSession(trace_configs=[tracing]) as http:
        centre.http = http
        yield bodies


async def test_calls_under_way_are_answered(wire, centre, serving, sent):
    await until(lambda: _may_draw(centre), "the start")
    wire.stall()
    sent.clear()
    calls = [asyncio.create_task(centre.start_call(f"call-{n}")) for n in range(20)]
    await until(lambda: len(sent) == len(calls), "all to be sent")
    # None can say that it is in before it is answered; but who came last is answered.
    assert (await centre.ask("GET", f"{centre.address}/healthz")).status == 200

    serving.send_signal(signal.SIGTERM)
    await until(lambda: is_deaf(centre), "the end of listening")
    await wire.mend()

    assert {(await call).decision for call in calls} <= {"record", "skip"}
    await ended(serving)
    drawn = await centre.value("SELECT count(*) FROM calls")
    assert drawn == len(await centre.leaves("DRAW"))


async def test_an_upload_under_way_is_refused_at_once_and_may_be_repeated(
    centre, serving
):
    await until(lambda: _may_draw(centre), "the start")
    call = await centre.drawn_call(is_announced=True)

    async def never_ending():
        yield wav()
        await asyncio.Event().wait()

    upload = asyncio.create_task(centre.upload(call.decision_id, never_ending()))
    await until(centre.objects, "the upload to have begun")
    serving.send_signal(signal.SIGTERM)

    reply = await upload
    assert (reply.status, reply.problem) == (503, "stopping")
    await ended(serving)
    assert centre.objects() == []
    centre.address = ""
    await centre.open()
    assert (await centre.upload(call.decision_id, wav())).status == 201


async def offered(centre):
    call = await centre.drawn_call(is_announced=True)
    await centre.offer(centre.platform.hold("rec-1", wav()), call.decision_id)
    return call


async def is_taken_over_once(centre, call):
    async def is_done():
        return await centre.value("SELECT step = 'done' FROM takeovers")

    await centre.rows("UPDATE jobs.pgqueuer SET heartbeat = now() - interval '1 hour'")
    await centre.open()
    await centre.site.tend()
    await until(is_done, "the take-over")
    assert await centre.outcome(call) == ("recorded", None)
    assert len(await centre.outcome_leaves(call)) == 1
    [recording] = await centre.kept()
    assert await centre.heard(recording)
    assert len(centre.objects()) == 1


async def test_a_fetch_that_takes_too_long_is_cut_off_and_done_after_the_restart(
    centre, monkeypatch
):
    # As long again to clean up, once it is cut off.
    monkeypatch.setattr("proxy.jobs._FINISH_SECONDS", 1.0)
    await centre.open()
    centre.platform.misbehave("GET", "slow")
    call = await offered(centre)
    await until(lambda: centre.platform.count("GET", "rec-1"), "the fetch")

    await centre.close()
    assert centre.objects() == []
    centre.platform.hurry.set()

    await is_taken_over_once(centre, call)


async def test_being_cut_off_in_the_commit_does_not_destroy_what_was_committed(
    wire, centre, monkeypatch
):
    monkeypatch.setattr("proxy.jobs._FINISH_SECONDS", 0.2)
    await centre.open(dsn=wire.dsn)
    wire.stall_at_commit_of(b'"rec":{')
    call = await offered(centre)
    await until(lambda: wire.lost, "the commit")

    worker = centre.service._jobs._task
    stopping = asyncio.create_task(centre.service._jobs.stop())
    await until(worker.cancelling, "it to be cut off")
    await wire.mend()
    await stopping
    await centre.close()

    await is_taken_over_once(centre, call)
