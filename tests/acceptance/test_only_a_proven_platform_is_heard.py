"""Whoever cannot prove to be the platform leaves no trace; a mistake is explained."""

import json
from datetime import timedelta

import pytest

from tests.fakes.call_centre import CLOUDEVENTS, SECRET

FORGED = "whsec_" + "Zm9yZ2VkIGZvcmdlZCBmb3JnZWQgZm9yZ2VkIGZvcmc="


async def _nothing_is_stored(house, before):
    assert await house.sizes() == before


@pytest.mark.parametrize(
    "signing",
    [
        pytest.param({"secret": FORGED}, id="forged"),
        pytest.param({"minutes": -6}, id="stale"),
        pytest.param({"minutes": 6}, id="from the future"),
    ],
)
async def test_a_forged_or_stale_webhook_is_refused_and_leaves_no_trace(
    house, clock, signing
):
    before = await house.sizes()
    secret = signing.get("secret", SECRET)
    at = clock() + timedelta(minutes=signing.get("minutes", 0))

    for kind, data in (
        ("call.started", house.started("call-1")),
        ("call.opt_out", {"call_id": "call-1"}),
    ):
        reply = await house.send(kind, data, secret=secret, at=at)
        assert (reply.status, reply.problem) == (401, "webhook-rejected")

    await _nothing_is_stored(house, before)


async def test_a_webhook_without_any_proof_is_refused_and_leaves_no_trace(house):
    before = await house.sizes()

    reply = await house.ask(
        "POST",
        f"{house.service.address}/webhooks/pbx",
        json=house.started("call-1"),
        headers={"content-type": CLOUDEVENTS},
    )

    assert (reply.status, reply.problem) == (401, "webhook-rejected")
    await _nothing_is_stored(house, before)


async def test_a_changed_body_is_refused_although_its_signature_was_good(house):
    before = await house.sizes()
    event = {"id": "evt-1", "type": "call.started"}
    headers = house.signed(json.dumps(event), "evt-1")

    reply = await house.ask(
        "POST",
        f"{house.service.address}/webhooks/pbx",
        data=json.dumps(event | {"type": "call.ended"}),
        headers=headers,
    )

    assert reply.status == 401
    await _nothing_is_stored(house, before)


async def test_a_replayed_webhook_gets_the_same_answer_and_adds_nothing(house):
    data = house.started("call-1")
    first = await house.send("call.started", data, event_id="evt-1")
    after_first = await house.sizes()

    again = await house.send("call.started", data, event_id="evt-1")

    assert again == first
    await _nothing_is_stored(house, after_first)


async def test_a_malformed_call_start_is_not_recorded_and_told_which_field(house):
    before = await house.sizes()

    for field, wrong in (
        ("call_id", ""),
        ("call_id", 7),
        ("call_id", "x" * 201),
        ("root_call_id", "\n"),
        ("direction", "sideways"),
        ("line", None),
        ("caller", ["+33612345678"]),
        ("started_at", "yesterday"),
    ):
        reply = await house.send(
            "call.started", house.started("call-1") | {field: wrong}
        )

        assert (reply.status, reply.problem) == (400, "bad-event")
        assert reply.body["field"] == f"data.{field}"
        assert reply.body["fix"]
        assert "612345678" not in json.dumps(reply.body)
    await _nothing_is_stored(house, before)


async def test_a_signed_body_that_is_no_event_is_refused(house):
    before = await house.sizes()

    for raw_body in ("", "no JSON", "[]", '{"id": "e", "id": "e"}', "[" * 5000):
        reply = await house.ask(
            "POST",
            f"{house.service.address}/webhooks/pbx",
            data=raw_body,
            headers=house.signed(raw_body, "evt-1"),
        )

        assert (reply.status, reply.problem) == (400, "bad-event")
    await _nothing_is_stored(house, before)


async def test_an_oversized_body_is_refused_before_it_is_believed(house):
    before = await house.sizes()

    reply = await house.send("call.started", house.started("x" * 70_000))

    assert (reply.status, reply.problem) == (413, "body-too-large")
    await _nothing_is_stored(house, before)


async def test_an_oversized_body_of_no_stated_size_is_refused_as_well(house):
    async def endless():
        for _ in range(40):
            yield b"x" * 4096

    reply = await house.ask(
        "POST",
        f"{house.service.address}/webhooks/pbx",
        data=endless(),
        headers=house.signed("", "evt-1"),
    )

    assert (reply.status, reply.problem) == (413, "body-too-large")


async def test_another_content_type_is_refused(house):
    raw_body = json.dumps({"id": "evt-1"})
    headers = house.signed(raw_body, "evt-1") | {"content-type": "text/plain"}

    reply = await house.ask(
        "POST", f"{house.service.address}/webhooks/pbx", data=raw_body, headers=headers
    )

    assert (reply.status, reply.problem) == (415, "wrong-content-type")


async def test_an_unknown_connection_is_not_found(house):
    reply = await house.send("call.started", house.started("c"), connection="nobody")

    assert (reply.status, reply.problem) == (404, "unknown-connection")


async def test_what_happens_to_an_unknown_call_is_not_found(house):
    before = await house.sizes()

    for kind in ("call.announced", "call.opt_out", "call.private", "call.ended"):
        reply = await house.send(kind, {"call_id": "call-nobody-started"})

        assert (reply.status, reply.problem) == (404, "unknown-call")
    await _nothing_is_stored(house, before)


async def test_a_wrong_way_in_is_answered_with_a_problem_document(house):
    for method, path, status in (
        ("GET", "/", 404),
        ("GET", "/webhooks", 404),
        ("POST", "/webhooks/pbx/no-such-callback", 401),
        ("DELETE", "/webhooks/pbx", 405),
        ("GET", "/recordings/some-decision", 405),
        ("GET", "/metrics", 404),
        ("POST", "/healthz", 405),
    ):
        reply = await house.ask(method, house.service.address + path)

        assert (reply.status, reply.problem) == (
            status,
            "webhook-rejected" if status == 401 else "about:blank",
        )
        assert reply.body["status"] == status


async def test_events_of_a_kind_we_do_not_use_are_taken_and_left_alone(house):
    before = await house.sizes()

    reply = await house.send("call.transferred", {"call_id": "call-1"})

    assert reply.status == 204
    await _nothing_is_stored(house, before)


async def test_a_platform_that_hangs_up_half_way_leaves_no_trace(house, open_socket):
    before = await house.sizes()
    raw_body = json.dumps({"id": "evt-1", "type": "call.started"})
    headers = house.signed(raw_body, "evt-1") | {"host": "x", "content-length": "5000"}

    _, writer = await open_socket(house.service.address)
    writer.write(b"POST /webhooks/pbx HTTP/1.1\r\n")
    writer.write("".join(f"{k}: {v}\r\n" for k, v in headers.items()).encode())
    writer.write(b"\r\n" + raw_body.encode())
    await writer.drain()
    writer.close()

    assert (await house.start_call()).decision_id
    after = await house.sizes()
    assert after["public.calls"] == before["public.calls"] + 1
