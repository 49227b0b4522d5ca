"""What a caller said, or did not say, holds: in this call, and in later ones (R14-16).

Real SIP calls that the service drew, each with a Call-ID known beforehand.
"""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from tests.acceptance.telephony.audio import CALLER
from tests.acceptance.telephony.lab import Call as SipCall
from tests.acceptance.telephony.lab import Lab, Own, running, until
from tests.acceptance.telephony.real_service import real_service
from tests.fakes.call_centre import LINE, Call, CallCentre

pytestmark = [
    pytest.mark.alone,
    pytest.mark.usefixtures("sip_platform"),
]

NUMBER = "+33612345678"
LATER_CALLS = 60


async def drawn(centre: CallCentre) -> Call:
    while not (call := await centre.start_call(caller=NUMBER)).is_record:
        pass
    return call


async def place(lab: Lab, call: Call, digits: str) -> None:
    await lab.call(
        [SipCall(NUMBER, LINE)],
        per_second=1,
        milliseconds=7000,
        voice=replace(CALLER, digits=digits),
        own=Own(1, call.call_id),
    )
    await lab.settled()


def captured(lab: Lab) -> int:
    return lab.log_of("rtpengine").count("Turning on call recording")


async def test_who_pressed_the_key_is_not_drawn_at_any_later_call(
    centre: CallCentre, tmp_path: Path
):
    service = await real_service(centre, keep_opt_outs=True)
    async with running(tmp_path / "lab", service.target) as lab:
        first = await drawn(centre)
        await place(lab, first, digits="9")
    later = await asyncio.gather(
        *(centre.start_call(caller=NUMBER) for _ in range(LATER_CALLS))
    )

    assert await centre.outcome(first) == ("objected", "during_call")
    assert {call.decision for call in later} == {"skip"}
    assert (await centre.counts())["excluded", "opted_out"] == LATER_CALLS
    assert await centre.kept() == []


async def test_where_callers_must_be_asked_a_platform_that_announces_captures_nothing(
    centre: CallCentre, tmp_path: Path
):
    service = await real_service(centre, consent="opt_in")
    async with running(tmp_path / "lab", service.target) as lab:
        call = await drawn(centre)
        await place(lab, call, digits="")
        await until(has_outcome(centre, call), "the call's end was told")
        captures = captured(lab)

    assert captures == 0
    assert await centre.outcome(call) == ("objected", "no_opt_in")
    assert await centre.kept() == []


def has_outcome(centre: CallCentre, call: Call):
    async def condition() -> bool:
        outcome, _ = await centre.outcome(call)
        return outcome is not None

    return condition
