"""Without a committed RECORD not one byte of audio is read (I1)."""

import asyncio
import uuid

from tests.fakes.call_centre import UPLOAD_TOKEN, wav

AUDIO = wav()


class Upload:
    """An upload by hand, so that it shows what was sent before what was answered."""

    def __init__(self, streams):
        self.reader, self.writer = streams

    async def ask(self, decision_id, token=UPLOAD_TOKEN, **headers):
        """Send the head of the request and none of its body."""
        lines = [
            f"PUT /recordings/{decision_id} HTTP/1.1",
            "Host: ponctuel",
            f"Authorization: Bearer {token}",
            f"Content-Length: {len(AUDIO)}",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        head = "\r\n".join(lines).encode("utf-8", "surrogateescape")
        self.writer.write(head + b"\r\n\r\n")
        await self.writer.drain()

    async def send(self, audio):
        self.writer.write(audio)
        await self.writer.drain()

    async def answer(self):
        """Read everything up to the end of the connection."""
        async with asyncio.timeout(30):
            return await self.reader.read()


def status_of(answer):
    return int(answer.split()[1])


async def test_a_client_that_asks_first_is_refused_and_never_told_to_continue(
    house, open_socket
):
    call = await house.skipped_call()
    upload = Upload(await open_socket(house.service.address))

    await upload.ask(call.decision_id, Expect="100-continue")

    answer = await upload.answer()
    assert status_of(answer) == 403
    assert b"urn:ponctuel:problem:not-drawn" in answer
    assert b"100 Continue" not in answer


async def test_a_client_that_does_not_ask_is_refused_before_it_sends(
    house, open_socket
):
    call = await house.skipped_call()
    upload = Upload(await open_socket(house.service.address))

    await upload.ask(call.decision_id)

    assert status_of(await upload.answer()) == 403


async def test_a_client_that_sends_all_the_same_is_cut_off(house, open_socket):
    call = await house.skipped_call()
    upload = Upload(await open_socket(house.service.address))

    await upload.ask(call.decision_id)
    await upload.send(AUDIO[:4000])

    assert status_of(await upload.answer()) == 403


async def test_a_drawn_call_is_told_to_continue_and_then_kept(house, open_socket):
    call = await house.drawn_call(is_announced=True)
    upload = Upload(await open_socket(house.service.address))

    await upload.ask(call.decision_id, Expect="100-continue", Connection="close")
    go_ahead = await upload.reader.readuntil(b"\r\n\r\n")
    await upload.send(AUDIO)

    assert go_ahead == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert status_of(await upload.answer()) == 201
    assert await house.heard((await house.kept())[0]) == AUDIO


async def test_any_other_expectation_is_refused_with_a_problem(house, open_socket):
    call = await house.drawn_call(is_announced=True)
    upload = Upload(await open_socket(house.service.address))

    await upload.ask(call.decision_id, Expect="a-miracle", Connection="close")

    answer = await upload.answer()
    assert status_of(answer) == 417
    assert b"application/problem+json" in answer


async def test_audio_offered_for_a_call_not_drawn_is_counted_and_is_an_incident(house):
    call = await house.skipped_call()

    for _ in range(3):
        reply = await house.upload(call.decision_id, AUDIO, expect100=True)
        assert (reply.status, reply.problem) == (403, "not-drawn")

    counts = await house.counts()
    assert counts["media_refused", "not_drawn"] == 3
    assert counts["unsolicited_recordings", ""] == 1
    assert await house.rows("SELECT kind, reference FROM incidents") == [
        ("unsolicited-recording", call.decision_id)
    ]
    assert house.objects() == []


async def test_an_unknown_decision_is_not_found(house):
    for decision_id in (str(uuid.uuid4()), "not-an-id", "not%20an%20id"):
        reply = await house.upload(decision_id, AUDIO, expect100=True)

        assert (reply.status, reply.problem) == (404, "unknown-call")
    assert house.objects() == []


async def test_a_decision_of_another_connection_is_not_found(house):
    call = await house.drawn_call(is_announced=True)

    reply = await house.upload(
        call.decision_id, AUDIO, "other-" + UPLOAD_TOKEN, expect100=True
    )

    assert (reply.status, reply.problem) == (404, "unknown-call")
    assert await house.outcome(call) == (None, None)


async def test_a_wrong_upload_token_is_refused_before_the_body(house, open_socket):
    call = await house.drawn_call(is_announced=True)

    for token in ("wrong", "", UPLOAD_TOKEN[:-1], "\udcff"):
        for headers in ({}, {"Expect": "100-continue"}):
            upload = Upload(await open_socket(house.service.address))
            await upload.ask(call.decision_id, token, **headers)

            answer = await upload.answer()
            assert status_of(answer) == 401
            assert b"100 Continue" not in answer
    assert house.objects() == []
    assert await house.outcome(call) == (None, None)


async def test_a_call_whose_caller_was_not_told_is_refused_and_fails(house):
    call = await house.drawn_call()

    reply = await house.upload(call.decision_id, AUDIO, expect100=True)

    assert (reply.status, reply.problem) == (403, "not-announced")
    assert await house.outcome(call) == ("failed", "announcement")
    assert [leaf["fail"] for leaf in await house.outcome_leaves(call)] == [
        "announcement"
    ]

    announced = await house.send("call.announced", {"call_id": call.call_id})
    assert (announced.status, announced.problem) == (409, "outcome-closed")
    late = await house.upload(call.decision_id, AUDIO, expect100=True)
    assert (late.status, late.problem) == (409, "outcome-closed")
    assert house.objects() == []


async def test_a_closed_call_is_refused_before_the_body(house, open_socket):
    call = await house.drawn_call(is_announced=True)
    await house.tell("call.opt_out", call)
    upload = Upload(await open_socket(house.service.address))

    await upload.ask(call.decision_id, Expect="100-continue")

    answer = await upload.answer()
    assert status_of(answer) == 409
    assert b"100 Continue" not in answer
    assert house.objects() == []
