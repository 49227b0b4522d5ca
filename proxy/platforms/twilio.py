"""Twilio Programmable Voice: signed form webhooks, answered in TwiML.

Five callbacks. "" (a call comes in), "choice" (the announcement was played) and
"consent" (the caller was asked) hold the caller on the line until they are answered;
"recording" and "status" only tell us. Recording is ordered in the answer to "choice" or
"consent" and nowhere else, so a call whose caller has not heard the announcement, or
was asked and did not say yes, cannot be recorded.

`max_seconds` has no counterpart in TwiML (`timeLimit` would end the call): whoever
handles `RecordingStarted` ends the recording through `source.stop`.
"""

import re
from collections.abc import Callable, Mapping
from urllib.parse import quote

from proxy.errors import (
    BadEventError,
    PonctuelError,
    UnknownConnectionError,
    WebhookRejectedError,
    WrongContentTypeError,
)
from proxy.platforms import twiml
from proxy.platforms.base import (
    Answer,
    CallAnnounced,
    CallEnded,
    CallLists,
    CallOptedIn,
    CallOptedOut,
    CallStarted,
    Direction,
    Event,
    RawRequest,
    RecordingAbsent,
    RecordingAvailable,
    RecordingSource,
    RecordingStarted,
    Reply,
    UnknownEvent,
)
from proxy.platforms.strict_json import read_object
from proxy.platforms.twilio_config import ACCOUNT_SID, TwilioConfig
from proxy.platforms.twilio_lists import TwilioLists
from proxy.platforms.twilio_request import (
    FORM,
    Parameters,
    authentic_parameters,
    content_type,
    read_parameters,
)
from proxy.platforms.twilio_source import (
    CALL_SID,
    RECORDING_SID,
    TwilioRecordings,
    open_client,
)

JSON = "application/json"
ENDED = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})
ABSENT = frozenset({"absent", "failed"})  # too short, silent, or not encryptable
_WAITING_CALLBACKS = frozenset({"", "choice", "consent"})
_ANY_PARTY = re.compile(".+")


_CallInHand = CallStarted | CallAnnounced | CallOptedIn | CallOptedOut  # TwiML follows


class TwilioPlatform:
    """One configured Twilio account."""

    kind = "twilio"

    def __init__(self, config: TwilioConfig) -> None:
        self.max_body_bytes = config.max_body_bytes
        self._config = config
        client = open_client(config)
        self._source = TwilioRecordings(config, client)
        self._lists = TwilioLists(config, client)

    @property
    def source(self) -> RecordingSource:
        return self._source

    @property
    def lists(self) -> CallLists:
        return self._lists

    def authenticate(self, request: RawRequest) -> None:
        parameters = authentic_parameters(request, self._config)
        if parameters is not None:
            # One SharedKey may sign for several accounts.
            self._check_account(parameters)

    def parse(self, request: RawRequest) -> Event:
        read = _READERS.get(request.callback)
        if read is None:
            raise UnknownConnectionError("this connection has no such callback")
        media_type = content_type(request)
        if media_type == JSON:
            # Signed, but no voice webhook: some other product of the same account.
            return UnknownEvent(kind=JSON, raw=read_object(request.raw_body))
        if media_type != FORM:
            raise WrongContentTypeError(
                "Twilio's voice webhooks are forms", field="Content-Type", fix=FORM
            )
        return read(read_parameters(request), request)

    def render(self, event: Event, answer: Answer) -> Reply:
        if isinstance(event, _CallInHand):
            return Reply(200, twiml.CONTENT_TYPE, self._document(event, answer))
        return Reply(204)

    def render_failure(self, request: RawRequest) -> Reply | None:
        if request.callback not in _WAITING_CALLBACKS:
            return None
        try:
            forward_to = self._forward_to(read_parameters(request).raw())
        except PonctuelError:
            forward_to = self._config.default_forward_to
        return Reply(200, twiml.CONTENT_TYPE, twiml.connect(forward_to))

    def _check_account(self, parameters: Parameters) -> None:
        try:
            account = parameters.required("AccountSid", ACCOUNT_SID, "")
        except BadEventError as error:
            raise WebhookRejectedError(error.detail, field=error.field) from None
        if account != self._config.account_sid:
            raise WebhookRejectedError(
                "the webhook is about another account", field="AccountSid"
            )

    def _document(self, event: _CallInHand, answer: Answer) -> bytes:
        forward_to = self._forward_to(event.raw)
        if not answer.is_record:
            return twiml.connect(forward_to)
        match event:
            case CallStarted() if answer.announcement:
                return twiml.announce(
                    answer.announcement, self._config.language, self._choice(answer)
                )
            case CallAnnounced() | CallOptedIn():
                callback = self._callback("recording")
                return twiml.connect_and_record(forward_to, callback)
            case _:
                # Refused, or nothing to announce: not recorded, whatever was drawn.
                return twiml.connect(forward_to)

    def _choice(self, answer: Answer) -> str:
        """Where the caller's key goes. Twilio signs it, so the key in it is ours."""
        if answer.opt_in_key is None:
            return self._callback("choice")
        return self._callback(f"consent?key={quote(answer.opt_in_key)}")

    def _callback(self, name: str) -> str:
        return f"{self._config.public_url}/{name}"

    def _forward_to(self, raw: Mapping[str, object]) -> str:
        is_inbound = raw.get("Direction") == "inbound"
        line = raw.get("To" if is_inbound else "From")
        default = self._config.default_forward_to
        return (
            self._config.forward_to.get(line, default)
            if isinstance(line, str)
            else default
        )


