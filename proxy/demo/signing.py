"""The simulated platform's signatures, written from the public specification.

Nothing of the service is used: the two sides must agree by the contract alone.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping

_SECRET_PREFIX = "whsec_"  # noqa: S105 - the format's prefix, not a secret


def sign(secret: str, message_id: str, sent_at: int, body: bytes) -> Mapping[str, str]:
    """The headers of a signed message; `sent_at` in seconds since 1970.

    Standard Webhooks: `v1` is HMAC-SHA256 of "id.timestamp.body".
    """
    key = base64.b64decode(secret.removeprefix(_SECRET_PREFIX))
    signed = f"{message_id}.{sent_at}.".encode() + body
    signature = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    return {
        "Content-Type": "application/cloudevents+json",
        "webhook-id": message_id,
        "webhook-timestamp": str(sent_at),
        "webhook-signature": f"v1,{signature}",
    }
