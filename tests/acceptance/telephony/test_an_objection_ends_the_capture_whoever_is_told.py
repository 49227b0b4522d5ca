"""Whoever is told that a caller objects, the platform or the service: the capture ends.

An agent or a voice bot tells the service. The reference routing asks it again while it
captures, and ends the capture within seconds; the call goes on. No fault on the way
makes an objection forgotten.
"""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.acceptance.telephony.lab import Call, Lab, running, until
from tests.acceptance.telephony.stub_service import StubService, record, stub_service

pytestmark = [
    pytest.mark.alone,
    pytest.mark.usefixtures("sip_platform"),
]

LINE = "+33170000001"
DRAWN = "+33612000000"
KEY_BY_INFO = ("application/dtmf-relay", "Signal=9", "Duration=160")
INFO_THAT_REFUSES = {
    "as most phones say it": KEY_BY_INFO,
    "spaced": ("Application/DTMF-Relay", "signal= 9", "Duration= 160"),
    "the digit alone": ("application/dtmf", "9", ""),
}
INFO_THAT_DOES_NOT = {
    "another key": ("application/dtmf-relay", "Signal=8", "Duration=9"),
    "a longer word": ("application/dtmf", "99", ""),
    "another kind of INFO": ("text/plain", "Signal=9", ""),
}


@pytest.fixture
async def service():
    async with stub_service() as stub:
        stub.answers[DRAWN] = record
        yield stub


async def true(check: Callable[[], bool], what: str, seconds: float = 15) -> None:
    async def condition() -> bool:
        return check()

    await until(condition, what, seconds)


@asynccontextmanager
async def captured_call(
    lab: Lab, seconds: int, scenario: str = "call.xml"
) -> AsyncIterator[asyncio.Task[None]]:
    """A drawn call from its capture's beginning on; it must end well."""
    calls = asyncio.create_task(
        lab.call(
            [Call(DRAWN, LINE, info=KEY_BY_INFO)],
            per_second=1,
            milliseconds=1000 * seconds,
            scenario=scenario,
        )
    )
    try:
        await true(lambda: any(lab.captures()), "the call is captured")
        yield calls
        await calls
    finally:
        calls.cancel()


def fates(lab: Lab) -> list[object]:
    return [entry["event"] for entry in lab.shipped()]


async def test_the_capture_ends_within_seconds_and_the_call_goes_on(
    service: StubService, tmp_path: Path
):
    async with (
        running(tmp_path, service.target) as lab,
        captured_call(lab, 14) as call,
    ):
        [call_id] = service.calls("call.announced")
        service.events.append(("call.opt_out", {"call_id": call_id}))
        await lab.settled()

        assert not call.done()

    assert fates(lab) == ["capture:unasked"]
    assert service.sealed == {}


async def test_a_capture_that_may_go_on_is_whole(service: StubService, tmp_path: Path):
    async with running(tmp_path, service.target) as lab:
        async with captured_call(lab, 9):
            await true(lambda: any(service.asked_again), "the service asked again")
        await lab.settled()

    assert fates(lab) == ["capture:delivered"]


async def test_a_service_that_fails_meanwhile_ends_no_capture_and_is_asked_again(
    service: StubService, tmp_path: Path
):
    async with (
        running(tmp_path, service.target) as lab,
        captured_call(lab, 26) as call,
    ):
        service.is_deaf_to = {"call.announced"}
        await true(lambda: any(service.unheard), "the service was asked in vain")
        [call_id] = service.calls("call.announced")
        service.events.append(("call.opt_out", {"call_id": call_id}))
        assert fates(lab) == []
        service.is_deaf_to.clear()
        await true(lambda: fates(lab) != [], "the capture ended")

        assert not call.done()

    assert fates(lab) == ["capture:unasked"]


async def test_an_rtpengine_that_hangs_is_told_again_within_the_minute(
    service: StubService, tmp_path: Path
):
    """Kamailio itself hears the key, but cannot end the capture when it tries first."""
    async with (
        running(tmp_path, service.target) as lab,
        captured_call(lab, 36, "call_info.xml") as call,
    ):
        lab.signal("rtpengine", signal.SIGSTOP)
        try:
            await true(lambda: any(service.calls("call.opt_out")), "the objection", 30)
        finally:
            lab.signal("rtpengine", signal.SIGCONT)
        await true(lambda: fates(lab) != [], "the capture ended", 40)

        assert not call.done()

    assert fates(lab) == ["capture:unasked"]
    assert service.sealed == {}


@pytest.mark.parametrize("kinds", [INFO_THAT_REFUSES, INFO_THAT_DOES_NOT])
async def test_a_key_that_comes_as_a_sip_info_refuses_too(
    kinds: dict[str, tuple[str, str, str]], service: StubService, tmp_path: Path
):
    async with running(tmp_path, service.target) as lab:
        await lab.call(
            [Call(DRAWN, LINE, info=info) for info in kinds.values()],
            per_second=3,
            milliseconds=2000,
            scenario="call_info.xml",
        )
        await lab.settled()
    is_refusal = kinds is INFO_THAT_REFUSES

    assert fates(lab) == ["capture:unasked" if is_refusal else "capture:delivered"] * 3
    assert len(service.calls("call.opt_out")) == (3 if is_refusal else 0)
