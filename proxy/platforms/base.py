"""What every telephony platform must be able to say, in our words.

A platform is one module: `authenticate` the raw request, `parse` it into an event,
`render` the answer in the platform's own language, and a `RecordingSource` for what it
can do with a recording it holds. Nothing here or in a platform reads settings or the
clock: configuration comes in as a frozen dataclass, time as `RawRequest.received_at`.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import date, datetime
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
    """A call exists; the platform waits for RECORD or SKIP. `raw` keeps every field.

    `queue` and `agent_group` are the platform's own codes, None where it has none yet.
    """

    call_id: str
    root_call_id: str
    direction: Direction
    caller: str = field(repr=False)
    callee: str = field(repr=False)
    line: str
    queue: str | None = None
    agent: str | None = field(default=None, repr=False)
    agent_group: str | None = None
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
class CallOptedIn:
    """The caller was asked whether the call may be recorded, and said yes."""

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
    | CallOptedIn
    | CallMarkedPrivate
    | CallEnded
    | RecordingStarted
    | RecordingAvailable
    | RecordingAbsent
    | UnknownEvent
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedCall:
    """A call, or one leg of it, as the platform lists it afterwards.

    `is_recorded` is the platform's own flag, None where its list has none.
    `is_connected` is False for what nobody answered: nothing can have been recorded,
    and the platform may never have asked about it.
    """

    call_id: str
    root_call_id: str
    started_at: datetime
    is_recorded: bool | None = None
    is_connected: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedRecording:
    """A recording as the platform lists it; `call_id` is empty where it names no call.

    `is_held` is False for one the platform had and has deleted, `is_running` is True
    while it still records.
    """

    source_ref: str
    call_id: str
    started_at: datetime
    is_held: bool = True
    is_running: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What the platform is told about a call. Without `is_record`: do not record.

    With an `opt_in_key` the announcement asks: without that key nothing is recorded.
    """

    is_record: bool
    decision_id: str | None = None
    announcement: str | None = None
    opt_out_key: str | None = None
    opt_in_key: str | None = None
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


class CallLists(Protocol):
    """What a platform says, afterwards, that it did on one day (UTC).

    A list is whole or an error, never a part that passes for the whole. Raises
    `SourceUnavailableError` when the platform did not give it, `ListNotBelievedError`
    when it cannot be all of it or cannot be read, and `ForbiddenSourceError` when it
    would lead elsewhere. What was given before an error is raised means nothing.
    """

    def calls_of(self, day: date) -> AsyncIterator[ListedCall]:
        """Every call and leg that began on `day`."""
        ...

    def recordings_of(self, day: date) -> AsyncIterator[ListedRecording]:
        """Every recording that began on `day`, whoever ordered it."""
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

    @property
    def lists(self) -> CallLists | None:
        """What this platform did; None where it cannot be asked."""
        ...
