"""The Twilio platform keeps the suite's promises, and agrees with Twilio's SDK.

The SDK (`RequestValidator`, the TwiML classes) signs, judges and builds here; our own
code never checks itself.
"""

import hashlib
import inspect
import json
import re
from dataclasses import replace
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import MultiDict
from twilio.request_validator import RequestValidator
from twilio.twiml import TwiML
from twilio.twiml.voice_response import VoiceResponse

from proxy.errors import BadEventError, SettingsError, WebhookRejectedError
from proxy.platforms.base import (
    SKIP,
    Answer,
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
from proxy.platforms.twilio_config import TwilioConfig
from proxy.platforms.twilio_request import authentic_parameters
from tests.contracts.platform_suite import (
    CALLER,
    LINE,
    RECORD,
    Malformed,
    PlatformSuite,
    fuzzed,
    raw_request,
    with_headers,
)

ACCOUNT = "AC" + "0a" * 16
TOKEN, SECOND_TOKEN, WITHDRAWN = "token-" + "1" * 26, "token-" + "2" * 26, "token-3"
KEY_ID, KEY_SECRET = "webhooks_sharedkey_1", "shared-key-secret-0123456789"
PUBLIC_URL = "https://rec.example.com/webhooks/twilio-main"
AGENTS, SUPPORT = "+33199000001", "sip:agents@pbx.example.com"
CONFIG = TwilioConfig(
    account_sid=ACCOUNT,
    auth_token=TOKEN,
    secondary_auth_token=SECOND_TOKEN,
    shared_keys={KEY_ID: KEY_SECRET},
    public_url=PUBLIC_URL,
    forward_to={LINE: AGENTS, "+33180000003": SUPPORT},
    default_forward_to="+33199000009",
)
CALL = {
    "AccountSid": ACCOUNT,
    "CallSid": "CA" + "c1" * 16,
    "ApiVersion": "2010-04-01",
    "CallStatus": "ringing",
    "Direction": "inbound",
    "From": CALLER,
    "To": LINE,
    "CallerName": "",
    "FromCity": "Saint-Étienne & Loire",
}
RECORDING = {
    "AccountSid": ACCOUNT,
    "CallSid": CALL["CallSid"],
    "RecordingSid": "RE" + "e1" * 16,
    "RecordingUrl": "https://evil.example.com/steal",
    "RecordingStatus": "completed",
}
FORM = "application/x-www-form-urlencoded"


def form(
    fields: dict[str, str], callback: str = "", query: str = "", content_type=FORM
) -> RawRequest:
    return raw_request(
        callback=callback,
        query_string=query,
        raw_body=urlencode(fields).encode(),
        headers={"Content-Type": f"{content_type}; charset=UTF-8"},
    )


def url_of(request: RawRequest, public_url: str = PUBLIC_URL) -> str:
    path = f"/{request.callback}" if request.callback else ""
    query = f"?{request.query_string}" if request.query_string else ""
    return f"{public_url}{path}{query}"


def signed(
    fields: dict[str, str], callback: str = "", query: str = "", token: str = TOKEN
) -> RawRequest:
    """Sign with the SDK, as Twilio would."""
    request = form(fields, callback, query)
    signature = RequestValidator(token).compute_signature(url_of(request), fields)
    return with_headers(request, x_twilio_signature=signature)


def signed_by_shared_key(
    fields: dict[str, str], secret: str = KEY_SECRET, key: str = KEY_ID
) -> RawRequest:
    request = form(fields)
    signature = RequestValidator(secret).compute_signature(
        url_of(request), fields, "HMAC_SHA256"
    )
    return with_headers(
        request,
        x_twilio_signature=signature,
        x_twilio_webhooks_signature_settings=f"key={key},algorithm=HMAC_SHA256",
    )


def signed_get(fields: dict[str, str], callback: str = "") -> RawRequest:
    request = raw_request(
        method="GET", callback=callback, query_string=urlencode(fields)
    )
    signature = RequestValidator(TOKEN).compute_signature(url_of(request), {})
    return with_headers(request, x_twilio_signature=signature)


def signed_body(raw_body: bytes, content_type: str, query: str = "") -> RawRequest:
    digest = hashlib.sha256(raw_body).hexdigest()
    request = raw_request(
        query_string=f"{query}bodySHA256={digest}",
        raw_body=raw_body,
        headers={"Content-Type": content_type},
    )
    signature = RequestValidator(TOKEN).compute_signature(url_of(request), {})
    return with_headers(request, x_twilio_signature=signature)


def platform(**changes: object) -> TwilioPlatform:
    return TwilioPlatform(replace(CONFIG, **changes))


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


# --- Signatures ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "signature"),
    [
        ({}, "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        (
            {"X-Twilio-Webhooks-Signature-Settings": "key=k,algorithm=HMAC_SHA256"},
            "033hgUJA9M/hXIZsYjwkerEP/DBm35nEri5FhCYjA5s=",
        ),
    ],
)
def test_the_published_examples_of_a_signature_verify(headers, signature):
    fields = {
        "CallSid": "CA1234567890ABCDE",
        "Digits": "1234",
        "From": "+14158675309",
        "To": "+18005551212",
        "Caller": "+14158675309",
    }
    request = form(fields, "myapp.php", "foo=1&bar=2")
    request = with_headers(request, x_twilio_signature=signature)
    for name, text in headers.items():
        request = with_headers(request, **{name: text})
    config = replace(
        CONFIG,
        auth_token="12345",
        shared_keys={"k": "12345"},
        public_url="https://mycompany.com",
    )

    authentic_parameters(request, config)
    with pytest.raises(WebhookRejectedError):
        authentic_parameters(replace(request, query_string="foo=1&bar=3"), config)


