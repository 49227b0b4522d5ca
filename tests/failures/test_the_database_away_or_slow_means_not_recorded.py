"""Without its database the service says "do not record", in time, and recovers (I4)."""

import asyncio
import time
import uuid
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

import pytest
from twilio.request_validator import RequestValidator

from proxy.intake.binds import DeadlineError
from proxy.platforms.base import CallStarted, Direction
from tests.fakes.call_centre import CALLER, LINE, until, wav
from tests.fakes.clinic import PATIENT_MS
from tests.fakes.faulty_wire import FaultyWire

TOKEN = "twilio-token-0123456789"
PUBLIC_URL = "https://rec.example.com/webhooks/voice"
AGENTS = "+33199000001"
pytestmark = [
    pytest.mark.usefixtures("unhurried"),
    pytest.mark.alone,
]  # it judges how soon a call is answered

DEADLINE_MS = 300
TWILIO = {
    "kind": "twilio",
    "account_sid": "AC" + "0a" * 16,
    "auth_token": TOKEN,
    "public_url": PUBLIC_URL,
    "default_forward_to": AGENTS,
    "deadline_ms": DEADLINE_MS,
}
# The deadline, and what a busy machine adds to it.
IN_TIME = DEADLINE_MS / 1000 + 1
# Long enough for 199 calls to come to their draw on a busy machine before they give up.
BATCH_SECONDS = 2.0


@pytest.fixture
async def wire(dsn):
    async with FaultyWire(dsn) as wire:
        yield wire


@pytest.fixture
async def wired(wire, centre):
    """A service that reaches its database over the faulty wire only."""
    await centre.open(
        dsn=wire.dsn, deadline_ms=DEADLINE_MS, more_connections={"voice": TWILIO}
    )
    yield centre
    await wire.mend()


@pytest.fixture
async def patient(wire, centre):
    """The same, where nobody judges how soon a call is answered."""
    await centre.open(dsn=wire.dsn)
    yield centre
    await wire.mend()


async def break_it(wire, how):
    if how == "away":
        await wire.cut()
    else:
        wire.stall()


async def voice(centre, callback="", **fields):
    """A request from Twilio, signed by its own SDK."""
    form = {
        "AccountSid": TWILIO["account_sid"],
        "CallSid": "CA" + uuid.uuid4().hex,
        "Direction": "inbound",
        "From": CALLER,
        "To": LINE,
        **fields,
    }
    path = f"/{callback}" if callback else ""
    signature = RequestValidator(TOKEN).compute_signature(PUBLIC_URL + path, form)
    return await centre.ask(
        "POST",
        f"{centre.service.address}/webhooks/voice{path}",
        data=urlencode(form),
        headers={
            "content-type": "application/x-www-form-urlencoded",
            "x-twilio-signature": signature,
        },
    )


def only_connects(reply):
    """Whether the TwiML puts the caller through, and neither announces nor records."""
    root = ET.fromstring(reply.body)  # noqa: S314 - our own answer
    return [verb.tag for verb in root] == ["Dial"] and "record" not in root[0].attrib


@pytest.mark.parametrize("how", ["away", "slow"])
async def test_a_call_start_is_answered_skip_in_time_and_in_the_platforms_words(
    wired, wire, how
):
    await break_it(wire, how)

    for _ in range(3):
        begun = time.monotonic()
        generic, twilio = await asyncio.gather(
            wired.send("call.started", wired.started("c"), connection="pbx"),
            voice(wired),
        )
        took = time.monotonic() - begun

        assert generic.status == 200
        assert (generic.body["decision"], generic.body["announcement"]) == (
            "skip",
            None,
        )
        assert twilio.status == 200
        assert only_connects(twilio)
        assert took < 0.8 + 1


@pytest.mark.parametrize("how", ["away", "slow"])
@pytest.mark.parametrize("pressed", ["", "9"], ids=["heard", "refused"])
async def test_a_caller_in_the_announcement_is_put_through_in_time_unrecorded(
    wired, wire, how, pressed
):
    call = "CA" + uuid.uuid4().hex
    await voice(wired, CallSid=call)
    await break_it(wire, how)

    begun = time.monotonic()
    reply = await voice(wired, "choice", CallSid=call, Digits=pressed)

    assert time.monotonic() - begun < IN_TIME
    assert only_connects(reply)


@pytest.mark.parametrize("how", ["away", "slow"])
async def test_readiness_is_false_while_the_database_is_gone_and_true_again_after(
    wired, wire, how
):
    assert (await wired.ready()).status == 200

    await break_it(wire, how)
    unready = await wired.ready()
    assert (unready.status, unready.body.get("database", False)) == (503, False)
    assert (await wired.ask("GET", wired.service.address + "/healthz")).status == 200

    await wire.mend()
    await until(lambda: _is_ready(wired), "the recovery")
    assert (await wired.drawn_call()).is_record


