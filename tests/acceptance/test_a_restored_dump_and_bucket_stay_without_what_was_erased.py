"""Yesterday's pg_dump and yesterday's bucket come back; today's dead do not.

Everything is real: PostgreSQL's own programs, an S3 server, the key directory or
OpenBao. The key store alone is as new as ever (`docs/retention.md`).
"""

import asyncio
import base64
import uuid
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from proxy.errors import (
    KeyMissingError,
    ObjectMissingError,
    TamperedError,
)
from proxy.evidence.auditor import auditor_text
from proxy.evidence.bundle import make_bundle
from proxy.ledger.checkpoint import Checkpoint
from tests.databases import in_database, new_database
from tests.fakes import dumps
from tests.fakes.auditing import verdict
from tests.fakes.call_centre import HIGHEST, SITE, Call, CallCentre, until, wav
from tests.fakes.faulty_bucket import FaultyBucket
from tests.fakes.openbao import running
from tests.fakes.seaweed import ACCESS_KEY, SECRET_KEY, Bucket

pytestmark = pytest.mark.acceptance

PREFIX = "ponctuel/"
LONG_AGO = datetime(2026, 11, 18, 14, 0, tzinfo=UTC)
A_DAY = timedelta(hours=8)  # of work: until all its calls are closed
TENDED = timedelta(minutes=20)
THE_DAY_BEFORE = datetime(2026, 12, 17, 9, 0, tzinfo=UTC)
THAT_EVENING = THE_DAY_BEFORE + A_DAY
TODAY = datetime(2026, 12, 18, 15, 0, tzinfo=UTC)  # LONG_AGO's 30 days are over
THE_NIGHT = datetime(2026, 12, 19, 3, 0, tzinfo=UTC)
POLICY = HIGHEST | {"starts_on": "2026-11-17", "ends_on": "2027-01-31"}
COUNT_RETURNS = "SELECT count(*) FROM incidents WHERE kind = 'came-back'"


@dataclass(frozen=True)
class Kept:
    """A recording: whose, under what id, and what is heard of it."""

    call: Call
    recording: str
    audio: bytes

    @property
    def key(self) -> str:
        return f"{PREFIX}objects/{uuid.UUID(self.recording).hex}"


@dataclass(frozen=True)
class Past:
    """What became of four recordings, and the head that was published last."""

    erased: Kept
    expired: Kept
    neighbours: list[Kept]
    published: Checkpoint


@dataclass
class Backed:
    """A call centre whose recordings lie in a bucket, with copies of what it keeps."""

    centre: CallCentre
    bucket: Bucket
    vault: dict[str, Any]
    clock: Any
    stack: AsyncExitStack
    objects: dict[str, bytes] = field(default_factory=dict)
    wrapped: dict[str, bytes] = field(default_factory=dict)

    @property
    def file(self) -> Path:
        return self.centre.folder / "yesterday.dump"

    async def open_at(self, now: datetime) -> None:
        """Closed until then, as a service may be: what is in between does not count."""
        await self.centre.close()
        self.clock.now = now
        await self.centre.open(**self.plan)

    @property
    def plan(self) -> dict[str, Any]:
        return {"vault": self.vault, "policy": POLICY}

    async def record(self) -> Kept:
        call = await self.centre.drawn_call(is_announced=True)
        audio = wav()
        reply = await self.centre.upload(call.decision_id, audio)
        assert reply.status == 201, reply
        return Kept(call, reply.body["recording_id"], audio)

    async def back_up(self) -> None:
        await dumps.dump(self.centre.dsn, self.file)
        for key in await self.bucket.keys():
            self.objects[key] = await self.bucket.body(key)
        rows = await self.centre.rows("SELECT * FROM recording_keys")
        self.wrapped = {str(row["recording_id"]): row["wrapped_key"] for row in rows}

    async def restore(self) -> None:
        await self.centre.close()
        await self.centre.stop_looking()
        server = in_database(self.centre.dsn, "postgres")
        self.centre.dsn = await self.stack.enter_async_context(new_database(server))
        await dumps.restore(self.file, self.centre.dsn)
        for key in set(await self.bucket.keys()) - self.objects.keys():
            await self.bucket.call("delete_object", Key=key)
        for key, body in self.objects.items():
            await self.bucket.lay(key, body)

    async def live_until(self, now: datetime) -> None:
        """The service is tended as it goes on: calls and epochs are closed in time."""
        while self.clock.now < now:
            self.clock.now = min(now, self.clock.now + TENDED)
            await self.centre.site.tend()

    async def judged(self, *seen: Checkpoint) -> dict[str, Any]:
        """What an auditor finds, who has seen these heads before."""
        site = self.centre.site
        bundle = await make_bundle(
            site.ledger, site.publisher, site.signer, site.cosigning
        )
        policy = auditor_text(site.signer.key) + "".join(map(_seen, seen))
        return await asyncio.to_thread(
            verdict, self.centre.folder, bundle, policy, self.clock()
        )


def _seen(head: Checkpoint) -> str:
    return f"seen {head.size} {base64.b64encode(head.root).decode()}\n"


