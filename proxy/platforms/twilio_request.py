"""Reading a Twilio webhook: its parameters, and the signature over them.

The signature rules are those of twilio-python 9.13 (`twilio/request_validator.py`):
Twilio signs the address it calls, as it writes it, followed by every form parameter in
the order of the names, decoded. Nothing in it is a time or a nonce: a replay is
authentic, and only our own answer-once rule makes it harmless.
"""

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Iterator, Mapping
from re import Pattern
from urllib.parse import parse_qs, parse_qsl, urlsplit

from proxy.errors import BadEventError, WebhookRejectedError
from proxy.platforms.base import RawRequest
from proxy.platforms.twilio_config import TwilioConfig

FORM = "application/x-www-form-urlencoded"
MAX_PARAMETERS = 500
MAX_TEXT_LENGTH = 255
_DEFAULT_PORTS = {"https": 443, "http": 80}


class Parameters:
    """The decoded parameters of one request, every value of a repeated name kept."""

    def __init__(self, encoded: str) -> None:
        """Raises `BadEventError` for what is not a form in UTF-8."""
        self._values: dict[str, list[str]] = {}
        for name, value in _decode(encoded):
            self._values.setdefault(name, []).append(value)

    def text(self, name: str) -> str:
        """Return the value of a parameter, "" when there is none.

        The signature covers the *set* of a repeated name's values, not their order, so
        whoever replays a request could choose which comes first: that is refused.
        """
        values = set(self._values.get(name, [""]))
        text = values.pop()
        if values:
            raise BadEventError("sent with several values", field=name)
        if len(text) > MAX_TEXT_LENGTH or not text.isprintable():
            raise BadEventError("too long or not printable", field=name)
        return text

    def required(self, name: str, pattern: Pattern[str], fix: str) -> str:
        text = self.text(name)
        if not pattern.fullmatch(text):
            raise BadEventError("missing or malformed", field=name, fix=fix)
        return text

    def raw(self) -> dict[str, object]:
        """Every parameter as sent: a string, or a list when the name is repeated."""
        return {
            name: values[0] if len(values) == 1 else values
            for name, values in self._values.items()
        }

    def signed_text(self) -> str:
        """Names in order, each followed by its value, for each different value."""
        return "".join(
            name + value
            for name in sorted(self._values)
            for value in sorted(set(self._values[name]))
        )


def content_type(request: RawRequest) -> str:
    """Return the media type; a GET's query is a form too."""
    return FORM if request.method == "GET" else request.media_type


def read_parameters(request: RawRequest) -> Parameters:
    """Read the form, or for GET the query. Raises `BadEventError`."""
    if request.method == "GET":
        return Parameters(request.query_string)
    try:
        return Parameters(request.raw_body.decode("utf-8"))
    except UnicodeDecodeError:
        raise BadEventError("the form is not UTF-8") from None


def authentic_parameters(
    request: RawRequest, config: TwilioConfig
) -> Parameters | None:
    """Return the form that the account's key signed; None when the body is no form.

    Raises `WebhookRejectedError`. Any other body is outside the signature, unless the
    signed address carries its digest as `bodySHA256`.
    """
    if content_type(request) != FORM:
        _check_signature(request, config, "")
        if request.raw_body:
            _check_body_digest(request)
        return None
    try:
        parameters = read_parameters(request)
    except BadEventError as error:
        raise WebhookRejectedError(error.detail) from None
    # A GET's parameters are in the address already.
    after_address = "" if request.method == "GET" else parameters.signed_text()
    _check_signature(request, config, after_address)
    return parameters


def _check_signature(
    request: RawRequest, config: TwilioConfig, after_address: str
) -> None:
    signature = request.headers.get("x-twilio-signature", "")
    if not signature:
        raise WebhookRejectedError("the header X-Twilio-Signature is missing")
    keys, algorithm = _keys_and_algorithm(request, config)
    given = signature.encode("utf-8", "surrogateescape")
    for url in _called_urls(request, config.public_url):
        signed = (url + after_address).encode("utf-8", "surrogateescape")
        for key in keys:
            mac = b64encode(hmac.digest(key.encode(), signed, algorithm))
            if hmac.compare_digest(mac, given):
                return
    raise WebhookRejectedError(
        "X-Twilio-Signature does not fit this request",
        fix="check auth_token, and that public_url is the address set at Twilio",
    )


def _decode(encoded: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            encoded,
            keep_blank_values=True,  # Twilio signs empty values too
            errors="strict",
            max_num_fields=MAX_PARAMETERS,
        )
    except ValueError:
        raise BadEventError("the form cannot be decoded") from None


def _keys_and_algorithm(
    request: RawRequest, config: TwilioConfig
) -> tuple[tuple[str, ...], str]:
    """Choose by `X-Twilio-Webhooks-Signature-Settings` (public beta, 2026-11)."""
    header = request.headers.get("x-twilio-webhooks-signature-settings", "")
    settings = {
        name.strip(): value.strip()
        for name, _, value in (part.partition("=") for part in header.split(","))
    }
    algorithm = (settings.get("algorithm") or "HMAC_SHA1").upper()
    if algorithm == "HMAC_SHA1":
        tokens = (config.auth_token, config.secondary_auth_token)
        return tuple(token for token in tokens if token), "sha1"
    if algorithm != "HMAC_SHA256":
        raise WebhookRejectedError("the signature's algorithm is not supported")
    secret = config.shared_keys.get(settings.get("key", ""))
    if not secret:
        raise WebhookRejectedError(
            "the SharedKey of this signature is not known here",
            fix="add its id and secret to shared_keys",
        )
    return (secret,), "sha256"


def _check_body_digest(request: RawRequest) -> None:
    try:
        query: Mapping[str, list[str]] = parse_qs(
            request.query_string, max_num_fields=MAX_PARAMETERS
        )
    except ValueError:
        query = {}
    given = query.get("bodySHA256", [""])[0].encode("utf-8", "surrogateescape")
    digest = hashlib.sha256(request.raw_body).hexdigest().encode()
    if not hmac.compare_digest(digest, given):
        raise WebhookRejectedError(
            "the body is neither a form nor the one that bodySHA256 announces"
        )


def _called_urls(request: RawRequest, public_url: str) -> Iterator[str]:
    """Yield the address without a port and with one: Twilio signs either (9.13)."""
    parts = urlsplit(public_url)
    host = parts.netloc.removesuffix(f":{parts.port}")
    port = parts.port or _DEFAULT_PORTS[parts.scheme]
    suffix = f"/{request.callback}" if request.callback else ""
    suffix += f"?{request.query_string}" if request.query_string else ""
    for netloc in (host, f"{host}:{port}"):
        yield parts._replace(netloc=netloc).geturl() + suffix
