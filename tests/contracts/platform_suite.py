"""What every telephony platform must do, whatever its format.

A platform's test file subclasses `PlatformSuite` and says, in that platform's own
words, how an authentic request is made; the promises below are then checked for it.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import permutations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict

from proxy.errors import (
    BadEventError,
    PonctuelError,
    UnknownConnectionError,
    WebhookRejectedError,
    WrongContentTypeError,
)
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
    RecordingAvailable,
    Reply,
    UnknownEvent,
)

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
RECORD = Answer(
    is_record=True,
    decision_id="0d7f3d1c-decision",
    announcement="Cet appel peut être enregistré. Pour refuser, tapez 9.",
    opt_out_key="9",
    max_seconds=600,
)
CALLER = "+33140000001"
LINE = "+33180000002"

# Every platform's test class runs these methods on instances without state.
fuzzed = settings(
    deadline=None, suppress_health_check=[HealthCheck.differing_executors]
)


def raw_request(**changes: object) -> RawRequest:
    """Build an empty POST over TLS; headers may be given as a plain mapping."""
    changes["headers"] = CIMultiDict(changes.get("headers") or {})
    usual = {
        "method": "POST",
        "callback": "",
        "query_string": "",
        "raw_body": b"",
        "received_at": NOW,
        "is_private_channel": True,
    }
    return RawRequest(**(usual | changes))


def with_headers(request: RawRequest, **headers: str | None) -> RawRequest:
    """Set headers, or drop those given as None; `_` in a name stands for `-`."""
    changed = CIMultiDict(request.headers)
    for name, text in headers.items():
        changed.pop(name.replace("_", "-"), None)
        if text is not None:
            changed[name.replace("_", "-")] = text
    return replace(request, headers=changed)


@dataclass(frozen=True)
class Malformed:
    """An authentic request that cannot be understood, and the field to blame."""

    request: RawRequest
    field: str


class PlatformSuite(ABC):
    """Subclass, fill in the abstract methods, name the class Test…"""

    @abstractmethod
    def platform(self) -> Platform: ...

    @abstractmethod
    def call_started(self, call: str = "call-1", **unknown_fields: str) -> RawRequest:
        """Make an authentic start of an inbound call from CALLER to LINE."""

    @abstractmethod
    def later_events(self) -> Sequence[RawRequest]:
        """Make: announced, opted out, ended, recording available; of one call."""

    @abstractmethod
    def unused_event(self) -> RawRequest:
        """Make an authentic event of a kind Ponctuel has no use for."""

    @abstractmethod
    def rotated(self) -> Sequence[RawRequest]:
        """Make one call start with each credential that is valid during a rotation."""

    @abstractmethod
    def forged(self) -> Sequence[RawRequest]:
        """Make call starts with withdrawn, foreign, malformed or stale credentials."""

    @abstractmethod
    def without_credentials(self) -> RawRequest: ...

    @abstractmethod
    def malformed(self) -> Sequence[Malformed]: ...

    @abstractmethod
    def wrongly_typed(self) -> RawRequest:
        """Make an authentic request of a content type the platform never uses."""

    @abstractmethod
    def secrets(self) -> Sequence[str]:
        """Name every secret in the platform's configuration."""

    @abstractmethod
    def printed_configuration(self) -> str: ...

    @abstractmethod
    def orders_recording(self, reply: Reply) -> bool:
        """Tell whether the platform would record after this answer."""

    # --- Who sent it -----------------------------------------------------------

    def test_an_authentic_request_is_accepted(self):
        for request in [self.call_started(), *self.later_events()]:
            self.platform().authenticate(request)

    def test_every_credential_of_a_rotation_is_accepted(self):
        assert len(self.rotated()) > 1
        for request in self.rotated():
            self.platform().authenticate(request)

    def test_a_forged_webhook_is_refused(self):
        for request in self.forged():
            with pytest.raises(WebhookRejectedError):
                self.platform().authenticate(request)

    def test_a_webhook_without_credentials_is_refused(self):
        with pytest.raises(WebhookRejectedError):
            self.platform().authenticate(self.without_credentials())

    @fuzzed
    @given(st.data())
    def test_a_webhook_changed_on_its_way_is_refused(self, data):
        request = self.call_started()
        position = data.draw(st.integers(0, len(request.raw_body) - 1))
        other = data.draw(st.integers(1, 255))
        body = bytearray(request.raw_body)
        body[position] ^= other

        with pytest.raises(WebhookRejectedError):
            self.platform().authenticate(replace(request, raw_body=bytes(body)))

    def test_a_webhook_cut_short_is_refused(self):
        request = self.call_started()

        with pytest.raises(WebhookRejectedError):
            self.platform().authenticate(
                replace(request, raw_body=request.raw_body[:-1])
            )

    # --- What it says ----------------------------------------------------------

    def test_a_call_start_says_who_calls_which_line(self):
        event = self.platform().parse(self.call_started())

        assert isinstance(event, CallStarted)
        assert (event.caller, event.line) == (CALLER, LINE)
        assert event.direction is Direction.INBOUND
        assert event.root_call_id == event.call_id

    def test_later_events_have_their_kind_and_belong_to_the_call(self):
        platform = self.platform()
        started = platform.parse(self.call_started())
        announced, refused, ended, available = map(platform.parse, self.later_events())

        assert isinstance(announced, CallAnnounced)
        assert isinstance(refused, CallOptedOut)
        assert isinstance(ended, CallEnded)
        assert isinstance(available, RecordingAvailable)
        for event in (announced, refused, ended):
            assert event.call_id == started.call_id

    def test_a_replay_is_the_same_event(self):
        platform, request = self.platform(), self.call_started()

        platform.authenticate(request)
        platform.authenticate(request)

        assert platform.parse(request) == self.platform().parse(request)

    def test_order_and_repetition_do_not_change_what_an_event_says(self):
        requests = [self.call_started(), *self.later_events()]
        alone = [self.platform().parse(request) for request in requests]
        platform = self.platform()
        for order in permutations(range(len(requests))):
            for index in (*order, order[0]):
                assert platform.parse(requests[index]) == alone[index]

    def test_unknown_fields_are_kept(self):
        request = self.call_started(FieldOfTomorrow="kept as sent")
        self.platform().authenticate(request)

        assert "kept as sent" in repr(self.platform().parse(request).raw)

    def test_an_event_of_no_use_is_acknowledged(self):
        platform, request = self.platform(), self.unused_event()
        platform.authenticate(request)
        event = platform.parse(request)

        assert isinstance(event, UnknownEvent)
        assert platform.render(event, SKIP) == Reply(204)

    def test_a_malformed_body_is_refused_naming_the_field(self):
        for each in self.malformed():
            self.platform().authenticate(each.request)
            with pytest.raises(BadEventError) as refusal:
                self.platform().parse(each.request)
            assert refusal.value.field == each.field

    def test_a_wrong_content_type_is_refused(self):
        self.platform().authenticate(self.wrongly_typed())
        with pytest.raises(WrongContentTypeError):
            self.platform().parse(self.wrongly_typed())

    def test_a_callback_the_platform_does_not_have_is_refused(self):
        request = replace(self.call_started(), callback="no-such-callback")
        with pytest.raises(UnknownConnectionError):
            self.platform().parse(request)

    def test_the_largest_acceptable_body_is_stated_and_survived(self):
        platform = self.platform()
        assert 4 * 1024 <= platform.max_body_bytes <= 1024 * 1024

        request = self.call_started()
        filler = b"\x20" * (platform.max_body_bytes - len(request.raw_body))
        _attempt_everything(
            platform, replace(request, raw_body=request.raw_body + filler)
        )

    # --- What it is told -------------------------------------------------------

    def test_a_call_that_was_not_drawn_is_not_recorded(self):
        platform = self.platform()
        event = platform.parse(self.call_started())
        reply = platform.render(event, SKIP)

        assert reply.status == 200
        assert not self.orders_recording(reply)

    def test_a_failure_on_our_side_lets_the_call_go_on_unrecorded(self):
        reply = self.platform().render_failure(self.call_started())

        assert reply is not None
        assert reply.status == 200
        assert not self.orders_recording(reply)

    def test_a_failure_does_not_acknowledge_a_recording(self):
        available = self.later_events()[-1]

        assert self.platform().render_failure(available) is None

    def test_only_a_decision_to_record_can_order_a_recording(self):
        platform = self.platform()
        for request in [self.call_started(), *self.later_events()]:
            reply = platform.render(platform.parse(request), SKIP)
            assert not self.orders_recording(reply)

    @fuzzed
    @given(
        st.builds(
            Answer,
            is_record=st.booleans(),
            decision_id=st.none() | st.text(),
            announcement=st.none() | st.text(),
            opt_out_key=st.none() | st.text(max_size=3),
            max_seconds=st.none() | st.integers(1, 86400),
        )
    )
    def test_every_answer_can_be_put_in_the_platforms_words(self, answer):
        platform = self.platform()
        for request in [self.call_started(), *self.later_events()]:
            reply = platform.render(platform.parse(request), answer)
            is_ordered = self.orders_recording(reply)
            assert answer.is_record or not is_ordered

    # --- What it never says ----------------------------------------------------

    def test_secrets_do_not_show_when_things_are_printed(self):
        printed = self.printed_configuration() + repr(self.platform())

        for secret in self.secrets():
            assert secret not in printed

    def test_refusals_repeat_neither_secrets_nor_what_was_sent_as_one(self):
        for request in [*self.forged(), self.without_credentials()]:
            with pytest.raises(WebhookRejectedError) as refusal:
                self.platform().authenticate(request)
            told = f"{refusal.value} {refusal.value.problem()}"
            for secret in (*self.secrets(), *_credentials(request)):
                assert secret not in told

    def test_requests_and_events_print_no_credentials_and_no_numbers(self):
        request = self.call_started()
        printed = repr(request) + repr(self.platform().parse(request))

        for each in (CALLER, *self.secrets(), *_credentials(request)):
            assert each not in printed

    def test_a_refusal_of_a_malformed_body_repeats_no_number(self):
        for each in self.malformed():
            with pytest.raises(BadEventError) as refusal:
                self.platform().parse(each.request)
            assert CALLER not in f"{refusal.value} {refusal.value.problem()}"

    # --- Whatever arrives ------------------------------------------------------

    @fuzzed
    @given(
        raw_body=st.binary() | st.text().map(str.encode),
        query_string=st.text(),
        callback=st.sampled_from(["", "choice", "recording", "status", "other"]),
        method=st.sampled_from(["GET", "POST"]),
        headers=st.dictionaries(
            st.sampled_from(
                [
                    "authorization",
                    "content-type",
                    "webhook-id",
                    "webhook-signature",
                    "webhook-timestamp",
                    "x-twilio-signature",
                    "x-twilio-webhooks-signature-settings",
                ]
            ),
            st.text()
            | st.sampled_from(
                ["application/json", "application/x-www-form-urlencoded", "Bearer é"]
            ),
        ),
        is_private_channel=st.booleans(),
    )
    def test_nothing_that_arrives_causes_more_than_a_refusal(self, **parts):
        _attempt_everything(self.platform(), raw_request(**parts))

    @fuzzed
    @given(st.data())
    def test_no_single_header_can_break_an_authentic_request(self, data):
        request = self.call_started()
        name = data.draw(st.sampled_from(sorted(request.headers)))
        text = data.draw(st.text() | st.binary().map(_as_aiohttp_decodes))
        changed = CIMultiDict(request.headers)
        changed[name] = text
        _attempt_everything(self.platform(), replace(request, headers=changed))


def _attempt_everything(platform: Platform, request: RawRequest) -> None:
    for attempt in (platform.authenticate, platform.parse, platform.render_failure):
        try:
            attempt(request)
        except PonctuelError as refusal:
            assert refusal.status in range(400, 500)  # noqa: PT017 - not expected


def _as_aiohttp_decodes(header: bytes) -> str:
    return header.decode("utf-8", "surrogateescape")


def _credentials(request: RawRequest) -> list[str]:
    """List the parts of the request's credentials that prove something."""
    texts = [
        text
        for name, text in request.headers.items()
        if "signature" in name.lower() or name.lower() == "authorization"
    ]
    parts = [part for text in texts for part in text.replace(",", " ").split()]
    return [part for part in parts if len(part) > 20]