@pytest.fixture(params=["directory", "openbao"])
def key_settings(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[dict[str, Any]]:
    if request.param == "directory":
        yield {}
        return
    (tmp_path / "bao").mkdir()
    with running(tmp_path / "bao") as server:
        yield {"transit": {"address": server.address, "token": server.token(SITE)}}


@pytest.fixture
async def front(bucket: Bucket):
    front = FaultyBucket(bucket.endpoint)
    async with front.serving():
        yield front


@pytest.fixture
async def backed(
    centre: CallCentre,
    bucket: Bucket,
    front: FaultyBucket,
    clock,
    key_settings: dict[str, Any],
):
    s3 = {
        "endpoint": front.address,
        "bucket": bucket.name,
        "access_key": ACCESS_KEY,
        "secret_key": SECRET_KEY,
        "prefix": PREFIX,
    }
    async with AsyncExitStack() as stack:
        yield Backed(centre, bucket, key_settings | {"s3": s3}, clock, stack)
        await centre.close()
        await centre.stop_looking()


async def opens_with_nothing_there(backed: Backed, kept: Kept) -> None:
    """Its data key as yesterday's dump has it, under every key there is."""
    ring = backed.centre.site.keys
    names = await ring.store.names()
    assert names
    for name in names:
        with pytest.raises((KeyMissingError, TamperedError)):
            await ring.unwrap(name, [backed.wrapped[kept.recording]])


async def a_day_and_its_night(backed: Backed) -> Past:
    """Copies are made; then one is erased, one expires, and the night is over."""
    centre = backed.centre
    await backed.open_at(LONG_AGO)
    expired = await backed.record()
    await backed.live_until(LONG_AGO + A_DAY)
    await backed.open_at(THE_DAY_BEFORE)
    erased, *neighbours = [await backed.record() for _ in range(3)]
    await backed.live_until(THAT_EVENING)
    await backed.back_up()
    assert {erased.key, expired.key} < backed.objects.keys()

    await backed.live_until(TODAY)
    await centre.tell("call.opt_out", erased.call)
    assert (await centre.site.sweep()).destroyed == 1
    await backed.live_until(THE_NIGHT)
    night = await centre.site.sweep()
    assert (night.keys_renewed, night.keys_destroyed, night.keys_failed) == (1, 1, 0)
    published = await centre.site.publisher.publish()
    return Past(erased, expired, neighbours, published)


async def is_gone(backed: Backed, kept: Kept) -> None:
    assert kept.key not in await backed.bucket.keys()
    with pytest.raises(ObjectMissingError):
        await backed.centre.heard(kept.recording)
    await opens_with_nothing_there(backed, kept)


async def test_what_was_erased_and_what_expired_since_is_gone_before_the_first_answer(
    backed: Backed, front: FaultyBucket
) -> None:
    past = await a_day_and_its_night(backed)
    centre = backed.centre
    living = sorted(each.recording for each in past.neighbours)
    assert await centre.kept() == living

    await backed.restore()
    assert len(await centre.kept()) == len(living) + 2
    front.add("DeleteObject", "held", times=999)
    await centre.open_unready(**backed.plan)
    await until(lambda: front.seen["DeleteObject"], "the dead to be destroyed again")
    early = await centre.start_call()
    assert (early.decision, early.decision_id) == ("skip", None)
    assert (await centre.ready()).status == 503
    front.mend()
    front.let_go()
    await centre.service.wait_ready()

    assert await centre.kept() == living
    await is_gone(backed, past.erased)
    await is_gone(backed, past.expired)
    for kept in past.neighbours:
        assert await centre.heard(kept.recording) == kept.audio
    assert len(await centre.leaves("DEL")) == 2
    ended = [leaf["day"] for leaf in await centre.leaves("KEK-")]
    assert sorted(ended) == ["2026-12-18", "2027-01-16"]
    assert await centre.value(COUNT_RETURNS) == 1


async def test_a_restored_ledger_is_whole_and_not_the_one_an_auditor_has_seen(
    backed: Backed,
) -> None:
    """What was destroyed again is in it; what was published since is not."""
    past = await a_day_and_its_night(backed)
    assert (await backed.judged())["findings"] == []

    await backed.restore()
    await backed.open_at(THE_NIGHT)
    await backed.centre.site.tend()

    alone = await backed.judged()
    assert (alone["findings"], alone["status"]) == ([], 0)
    beside = await backed.judged(past.published)
    assert {each["code"] for each in beside["findings"]} == {"TRUNCATED"}


async def test_restored_the_same_day_it_is_gone_at_once_and_its_key_the_night_after(
    backed: Backed,
) -> None:
    centre = backed.centre
    await backed.open_at(THE_DAY_BEFORE)
    erased, kept = await backed.record(), await backed.record()
    await backed.back_up()
    await backed.open_at(TODAY)
    await centre.tell("call.opt_out", erased.call)

    await backed.restore()
    await backed.open_at(TODAY)

    assert await centre.kept() == [kept.recording]
    assert erased.key not in await backed.bucket.keys()
    with pytest.raises(ObjectMissingError):
        await centre.heard(erased.recording)
    assert await centre.heard(kept.recording) == kept.audio
    assert await centre.value(COUNT_RETURNS) == 1
    backed.clock.now = THE_NIGHT
    assert (await centre.site.sweep()).keys_renewed == 1
    await is_gone(backed, erased)
    assert await centre.heard(kept.recording) == kept.audio


async def test_a_second_start_has_nothing_to_destroy_and_nothing_to_tell(
    backed: Backed, clock
) -> None:
    centre = backed.centre
    await backed.open_at(THE_DAY_BEFORE)
    erased, kept = await backed.record(), await backed.record()
    await backed.back_up()
    clock.now = TODAY
    await centre.tell("call.opt_out", erased.call)
    clock.now = THE_NIGHT
    await centre.site.sweep()
    await backed.restore()
    await backed.open_at(THE_NIGHT)
    leaves, told = await centre.all_leaves(), await centre.value(COUNT_RETURNS)

    await backed.open_at(THE_NIGHT)

    assert await centre.all_leaves() == leaves
    assert await centre.value(COUNT_RETURNS) == told == 1
    assert await centre.heard(kept.recording) == kept.audio