async def _is_ready(centre):
    return (await centre.ready()).status == 200


async def test_calls_during_an_outage_are_counted_void_once_when_it_is_over(
    patient, wire
):
    await patient.start_call()
    await wire.cut()

    for _ in range(2):
        for name in ("call-1", "call-2", "call-3"):
            assert (await patient.start_call(name)).decision == "skip"
    await wire.mend()
    await until(lambda: _is_ready(patient), "the recovery")
    assert (await patient.start_call("call-3")).decision_id
    await patient.site.tend()
    await patient.service.publish()

    counts = await patient.counts()
    assert counts["void", "store"] == 2
    assert counts["calls", "cardio_in"] == 4
    assert len(await patient.leaves("DRAW")) == 2


async def ask_in_one_batch(centre, names, seconds):
    """Call starts that the sequencer takes together, each with its answer or error."""
    asked = [
        CallStarted(
            call_id=name,
            root_call_id=name,
            direction=Direction.INBOUND,
            caller=CALLER,
            callee=LINE,
            line=LINE,
        )
        for name in names
    ]
    return await asyncio.gather(
        *(centre.site.calls.decide("pbx", event, seconds) for event in asked),
        return_exceptions=True,
    )


async def test_a_call_drawn_too_late_is_closed_and_its_retry_is_told_skip_as_well(
    wire, centre
):
    await centre.open(dsn=wire.dsn)
    await centre.start_call("call-0")
    names = [f"call-{n}" for n in range(1, 200)]
    wire.stall()
    answers = await ask_in_one_batch(centre, names, BATCH_SECONDS)
    assert {type(answer) for answer in answers} == {DeadlineError}

    await wire.mend()

    await until(lambda: _are_drawn_and_closed(centre, 200), "the late draws")
    again = await ask_in_one_batch(centre, names, PATIENT_MS / 1000)
    assert {answer.is_record for answer in again} == {False}
    outcomes = await centre.rows(
        "SELECT DISTINCT outcome, outcome_code FROM calls WHERE is_record"
    )
    assert outcomes == [("failed", "deadline")]
    assert (await centre.counts())["void", "late"] == 0


async def _are_drawn_and_closed(centre, number):
    return await centre.value(
        "SELECT count(*) = $1 AND count(*) FILTER (WHERE is_record) ="
        " count(outcome) FROM calls",
        number,
    )


@pytest.mark.parametrize("how", ["away", "slow"])
async def test_an_event_nobody_waits_for_fails_and_is_taken_when_sent_again(
    wired, wire, how
):
    call = await wired.drawn_call(is_announced=True)
    await break_it(wire, how)

    sent = asyncio.create_task(wired.send("call.opt_out", {"call_id": call.call_id}))
    done, _ = await asyncio.wait({sent}, timeout=0.2)
    await wire.mend()
    first = await sent

    if done:
        assert (first.status, first.problem) == (503, "database-unavailable")
    await wired.tell("call.opt_out", call)
    assert await wired.outcome(call) == ("objected", "during_call")
    assert len(await wired.outcome_leaves(call)) == 1


async def test_an_upload_without_a_database_is_refused_and_may_be_repeated(wired, wire):
    call = await wired.drawn_call(is_announced=True)
    await wire.cut()

    reply = await wired.upload(call.decision_id, wav(), expect100=True)
    assert (reply.status, reply.problem) == (503, "database-unavailable")
    assert wired.objects() == []

    await wire.mend()
    assert (await wired.upload(call.decision_id, wav())).status == 201


async def test_a_service_started_without_its_database_says_skip_until_it_is_there(
    wire, centre
):
    await wire.cut()
    service = await centre.open_unready(dsn=wire.dsn)

    reply = await centre.send("call.started", centre.started("call-1"))
    assert (reply.status, reply.body["decision"]) == (200, "skip")
    assert (await centre.ready()).status == 503
    assert centre.site.voids.counted["seed", "cardio_in"] == 1

    await wire.mend()
    await service.wait_ready()
    assert (await centre.drawn_call()).is_record
    assert (await centre.ready()).status == 200


async def test_take_overs_go_on_when_the_database_is_back(wired, wire):
    call = await wired.drawn_call(is_announced=True)
    await wire.cut()
    url = wired.platform.hold("rec-1", wav())
    reply = await wired.offer(url, call.decision_id)
    assert (reply.status, reply.problem) == (503, "database-unavailable")

    await wire.mend()
    await until(lambda: _is_ready(wired), "the recovery")
    assert (await wired.offer(url, call.decision_id)).status == 204

    await until(lambda: _is_recorded(wired, call), "the take-over")
    assert wired.platform.count("GET", "rec-1") == 1


async def _is_recorded(centre, call):
    return await centre.outcome(call) == ("recorded", None) and (
        await centre.value("SELECT bool_and(step = 'done') FROM takeovers")
    )
