"""The bucket's server is overloaded for a while, or does not accept our keys any more.

Seen from the whole service: calls are answered, what cannot be kept is refused and may
come again, what cannot be deleted is not called deleted.
"""

import uuid

import pytest

from proxy.errors import StorageError
from proxy.intake.takeovers import FETCH_ATTEMPTS, TryAgainError
from proxy.vault.s3.writing import PART_BYTES
from tests.fakes.call_centre import CallCentre, wav
from tests.fakes.faulty_bucket import FaultyBucket
from tests.fakes.seaweed import ACCESS_KEY, SECRET_KEY, Bucket

SHORT = wav()
LONG = wav(seconds=400)
EVERY = 999
KEYS = {"access_key": ACCESS_KEY, "secret_key": SECRET_KEY}
COUNT_INCIDENTS = "SELECT count(*) FROM incidents WHERE kind <> 'source-fails'"

# What a server answers whose keys have ended, one way or another.
REFUSALS = {
    "expired": (400, "ExpiredToken", "these keys have expired", "set new ones"),
    "withdrawn": (403, "InvalidAccessKeyId", "does not accept these keys", "check"),
    "changed": (403, "SignatureDoesNotMatch", "does not accept these keys", "check"),
    "restricted": (403, "AccessDenied", "these keys may not do it", "allow"),
}


def vault(front: FaultyBucket, bucket: Bucket, **changes: str) -> dict:
    where = {"endpoint": front.address, "bucket": bucket.name}
    return {"s3": where | KEYS | changes}


def storm(front: FaultyBucket, *operations: str, times: int = EVERY) -> None:
    for operation in operations or ("any",):
        front.add(operation, "refused", times=times, status=503, code="SlowDown")


@pytest.fixture
async def house(centre: CallCentre, front: FaultyBucket, bucket: Bucket):
    await centre.open(vault=vault(front, bucket))
    await centre.stop_worker()
    yield centre
    front.mend()
    await centre.close()


async def record(house: CallCentre, audio: bytes = SHORT) -> str:
    call = await house.drawn_call(is_announced=True)
    reply = await house.upload(call.decision_id, audio)
    assert reply.status == 201, reply
    return reply.body["recording_id"]


async def offered(house: CallCentre):
    """A drawn call whose recording the platform holds, and the job to fetch it."""
    call = await house.drawn_call(is_announced=True)
    await house.offer(house.platform.hold("rec-1", SHORT), call.decision_id)
    return call, await house.value("SELECT takeover_id FROM takeovers")


async def calls_are_answered(house: CallCentre) -> None:
    calls = [await house.start_call() for _ in range(5)]
    assert all(call.decision_id for call in calls)


# --- Storms ---------------------------------------------------------------------------


async def test_a_storm_of_a_moment_is_not_noticed_by_who_pushes(house, front, bucket):
    storm(front, "PutObject", "HeadObject", "GET marker", times=1)

    recording = await record(house)

    assert await house.heard(recording) == SHORT
    assert len(await bucket.objects()) == 1


@pytest.mark.parametrize("audio", [SHORT, LONG], ids=["short", "long"])
async def test_what_is_pushed_in_a_storm_is_refused_and_kept_when_it_comes_again(
    house, front, bucket, clock, audio
):
    assert len(LONG) > PART_BYTES
    call = await house.drawn_call(is_announced=True)
    storm(front, "PutObject", "UploadPart", "AbortMultipartUpload")
    storm(front, "ListMultipartUploads", "DeleteObject")

    reply = await house.upload(call.decision_id, audio)
    assert (reply.status, reply.problem) == (503, "storage")
    await calls_are_answered(house)
    assert await house.outcome(call) == (None, None)

    front.mend()
    assert (await house.upload(call.decision_id, audio)).status == 201
    [recording] = await house.kept()
    assert await house.heard(recording) == audio
    clock.advance(hours=2)
    await house.site.tend()
    assert len(await bucket.objects()) == 1
    assert await bucket.uploads() == []
    assert await house.rows("SELECT FROM object_writes") == []


async def test_the_platforms_copy_is_kept_there_until_the_storm_is_over(house, front):
    call, takeover = await offered(house)

    storm(front)
    for _ in range(2):
        with pytest.raises(TryAgainError, match="storage"):
            await house.site.takeovers.run(takeover)
    assert house.platform.count("DELETE", "rec-1") == 0
    assert await house.outcome(call) == (None, None)

    front.mend()
    await house.site.takeovers.run(takeover)
    assert await house.outcome(call) == ("recorded", None)
    assert house.platform.audio == {}


async def test_a_sweep_in_a_storm_reports_what_it_did_and_no_more(
    house, front, bucket, clock
):
    for _ in range(3):
        await record(house)
    clock.advance(days=31)

    storm(front, "DeleteObject", times=3 * 3)  # each of three is asked three times
    report = await house.site.sweep()

    assert (report.destroyed, report.failed) == (0, 3)
    assert await house.leaves("DEL") == []
    assert len(await bucket.objects()) == len(await house.kept()) == 3
    # Its day is over: the key dies all the same, and what is left opens to nobody.
    assert report.keys_destroyed == 1
    figures = await house.site.shelf.figures(clock())
    assert figures["expired_undeleted"] == figures["deletions_overdue"] == 3
    assert (await house.site.sweep()).destroyed == 3
    assert len(await house.leaves("DEL")) == 3
    assert await bucket.objects() == []


