"""The Twilio platform keeps every promise of the suite, and reads Twilio's events."""

import hashlib
from dataclasses import replace
from urllib.parse import urlencode

import pytest
from multidict import MultiDict
from twilio.request_validator import RequestValidator

from proxy.errors import BadEventError, SettingsError
from proxy.platforms.base import (
    SKIP,
    CallAnnounced,
    CallEnded,
    CallOptedOut,
    CallStarted,
    Direction,
    Platform,
    RawRequest,
    RecordingAbsent,
    RecordingAvailable,
    RecordingStarted,
    Reply,
    UnknownEvent,
)
from proxy.platforms.twilio import TwilioPlatform
from tests.contracts.platform_suite import (
    CALLER,
    LINE,
    Malformed,
    PlatformSuite,
    raw_request,
    with_headers,
)
from tests.contracts.twilio_webhooks import (
    CALL,
    CONFIG,
    FORM,
    KEY_ID,
    KEY_SECRET,
    PUBLIC_URL,
    RECORDING,
    SECOND_TOKEN,
    TOKEN,
    WITHDRAWN,
    form,
    platform,
    signed,
    signed_body,
    signed_by_shared_key,
    signed_get,
)


class TestTwilioPlatform(PlatformSuite):
    def platform(self) -> Platform:
        return TwilioPlatform(CONFIG)

    def call_started(self, call: str = "call-1", **unknown_fields: str) -> RawRequest:
        digest = hashlib.md5(call.encode(), usedforsecurity=False).hexdigest()
        return signed(CALL | {"CallSid": f"CA{digest}"} | unknown_fields)

    def later_events(self):
        call = CALL | {"CallSid": self.platform().parse(self.call_started()).call_id}
        recording = RECORDING | {"CallSid": call["CallSid"]}
        return [
            signed(call | {"Digits": ""}, "choice", "key=9"),
            signed(call | {"Digits": "9"}, "choice", "key=9"),
            signed(call | {"CallStatus": "completed"}, "status"),
            signed(recording, "recording"),
        ]

    def unused_event(self):
        return signed(CALL | {"CallStatus": "in-progress"}, "status")

    def rotated(self):
        return [
            signed(CALL),
            signed(CALL, token=SECOND_TOKEN),
            signed_by_shared_key(CALL),
            with_headers(signed(CALL), x_twilio_webhooks_signature_settings=""),
            signed_get(CALL),
        ]

    def forged(self):
        request = signed(CALL)
        signature = request.headers["X-Twilio-Signature"]
        settings = "x_twilio_webhooks_signature_settings"
        return [
            signed(CALL, token=WITHDRAWN),
            signed(CALL, token=KEY_SECRET),
            signed(CALL | {"AccountSid": "AC" + "ff" * 16}),
            signed({key: text for key, text in CALL.items() if key != "AccountSid"}),
            signed_by_shared_key(CALL, secret="another secret"),
            signed_by_shared_key(CALL, secret=TOKEN),
            signed_by_shared_key(CALL, key="unknown-key"),
            with_headers(request, **{settings: "key=x,algorithm=HMAC_MD5"}),
            with_headers(request, **{settings: f"key={KEY_ID},algorithm=HMAC_SHA256"}),
            with_headers(signed_by_shared_key(CALL), **{settings: None}),
            with_headers(request, x_twilio_signature=signature.lower()),
            with_headers(request, x_twilio_signature=signature + "é"),
            with_headers(request, x_twilio_signature=signature[:-1]),
            # The same bytes as something else than a form are not what was signed.
            with_headers(request, content_type="application/json"),
            with_headers(request, content_type="text/plain"),
            with_headers(request, content_type=None),
            replace(request, callback="recording"),
            replace(request, query_string="key=9"),
            replace(signed(CALL, "choice", "key=9"), query_string="key=8"),
            replace(signed_get(CALL), query_string=urlencode(CALL | {"To": "+1"})),
            replace(signed_body(b"{}", "application/json"), raw_body=b"[]"),
            replace(signed_body(b"{}", "application/json"), query_string=""),
            signed_body(b"{}", "application/json", "&a" * 501 + "&"),
            replace(signed(CALL), raw_body=b"From=%ff"),
            replace(signed(CALL), raw_body=b"From=\xff"),
        ]

    def without_credentials(self):
        return form(CALL)

    def malformed(self):
        def lacking(name: str) -> RawRequest:
            return signed({key: text for key, text in CALL.items() if key != name})

        faults = [(lacking(name), name) for name in ("CallSid", "Direction", "To")]
        faults += [
            (signed(CALL | {"CallSid": "CA1"}), "CallSid"),
            (signed(CALL | {"CallSid": "CA../../" + "c1" * 13}), "CallSid"),
            (signed(CALL | {"Direction": "sideways"}), "Direction"),
            (signed(CALL | {"From": CALLER * 30}), "From"),
            (signed(CALL | {"From": f"{CALLER}\0"}), "From"),
            (signed(CALL | {"Direction": "outbound-api", "From": ""}), "From"),
            (signed(RECORDING | {"RecordingSid": "RE1"}, "recording"), "RecordingSid"),
            (
                signed(
                    RECORDING | {"RecordingStatus": "in-progress", "RecordingSid": ""},
                    "recording",
                ),
                "RecordingSid",
            ),
            (signed(RECORDING | {"CallSid": ""}, "recording"), "CallSid"),
            (signed(CALL | {"CallSid": ""}, "status"), "CallSid"),
            (signed_body(b"{", "application/json"), ""),
        ]
        repeated = MultiDict([*CALL.items(), ("From", "+33140000007")])
        request = replace(
            form(CALL), raw_body=urlencode(list(repeated.items())).encode()
        )
        signature = RequestValidator(TOKEN).compute_signature(PUBLIC_URL, repeated)
        faults.append((with_headers(request, x_twilio_signature=signature), "From"))
        return [Malformed(request, field) for request, field in faults]

    def wrongly_typed(self):
        return signed_body(b"CallSid=CA1", "text/plain")

    def secrets(self):
        return [TOKEN, SECOND_TOKEN, KEY_SECRET]

    def printed_configuration(self) -> str:
        return repr(CONFIG)

    def orders_recording(self, reply: Reply) -> bool:
        return b"ecord" in reply.body.split(b"<Dial")[-1]


