"""Our TwiML is what Twilio's SDK would have written, and reads back through it."""

import inspect
import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.twiml import TwiML
from twilio.twiml.voice_response import VoiceResponse

from proxy.platforms.base import (
    SKIP,
    Answer,
    CallOptedIn,
    CallOptedOut,
    RawRequest,
)
from tests.contracts.platform_suite import (
    LINE,
    RECORD,
    fuzzed,
    raw_request,
)
from tests.contracts.twilio_webhooks import (
    AGENTS,
    CALL,
    CONFIG,
    PUBLIC_URL,
    SUPPORT,
    form,
    platform,
    signed,
)


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


def test_an_outbound_call_is_connected_as_the_line_it_is_made_from():
    outbound = signed(
        CALL | {"Direction": "outbound-api", "From": LINE, "To": "+33180000003"}
    )

    assert canonical(reply_to(outbound, SKIP)) == canonical(
        reply_to(signed(CALL), SKIP)
    )


def test_an_unlisted_line_goes_to_the_default():
    expected = VoiceResponse()
    expected.dial(answer_on_bridge=True).number(CONFIG.default_forward_to)
    request = signed(CALL | {"To": "+33180000099"})

    assert canonical(reply_to(request, SKIP)) == canonical(expected)


def test_a_drawn_call_is_announced_before_anything_is_recorded():
    expected = VoiceResponse()
    gather = expected.gather(
        action=f"{PUBLIC_URL}/choice",
        action_on_empty_result=True,
        finish_on_key="",
        method="POST",
        num_digits=1,
        timeout=3,
    )
    gather.say(RECORD.announcement, language="fr-FR")

    assert canonical(reply_to(signed(CALL), RECORD)) == canonical(expected)


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
    request = signed(CALL | {"Digits": ""}, "choice")

    assert canonical(reply_to(request, RECORD)) == canonical(expected)


@pytest.mark.parametrize(
    ("request_in", "answer"),
    [
        (signed(CALL | {"Digits": "9"}, "choice"), RECORD),
        (signed(CALL | {"Digits": ""}, "choice"), SKIP),
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
def test_whatever_key_comes_back_from_the_announcement_is_a_refusal(key):
    gather = parsed(reply_to(signed(CALL), RECORD))[0]
    assert gather.attrib["action"] == f"{PUBLIC_URL}/choice"
    pressed = signed(CALL | {"Digits": key}, "choice")
    platform().authenticate(pressed)

    assert isinstance(platform().parse(pressed), CallOptedOut)


ASKING = replace(RECORD, opt_in_key="#")


def answer_of_caller(digits, query=""):
    """What comes back from the address that the question names."""
    gather = parsed(reply_to(signed(CALL), ASKING))[0]
    address, _, named = gather.attrib["action"].partition("?")
    assert address == f"{PUBLIC_URL}/consent"
    request = signed(CALL | {"Digits": digits}, "consent", query or named)
    platform().authenticate(request)
    return platform().parse(request)


def test_a_caller_who_is_asked_agrees_with_the_key_that_was_named():
    assert isinstance(answer_of_caller("#"), CallOptedIn)


@pytest.mark.parametrize("key", ["", *"0123456789*"])
def test_silence_or_any_other_key_is_no_consent(key):
    assert isinstance(answer_of_caller(key), CallOptedOut)


@pytest.mark.parametrize("query", ["key=", "other=1"])
@pytest.mark.parametrize("key", ["", "#"])
def test_without_a_key_that_was_named_nobody_agrees(key, query):
    assert isinstance(answer_of_caller(key, query), CallOptedOut)


def test_who_agreed_is_connected_and_recorded_and_nobody_else_is():
    agreed = signed(CALL | {"Digits": "#"}, "consent", "key=%23")
    silent = signed(CALL | {"Digits": ""}, "consent", "key=%23")

    assert b'record="record-from-answer-dual"' in reply_to(agreed, ASKING)
    assert b"record=" not in reply_to(silent, ASKING)
    assert b"record=" not in reply_to(agreed, SKIP)


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
