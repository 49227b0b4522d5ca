"""The generic platform keeps the platform suite's promises, and its own contract."""

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import (
    BadEventError,
    ForbiddenSourceError,
    SettingsError,
    WebhookRejectedError,
    WrongContentTypeError,
)
from proxy.platforms.base import (
    CallMarkedPrivate,
    Platform,
    RawRequest,
    RecordingAvailable,
    Reply,
)
from proxy.platforms.generic import GenericConfig, GenericPlatform
from proxy.platforms.signatures import StandardWebhooks
from proxy.platforms.strict_json import read_object
from tests.contracts.generic_webhooks import (
    CONFIG,
    NEW,
    OLD,
    SOURCE_TOKEN,
    STARTED,
    TOKEN,
    WITHDRAWN,
    document,
    signed,
    signed_by_key,
    unsigned,
    with_token,
)
from tests.contracts.platform_suite import (
    CALLER,
    NOW,
    RECORD,
    Malformed,
    PlatformSuite,
    fuzzed,
    raw_request,
    with_headers,
)


class TestGenericPlatform(PlatformSuite):
    def platform(self) -> Platform:
        return GenericPlatform(CONFIG)

    def call_started(self, call: str = "call-1", **unknown_fields: str) -> RawRequest:
        data = STARTED | {"call_id": call} | unknown_fields
        return signed(document("call.started", data))

    def later_events(self):
        of_call = {"call_id": "call-1"}
        recording = {"decision_id": "d-1", "url": "https://pbx.example.com/r/1.wav"}
        return [
            signed(document("call.announced", of_call)),
            signed(document("call.opt_out", of_call)),
            signed(document("call.ended", of_call)),
            signed(document("recording.available", recording)),
        ]

    def unused_event(self):
        return signed(document("call.transferred", {"call_id": "call-1"}))

    def rotated(self):
        body = document("call.started", STARTED)
        both = with_headers(
            signed(body),
            webhook_signature=" ".join(
                signed(body, secret).headers["webhook-signature"]
                for secret in (WITHDRAWN, NEW)
            ),
        )
        return [
            signed(body, OLD),
            signed(body, NEW),
            both,
            signed_by_key(body),
            with_token(body),
            with_token(body, content_type="application/json"),
            signed(body, at=NOW - timedelta(seconds=299)),
            signed(body, at=NOW + timedelta(seconds=299)),
        ]

    def forged(self):
        body = document("call.started", STARTED)
        request = signed(body)
        signature = request.headers["webhook-signature"]
        foreign_key = Ed25519PrivateKey.from_private_bytes(b"\x05" * 32)
        return [
            signed(body, WITHDRAWN),
            signed_by_key(body, foreign_key),
            signed(body, at=NOW - timedelta(seconds=301)),
            signed(body, at=NOW + timedelta(seconds=301)),
            with_token(body, "another-token-0123456789abcdef"),
            with_token(body, TOKEN + "é"),
            with_headers(with_token(body), authorization=f"Basic {TOKEN}"),
            raw_request(
                raw_body=request.raw_body,
                headers=with_token(body).headers,
                is_private_channel=False,
            ),
            # A right token does not save a wrong signature.
            with_headers(signed(body, WITHDRAWN), authorization=f"Bearer {TOKEN}"),
            with_headers(request, webhook_id=None),
            with_headers(request, webhook_id="evt-2"),
            signed(body, message_id="evt.1"),
            with_headers(request, webhook_timestamp=None),
            with_headers(request, webhook_timestamp="soon"),
            with_headers(request, webhook_timestamp="٣"),
            with_headers(request, webhook_timestamp="9" * 400),
            with_headers(request, webhook_signature="v1"),
            with_headers(request, webhook_signature=signature.removeprefix("v1,")),
            with_headers(request, webhook_signature=signature.replace("v1,", "v2,")),
            with_headers(request, webhook_signature=signature.replace("v1,", "v1a,")),
            with_headers(request, webhook_signature=signature[:-4]),
            with_headers(request, webhook_signature=f"{signature} " * 17),
        ]

    def without_credentials(self):
        return unsigned(document("call.started", STARTED))

    def malformed(self):
        def started(**changes: object) -> RawRequest:
            return signed(document("call.started", STARTED | changes))

        def lacking(name: str) -> RawRequest:
            data = {key: value for key, value in STARTED.items() if key != name}
            return signed(document("call.started", data))

        def changed(**attributes: object) -> RawRequest:
            return signed(document("call.started", STARTED) | attributes)

        required = ["call_id", "direction", "caller", "callee", "line", "started_at"]
        faults = [(lacking(name), f"data.{name}") for name in required]
        faults += [
            (started(direction="sideways"), "data.direction"),
            (started(call_id=7), "data.call_id"),
            (started(call_id=""), "data.call_id"),
            (started(call_id="x" * 201), "data.call_id"),
            (started(call_id="a\nb"), "data.call_id"),
            (started(caller=None), "data.caller"),
            (started(caller=CALLER * 30), "data.caller"),
            (started(line=[CALLER]), "data.line"),
            (started(agent=True), "data.agent"),
            (started(queue=7), "data.queue"),
            (started(started_at=1795255198), "data.started_at"),
            (started(started_at="1795255198"), "data.started_at"),
            (started(started_at="2026-11-21T10:59:58"), "data.started_at"),
            (started(started_at="2026-02-31T10:59:58Z"), "data.started_at"),
            (started(root_call_id=[]), "data.root_call_id"),
            (changed(specversion="0.3"), "specversion"),
            (changed(specversion=1.0), "specversion"),
            (changed(id=None), "id"),
            (changed(id="evt-2"), "id"),
            (changed(source=""), "source"),
            (changed(type=3), "type"),
            (changed(data=[STARTED]), "data"),
            (changed(data=None), "data"),
            (signed(document("call.ended", {})), "data.call_id"),
            (signed(document("recording.available", {"url": ""})), "data.decision_id"),
            (
                signed(document("recording.available", {"decision_id": "d"})),
                "data.url",
            ),
        ]
        bodies = [
            b"",
            b"null",
            b"[]",
            b'"call.started"',
            b"{",
            b"{} {}",
            b"\xef\xbb\xbf{}",
            b'{"specversion": "1.0", "specversion": "1.0"}',
            b'{"data": {"a": 1, "a": 2}}',
            b'{"data": NaN}',
            b'{"data": -Infinity}',
            b'{"data": 1e999}',
            b'{"data": "\\ud800"}',
            b'{"data": "\\u0000"}',
            b"[" * 60_000,
            b'{"data":' * 20 + b"1" + b"}" * 20,
            b'{"data": ' + b"9" * 5000 + b"}",
        ]
        faults += [(signed(body), "") for body in bodies]
        return [Malformed(request, field) for request, field in faults]

    def wrongly_typed(self):
        return signed(
            document("call.started", STARTED), content_type="application/json"
        )

    def secrets(self):
        return [OLD, NEW, TOKEN, SOURCE_TOKEN, OLD.removeprefix("whsec_")]

    def printed_configuration(self) -> str:
        return repr(CONFIG)

    def orders_recording(self, reply: Reply) -> bool:
        return bool(reply.body) and json.loads(reply.body)["decision"] != "skip"