NAMES = st.sampled_from(["CallSid", "From", "To", "Digits", "Étage", "a b", "x&y", ""])
PAIRS = st.lists(st.tuples(NAMES, st.text(max_size=12)), max_size=12)
PUBLIC_URLS = st.sampled_from(
    [
        PUBLIC_URL,
        "https://rec.example.com:443/w",
        "https://rec.example.com:8443/w",
        "http://rec.example.com/w",
        "http://rec.example.com:8080",
    ]
)
QUERIES = st.sampled_from(["", "key=9", "key=%23", "a=1&a=2&b=", "c=%C3%A9", "flag"])


def is_accepted(request: RawRequest, public_url: str) -> bool:
    try:
        authentic_parameters(request, replace(CONFIG, public_url=public_url))
    except WebhookRejectedError:
        return False
    return True


def with_signature(request: RawRequest, signature: str, algorithm: str) -> RawRequest:
    return with_headers(
        request,
        x_twilio_signature=signature,
        x_twilio_webhooks_signature_settings=f"key={KEY_ID},algorithm={algorithm}",
    )


@fuzzed
@given(
    pairs=PAIRS,
    public_url=PUBLIC_URLS,
    query=QUERIES,
    callback=st.sampled_from(["", "choice"]),
    algorithm=st.sampled_from(["HMAC_SHA1", "HMAC_SHA256"]),
    signs_port=st.booleans(),
)
def test_every_form_the_sdk_signs_is_accepted(
    pairs, public_url, query, callback, algorithm, signs_port
):
    request = form(pairs, callback, query)
    signed_url = public_url
    if signs_port and public_url.count(":") == 1:
        port = 443 if public_url.startswith("https") else 80
        signed_url = re.sub(r"(//[^/]+)", rf"\1:{port}", public_url)
    token = TOKEN if algorithm == "HMAC_SHA1" else KEY_SECRET
    signature = RequestValidator(token).compute_signature(
        url_of(request, signed_url), MultiDict(pairs), algorithm
    )

    assert is_accepted(with_signature(request, signature, algorithm), public_url)


@fuzzed
@given(
    signed_form=st.tuples(PUBLIC_URLS, QUERIES, PAIRS),
    sent_form=st.none() | st.tuples(PUBLIC_URLS, QUERIES, PAIRS),
)
def test_ours_and_the_sdks_judgement_of_a_form_are_the_same(signed_form, sent_form):
    signed_url, signed_query, signed_pairs = signed_form
    # Without a form of its own: the signed one, its parameters in another order.
    reordered = (signed_url, signed_query, signed_pairs[::-1])
    public_url, query, sent_pairs = sent_form or reordered
    validator = RequestValidator(TOKEN)
    meant = form(signed_pairs, "", signed_query)
    signature = validator.compute_signature(
        url_of(meant, signed_url), MultiDict(signed_pairs)
    )
    sent = with_signature(form(sent_pairs, "", query), signature, "HMAC_SHA1")
    verdict = validator.validate(
        url_of(sent, public_url), MultiDict(sent_pairs), signature
    )

    assert is_accepted(sent, public_url) == verdict


