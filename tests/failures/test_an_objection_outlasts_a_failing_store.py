"""A store that fails, or does it and does not say so, saves no recording (R15).

Nothing is told of as done before it is; within the minute in which the store answers
again it is, without waiting for the quarter-hourly sweep, and it is counted once.
"""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.fakes.call_centre import CallCentre, until, wav
from tests.fakes.faulty_bucket import FaultyBucket
from tests.fakes.seaweed import ACCESS_KEY, SECRET_KEY, Bucket

AUDIO = wav(seconds=5)
EVERY = 999
FAULTS = [
    pytest.param("DeleteObject", "refused", id="it refuses to delete"),
    pytest.param("DeleteObject", "cut-off", id="it hangs up"),
    pytest.param("DeleteObject", "lost", id="it deletes and does not say so"),
    pytest.param("HeadObject", "refused", id="it deletes and cannot be asked"),
]


@pytest.fixture
async def house(centre: CallCentre, front: FaultyBucket, bucket: Bucket):
    where = {"endpoint": front.address, "bucket": bucket.name}
    keys = {"access_key": ACCESS_KEY, "secret_key": SECRET_KEY}
    await centre.open(vault={"s3": where | keys})
    await centre.stop_worker()
    yield centre
    front.mend()
    await centre.close()


async def nothing_is_left(house: CallCentre, bucket: Bucket) -> None:
    assert await bucket.objects() == []
    assert await bucket.uploads() == []
    assert await house.kept() == []
    assert await house.rows("SELECT FROM recording_keys") == []
    assert await house.rows("SELECT FROM object_writes") == []


async def objections(house: CallCentre) -> dict[str, int]:
    counts = await house.counts()
    return {stage: n for (metric, stage), n in counts.items() if metric == "opt_outs"}


@pytest.mark.parametrize(("operation", "kind"), FAULTS)
async def test_a_kept_recording_is_gone_in_the_first_minute_the_store_answers(
    house, front, bucket, operation, kind
):
    call = await house.drawn_call(is_announced=True)
    recording = (await house.upload(call.decision_id, AUDIO)).body["recording_id"]
    front.add(operation, kind, times=EVERY)

    for _ in range(2):
        await house.tell("call.opt_out", call)
    await house.site.tend()

    assert await house.leaves("DEL") == []
    with pytest.raises(Exception, match="not in the store"):
        await house.heard(recording)

    front.mend()
    await house.site.tend()

    await nothing_is_left(house, bucket)
    assert len(await house.leaves("DEL")) == 1
    assert await objections(house) == {"after_call": 1}
    await house.site.tend()
    assert len(await house.leaves("DEL")) == 1


@pytest.mark.parametrize(
    ("operation", "kind"), [each for each in FAULTS if "HeadObject" not in each.values]
)
async def test_what_was_just_uploaded_is_gone_in_the_first_minute_the_store_answers(
    house, front, bucket, operation, kind
):
    call = await house.drawn_call(is_announced=True)
    front.add(operation, kind, times=EVERY)

    async def being_sealed() -> bool:
        return bool(await house.rows("SELECT FROM object_writes"))

    async def body() -> AsyncIterator[bytes]:
        yield AUDIO[:1000]
        await until(being_sealed, "the upload to be admitted")
        await house.tell("call.opt_out", call)
        yield AUDIO[1000:]

    reply = await house.upload(call.decision_id, body())
    assert reply.status == 503
    again = await house.upload(call.decision_id, AUDIO)
    assert (again.status, again.problem) == (409, "outcome-closed")
    await house.site.tend()
    assert len(await house.rows("SELECT FROM object_writes")) == 1

    front.mend()
    await house.site.tend()

    await nothing_is_left(house, bucket)
    assert await objections(house) == {"during_call": 1}


async def test_two_that_destroy_the_same_at_once_write_one_receipt(
    house, front, bucket
):
    call = await house.drawn_call(is_announced=True)
    await house.upload(call.decision_id, AUDIO)
    front.add("DeleteObject", "refused", times=EVERY)
    await house.tell("call.opt_out", call)
    front.mend()

    await asyncio.gather(house.site.tend(), house.site.sweep(), house.site.tend())

    await nothing_is_left(house, bucket)
    assert len(await house.leaves("DEL")) == 1
