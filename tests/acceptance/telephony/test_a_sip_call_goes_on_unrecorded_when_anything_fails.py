"""The reference routing of a SIP site, tried against a service that misbehaves.

Whatever goes wrong the call is completed, and nothing of it is recorded.
"""

import asyncio
import socket
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from aiohttp import web

from tests.acceptance.telephony.audio import (
    AGENT,
    ANNOUNCEMENT_HERTZ,
    CALLER,
    RATE,
    Samples,
)
from tests.acceptance.telephony.lab import (
    Call,
    Lab,
    running,
    until,
)
from tests.acceptance.telephony.listening import listening
from tests.acceptance.telephony.stub_service import (
    Answer,
    StubService,
    record,
    stub_service,
)

pytestmark = [
    pytest.mark.alone,
    pytest.mark.usefixtures("sip_platform"),
]

LINE = "+33170000001"
DRAWN = "+33612000000"  # a caller who always is


def plainly(content: object) -> Answer:
    return lambda _: web.json_response(content)


def with_other(**other: object) -> Answer:
    return partial(record, **other)


ANSWERS_THAT_ARE_NO_YES: dict[str, Answer] = {
    "the number 0, which kamailio finds equal to any text": with_other(decision=0),
    "the number 1": with_other(decision=1),
    "true": with_other(decision=True),
    "another word": with_other(decision="Record"),
    "a longer word": with_other(decision="record it"),
    "a list": with_other(decision=["record"]),
    "an object": with_other(decision={"decision": "record"}),
    "no decision": plainly({"decision_id": "0b9d7d3c-4a5e", "max_seconds": 60}),
    "a bare list": plainly([{"decision": "record"}]),
    "a bare word": plainly("record"),
    "no JSON": lambda _: web.Response(text="record"),
    "no decision id": with_other(decision_id=None),
    "a decision id that would add a flag": with_other(decision_id="x record-call=on"),
    "a decision id that would change the limit": with_other(
        decision_id="abcdefgh|max:9"
    ),
    "no maximum": with_other(max_seconds=None),
    "a maximum of 0": with_other(max_seconds=0),
    "a maximum of nothing sensible": with_other(max_seconds="600s"),
    "a yes that is an error": lambda id_: _with_status(record(id_), 500),
    "a yes that is a redirect": lambda id_: _with_status(record(id_), 302),
    "a yes with another success": lambda id_: _with_status(record(id_), 202),
    "a yes in too long an answer": with_other(announcement="." * 5000),
}


def _with_status(response: web.Response, status: int) -> web.Response:
    response.set_status(status)
    return response


@pytest.fixture
async def service():
    async with stub_service() as stub:
        stub.answers[DRAWN] = record
        yield stub


def caught(lab: Lab) -> int:
    return lab.log_of("rtpengine").count("Turning on call recording")


def fates(lab: Lab) -> list[object]:
    return [entry["event"] for entry in lab.shipped()]


def heard(check: Callable[[], bool]):
    async def condition() -> bool:
        return check()

    return condition


async def test_only_a_plain_yes_with_an_id_and_a_limit_records(
    service: StubService, tmp_path: Path
):
    calls = [Call(DRAWN, LINE)]
    for number, answer in enumerate(ANSWERS_THAT_ARE_NO_YES.values(), start=1):
        calls.append(Call(f"+33612{number:06d}", LINE))
        service.answers[calls[-1].caller] = answer
    async with running(tmp_path, service.target) as lab:
        await lab.call(calls, per_second=20, milliseconds=6000)
        await lab.settled()
        captures = caught(lab)

    assert len(service.calls("call.started")) == len(calls)
    assert captures == 1
    assert len(service.sealed) == 1


async def test_a_yes_that_comes_too_late_is_not_honoured(
    service: StubService, tmp_path: Path
):
    service.thinks_for = 2.5
    async with running(tmp_path, service.target) as lab:
        await lab.call([Call(DRAWN, LINE)] * 3, per_second=3, milliseconds=4000)
        captures = caught(lab)

    assert captures == 0
    assert sorted(service.calls("call.ended")) == sorted(service.calls("call.started"))