def _call_sid(parameters: Parameters) -> str:
    return parameters.required("CallSid", CALL_SID, "CA and 32 hexadecimal digits")


def _call_started(parameters: Parameters, _request: RawRequest) -> Event:
    direction = _direction(parameters)
    caller, callee = parameters.text("From"), parameters.text("To")
    line = "To" if direction is Direction.INBOUND else "From"
    call_id = _call_sid(parameters)
    return CallStarted(
        call_id=call_id,
        root_call_id=parameters.text("ParentCallSid") or call_id,
        direction=direction,
        caller=caller,
        callee=callee,
        line=parameters.required(line, _ANY_PARTY, "the number or address of the line"),
        raw=parameters.raw(),
    )


def _direction(parameters: Parameters) -> Direction:
    text = parameters.text("Direction")
    if text == "inbound":
        return Direction.INBOUND
    if text.startswith("outbound"):  # outbound-api, outbound-dial
        return Direction.OUTBOUND
    raise BadEventError("missing or not known", field="Direction")


def _choice(parameters: Parameters, _request: RawRequest) -> Event:
    call_id, raw = _call_sid(parameters), parameters.raw()
    # Any key cuts the announcement short. The wrong one may be a slip of the finger, or
    # come before the right one was named: in doubt it is a refusal.
    if parameters.text("Digits"):
        return CallOptedOut(call_id=call_id, raw=raw)
    return CallAnnounced(call_id=call_id, raw=raw)


def _consent(parameters: Parameters, request: RawRequest) -> Event:
    """Silence is no consent, and neither is any key but the one that was named."""
    call_id, raw = _call_sid(parameters), parameters.raw()
    named = Parameters(request.query_string).text("key")
    if named and parameters.text("Digits") == named:
        return CallOptedIn(call_id=call_id, raw=raw)
    return CallOptedOut(call_id=call_id, raw=raw)


def _recording(parameters: Parameters, _request: RawRequest) -> Event:
    call_id, raw = _call_sid(parameters), parameters.raw()
    status = parameters.text("RecordingStatus")
    if status in ABSENT:
        return RecordingAbsent(call_id=call_id, raw=raw)
    if status not in {"in-progress", "completed"}:
        return UnknownEvent(kind=f"recording:{status}", raw=raw)
    sid = parameters.required(
        "RecordingSid", RECORDING_SID, "RE and 32 hexadecimal digits"
    )
    if status == "completed":
        return RecordingAvailable(source_ref=sid, call_id=call_id, raw=raw)
    return RecordingStarted(call_id=call_id, source_ref=sid, raw=raw)


def _status(parameters: Parameters, _request: RawRequest) -> Event:
    call_id, raw = _call_sid(parameters), parameters.raw()
    status = parameters.text("CallStatus")
    if status in ENDED:
        return CallEnded(call_id=call_id, raw=raw)
    return UnknownEvent(kind=f"call:{status}", raw=raw)


_READERS: Mapping[str, Callable[[Parameters, RawRequest], Event]] = {
    "": _call_started,
    "choice": _choice,
    "consent": _consent,
    "recording": _recording,
    "status": _status,
}
