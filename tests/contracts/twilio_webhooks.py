"""Authentic Twilio webhooks for tests: signed by Twilio's own SDK, never by us."""

import hashlib
from dataclasses import replace
from urllib.parse import urlencode

from twilio.request_validator import RequestValidator

from proxy.platforms.base import (
    RawRequest,
)
from proxy.platforms.twilio import TwilioPlatform
from proxy.platforms.twilio_config import TwilioConfig
from tests.contracts.platform_suite import (
    CALLER,
    LINE,
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