async def test_calls_go_through_unrecorded_while_the_service_is_down(
    service: StubService, tmp_path: Path
):
    with socket.socket() as never_listening:
        never_listening.bind(("127.0.0.1", 0))
        port = never_listening.getsockname()[1]
    nobody = replace(service.target, url=f"http://127.0.0.1:{port}")
    async with running(tmp_path, nobody) as lab:
        await lab.call([Call(DRAWN, LINE)] * 4, per_second=4, milliseconds=4000)
        captures = caught(lab)

    assert captures == 0


async def test_nothing_is_captured_unless_the_service_knows_it_was_announced(
    service: StubService, tmp_path: Path
):
    service.is_deaf_to = {"call.announced"}
    async with running(tmp_path, service.target) as lab:
        await lab.call([Call(DRAWN, LINE)] * 2, per_second=2, milliseconds=5000)
        captures = caught(lab)

    assert captures == 0


async def test_nothing_is_captured_when_the_announcement_cannot_be_played(
    service: StubService, tmp_path: Path
):
    async with running(tmp_path, service.target) as lab:
        (tmp_path / "announcement.wav").unlink()
        await lab.call([Call(DRAWN, LINE)] * 2, per_second=2, milliseconds=5000)
        captures = caught(lab)

    assert captures == 0
    assert service.calls("call.announced") == []


@pytest.mark.parametrize(
    ("scenario", "thinks_for"),
    [("cancel_ringing.xml", 0), ("cancel_early.xml", 1.0)],
)
async def test_a_caller_who_gives_up_leaves_nothing_and_ends_once(
    scenario: str, thinks_for: float, service: StubService, tmp_path: Path
):
    service.thinks_for = thinks_for
    async with running(tmp_path, service.target, answering="ring.xml") as lab:
        await lab.call(
            [Call(DRAWN, LINE)] * 6,
            per_second=6,
            milliseconds=400,
            scenario=scenario,
        )
        await until(
            heard(lambda: len(service.calls("call.ended")) >= 6), "all calls ended"
        )
        captures = caught(lab)

    assert captures == 0
    assert sorted(service.calls("call.ended")) == sorted(service.calls("call.started"))


async def test_a_service_that_thinks_holds_up_nobody_elses_sip(
    service: StubService, tmp_path: Path
):
    service.thinks_for = 1.5
    answered = []

    async def ask_again_and_again(lab: Lab) -> None:
        while True:
            answered.append(await lab.is_answering())

    async with running(tmp_path, service.target) as lab:
        asking = asyncio.create_task(ask_again_and_again(lab))
        await lab.call(
            [Call(DRAWN, LINE)] * 6,
            per_second=6,
            milliseconds=300,
            scenario="cancel_early.xml",
        )
        asking.cancel()

    assert len(answered) > 100
    assert all(answered)


async def test_the_refusal_key_ends_the_capture_and_destroys_it_unread(
    service: StubService, tmp_path: Path
):
    async with running(tmp_path, service.target) as lab:
        await lab.call(
            [Call(DRAWN, LINE)] * 3,
            per_second=3,
            milliseconds=7000,
            voice=replace(CALLER, digits="9"),
        )
        await lab.settled()
        captures = caught(lab)

    assert captures == 3
    assert fates(lab) == ["capture:unasked"] * 3
    assert sorted(service.calls("call.opt_out")) == sorted(
        service.calls("call.announced")
    )


async def test_a_refusal_during_the_announcement_prevents_the_capture(
    service: StubService, tmp_path: Path
):
    async with running(tmp_path, service.target) as lab:
        await lab.call(
            [Call(DRAWN, LINE)] * 3,
            per_second=3,
            milliseconds=5000,
            voice=replace(CALLER, digits="9", digits_at=0.2),
        )
        captures = caught(lab)

    assert captures == 0
    assert len(service.calls("call.opt_out")) == 3
    assert service.calls("call.announced") == []


