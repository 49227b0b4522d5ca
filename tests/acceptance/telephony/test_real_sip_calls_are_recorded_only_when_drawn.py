"""Real SIP and RTP through kamailio and rtpengine, from INVITE to sealed recording.

The service is told of every call, and what it draws is what is kept: nothing else, all
of it, each side on its own channel, and not one word from before the announcement.
"""

from pathlib import Path

import numpy as np
import pytest

from tests.acceptance.telephony.audio import AGENT, CALLER, Samples
from tests.acceptance.telephony.lab import Call, Lab, running, until
from tests.acceptance.telephony.real_service import RealService, real_service
from tests.acceptance.telephony.stub_service import StubService, stub_service
from tests.fakes.call_centre import LINE, CallCentre

pytestmark = [
    pytest.mark.alone,
    pytest.mark.usefixtures("sip_platform"),
]

CALL_MILLISECONDS = 8000
RATE = 8000


@pytest.fixture
async def stub():
    """Draws half of the calls, so that few calls are enough."""
    async with stub_service() as stub:
        yield stub


@pytest.fixture
async def service(centre: CallCentre) -> RealService:
    """Draws as few as Ponctuel ever does."""
    return await real_service(centre)


def people(number: int) -> list[Call]:
    return [Call(f"+336120{index:05d}", LINE) for index in range(number)]


async def place(
    calls: list[Call], per_second: int, lab: Lab, service: StubService | RealService
):
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


def captured(lab: Lab) -> int:
    return lab.log_of("rtpengine").count("Turning on call recording")


async def test_of_200_calls_exactly_the_drawn_ones_are_captured_sealed_and_whole(
    service: RealService, tmp_path: Path
):
    async with running(tmp_path / "lab", service.target) as lab:
        await place(people(200), 10, lab, service)
        captures = captured(lab)
    drawn, recordings = await service.drawn_ids(), await service.recordings()

    assert await service.bound_calls() == 200
    assert 0 < len(drawn) < 200
    assert captures == len(drawn)
    assert recordings.keys() == drawn
    assert [wav for wav in recordings.values() if not is_exact(wav)] == []
    assert {entry["event"] for entry in lab.shipped()} == {"capture:delivered"}


async def test_of_20_calls_exactly_the_drawn_ones_are_captured_and_whole(
    stub: StubService, tmp_path: Path
):
    async with running(tmp_path, stub.target) as lab:
        await place(people(20), 5, lab, stub)
        captures = captured(lab)

    assert 0 < len(stub.drawn) < 20
    assert captures == len(stub.drawn)
    assert stub.sealed.keys() == stub.drawn.keys()
    assert [wav for wav in stub.sealed.values() if not is_exact(wav)] == []


async def test_numbers_and_typed_digits_stay_out_of_every_log_of_ours(
    stub: StubService, tmp_path: Path
):
    async with running(tmp_path, stub.target) as lab:
        await place(people(4), 4, lab, stub)
    logs = lab.log_of("kamailio") + lab.log_of("shipper")

    assert "kamailio" in lab.log_of("kamailio")
    assert LINE not in logs
    assert "+336120" not in logs
    assert '"event":' not in lab.log_of("kamailio")
    assert "@127.0.0.1" not in logs
