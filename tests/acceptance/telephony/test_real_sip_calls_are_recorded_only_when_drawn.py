"""Real SIP and RTP through kamailio and rtpengine, from INVITE to sealed recording.

The service is told of every call, and what it draws is what is kept: nothing else, all
of it, each side on its own channel, and not one word from before the announcement.
"""

from pathlib import Path

import numpy as np
import pytest

from tests.acceptance.telephony.audio import AGENT, CALLER, Samples
from tests.acceptance.telephony.lab import Call, Lab, running, until
from tests.acceptance.telephony.stub_service import StubService, stub_service

pytestmark = [pytest.mark.usefixtures("sip_platform"), pytest.mark.timeout(90)]

LINE = "+33170000001"
CALL_MILLISECONDS = 8000
RATE = 8000


@pytest.fixture
async def service():
    """What the tests need of a service: a target, and sight of what it did."""
    async with stub_service() as stub:
        yield stub


def people(number: int) -> list[Call]:
    return [Call(f"+336120{index:05d}", LINE) for index in range(number)]


async def place(calls: list[Call], per_second: int, lab: Lab, service: StubService):
    await lab.call(calls, per_second=per_second, milliseconds=CALL_MILLISECONDS)
    await lab.settled()

    async def all_ended() -> bool:
        return await service.ended_calls() == len(calls)

    await until(all_ended, "the service heard of every call's end")


def channels(wav: bytes) -> tuple[Samples, Samples]:
    assert wav[:4] + wav[8:16] == b"RIFFWAVEfmt "
    assert np.frombuffer(wav[22:28], "<u2").tolist() == [2, RATE, 0]
    samples = np.frombuffer(wav[44:], "<i2").reshape(-1, 2)
    return samples[:, 0], samples[:, 1]


def sound(samples: Samples) -> Samples:
    """Without the silence around it."""
    heard = np.flatnonzero(samples)
    return samples[heard[0] : heard[-1] + 1] if len(heard) else samples[:0]


def is_exact(wav: bytes) -> bool:
    """Caller left, agent right, every sample of both, and no more than that."""
    left, right = channels(wav)
    return (
        np.array_equal(sound(left), sound(CALLER.speech()))
        and np.array_equal(sound(right), sound(AGENT.speech()))
        and CALLER.seconds <= len(left) / RATE <= CALLER.seconds + 0.5
    )


@pytest.mark.parametrize(("number", "per_second"), [(20, 5), (200, 10)])
async def test_exactly_the_drawn_calls_are_recorded_whole_and_side_by_side(
    number: int, per_second: int, service: StubService, tmp_path: Path
):
    async with running(tmp_path, service.target) as lab:
        await place(people(number), per_second, lab, service)
    drawn, recordings = await service.drawn_ids(), await service.recordings()

    assert 0 < len(drawn) < number
    assert recordings.keys() == drawn
    assert [wav for wav in recordings.values() if not is_exact(wav)] == []


async def test_the_other_calls_are_never_captured_at_all(
    service: StubService, tmp_path: Path
):
    async with running(tmp_path, service.target) as lab:
        await place(people(8), 8, lab, service)
    captured = lab.log_of("rtpengine").count("Turning on call recording")

    assert captured == len(await service.drawn_ids())
    assert {entry["event"] for entry in lab.shipped()} == {"capture:delivered"}


async def test_numbers_and_typed_digits_stay_out_of_every_log_of_ours(
    service: StubService, tmp_path: Path
):
    async with running(tmp_path, service.target) as lab:
        await place(people(4), 4, lab, service)
    logs = lab.log_of("kamailio") + lab.log_of("shipper")

    assert LINE not in logs
    assert "+336120" not in logs
    assert '"event":' not in lab.log_of("kamailio")
    assert "@127.0.0.1" not in logs