async def test_what_a_storm_left_of_a_sweep_is_taken_up_by_the_next(
    house, front, bucket, clock
):
    for _ in range(3):
        await record(house)
    clock.advance(days=30)

    storm(front, "DeleteObject", times=3)
    report = await house.site.sweep()
    assert (report.destroyed, report.failed) == (2, 1)
    assert len(await house.leaves("DEL")) == len(await bucket.objects()) + 1 == 2

    report = await house.site.sweep()
    assert (report.destroyed, report.failed) == (1, 0)
    assert len(await house.leaves("DEL")) == 3


async def test_a_refusal_in_a_storm_is_heard_and_done_when_it_is_over(
    house, front, bucket, clock
):
    call = await house.drawn_call(is_announced=True)
    assert (await house.upload(call.decision_id, SHORT)).status == 201
    [recording] = await house.kept()

    storm(front)
    await house.tell("call.opt_out", call)
    with pytest.raises(StorageError):
        await house.heard(recording)
    assert await house.leaves("DEL") == []
    assert (await house.site.shelf.figures(clock()))["expired_undeleted"] == 1

    front.mend()
    assert (await house.site.sweep()).destroyed == 1
    assert await bucket.objects() == []


async def test_somebody_who_listens_in_a_storm_is_not_told_of_tampering(house, front):
    recording = await record(house)
    found = await house.site.vault.find(uuid.UUID(recording))

    storm(front, "GetObject", "HeadObject")
    with pytest.raises(StorageError, match="too busy"):
        await house.site.vault.open(found)

    front.mend()
    assert await house.heard(recording) == SHORT
    assert await house.value(COUNT_INCIDENTS) == 0


# --- Keys that are accepted no more ---------------------------------------------------


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
async def test_keys_that_end_are_told_of_and_new_ones_find_everything_there(
    house, front, bucket, refusal
):
    status, code, words, fix = refusal
    kept = await record(house)
    call, takeover = await offered(house)
    front.add("any", "refused", times=EVERY, status=status, code=code)

    await calls_are_answered(house)
    with pytest.raises(TryAgainError, match="storage"):
        await house.site.takeovers.run(takeover)
    pushed = await house.drawn_call(is_announced=True)
    reply = await house.upload(pushed.decision_id, SHORT)
    assert (reply.status, reply.problem) == (503, "storage")
    assert (await house.ready()).status == 503
    fault = await house.service.fault_of_vault()
    assert fault
    assert fault.field == "vault.s3"
    assert words in str(fault)
    assert fix in str(fault)
    assert ACCESS_KEY not in str(reply.body) + str(fault)

    await house.close()
    with pytest.raises(StorageError, match=words):  # the same keys, once more
        await house.open(vault=vault(front, bucket))
    await house.close()
    front.mend()
    await house.open(vault=vault(front, bucket))
    await house.stop_worker()

    assert await house.heard(kept) == SHORT
    await house.site.takeovers.run(takeover)
    assert await house.outcome(call) == ("recorded", None)
    assert (await house.upload(pushed.decision_id, SHORT)).status == 201
    assert len(await bucket.objects()) == 3
    assert await house.value(COUNT_INCIDENTS) == 0


async def test_keys_nobody_replaces_end_as_not_recorded_and_leave_no_copy(
    house, front, bucket
):
    call, takeover = await offered(house)
    front.add("any", "refused", times=EVERY, status=400, code="ExpiredToken")

    for _ in range(FETCH_ATTEMPTS - 1):
        with pytest.raises(TryAgainError, match="storage"):
            await house.site.takeovers.run(takeover)
    await house.site.takeovers.run(takeover)

    assert await house.outcome(call) == ("failed", "storage")
    assert house.platform.audio == {}
    assert await bucket.objects() == []


async def test_a_bucket_that_is_away_keeps_no_key_waiting_for_each_object(
    house, front, clock
):
    for _ in range(4):
        await record(house)
    clock.advance(days=31)
    front.add("any", "refused", times=EVERY, status=403, code="AccessDenied")
    front.seen.clear()

    report = await house.site.sweep()

    assert (report.destroyed, report.failed, report.keys_destroyed) == (0, 4, 1)
    assert front.seen.total() == 2  # one that failed, and one whether it is there


async def test_what_is_due_while_keys_are_not_accepted_goes_with_the_new_ones(
    house, front, bucket, clock
):
    await record(house)
    front.add("any", "refused", times=EVERY, status=400, code="ExpiredToken")
    clock.advance(days=31)

    report = await house.site.sweep()

    assert (report.destroyed, report.failed) == (0, 1)
    assert await house.leaves("DEL") == []
    await house.close()
    front.mend()
    await house.open(vault=vault(front, bucket))
    assert len(await house.leaves("DEL")) == 1
    assert await bucket.objects() == []


async def test_a_real_server_that_does_not_know_our_keys_lets_nothing_start(
    centre, front, bucket
):
    with pytest.raises(StorageError, match="does not accept these keys") as told:
        await centre.open(vault=vault(front, bucket, access_key="AKNOBODY"))

    assert told.value.field == "vault.s3"
    assert "AKNOBODY" not in str(told.value)
    assert await bucket.keys() == []
    await centre.close()