def test_an_outbound_call_is_made_from_the_line():
    outbound = CALL | {"Direction": "outbound-api", "From": LINE, "To": CALLER}
    event = platform().parse(signed(outbound))

    assert isinstance(event, CallStarted)
    assert event.direction is Direction.OUTBOUND
    assert (event.line, event.callee) == (LINE, CALLER)


def test_a_leg_belongs_to_its_parent_call():
    parent = "CA" + "99" * 16
    event = platform().parse(signed(CALL | {"ParentCallSid": parent}))

    assert (event.call_id, event.root_call_id) == (CALL["CallSid"], parent)


@pytest.mark.parametrize(
    ("digits", "expected"),
    [
        ("", CallAnnounced),
        ("9", CallOptedOut),
        ("#", CallOptedOut),
        ("5", CallOptedOut),
    ],
)
def test_any_key_during_the_announcement_is_a_refusal(digits, expected):
    """A wrong key cuts the announcement short too: in doubt, not recorded."""
    event = platform().parse(signed(CALL | {"Digits": digits}, "choice"))

    assert type(event) is expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("in-progress", RecordingStarted),
        ("completed", RecordingAvailable),
        ("absent", RecordingAbsent),
        ("failed", RecordingAbsent),
        ("processing", UnknownEvent),
    ],
)
def test_recording_callbacks_tell_what_twilio_holds(status, expected):
    request = signed(RECORDING | {"RecordingStatus": status}, "recording")
    event = platform().parse(request)

    assert type(event) is expected
    assert "evil" not in str(getattr(event, "source_ref", ""))
    assert platform().render(event, SKIP) == Reply(204)


def test_a_recording_is_named_by_its_id_never_by_the_callbacks_address():
    event = platform().parse(signed(RECORDING, "recording"))

    assert event.source_ref == RECORDING["RecordingSid"]
    assert event.call_id == RECORDING["CallSid"]


@pytest.mark.parametrize(
    "status", ["completed", "busy", "failed", "no-answer", "canceled"]
)
def test_a_call_ends_however_it_ends(status):
    event = platform().parse(signed(CALL | {"CallStatus": status}, "status"))

    assert isinstance(event, CallEnded)


@pytest.mark.parametrize("callback", ["recording", "status"])
def test_a_failed_callback_that_nobody_waits_for_is_not_acknowledged(callback):
    assert platform().render_failure(signed(RECORDING, callback)) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"account_sid": "AC1"},
        {"auth_token": ""},
        {"default_forward_to": ""},
        {"public_url": PUBLIC_URL + "/"},
        {"public_url": PUBLIC_URL + "?a=1"},
        {"public_url": PUBLIC_URL + "#ct=1"},
        {"public_url": "rec.example.com"},
        {"public_url": "https://user@rec.example.com"},
        {"public_url": "https://[rec"},
        {"public_url": "https://rec.example.com:99999"},
        {"api_base": "ftp://api.twilio.com"},
    ],
)
def test_a_connection_that_could_not_work_is_not_started(changes):
    with pytest.raises(SettingsError) as refusal:
        platform(**changes)
    assert refusal.value.field in changes


@pytest.mark.parametrize("raw_body", [b"a=%ff", b"&a=1" * 501], ids=["bytes", "many"])
def test_a_form_that_no_signer_would_send_is_not_decoded(raw_body):
    request = raw_request(raw_body=raw_body, headers={"Content-Type": FORM})
    with pytest.raises(BadEventError, match="decoded"):
        platform().parse(request)