@fuzzed
@given(
    body=st.text(), sent=st.text() | st.none(), query=st.sampled_from(["", "a=%20&"])
)
def test_ours_and_the_sdks_judgement_of_a_json_body_are_the_same(body, sent, query):
    meant = signed_body(body.encode(), "application/json", query)
    request = replace(meant, raw_body=(body if sent is None else sent).encode())
    verdict = RequestValidator(TOKEN).validate(
        url_of(request),
        request.raw_body.decode(),
        request.headers["X-Twilio-Signature"],
    )

    # An empty body has nothing to protect; the SDK compares its digest all the same.
    assert is_accepted(request, PUBLIC_URL) == (verdict or not request.raw_body)


@fuzzed
@given(pairs=PAIRS, public_url=PUBLIC_URLS)
def test_a_get_is_signed_by_its_address_alone(pairs, public_url):
    request = raw_request(method="GET", query_string=urlencode(pairs))
    signature = RequestValidator(TOKEN).compute_signature(
        url_of(request, public_url), {}
    )
    request = with_headers(request, x_twilio_signature=signature)

    assert is_accepted(request, public_url)
    assert not is_accepted(
        replace(request, query_string=request.query_string + "&Digits=9"), public_url
    )


def test_json_of_another_product_is_authentic_and_left_alone():
    body = json.dumps({"type": "com.twilio.voice.insights", "data": {}}).encode()
    request = signed_body(body, "application/json")
    platform().authenticate(request)
    event = platform().parse(request)

    assert isinstance(event, UnknownEvent)
    assert event.raw["type"] == "com.twilio.voice.insights"


# --- Events --------------------------------------------------------------------


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
    ("digits", "query", "expected"),
    [
        ("9", "key=9", CallOptedOut),
        ("#", "key=%23", CallOptedOut),
        ("", "key=9", CallAnnounced),
        ("5", "key=9", CallAnnounced),
        ("5", "", CallOptedOut),
        ("", "", CallAnnounced),
    ],
)
def test_the_offered_key_is_a_refusal(digits, query, expected):
    event = platform().parse(signed(CALL | {"Digits": digits}, "choice", query))

    assert type(event) is expected


def test_a_key_in_the_form_cannot_replace_the_one_that_was_offered():
    event = platform().parse(
        signed(CALL | {"Digits": "9", "key": "5"}, "choice", "key=9")
    )

    assert isinstance(event, CallOptedOut)


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
    "request_in",
    [
        form({}),
        form({"To": LINE}, "choice"),
        form(CALL | {"Direction": "sideways"}),
        raw_request(raw_body=b"\xff%zz&&="),
    ],
)
def test_a_caller_is_connected_even_if_we_understand_nothing(request_in):
    reply = platform().render_failure(request_in)

    assert [each.tag for each in parsed(reply.body)] == ["Dial"]


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


def test_too_many_parameters_are_refused_before_they_are_counted():
    request = raw_request(raw_body=b"&a=1" * 501, headers={"Content-Type": FORM})
    with pytest.raises(BadEventError):
        platform().parse(request)


# --- TwiML ---------------------------------------------------------------------


def canonical(xml: object) -> str:
    text = xml.decode() if isinstance(xml, bytes) else str(xml)
    return ET.canonicalize(text)


def parsed(xml: bytes) -> ET.Element:
    return ET.fromstring(xml)  # noqa: S314 - our own document


def as_the_sdk_reads_it(xml: bytes) -> VoiceResponse:
    response = VoiceResponse()
    for element in parsed(xml):
        _rebuild(response, element)
    return response


