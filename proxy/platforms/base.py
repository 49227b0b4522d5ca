"""What every telephony platform must be able to say, in our words.

A platform is one module: `authenticate` the raw request, `parse` it into an event,
`render` the answer in the platform's own language, and a `RecordingSource` for what it
can do with a recording it holds. Nothing here or in a platform reads settings or the
clock: configuration comes in as a frozen dataclass, time as `RawRequest.received_at`.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class Direction(StrEnum):
    """Which way a call goes, seen from the site."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


@dataclass(frozen=True, slots=True)
class RawRequest:
    """A webhook before anything in it is believed.

    `headers` looks up names without regard to case. `callback` is the path after the
    connection's name ("" for the main one). `query_string` is as sent, undecoded.
    `is_private_channel` is True over TLS or from the loopback interface.
    """

    method: str
    callback: str
    query_string: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    raw_body: bytes = field(repr=False)
    received_at: datetime
    is_private_channel: bool

    @property
    def media_type(self) -> str:
        """The content type in lower case without its parameters; "" when not stated."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class CallStarted:
    """A call exists; the platform waits for RECORD or SKIP. `raw` keeps every field."""

    call_id: str
    root_call_id: str
    direction: Direction
    caller: str = field(repr=False)
    callee: str = field(repr=False)
    line: str
    agent: str | None = field(default=None, repr=False)
    started_at: datetime | None = None
    raw: Mapping[str, object] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallAnnounced:
    """The caller has heard that this call will be recorded and how to refuse."""

    call_id: str
    raw: Mapping[str, object] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOptedOut:
    """The caller refused to be recorded."""

    call_id: str
    raw: Mapping[str, object] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallMarkedPrivate:
    """The agent marked the call private."""

    call_id: str
    raw: Mapping[str, object] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEnded:
    """The call is over."""

    call_id: str
    raw: Mapping[str, object] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingStarted:
    """The platform says it is recording now."""

    call_id: str
    source_ref: str
    raw: Mapping[str, object] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingAvailable:
    """The platform holds a finished recording under `source_ref`.

    `source_ref` is what `RecordingSource` understands: never a raw, unchecked URL.
    """

    source_ref: str
    call_id: str | None = None
    decision_id: str | None = None
    raw: Mapping[str, object] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingAbsent:
    """The platform was asked to record and has nothing (too short, silent, failed)."""

    call_id: str
    raw: Mapping[str, object] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownEvent:
    """An authentic event of a kind we do not use: acknowledged and left alone."""

    kind: str
    raw: Mapping[str, object] = field(default_factory=dict, repr=False)


Event = (
    CallStarted
    | CallAnnounced
    | CallOptedOut
    | CallMarkedPrivate
    | CallEnded
    | RecordingStarted
    | RecordingAvailable
    | RecordingAbsent
    | UnknownEvent
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the platform is told about a call. Without `is_record`: do not record."""

    is_record: bool
    decision_id: str | None = None
    announcement: str | None = None
    opt_out_key: str | None = None
    max_seconds: int | None = None


SKIP = Answer(is_record=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer in the platform's own words."""

    status: int
    content_type: str = ""
    body: bytes = b""


class RecordingSource(Protocol):
    """What can be done with a recording at the platform that made it.

    Every method raises `SourceUnavailableError` when the platform did not answer, or
    answered with a failure that may pass: the caller tries again later. It raises
    `ForbiddenSourceError`, which no later try will mend, when the platform asks us to
    go where this connection may not: another host, a private address, a redirect.
    """

    def fetch(
        self, source_ref: str
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Stream the audio. Raises `SourceMissingError` when there is none."""
        ...

    async def delete(self, source_ref: str) -> None:
        """Delete the recording; one that is already gone counts as deleted."""
        ...

    async def is_gone(self, source_ref: str) -> bool:
        """Ask the platform again whether the recording can still be had."""
        ...

    async def stop(self, call_id: str) -> None:
        """End a running recording of this call; nothing running counts as ended."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class Platform(Protocol):
    """One configured connection to one telephony platform."""

    kind: str
    max_body_bytes: int
    """A larger webhook is refused (413) before it is read."""

    def authenticate(self, request: RawRequest) -> None:
        """Raise `WebhookRejectedError` unless the request proves who sent it."""
        ...

    def parse(self, request: RawRequest) -> Event:
        """Read an authenticated request.

        Raises `BadEventError` naming the field, `WrongContentTypeError`,
        `ForbiddenSourceError` for a recording at an address we may not fetch, and
        `UnknownConnectionError` for a callback the platform does not have.
        """
        ...

    def render(self, event: Event, answer: Answer) -> Reply:
        """Answer `event`; at a call start or a caller's choice, with the decision."""
        ...

    def render_failure(self, request: RawRequest) -> Reply | None:
        """Answer an authentic request that failed, so that the call goes on unrecorded.

        None where no call waits for the answer: then the error's own status tells the
        platform to mend the request or to send it again.
        """
        ...

    @property
    def source(self) -> RecordingSource:
        """What this platform can do with the recordings it holds."""
        ...