def test_the_published_example_of_a_signature_verifies():
    request = raw_request(
        raw_body=b'{"test": 2432232314}',
        received_at=datetime.fromtimestamp(1614265330, UTC),
        headers={
            "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "webhook-timestamp": "1614265330",
            "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        },
    )

    StandardWebhooks(["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]).check(request)


@fuzzed
@given(body=st.text(), key=st.binary(min_size=24, max_size=64))
def test_whatever_the_reference_library_signs_is_accepted(body, key):
    secret = "whsec_" + base64.b64encode(key).decode()

    StandardWebhooks([secret]).check(signed(body.encode(), secret))


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "whsec_",
        "whsec_c2hvcnQ=",
        "whsec_!!!!",
        "password",
        "whpk_c2hvcnQ=",
        "whsk_",
    ],
)
def test_a_secret_of_the_wrong_shape_stops_the_start_without_being_shown(secret):
    with pytest.raises(SettingsError) as refusal:
        GenericPlatform(GenericConfig(secrets=(secret,)))
    assert len(secret) < 7 or secret not in f"{refusal.value}"


@pytest.mark.parametrize(
    "config",
    [
        GenericConfig(),
        GenericConfig(bearer_tokens=("short",)),
        GenericConfig(secrets=(OLD,), source_token="line\nbreak"),
        GenericConfig(secrets=(OLD,), allowed_hosts=frozenset({"https://a.example"})),
        GenericConfig(secrets=(OLD,), allowed_hosts=frozenset({"a.example/path"})),
        GenericConfig(secrets=(OLD,), allowed_hosts=frozenset({""})),
        GenericConfig(secrets=(OLD,), allowed_hosts=frozenset({"a.example:99999"})),
    ],
)
def test_a_connection_that_could_not_be_safe_is_not_started(config):
    with pytest.raises(SettingsError):
        GenericPlatform(config)


def test_binary_mode_is_refused_because_its_headers_are_not_signed():
    request = with_headers(
        signed(STARTED, content_type="application/json"),
        ce_specversion="1.0",
        ce_type="call.started",
    )
    with pytest.raises(WrongContentTypeError):
        GenericPlatform(CONFIG).parse(request)


def test_a_platform_that_cannot_sign_is_not_held_to_the_webhook_id():
    request = with_token(
        document("call.started", STARTED, id="1732-42@10.0.0.5"),
        content_type="application/json; charset=utf-8",
    )

    assert GenericPlatform(CONFIG).parse(request).call_id == "call-1"


def test_a_leg_names_its_root_call():
    data = STARTED | {"call_id": "leg-2", "root_call_id": "call-1"}
    event = GenericPlatform(CONFIG).parse(signed(document("call.started", data)))

    assert (event.call_id, event.root_call_id) == ("leg-2", "call-1")
    assert event.started_at == datetime(2026, 11, 21, 9, 59, 58, tzinfo=UTC)
    assert event.agent == "agent-7"


def test_a_withheld_number_is_no_reason_to_fail():
    data = STARTED | {"caller": ""}
    event = GenericPlatform(CONFIG).parse(signed(document("call.started", data)))

    assert event.caller == ""


def test_an_agent_can_mark_a_call_private():
    body = document("call.private", {"call_id": "call-1"})

    assert isinstance(GenericPlatform(CONFIG).parse(signed(body)), CallMarkedPrivate)


def test_the_answer_is_the_published_document():
    platform = GenericPlatform(CONFIG)
    event = platform.parse(signed(document("call.started", STARTED)))
    reply = platform.render(event, RECORD)

    assert (reply.status, reply.content_type) == (200, "application/json")
    assert json.loads(reply.body) == {
        "decision": "record",
        "decision_id": RECORD.decision_id,
        "announcement": RECORD.announcement,
        "opt_out_key": "9",
        "opt_in_key": None,
        "max_seconds": 600,
    }


def test_every_refusal_tells_the_integrator_what_to_send():
    for each in TestGenericPlatform().malformed():
        with pytest.raises(BadEventError) as refusal:
            GenericPlatform(CONFIG).parse(each.request)
        assert refusal.value.detail
        assert refusal.value.fix or not each.field


def available(url: object) -> RawRequest:
    return signed(document("recording.available", {"decision_id": "d", "url": url}))


def test_a_recording_at_an_allowed_host_is_taken_as_it_is_named():
    event = GenericPlatform(CONFIG).parse(available("https://pbx.example.com/r/1?t=2"))

    assert isinstance(event, RecordingAvailable)
    assert event.source_ref == "https://pbx.example.com/r/1?t=2"
    assert event.decision_id == "d"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "r/1.wav",
        "file:///etc/passwd",
        "http://pbx.example.com/r/1.wav",
        "https://pbx.example.com:8443/r/1.wav",
        "https://pbx.example.com.evil.example/r/1.wav",
        "https://evil.example/pbx.example.com",
        "https://pbx.example.com@evil.example/",
        "https://user:word@pbx.example.com/r/1.wav",
        "https://evil.example\\@pbx.example.com/",
        "https://127.0.0.1/r/1.wav",
        "https://[::1]/r/1.wav",
        "https://[::ffff:10.0.0.1]/r/1.wav",
        "https://169.254.169.254/latest/meta-data",
        "https://[fe80::1%25eth0]/r/1.wav",
        "https://2130706433/",
        "https://[",
        "https://pbx.example.com:99999/",
        "//pbx.example.com/r/1.wav",
    ],
)
def test_a_recording_anywhere_else_is_refused_when_it_is_announced(url):
    with pytest.raises(ForbiddenSourceError) as refusal:
        GenericPlatform(CONFIG).parse(available(url))
    assert refusal.value.field == "data.url"
    assert len(url) < 4 or url not in str(refusal.value)


@fuzzed
@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**53), 2**53)
        | st.text("abc\u00e9\u4e16"),
        lambda each: st.lists(each) | st.dictionaries(st.text("xyz"), each),
        max_leaves=20,
    )
)
def test_strict_json_reads_all_that_is_plain_json(value):
    assert read_object(json.dumps({"value": value}).encode()) == {"value": value}


def test_a_rejected_token_on_a_plain_channel_is_explained():
    request = raw_request(
        headers={"Authorization": f"Bearer {TOKEN}"}, is_private_channel=False
    )
    with pytest.raises(WebhookRejectedError, match="TLS or loopback"):
        GenericPlatform(CONFIG).authenticate(request)
