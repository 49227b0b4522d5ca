"""Authentic generic webhooks for tests: signed by the reference library, not by us."""

import base64
import json
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from standardwebhooks.webhooks import Webhook

from proxy.platforms.base import (
    RawRequest,
)
from proxy.platforms.generic import GenericConfig
from tests.contracts.platform_suite import (
    CALLER,
    LINE,
    NOW,
    raw_request,
    with_headers,
)

OLD, NEW, WITHDRAWN = (
    "whsec_" + base64.b64encode(bytes([n]) * 32).decode() for n in (1, 2, 3)
)
PRIVATE_KEY = Ed25519PrivateKey.from_private_bytes(b"\x04" * 32)
PUBLIC = (
    "whpk_" + base64.b64encode(PRIVATE_KEY.public_key().public_bytes_raw()).decode()
)
TOKEN = "kamailio-token-0123456789abcdef"
SOURCE_TOKEN = "source-token-0123456789abcdef"
CONFIG = GenericConfig(
    secrets=(OLD, NEW, PUBLIC),
    bearer_tokens=(TOKEN,),
    source_token=SOURCE_TOKEN,
    allowed_hosts=frozenset({"pbx.example.com"}),
)
EVENT_ID = "evt-1"
STARTED = {
    "call_id": "call-1",
    "direction": "inbound",
    "caller": CALLER,
    "callee": LINE,
    "line": LINE,
    "agent": "agent-7",
    "started_at": "2026-11-21T10:59:58+01:00",
}


def document(kind: str, data: object, **attributes: object) -> dict[str, Any]:
    usual = {
        "specversion": "1.0",
        "id": EVENT_ID,
        "source": "urn:pbx:lyon",
        "type": kind,
        "data": data,
    }
    return usual | attributes


def unsigned(body: object, content_type: str = "application/cloudevents+json"):
    raw_body = body if isinstance(body, bytes) else json.dumps(body).encode()
    return raw_request(raw_body=raw_body, headers={"Content-Type": content_type})


def signed(
    body: object,
    secret: str = OLD,
    at: datetime = NOW,
    message_id: str = EVENT_ID,
    **options,
) -> RawRequest:
    """Sign with the reference library, not with our own code."""
    request = unsigned(body, **options)
    signature = Webhook(secret).sign(message_id, at, request.raw_body.decode())
    return with_headers(
        request,
        webhook_id=message_id,
        webhook_timestamp=str(int(at.timestamp())),
        webhook_signature=signature,
    )


def with_token(body: object, token: str = TOKEN, **options) -> RawRequest:
    return with_headers(unsigned(body, **options), authorization=f"Bearer {token}")


def signed_by_key(body: object, key: Ed25519PrivateKey = PRIVATE_KEY) -> RawRequest:
    request = signed(body)
    timestamp = request.headers["webhook-timestamp"]
    content = f"{EVENT_ID}.{timestamp}.".encode() + request.raw_body
    encoded = base64.b64encode(key.sign(content)).decode()
    return with_headers(request, webhook_signature=f"v1a,{encoded}")