async def test_a_refusal_is_heard_by_a_kamailio_that_was_restarted_in_between(
    service: StubService, tmp_path: Path
):
    async with running(tmp_path, service.target) as lab:
        calls = asyncio.create_task(
            lab.call(
                [Call(DRAWN, LINE)],
                per_second=1,
                milliseconds=9000,
                voice=replace(CALLER, digits="9", digits_at=6.5),
            )
        )
        await until(heard(lambda: caught(lab) == 1), "the call is captured")
        await lab.restart_kamailio()
        await calls
        await lab.settled()

    assert fates(lab) == ["capture:unasked"]
    assert len(service.calls("call.opt_out")) == 1
    assert service.sealed == {}


async def test_a_refusal_holds_while_the_service_is_deaf_and_reaches_it_later(
    service: StubService, tmp_path: Path
):
    service.is_deaf_to = {"call.opt_out"}
    async with running(tmp_path, service.target) as lab:
        await lab.call(
            [Call(DRAWN, LINE)],
            per_second=1,
            milliseconds=6000,
            voice=replace(CALLER, digits="9"),
        )
        await lab.settled()
        service.is_deaf_to.clear()
        await until(
            heard(lambda: bool(service.calls("call.opt_out"))), "objection delivered"
        )

    assert fates(lab) == ["capture:unasked"]
    assert service.sealed == {}


async def test_the_capture_ends_at_the_maximum_although_the_call_goes_on(
    service: StubService, tmp_path: Path
):
    service.answers[DRAWN] = with_other(max_seconds=3)
    async with running(tmp_path, service.target) as lab:
        await lab.call([Call(DRAWN, LINE)], per_second=1, milliseconds=10_000)
        await lab.settled()
    (wav,) = service.sealed.values()

    assert 0 < len(wav) - 44 <= 3 * 32_000


@pytest.mark.parametrize("direction", ["inbound", "outbound"])
async def test_the_person_outside_hears_the_announcement_and_meanwhile_nothing_else(
    direction: str, service: StubService, tmp_path_factory: pytest.TempPathFactory
):
    # Sound is real time: where the whole machine stalls, packets come in heaps. Once
    # more is allowed; what is asked for stays the same.
    for attempt in ("first", "second"):
        announcement, agent = await heard_outside(
            direction, service, tmp_path_factory.mktemp(attempt)
        )
        if len(announcement) / RATE < 0.7:
            break
    words = AGENT.speech() if direction == "inbound" else CALLER.speech()

    assert 0.5 < len(announcement) / RATE < 0.7
    assert loudest_frequency(announcement) == pytest.approx(
        ANNOUNCEMENT_HERTZ, rel=0.01
    )
    assert np.array_equal(np.trim_zeros(agent), np.trim_zeros(words))


async def heard_outside(
    direction: str, service: StubService, folder: Path
) -> list[Samples]:
    async with running(folder, service.target) as lab:
        outside = lab.ports.caller if direction == "inbound" else lab.ports.callee
        with listening(outside.media) as ear:
            await lab.call(
                [Call(DRAWN, LINE, direction)], per_second=1, milliseconds=8000
            )
    return ear.heard()


def loudest_frequency(samples: Samples) -> float:
    strengths = np.abs(np.fft.rfft(samples))
    return float(np.fft.rfftfreq(len(samples), 1 / RATE)[strengths.argmax()])


async def test_the_agent_is_on_the_right_also_when_the_agent_called(
    service: StubService, tmp_path: Path
):
    async with running(tmp_path, service.target) as lab:
        await lab.call(
            [Call(DRAWN, LINE, "outbound")] * 2, per_second=2, milliseconds=8000
        )
        await lab.settled()
    wavs = service.sealed.values()
    sides = [np.frombuffer(wav[44:], "<i2").reshape(-1, 2) for wav in wavs]

    # The lab's caller is the agent here, and its callee the person outside.
    assert [len(np.trim_zeros(side[:, 1])) for side in sides] == [
        len(np.trim_zeros(CALLER.speech()))
    ] * 2
    assert [len(np.trim_zeros(side[:, 0])) for side in sides] == [
        len(np.trim_zeros(AGENT.speech()))
    ] * 2
