"""At whatever step of a recording, an objection leaves neither byte nor key (R15).

Each test stops a recording at a step of its life by real means (a slow client, a lock
of the database), lets the caller object there, and looks at all that could be left.
"""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import asyncpg
import pytest

from tests.fakes.auditing import verdict_on
from tests.fakes.call_centre import Call, CallCentre, Reply, until, wav
from tests.fakes.hoard import Hoard

AUDIO = wav(seconds=30)
HEADER = 44
PLACES = [0, 1, HEADER, HEADER + 1, 65_536, len(AUDIO) - 1, len(AUDIO)]
ANYWHERE = list(range(50_000, len(AUDIO), 90_001))
SECONDS_TO_CUT_OFF = 15  # it takes two; the machine may be busy


async def nothing_is_left(house: CallCentre) -> None:
    assert await house.kept() == []
    assert house.objects() == []
    assert await house.rows("SELECT FROM recording_keys") == []
    assert await house.rows("SELECT FROM object_writes") == []
    assert not house.holds_clear(AUDIO)
    objects = house.site.vault._objects
    hoard = Hoard(house.folder / "hoard", house.site, objects)
    assert await hoard.opened_as_it_is() == []


async def objections(house: CallCentre) -> dict[str, int]:
    counts = await house.counts()
    return {stage: n for (metric, stage), n in counts.items() if metric == "opt_outs"}


async def object_twice(house: CallCentre, call: Call) -> None:
    """As a platform does that did not hear the first answer."""
    await asyncio.gather(*(house.tell("call.opt_out", call) for _ in range(2)))
    await house.tell("call.opt_out", call)


# --- Before and during the upload -----------------------------------------------------


@pytest.mark.parametrize(
    ("is_announced", "stage"), [(False, "before_capture"), (True, "during_call")]
)
async def test_before_anything_was_captured(house, is_announced, stage):
    call = await house.drawn_call(is_announced=is_announced)

    await object_twice(house, call)

    announced = await house.send("call.announced", {"call_id": call.call_id})
    refused = await house.upload(call.decision_id, AUDIO)
    assert (announced.status, refused.status) == (409, 409)
    await nothing_is_left(house)
    assert await objections(house) == {stage: 1}


async def test_at_whatever_byte_the_upload_has_come_to(house):
    calls = [await house.drawn_call(is_announced=True) for _ in PLACES + ANYWHERE]

    replies = await asyncio.gather(
        *(
            objected_at(house, call, place)
            for call, place in zip(calls, PLACES + ANYWHERE, strict=True)
        )
    )

    assert {(reply.status, reply.problem) for reply in replies} == {
        (409, "outcome-closed")
    }
    await nothing_is_left(house)
    assert await objections(house) == {"during_call": len(calls)}


async def objected_at(house: CallCentre, call: Call, place: int) -> Reply:
    """The rest of the audio comes after the objection."""

    async def body() -> AsyncIterator[bytes]:
        yield AUDIO[:place]
        await object_twice(house, call)
        yield AUDIO[place:]

    return await house.upload(call.decision_id, body())