def _rebuild(parent: TwiML, element: ET.Element) -> None:
    """Call the SDK's method for this element, with attributes that it declares."""
    build = getattr(parent, element.tag.lower())
    declared = {
        re.sub(r"_(\w)", lambda match: match[1].upper(), name): name
        for name in inspect.signature(build).parameters
    }
    attributes = {declared[name]: text for name, text in element.attrib.items()}
    content = [] if element.text is None else [element.text]
    rebuilt = build(*content, **attributes)
    for child in element:
        _rebuild(rebuilt, child)


def reply_to(request: RawRequest, answer: Answer) -> bytes:
    reply = platform().render(platform().parse(request), answer)
    assert (reply.status, reply.content_type) == (200, "application/xml")
    return reply.body


def test_a_call_that_was_not_drawn_is_connected():
    expected = VoiceResponse()
    expected.dial(answer_on_bridge=True).number(AGENTS)

    assert canonical(reply_to(signed(CALL), SKIP)) == canonical(expected)


def test_a_line_may_be_answered_at_a_sip_address():
    expected = VoiceResponse()
    expected.dial(answer_on_bridge=True).sip(SUPPORT)
    request = signed(CALL | {"To": "+33180000003"})

    assert canonical(reply_to(request, SKIP)) == canonical(expected)


def test_an_unlisted_line_goes_to_the_default():
    expected = VoiceResponse()
    expected.dial(answer_on_bridge=True).number(CONFIG.default_forward_to)
    request = signed(CALL | {"To": "+33180000099"})

    assert canonical(reply_to(request, SKIP)) == canonical(expected)


@pytest.mark.parametrize(
    ("key", "query"), [("9", "?key=9"), ("#", "?key=%23"), (None, "")]
)
def test_a_drawn_call_is_announced_before_anything_is_recorded(key, query):
    expected = VoiceResponse()
    gather = expected.gather(
        action=f"{PUBLIC_URL}/choice{query}",
        action_on_empty_result=True,
        finish_on_key="",
        method="POST",
        num_digits=1,
        timeout=3,
    )
    gather.say(RECORD.announcement, language="fr-FR")
    answer = replace(RECORD, opt_out_key=key)

    assert canonical(reply_to(signed(CALL), answer)) == canonical(expected)


def test_a_caller_who_heard_and_did_not_refuse_is_recorded_from_the_answer_on():
    expected = VoiceResponse()
    dial = expected.dial(
        answer_on_bridge=True,
        record="record-from-answer-dual",
        recording_track="both",
        trim="do-not-trim",
        recording_status_callback=f"{PUBLIC_URL}/recording",
        recording_status_callback_event="in-progress completed absent",
    )
    dial.number(AGENTS)
    request = signed(CALL | {"Digits": ""}, "choice", "key=9")

    assert canonical(reply_to(request, RECORD)) == canonical(expected)


@pytest.mark.parametrize(
    ("request_in", "answer"),
    [
        (signed(CALL | {"Digits": "9"}, "choice", "key=9"), RECORD),
        (signed(CALL | {"Digits": ""}, "choice", "key=9"), SKIP),
        (signed(CALL), replace(RECORD, announcement=None)),
        (signed(CALL), replace(RECORD, announcement="")),
    ],
)
def test_who_refused_or_was_not_told_is_connected_without_recording(request_in, answer):
    assert canonical(reply_to(request_in, answer)) == canonical(
        reply_to(signed(CALL), SKIP)
    )


@fuzzed
@given(
    announcement=st.text(min_size=1), key=st.none() | st.sampled_from("0123456789*#")
)
def test_every_document_is_one_the_sdk_could_have_written(announcement, key):
    answer = replace(RECORD, announcement=announcement, opt_out_key=key)
    for request in (signed(CALL), signed(CALL | {"Digits": ""}, "choice")):
        body = reply_to(request, answer)

        assert canonical(as_the_sdk_reads_it(body)) == canonical(body)


@pytest.mark.parametrize("key", list("0123456789*#"))
def test_the_key_that_was_offered_comes_back_as_the_refusal(key):
    answer = replace(RECORD, opt_out_key=key)
    gather = parsed(reply_to(signed(CALL), answer))[0]
    query = gather.attrib["action"].partition("?")[2]
    pressed = signed(CALL | {"Digits": key}, "choice", query)
    platform().authenticate(pressed)

    assert isinstance(platform().parse(pressed), CallOptedOut)
