"""The demo's simulated platform keeps to the published contract, by others' code."""

import base64
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from standardwebhooks import Webhook

from proxy.demo.clock import LateClock
from proxy.demo.recordings import Recordings
from proxy.demo.signing import sign

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
TOKEN = {"Authorization": "Bearer of-the-source"}


@pytest.fixture
async def recordings():
    served = Recordings("of-the-source")
    await served.open()
    yield served
    await served.close()


@pytest.fixture
async def session():
    async with aiohttp.ClientSession() as session:
        yield session


async def status(session, method, address, headers=TOKEN):
    async with session.request(method, address, headers=headers) as answer:
        return answer.status


def test_the_reference_library_accepts_its_signatures():
    now = datetime.now(UTC)
    headers = sign(SECRET, "id", int(now.timestamp()), b'{"a": 1}')
    assert Webhook(SECRET).verify('{"a": 1}', dict(headers)) == {"a": 1}


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
async def test_nobody_gets_at_a_recording_without_the_token(
    recordings, session, method
):
    address = recordings.record(is_solicited=False)
    assert await status(session, method, address, {}) == 401
    assert recordings.left == 1
    assert recordings.counted["unsolicited_reads"] == 0


async def test_a_deleted_recording_is_gone(recordings, session):
    address = recordings.record()
    assert await status(session, "GET", address) == 200
    assert await status(session, "DELETE", address) == 204
    assert await status(session, "HEAD", address) == 404
    assert recordings.left == 0


async def test_a_flaky_recording_fails_once(recordings, session):
    address = recordings.record(is_flaky=True)
    assert await status(session, "GET", address) == 500
    assert await status(session, "GET", address) == 200


async def test_reading_what_nobody_asked_for_is_counted_and_asking_for_it_is_not(
    recordings, session
):
    address = recordings.record(is_solicited=False)
    await status(session, "HEAD", address)
    assert recordings.counted["unsolicited_reads"] == 0
    await status(session, "GET", address)
    assert recordings.counted["unsolicited_reads"] == 1


def test_the_demos_clock_only_catches_up_and_is_never_ahead():
    clock = LateClock(timedelta(days=31))
    assert datetime.now(UTC) - clock() > timedelta(days=30)
    clock.catch_up(timedelta(0))
    assert clock() <= datetime.now(UTC)
    for late_by in (timedelta(days=1), timedelta(seconds=-1)):
        with pytest.raises(ValueError, match="late"):
            clock.catch_up(late_by)