async def test_an_upload_under_way_is_cut_off_and_not_waited_for(house):
    call = await house.drawn_call(is_announced=True)
    has_begun, is_over = asyncio.Event(), asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        yield AUDIO[: len(AUDIO) // 2]
        has_begun.set()
        while not is_over.is_set():
            yield bytes(16)
            await asyncio.sleep(0.1)

    upload = asyncio.create_task(house.upload(call.decision_id, endless()))
    await has_begun.wait()
    await until(house.objects, "sealed bytes of it in the store")
    await house.tell("call.opt_out", call)
    try:
        async with asyncio.timeout(SECONDS_TO_CUT_OFF):
            await until(lambda: house.objects() == [], "the object to be gone")
            with_status = await asyncio.gather(upload, return_exceptions=True)
    finally:
        is_over.set()

    # The answer may be lost on a connection that is closed while bytes still come.
    assert all(
        isinstance(each, aiohttp.ClientError) or each.status == 409
        for each in with_status
    )
    await nothing_is_left(house)
    assert await objections(house) == {"during_call": 1}


async def test_a_recording_that_is_being_fetched_is_cut_off_and_deleted_there(house):
    call = await house.drawn_call(is_announced=True)
    house.platform.misbehave("GET", "slow")
    await house.offer(house.platform.hold("rec-1", AUDIO), call.decision_id)
    await until(lambda: house.platform.count("GET", "rec-1"), "it is being fetched")

    await object_twice(house, call)
    house.platform.hurry.set()

    await until(lambda: house.platform.audio == {}, "its copy there to be gone")
    await until(house_is_idle(house), "the take-over to be over")
    await nothing_is_left(house)
    assert await objections(house) == {"during_call": 1}


async def test_a_recording_that_could_not_be_fetched_yet_is_deleted_there_now(house):
    """It would be tried again in some minutes, or in an hour, and only then deleted."""
    call = await house.drawn_call(is_announced=True)
    house.platform.misbehave("GET", "refuse", times=99)
    await house.offer(house.platform.hold("rec-1", AUDIO), call.decision_id)
    await until(has_failed(house), "a try that failed, and was counted")
    await house.rows("UPDATE takeovers SET attempts = 8")
    # It is tried once more, in some seconds; then there is time.
    await until(waits_long(house), "the next try to be far away")
    tries = house.platform.count("GET", "rec-1")
    assert tries > 1

    await house.tell("call.opt_out", call)

    await until(lambda: house.platform.audio == {}, "its copy there to be gone")
    assert house.platform.count("GET", "rec-1") == tries
    await nothing_is_left(house)
    assert await objections(house) == {"during_call": 1}


def has_failed(house: CallCentre):
    async def has() -> bool:
        return bool(await house.value("SELECT attempts FROM takeovers"))

    return has


def waits_long(house: CallCentre):
    async def waits() -> bool:
        rows = await house.rows(
            "SELECT FROM jobs.pgqueuer WHERE entrypoint = 'take_over'"
            " AND status = 'queued' AND execute_after > now() + interval '5 minutes'"
        )
        return bool(rows)

    return waits


def house_is_idle(house: CallCentre):
    async def is_idle() -> bool:
        left = await house.rows("SELECT FROM takeovers WHERE step <> 'done'")
        return not left

    return is_idle


# --- Between the seal and the index ---------------------------------------------------


@asynccontextmanager
async def head_held(house: CallCentre) -> AsyncIterator[asyncpg.Connection]:
    """Nobody changes the ledger meanwhile; who wants to waits in turn."""
    holder = await asyncpg.connect(house.dsn)
    try:
        async with holder.transaction():
            await holder.fetch("SELECT FROM ledger_heads FOR UPDATE")
            yield holder
    finally:
        await holder.close()


async def waiting(house: CallCentre, number: int) -> None:
    async def are_waiting() -> bool:
        blocked = await house.value(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return blocked >= number

    await until(are_waiting, f"{number} to wait for the ledger")


@pytest.mark.parametrize("objection_comes", ["first", "second"])
async def test_between_the_seal_and_the_index(house, objection_comes):
    call = await house.drawn_call(is_announced=True)
    await house.stop_worker()
    tell = house.tell("call.opt_out", call)
    upload = house.upload(call.decision_id, AUDIO)
    in_order = [tell, upload] if objection_comes == "first" else [upload, tell]

    async with head_held(house):
        tasks = []
        for number, each in enumerate(in_order, start=1):
            tasks.append(asyncio.create_task(each))
            await waiting(house, number)
        await until(house.objects, "it is sealed, and nobody's yet")
    replies = await asyncio.gather(*tasks)

    statuses = [reply.status for reply in replies if reply]
    assert statuses == [409 if objection_comes == "first" else 201]
    await nothing_is_left(house)
    stage = "during_call" if objection_comes == "first" else "after_call"
    assert await objections(house) == {stage: 1}


# --- Kept already ---------------------------------------------------------------------


async def test_after_it_was_kept_also_when_told_often_and_at_once(house):
    before = {each["code"] for each in (await verdict_on(house))["findings"]}
    call = await house.drawn_call(is_announced=True)
    other = await house.drawn_call(is_announced=True)
    await house.upload(call.decision_id, AUDIO)
    stays = (await house.upload(other.decision_id, wav())).body["recording_id"]

    await asyncio.gather(*(house.tell("call.opt_out", call) for _ in range(5)))
    await house.tell("call.ended", call)

    assert await house.kept() == [stays]
    assert len(house.objects()) == 1
    assert len(await house.rows("SELECT FROM recording_keys")) == 1
    assert len(await house.leaves("DEL")) == 1
    assert await objections(house) == {"after_call": 1}
    after = {each["code"] for each in (await verdict_on(house))["findings"]}
    assert after <= before | {"WITHHELD"}


async def test_an_objection_is_told_of_by_no_name_number_or_call(house):
    call = await house.drawn_call(is_announced=True)
    await house.upload(call.decision_id, AUDIO)
    await house.tell("call.opt_out", call)

    told = str([*await house.all_leaves(), *await house.counts()])

    for personal in (call.call_id, call.decision_id, "+336"):
        assert personal not in told


async def test_asking_again_whether_a_capture_may_go_on_writes_nothing(house):
    """Platforms repeat call.announced every few seconds while they capture."""
    call = await house.drawn_call(is_announced=True)
    before = await house.rows(
        "SELECT xmin, * FROM calls WHERE announced_at IS NOT NULL"
    )

    for _ in range(3):
        await house.tell("call.announced", call)
    after = await house.rows("SELECT xmin, * FROM calls WHERE announced_at IS NOT NULL")
    assert after == before

    await house.tell("call.opt_out", call)
    asked = await house.send("call.announced", {"call_id": call.call_id})
    assert (asked.status, asked.problem) == (409, "outcome-closed")


def test_the_audio_is_what_it_says():
    """Places are bytes of a sound that is long enough to have a middle."""
    (size,) = struct.unpack_from("<I", AUDIO, HEADER - 4)
    assert HEADER + size == len(AUDIO)
