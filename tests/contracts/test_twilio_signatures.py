"""Our judgement of a Twilio signature is that of Twilio's SDK, in both directions."""

import json
import re
from dataclasses import replace
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import MultiDict
from twilio.request_validator import RequestValidator

from proxy.errors import WebhookRejectedError
from proxy.platforms.base import (
    RawRequest,
    UnknownEvent,
)
from proxy.platforms.twilio_request import authentic_parameters
from tests.contracts.platform_suite import (
    fuzzed,
    raw_request,
    with_headers,
)
from tests.contracts.twilio_webhooks import (
    CONFIG,
    KEY_ID,
    KEY_SECRET,
    PUBLIC_URL,
    TOKEN,
    form,
    platform,
    signed_body,
    url_of,
)


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
